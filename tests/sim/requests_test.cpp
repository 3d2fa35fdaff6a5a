// What clients are told of their requests while coordinators start again and forget, and while a site is away for
// longer than a home may keep writes for it; judged by the verdict.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <string>

#include "sim/world.h"
#include "tests/sim/three_regions.h"
#include "verdict/check.h"

using namespace geocommit;
using namespace geocommit::sim;

namespace {

const Directory kThree({"a", "b", "c"}, 1, Placement::replicated, 200);

Fault between(std::vector<NodeId> from, std::vector<NodeId> to, Duration at, Duration length) {
  Fault fault;
  fault.kind = FaultKind::cut;
  fault.from = std::move(from);
  fault.to = std::move(to);
  fault.both_ways = true;
  fault.at = at;
  fault.length = length;
  return fault;
}

Verdict judged(World& world) {
  world.heal();
  const bool drained = world.drain(120s);
  INFO(world.why_not_quiet());
  CHECK(drained);
  const Verdict verdict = check(world.history(drained));
  for (const Violation& one : verdict.examples) {
    UNSCOPED_INFO(name_of(one.violation) << ": " << one.what);
  }
  CHECK(verdict.judgement == Judgement::pass);
  return verdict;
}

/// By outcome and reason; all clients.
std::map<std::pair<Outcome, Reason>, std::uint64_t> told(const World& world) {
  std::map<std::pair<Outcome, Reason>, std::uint64_t> counts;
  for (const auto& [region, client] : world.clients()) {
    CHECK(client.contradicted().empty());
    for (const ClientOutcome& outcome : client.outcomes()) {
      ++counts[{outcome.outcome, outcome.reason}];
    }
  }
  return counts;
}

}  // namespace

TEST_CASE("a late copy of a request that was refused changes nothing, also after two restarts of its coordinator") {
  for (const char* protocol : {"2pc", "3pc", "home-region"}) {
    INFO(protocol);
    WorldSpec spec = three_regions(protocol, kThree);
    spec.duration = 4s;
    spec.outcome_timeout = 500ms;
    Fault copies = between({kThree.client(RegionId{0})}, {kThree.coordinator(RegionId{0})}, 0s, 6s);
    copies.kind = FaultKind::duplicate;
    copies.probability = 1;
    copies.extra = 2s;
    Fault passed_on = between({kThree.coordinator(RegionId{0})}, {kThree.coordinator(RegionId{1})}, 0s, 6s);
    passed_on.kind = FaultKind::duplicate;
    passed_on.probability = 1;
    passed_on.extra = 1500ms;
    spec.faults = {copies, passed_on, at_node(FaultKind::crash, kThree.coordinator(RegionId{0}), 1500ms, 300ms),
                   at_node(FaultKind::crash, kThree.coordinator(RegionId{0}), 2700ms, 300ms),
                   at_node(FaultKind::crash, kThree.coordinator(RegionId{1}), 2500ms, 300ms)};
    World world(spec);
    REQUIRE(world.become_ready());
    world.start_load();
    world.run_load();
    judged(world);
    CHECK((told(world)[{Outcome::abort, Reason::recovery}]) > 3);
  }
}

TEST_CASE(
    "who asks after an outcome has been let go of is told forgotten; nobody is told abort of what was committed") {
  for (const char* protocol : {"2pc", "3pc", "home-region"}) {
    INFO(protocol);
    WorldSpec spec = three_regions(protocol, kThree);
    spec.requests_remembered = 2;
    spec.duration = 6s;
    spec.outcome_timeout = 1s;
    // For half a second no answer reaches the clients of a: what was committed meanwhile is asked for later.
    spec.faults = {between({kThree.coordinator(RegionId{0})}, {kThree.client(RegionId{0})}, 1500ms, 500ms),
                   at_node(FaultKind::crash, kThree.coordinator(RegionId{1}), 3s, 400ms)};
    World world(spec);
    REQUIRE(world.become_ready());
    world.start_load();
    world.run_load();
    const Verdict verdict = judged(world);
    auto counts = told(world);
    CHECK(counts[{Outcome::undecided, Reason::forgotten}] > 5);
    CHECK(counts[{Outcome::commit, Reason::none}] > 100);
    CHECK(verdict.unknown_to_client > 0);  // Of them some were committed.
  }
}

TEST_CASE(
    "home region: while a site is away its home keeps so many writes and no more, says so, and goes on after it") {
  WorldSpec spec = three_regions("home-region", kThree);
  spec.retained_max = 30;
  spec.workload.local = 1;
  spec.workload.reads = 0.3;
  spec.workload.rate_per_s = 40;
  spec.origins = {RegionId{0}};
  spec.duration = 8s;
  spec.outcome_timeout = 2s;
  std::vector<NodeId> others;
  for (const NodeInfo& node : kThree.nodes()) {
    if (node.kind != NodeKind::client && node.region.value != 2) {
      others.push_back(node.id);
    }
  }
  spec.faults = {between({kThree.agent(RegionId{2}, 0)}, others, 1s, 4s)};
  World world(spec);
  REQUIRE(world.become_ready());
  world.start_load();
  const NodeId home = kThree.agent(RegionId{0}, 0);
  std::uint64_t most = 0;
  for (int step = 0; step < 800; ++step) {
    world.run_for(10ms);
    most = std::max(most, world.engine(home).status().unshipped);
  }
  CHECK(most >= 30);
  CHECK(most < 36);  // Besides what it had voted on.
  std::uint64_t said = 0;
  for (const auto& [what, times] : world.alarms()) {
    said += what.rfind("agent@c is away: 30 writes of home agent@a ", 0) == 0 ? times : 0;
  }
  CHECK(said == 1);
  world.run_load();
  judged(world);
  auto counts = told(world);
  CHECK((counts[{Outcome::abort, Reason::replica_away}]) > 40);
  std::uint64_t reads = 0;
  std::uint64_t later = 0;
  for (const ClientOutcome& one : world.clients().at(RegionId{0}).outcomes()) {
    const bool read =
        std::all_of(one.operations.begin(), one.operations.end(), [](const Operation& o) { return o.read; });
    const bool full = one.intended_start > 3s && one.intended_start < 4800ms;
    reads += full && read && one.outcome == Outcome::commit ? 1 : 0;
    CHECK_FALSE((full && !read && one.outcome == Outcome::commit));
    later += one.intended_start > 6s && !read && one.outcome == Outcome::commit ? 1 : 0;
  }
  CHECK(reads > 10);
  CHECK(later > 10);
}
