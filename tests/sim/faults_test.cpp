// Faults in the virtual world: when they begin and end, and what they leave.
#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <tuple>
#include <vector>

#include "sim/world.h"
#include "tests/sim/three_regions.h"
#include "verdict/check.h"

using namespace geocommit;
using namespace geocommit::sim;

namespace {

const NodeId kAgentB{2}, kCoordinatorA{1001};

WorldSpec small(const std::string& protocol) {
  WorldSpec spec = three_regions(protocol, Directory({"a", "b", "c"}, 1, Placement::partitioned, 1000));
  spec.workload.local = 0;
  spec.duration = 4s;
  spec.outcome_timeout = 2s;
  return spec;
}

using Written = std::vector<std::tuple<TxnId, Role, std::uint8_t>>;

/// What the machines of a node ask to be written, in order.
struct Scribe final : Observer {
  Written written;
  void machine_stepped(const TxnDescriptor& txn, Role role, const Input&, const Outbox& outbox) override {
    for (const Output& output : outbox) {
      if (const auto* force = std::get_if<ForceLog>(&output)) {
        written.emplace_back(txn.txn, role, force->record.kind);
      } else if (const auto* append = std::get_if<AppendLog>(&output)) {
        written.emplace_back(txn.txn, role, append->record.kind);
      }
    }
  }
};

Verdict finish(World& world) { return check(run_to_the_end(world)); }

}  // namespace

TEST_CASE(
    "a log has no gap: after a write that failed nothing of that process reaches it, though the disk works again") {
  for (const FaultKind kind : {FaultKind::disk_full, FaultKind::disk_fail_sync}) {
    Scribe scribe;
    Written durable;
    WorldSpec spec = small("2pc");
    spec.faults = {at_node(FaultKind::disk_stall, kAgentB, 900ms, 600ms), at_node(kind, kAgentB, 1s, 100ms)};
    spec.durable = [&](NodeId node, const DurableRecord& record) {
      const auto* machine = std::get_if<MachineRecord>(&record);
      if (node == kAgentB && machine != nullptr) {
        durable.emplace_back(machine->txn, machine->role, machine->record.kind);
      }
    };
    World world(spec, [&](NodeId node) { return node == kAgentB ? &scribe : nullptr; });
    REQUIRE(world.become_ready());
    world.start_load();
    while (world.up(kAgentB) && world.engine(kAgentB).status().epoch == Epoch{1}) {
      world.run_for(1ms);
    }
    CHECK(world.since_load() > 1490ms);  // It hears of the failure only when the disk answers again.
    REQUIRE(durable.size() > 50);
    REQUIRE(durable.size() <= scribe.written.size());
    CHECK(std::equal(durable.begin(), durable.end(), scribe.written.begin()));
    const Verdict verdict = finish(world);
    CHECK(verdict.judgement == Judgement::pass);
  }
}

TEST_CASE("a node whose disk fails ends itself, without a YES, and comes back when the disk does") {
  for (const FaultKind kind : {FaultKind::disk_fail_sync, FaultKind::disk_full}) {
    for (const Tail tail : {Tail::kept, Tail::lost, Tail::torn}) {
      WorldSpec spec = small("2pc");
      spec.faults = {at_node(kind, kAgentB, 1s, 1s)};
      spec.faults[0].tail = tail;
      World world(spec);
      REQUIRE(world.become_ready());
      world.start_load();
      world.run_for(999ms);
      CHECK(world.up(kAgentB));
      world.run_for(401ms);  // Sixty transactions a second want it to force something.
      CHECK_FALSE(world.up(kAgentB));
      const std::uint64_t committed = world.client_counts().committed;
      world.run_for(590ms);
      CHECK_FALSE(world.up(kAgentB));
      CHECK(world.client_counts().committed == committed);  // All of them need all three sites.
      world.run_for(20ms);
      CHECK(world.up(kAgentB));
      const Verdict verdict = finish(world);
      CHECK(verdict.judgement == Judgement::pass);
      CHECK(world.client_counts().committed > committed + 50);
      REQUIRE(world.fault_spans().size() == 1);
      CHECK(world.fault_spans()[0].began == 1s);
      CHECK(world.fault_spans()[0].ended == Duration{2s});
    }
  }
}

TEST_CASE("a node that crashes has its log when it is back, also where no history is kept, and whatever else happens") {
  WorldSpec spec = small("2pc");
  spec.keep_history = false;
  spec.faults = {at_node(FaultKind::pause, NodeId{3}, 500ms, 100ms), at_node(FaultKind::crash, kAgentB, 2s, 100ms)};
  World world(spec);
  begin_load(world);
  world.run_load();
  world.heal();
  REQUIRE(world.drain(120s));
  REQUIRE(world.client_counts().committed > 0);
  CHECK(world.engine(kAgentB).status().epoch == Epoch{2});
  std::int64_t total = 0;
  for (const NodeId agent : {NodeId{1}, kAgentB, NodeId{3}}) {
    total += world.engine(agent).status().balance_total;
  }
  CHECK(total == 3 * 1000 * spec.initial_balance);
}

