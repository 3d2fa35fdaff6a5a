#include <algorithm>
#include <catch2/catch.hpp>
#include <variant>
#include <vector>

#include "tests/engine/world.h"

using namespace geocommit;
using namespace geocommit::test;

namespace {

/// The decision reaches the coordinator's own region, and not the next; then the coordinator dies.
Outcome learnt_from_a_peer(std::uint64_t watermark_ahead) {
  World world({});
  world.filter = [&](NodeId from, NodeId to, const PeerPayload& payload) {
    const auto* wire = std::get_if<ProtocolMessage>(&payload);
    if (wire == nullptr || from != world.coordinator(0) ||
        find_protocol("2pc")->kind_class(wire->message.kind) != MessageClass::decision) {
      return true;
    }
    world.watermark_ahead = watermark_ahead;  // not before: a PREPARE that it covers is refused
    return to != world.agent(1);
  };
  const RequestId id = world.transfer(0, 1, 2);
  while (world.outcome(id) == Outcome::undecided) {
    world.run_for(1ms);
  }
  world.run_for(10ms);  // the decision has come to the agent beside the coordinator
  world.crash(world.coordinator(0));
  REQUIRE(world.engine(world.agent(1)).status().in_doubt == 1);
  world.run_for(10s);
  REQUIRE(world.engine(world.agent(0)).status().in_doubt == 0);
  return world.engine(world.agent(1)).status().in_doubt == 0 ? Outcome::commit : Outcome::undecided;
}

}  // namespace

TEST_CASE("an in-doubt participant holds its locks again before it serves (pitfall 8)") {
  World world({.protocol = "2pc"});
  const NodeId victim = world.agent(1);
  const RequestId first = world.transfer(0, 0, 1);
  world.run_for(60ms);  // PREPARE at 50 ms, prepared at 52 ms.
  world.crash(world.coordinator(0));
  world.crash(victim);
  world.start(victim);
  REQUIRE(world.engine(victim).status().locks_held == 2);
  REQUIRE(world.engine(victim).status().in_doubt == 1);
  const RequestId second = world.transfer(1, 0, 2);  // Younger: waits behind the in-doubt one, times out.
  world.run_for(4s);
  CHECK(world.outcome(second) != Outcome::commit);
  world.start(world.coordinator(0));
  world.run_for(30s);
  CHECK(world.outcome(first) != Outcome::commit);  // No decision was durable: presumed abort.
  CHECK(world.balance(victim, 0) == 1000);
  CHECK(world.quiet());
}

TEST_CASE("a coordinator that dies after its forced commit still commits") {
  for (const char* protocol : {"2pc", "3pc"}) {
    World world({.protocol = protocol});
    world.filter = [&](NodeId from, NodeId, const PeerPayload& payload) {
      const auto* wire = std::get_if<ProtocolMessage>(&payload);
      return !(wire != nullptr && from == world.coordinator(0) && wire->message.outcome == Outcome::commit);
    };
    const RequestId id = world.transfer(0, 0, 1);
    world.run_for(240ms);  // The decision is durable, no COMMIT has arrived.
    world.crash(world.coordinator(0));
    world.filter = nullptr;
    world.run_for(500ms);
    world.start(world.coordinator(0));
    world.run_for(60s);
    CHECK(world.outcome(id) == Outcome::commit);
    for (std::uint32_t r = 0; r < 3; ++r) {
      CHECK(world.balance(world.agent(r), 0) == 999);
    }
    CHECK(world.quiet());
  }
}

// Mutant watermark-covers-the-open: a coordinator's watermark passes a transaction that a site has yet to hear the end
// of. Caught by: a site in doubt does not learn the outcome from a peer that knows it.
TEST_CASE("a site in doubt learns the outcome from a peer: nobody forgets what the watermark has not passed") {
  CHECK(learnt_from_a_peer(0) == Outcome::commit);
  CHECK(learnt_from_a_peer(1) == Outcome::undecided);
}

TEST_CASE("a client whose coordinator died learns the outcome when it is back") {
  World world({.protocol = "2pc"});
  const RequestId id = world.transfer(0, 0, 1);
  world.run_for(20ms);
  world.crash(world.coordinator(0));
  world.run_for(1s);
  world.start(world.coordinator(0));
  world.query(id);
  world.run_for(30s);
  CHECK(world.outcome(id) == Outcome::abort);
  CHECK(world.quiet());
}

