// At rest, for good: balances are asked for while the processes run, logs are read after they have ended, and what the
// one says the other must say too.
#include <catch2/catch.hpp>
#include <string>

#include "sim/world.h"
#include "tests/sim/three_regions.h"
#include "verdict/check.h"

using namespace geocommit;
using namespace geocommit::sim;

namespace {

/// Region a cannot reach region b while clients ask; what a's coordinator has passed on is under way for as long as its
/// patience lasts, and in no machine.
WorldSpec passed_on_in_vain() {
  WorldSpec spec = three_regions("home-region", Directory({"a", "b", "c"}, 1, Placement::replicated, 200));
  spec.unreachable_wait = 30s;
  spec.workload.local = 0;
  spec.workload.rate_per_s = 5;
  spec.duration = 2s;
  spec.outcome_timeout = 1s;
  Fault cut;
  cut.kind = FaultKind::cut;
  cut.length = kForever;
  for (const NodeInfo& node : spec.directory.nodes()) {
    if (node.kind != NodeKind::client && node.region.value < 2) {
      (node.region.value == 0 ? cut.from : cut.to).push_back(node.id);
    }
  }
  cut.both_ways = true;
  spec.faults = {cut};
  return spec;
}

/// Once its run is at rest, nobody's log goes on.
void rests_for_good(const WorldSpec& spec) {
  World world(spec);
  REQUIRE(world.become_ready());
  world.start_load();
  world.run_load();
  world.heal();
  INFO(world.why_not_quiet());
  REQUIRE(world.drain(120s));
  const History asked = world.history(true);
  world.run_for(30s);
  for (const auto& [node, history] : world.history(true).nodes) {
    INFO(spec.directory.find(node)->name);
    CHECK(history.facts.size() == asked.nodes.at(node).facts.size());
  }
}

}  // namespace

TEST_CASE("what was passed on and is in no machine does not begin between the balances and the logs") {
  for (const Duration healed_after : {0s, 1s, 2s, 3s, 4s, 5s, 6s, 7s, 8s}) {
    World world(passed_on_in_vain());
    REQUIRE(world.become_ready());
    world.start_load();
    world.run_load();
    world.run_for(healed_after);
    world.heal();
    const bool drained = world.drain(120s);
    INFO("healed after " << to_seconds(healed_after) << " s; " << world.why_not_quiet());
    REQUIRE(drained);
    const History asked = world.history(drained);
    world.run_for(30s);
    History read = world.history(drained);
    for (auto& [node, history] : read.nodes) {
      history.balances = asked.nodes.at(node).balances;
      CHECK(history.facts.size() == asked.nodes.at(node).facts.size());
    }
    const Verdict verdict = check(read);
    for (const Violation& one : verdict.examples) {
      UNSCOPED_INFO(name_of(one.violation) << ": " << one.what);
    }
    CHECK(verdict.judgement == Judgement::pass);
  }
}

TEST_CASE("a change of masters that was begun and forgotten is not taken up between the balances and the logs") {
  // The site that was ordered to take over crashes behind its own claim, and forgets the order; the others hear of the
  // old master as before. Late grants: they come when the lease is over, so that it serves nothing, and says so.
  const bool late_grants = GENERATE(false, true);
  WorldSpec spec = three_regions("home-region", Directory({"a", "b", "c"}, 1, Placement::replicated, 200));
  const auto way = [&](std::size_t one, std::size_t other, Duration delay) {
    spec.links[one][other].delay = spec.links[other][one].delay = delay;
  };
  way(0, 1, 1ms);
  way(0, 2, 1ms);
  way(1, 2, late_grants ? 200ms : 1ms);
  spec.home.lease = 300ms;
  spec.unreachable_home = UnreachableHome::fail;
  spec.workload.local = spec.workload.reads = 1;  // Nothing to ship: rest comes before anybody's patience ends.
  spec.duration = 300ms;
  Fault crash = at_node(FaultKind::crash, spec.directory.agent(RegionId{0}, 0), 150100us, kForever);
  crash.tail = Tail::kept;
  spec.faults = {order(FaultKind::failover, RegionId{2}, RegionId{0}, 150ms), crash};
  rests_for_good(spec);
}

TEST_CASE("a home whose master nobody helps any more stays as it is once all is at rest") {
  // Its master is away; the site that was ordered to take over crashes behind its own claim, and forgets the order.
  WorldSpec spec = three_regions("home-region", Directory({"a", "b", "c"}, 1, Placement::replicated, 200));
  spec.home.lease = 2s;
  spec.unreachable_home = UnreachableHome::fail;
  spec.workload.local = 1;
  spec.duration = 500ms;
  const NodeId master = spec.directory.agent(RegionId{2}, 0), successor = spec.directory.agent(RegionId{1}, 0);
  spec.faults = {at_node(FaultKind::crash, master, 100ms, 300ms),
                 order(FaultKind::failover, RegionId{2}, RegionId{1}, 150ms),
                 at_node(FaultKind::crash, successor, 250ms, 100ms)};
  rests_for_good(spec);
}