TEST_CASE("a node that starts while its disk fails waits for it") {
  WorldSpec spec = small("2pc");
  spec.faults = {at_node(FaultKind::crash, kAgentB, 1s, 200ms), at_node(FaultKind::disk_full, kAgentB, 1100ms, 1s),
                 at_node(FaultKind::crash, kAgentB, 1150ms, 5s)};
  World world(spec);
  REQUIRE(world.become_ready());
  world.start_load();
  world.run_for(2s);
  CHECK_FALSE(world.up(kAgentB));
  world.run_for(200ms);
  CHECK(world.up(kAgentB));
  CHECK(finish(world).judgement == Judgement::pass);
  REQUIRE(world.fault_spans().size() == 2);  // What was down already could not be killed.
  CHECK(world.fault_spans()[0].ended == Duration{1200ms});
}

TEST_CASE("at a protocol point of another node, and every time it comes while the fault is over") {
  WorldSpec spec = small("2pc");
  Fault crash = at_node(FaultKind::crash, kAgentB, 0s, 300ms);
  crash.on = "votes-collected";
  crash.trigger = kCoordinatorA;
  crash.occurrence = 0;
  crash.since = 1s;
  crash.tail = Tail::lost;
  spec.faults = {crash};
  World world(spec);
  REQUIRE(world.become_ready());
  world.start_load();
  world.run_for(1s);
  CHECK(world.fault_spans().empty());
  CHECK(finish(world).judgement == Judgement::pass);
  REQUIRE(world.fault_spans().size() >= 3);
  for (std::size_t i = 0; i < world.fault_spans().size(); ++i) {
    const geocommit::sim::FaultSpan& span = world.fault_spans()[i];
    CHECK(span.began >= (i == 0 ? Duration{1s} : *world.fault_spans()[i - 1].ended));
    REQUIRE(span.ended);
    CHECK(*span.ended <= span.began + 300ms);
  }
}

TEST_CASE("a cut at a protocol point stops what that very step sends") {
  WorldSpec spec = small("2pc");
  Fault cut = at_node(FaultKind::cut, kCoordinatorA, 0s, kForever);
  cut.on = "votes-collected";
  cut.from = {kCoordinatorA};
  cut.to = {NodeId{1}, NodeId{2}, NodeId{3}};
  cut.both_ways = true;
  spec.faults = {cut};
  spec.origins = {RegionId{0}};
  World world(spec);
  REQUIRE(world.become_ready());
  world.start_load();
  world.run_load();
  // The first transaction's votes came in; after that no participant heard of any decision: all that had voted are in
  // doubt until the end, and no log but the coordinator's knows of a commit.
  CHECK(world.status().in_doubt >= 3);
  const History history = world.history(false);
  for (const auto& [id, node] : history.nodes) {
    for (const Fact& fact : node.facts) {
      CHECK((id == kCoordinatorA || fact.kind != FactKind::committed));
    }
  }
  CHECK(finish(world).judgement == Judgement::pass);
}

TEST_CASE("3PC splits under a partition, and the checker says that it is expected there, and only there") {
  WorldSpec spec = small("3pc");
  spec.duration = 6s;
  for (int i = 0; i < 8; ++i) {  // The coordinator's side has sent PRECOMMIT to some, and not to all.
    Fault cut = at_node(FaultKind::cut, kCoordinatorA, Duration{0}, 2s);
    cut.at = 500ms + i * 80ms;
    cut.from = {NodeId{1}, NodeId{2}, kCoordinatorA, NodeId{1002}};
    cut.to = {NodeId{3}, NodeId{1003}};
    cut.both_ways = true;
    spec.faults.push_back(cut);
  }
  World world(spec);
  REQUIRE(world.become_ready());
  world.start_load();
  world.run_load();
  world.heal();
  const bool drained = world.drain(120s);
  CheckOptions apart;
  for (const geocommit::sim::FaultSpan& span : world.fault_spans()) {
    apart.beyond_model.push_back({span.began, span.felt});
  }
  const Verdict verdict = check(world.history(drained), apart);
  CHECK(verdict.judgement == Judgement::violation);
  CHECK(verdict.expected);
  CHECK_FALSE(check(world.history(drained)).expected);
}

TEST_CASE("after the load faults end in their time, and what never ends leaves its transactions in doubt") {
  WorldSpec spec = small("2pc");
  spec.faults.push_back(at_node(FaultKind::pause, NodeId{2}, 0s, 3s));
  spec.faults.back().at = spec.duration - 1s;
  Fault dead = at_node(FaultKind::crash, kCoordinatorA, Duration{0}, kForever);
  dead.on = "votes-collected";
  spec.faults.push_back(dead);
  Fault late = at_node(FaultKind::crash, NodeId{3}, 0s, 1s);
  late.at = spec.duration + 1s;  // The load is over by then: it does not begin.
  spec.faults.push_back(late);
  World world(spec);
  REQUIRE(world.become_ready());
  world.start_load();
  world.run_load();
  CHECK(world.let_faults_end() == 2s);
  world.run_for(2s);
  REQUIRE(world.fault_spans().size() == 2);
  const auto never = std::count_if(world.fault_spans().begin(), world.fault_spans().end(),
                                   [](const geocommit::sim::FaultSpan& span) { return !span.ended; });
  CHECK(never == 1);
  CHECK_FALSE(world.drain(60s));
  CHECK_FALSE(world.up(kCoordinatorA));
  CHECK(world.status().blocked > 0);
}