TEST_CASE(
    "crashes at every moment of a transaction, of every node, once and twice: atomic, and all is quiet in the end") {
  for (const char* protocol : {"2pc", "3pc", "home-region"}) {
    for (int moment = 0; moment < 420; moment += 3) {
      for (int who = 0; who < 4; ++who) {
        World world(
            {.protocol = protocol, .checkpoint_bytes = moment % 2 == 0 ? std::size_t{300} : std::size_t{1} << 30U});
        const NodeId victim = who == 3 ? world.coordinator(0) : world.agent(static_cast<std::uint32_t>(who));
        const RequestId id = world.transfer(0, 0, 1, 5);
        world.run_for(std::chrono::milliseconds(moment));
        world.crash(victim);
        world.run_for(30ms);
        world.start(victim);
        world.run_for(1ms);  // And again, in the middle of its recovery.
        world.crash(victim);
        world.start(victim);
        world.run_for(60s);
        world.query(id);
        world.run_for(1s);
        INFO(protocol << " moment " << moment << " ms, node " << victim.value);
        REQUIRE(world.quiet());
        const std::int64_t expected = world.outcome(id) == Outcome::commit ? 995 : 1000;
        const NodeId home = world.agent(0);
        REQUIRE(world.outcome(id) != Outcome::undecided);
        REQUIRE(world.balance(home, 0) == expected);
        for (std::uint32_t r = 1; r < 3; ++r) {
          REQUIRE(world.balance(world.agent(r), 0) == expected);
          REQUIRE(world.engine(world.agent(r)).status().balance_total == 100 * 1000);
        }
      }
    }
  }
}

// A leader of the termination protocol decides when its commit record is durable, which a checkpoint makes it too.
TEST_CASE("a checkpoint that is written while a commit is being forced has its change (pitfall 9)") {
  World world({.protocol = "3pc", .checkpoint_bytes = 1});
  world.transfer(0, 0, 1, 5);
  world.run_for(180ms);  // Precommitted everywhere.
  world.crash(world.coordinator(0));
  const NodeId leader = world.agent(0);
  const auto has_decided = [&] {
    const std::vector<DurableRecord>& log = world.node(leader).log;
    return std::any_of(log.begin(), log.end(), [](const DurableRecord& record) {
      const auto* machine = std::get_if<MachineRecord>(&record);
      return machine != nullptr && machine->record.outcome == Outcome::commit;
    });
  };
  for (int i = 0; i < 10'000 && !has_decided(); ++i) {
    world.run_for(1ms);
  }
  REQUIRE(has_decided());
  REQUIRE(world.engine(leader).status().open_participant == 1);  // Not durable yet, but for the checkpoint.
  world.crash(leader);
  world.start(leader);
  world.start(world.coordinator(0));
  world.run_for(60s);
  CHECK(world.quiet());
  for (std::uint32_t r = 0; r < 3; ++r) {
    CHECK(world.balance(world.agent(r), 0) == 995);
  }
}

TEST_CASE("transaction ids of a thousand starts are disjoint (pitfall 7)") {
  World world({.protocol = "2pc", .regions = 1});
  std::set<TxnId> ids;
  for (int i = 0; i < 1000; ++i) {
    const RequestId id = world.transfer(0, 0, 1, i % 2 == 0 ? 1 : -1);
    world.run_for(100ms);
    REQUIRE(world.outcome(id) == Outcome::commit);
    REQUIRE(ids.insert(world.replies.at(id).txn).second);
    world.crash(world.coordinator(0));
    world.start(world.coordinator(0));
    world.run_for(10ms);
  }
}

TEST_CASE("a checkpoint bounds the restart and loses nothing (pitfall 9)") {
  World world({.protocol = "2pc", .checkpoint_bytes = 2000});
  for (int i = 0; i < 50; ++i) {
    world.transfer(0, static_cast<std::uint64_t>(i % 10), 50, 3);
    world.run_for(150ms);
  }
  world.run_for(10s);
  const NodeId victim = world.agent(1);
  REQUIRE(world.node(victim).checkpoint);
  REQUIRE(world.node(victim).log.size() - world.node(victim).truncated < 40);
  const auto before = world.engine(victim).balances();
  world.crash(victim);
  world.start(victim);
  CHECK(world.engine(victim).balances() == before);
  CHECK(world.balance(victim, 50) == 1000 + 50 * 3);
}
