// Coordinated omission: a stall of the whole system must show in the latencies of an open loop in full, because they
// count from the intended start. A tester that waits for its answers before it asks again would show one slow request.
#include <catch2/catch.hpp>
#include <cmath>

#include "measure/histogram.h"
#include "sim/world.h"
#include "verdict/check.h"

using namespace geocommit;
using namespace geocommit::sim;

namespace {

constexpr double kRate = 200;
constexpr Duration kRun = 12s, kStall = 1s;

WorldSpec one_region() {
  WorldSpec spec;
  spec.protocol = find_protocol("2pc");
  spec.directory = Directory({"a"}, 2, Placement::partitioned, 1'000'000);
  spec.links = {{LinkSpec{}}};
  spec.links[0][0].delay = 250us;
  spec.timeouts = {60s, 60s, 30s};  // Nothing ends by a timeout.
  spec.lock_wait = 60s;
  spec.workload.arrival = Arrival::fixed;
  spec.workload.rate_per_s = kRate;
  spec.workload.participants = 2;
  spec.workload.local = 1.0;
  spec.duration = kRun;
  spec.outcome_timeout = 180s;
  return spec;
}

struct Measured {
  Histogram latencies;
  std::uint64_t shed{}, outstanding_most{};
};

Measured measure(const WorldSpec& spec) {
  World world(spec);
  REQUIRE(world.become_ready());
  world.start_load();
  Measured out;
  while (world.since_load() < spec.duration) {
    world.run_for(10ms);
    out.outstanding_most = std::max(out.outstanding_most, world.client_counts().outstanding);
  }
  world.heal();
  REQUIRE(world.drain(60s));
  const History history = world.history(true);
  CHECK(check(history).judgement == Judgement::pass);
  for (const ClientOutcome& outcome : history.outcomes) {
    REQUIRE(outcome.outcome == Outcome::commit);
    out.latencies.record(outcome.latency);
  }
  out.shed = world.client_counts().shed;
  return out;
}

}  // namespace

TEST_CASE("a stall of the whole system shows at p99 as long as it was, less what the percentile leaves out") {
  WorldSpec spec = one_region();
  const Measured calm = measure(spec);
  const Duration base = calm.latencies.quantile(0.5);
  REQUIRE(calm.latencies.max() < base + 5ms);

  for (const NodeInfo& node : spec.directory.nodes()) {
    if (node.kind == NodeKind::client) continue;
    Fault pause;
    pause.kind = FaultKind::pause;
    pause.node = node.id;
    pause.at = 4s;
    pause.length = kStall;
    spec.faults.push_back(pause);
  }
  const Measured stalled = measure(spec);
  CHECK(stalled.shed == 0);
  CHECK(stalled.latencies.count() == static_cast<std::uint64_t>(kRate * to_seconds(kRun)));
  CHECK(stalled.outstanding_most >= static_cast<std::uint64_t>(kRate * to_seconds(kStall)) - 1);
  // A request meant to start u into the stall is answered base after its end: latency stall - u + base, falling by one
  // gap per request. One percent of the run's requests, 0.12 s of them, take longer than the p99; those that were under
  // way when the stall began are among them, and add at most another base.
  const Duration gap = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(1 / kRate));
  const Duration p99 = stalled.latencies.quantile(0.99);
  const Duration expected = kStall + base - kRun / 100;
  INFO("p99 " << to_ms(p99) << " ms, expected " << to_ms(expected) << " ms, base " << to_ms(base) << " ms");
  CHECK(p99 >= expected - gap - expected / 400);
  CHECK(p99 <= expected + base + gap + expected / 400);
  CHECK(stalled.latencies.quantile(0.5) <= base + base / 100);
  CHECK(stalled.latencies.max() >= kStall);
}
