// Mastership of homes, in virtual time: planned transfers, forced failovers with and without fencing, the return of the
// old master, and what becomes of requests meanwhile.
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/engine/homes.h"

using namespace geocommit;
using namespace geocommit::test;

TEST_CASE("home: a planned transfer loses nothing, and afterwards the write is local to the new home") {
  World world(options());
  for (int i = 0; i < 10; ++i) {
    world.transfer(0, 0, 3, 1);
    world.run_for(5ms);
  }
  order(world, 0, 1, false);
  const RequestId in_gap = world.transfer(0, 0, 3, 1);
  world.run_for(100ms);
  CHECK(world.outcome(in_gap) == Outcome::undecided);  // It waits for its home.
  world.run_for(2s);
  CHECK(world.outcome(in_gap) == Outcome::commit);
  REQUIRE(events(world, 0, HomeEventKind::transferred).size() == 1);
  REQUIRE(events(world, 1, HomeEventKind::opened).size() == 1);
  CHECK(events(world, 1, HomeEventKind::opened)[0].round == 2);
  // Ship and its confirmation (one round trip), the hand-over and its news (another), and the forces.
  const Duration gap = events(world, 0, HomeEventKind::transferred)[0].gap;
  CHECK(gap >= 200ms);
  CHECK(gap <= 250ms);

  const RequestId local = world.transfer(1, 0, 3, 1);
  world.run_for(10ms);
  CHECK(world.outcome(local) == Outcome::commit);
  const RequestId remote = world.transfer(0, 0, 3, 1);
  world.run_for(99ms);
  CHECK(world.outcome(remote) == Outcome::undecided);
  world.run_for(5s);
  CHECK(world.outcome(remote) == Outcome::commit);
  CHECK(world.balance(world.agent(0), 0) == 1000 - 13);
  CHECK(copies_equal(world));
  CHECK(world.quiet());
}

TEST_CASE("home: a transfer back, and a restart of everybody, keep the last master") {
  World world(options());
  order(world, 0, 1, false);
  world.run_for(1s);
  for (std::uint32_t r = 0; r < 3; ++r) {
    world.crash(world.agent(r));
    world.crash(world.coordinator(r));
    world.start(world.agent(r));
    world.start(world.coordinator(r));
  }
  world.run_for(1s);
  const RequestId local = world.transfer(1, 0, 3, 1);
  world.run_for(10ms);
  CHECK(world.outcome(local) == Outcome::commit);
  order(world, 0, 0, false);
  world.run_for(1s);
  const RequestId home = world.transfer(0, 0, 3, 1);
  world.run_for(10ms);
  CHECK(world.outcome(home) == Outcome::commit);
  world.run_for(3s);
  CHECK(copies_equal(world));
  CHECK(world.quiet());
}

TEST_CASE("home: a checkpoint keeps who is master: after a restart from it nobody waits for an announcement") {
  WorldOptions small = options();
  small.checkpoint_bytes = 1;  // After every step.
  World world(small);
  order(world, 0, 1, false);
  world.run_for(1s);
  const RequestId moved = world.transfer(1, 0, 3, 1);
  world.run_for(1s);
  REQUIRE(world.outcome(moved) == Outcome::commit);
  for (std::uint32_t r = 0; r < 3; ++r) {
    REQUIRE(world.node(world.agent(r)).checkpoint);
    world.crash(world.agent(r));
  }
  world.filter = [](NodeId, NodeId, const PeerPayload& payload) {
    return !std::holds_alternative<HomeMessage>(payload);  // Nobody is told: each has what its disk says.
  };
  for (std::uint32_t r = 0; r < 3; ++r) {
    world.start(world.agent(r));
  }
  world.run_for(1s);
  const RequestId local = world.transfer(1, 0, 3, 1);
  world.run_for(10ms);
  CHECK(world.outcome(local) == Outcome::commit);
  world.filter = nullptr;
  world.run_for(3s);
  CHECK(copies_equal(world));
}

TEST_CASE("home: a hand-over under way survives a checkpoint and a crash: the old master does not serve again") {
  WorldOptions small = options();
  small.checkpoint_bytes = 1000;  // Ten records.
  World world(small);
  for (int i = 0; i < 4; ++i) {
    world.transfer(0, 0, 3, 1);
    world.run_for(300ms);
  }
  world.filter = [](NodeId, NodeId, const PeerPayload& payload) {
    const auto* message = std::get_if<HomeMessage>(&payload);
    return message == nullptr || message->kind != HomeMessageKind::handoff;
  };
  order(world, 0, 1, false);
  world.run_for(1s);
  Node& old_master = world.node(world.agent(0));
  for (int i = 0; i < 10 && !(old_master.checkpoint && old_master.checkpoint->homes.front().handoff != HomeEpoch{});
       ++i) {
    world.transfer(1, 1, 4, 1);  // Of another home: records until there is a checkpoint.
    world.run_for(300ms);
  }
  REQUIRE(old_master.checkpoint);
  REQUIRE(old_master.checkpoint->homes.front().handoff != HomeEpoch{});
  world.crash(world.agent(0));
  world.start(world.agent(0));
  world.run_for(1s);
  const RequestId early = world.transfer(0, 0, 3, 1);
  world.run_for(1s);
  CHECK(world.outcome(early) == Outcome::undecided);  // Nobody's, until the successor hears of it.
  world.filter = nullptr;
  world.run_for(5s);
  CHECK(events(world, 1, HomeEventKind::opened).size() == 1);
  CHECK(world.outcome(early) == Outcome::commit);
  CHECK(copies_equal(world));
  CHECK(world.quiet());
}

TEST_CASE("home: a crash of either side at any point of a transfer loses nothing") {
  for (int step = 0; step < 40; ++step) {
    for (const std::uint32_t victim : {0U, 1U}) {
      World world(options());
      std::vector<RequestId> requests;
      for (int i = 0; i < 5; ++i) {
        requests.push_back(world.transfer(0, 0, 3, 1));
        world.run_for(3ms);
      }
      order(world, 0, 1, false);
      world.run_for(step * 7ms);
      world.crash(world.agent(victim));
      world.run_for(20ms);
      world.start(world.agent(victim));
      world.run_for(10s);
      const RequestId after = world.transfer(2, 0, 3, 1);
      world.run_for(10s);
      INFO("step " << step << " victim " << victim);
      CHECK(world.outcome(after) == Outcome::commit);
      std::int64_t committed = 1;
      for (const RequestId id : requests) {
        committed += world.outcome(id) == Outcome::commit ? 1 : 0;
      }
      CHECK(world.balance(world.agent(0), 0) == 1000 - committed);
      CHECK(copies_equal(world));
      CHECK(world.quiet());
    }
  }
}

TEST_CASE(
    "home: a fenced failover waits for the lease, loses exactly what was not shipped, and the old master follows") {
  World world(options(kLeased));
  world.run_for(1s);
  const RequestId shipped = world.transfer(0, 0, 3, 1);
  world.run_for(1s);
  CHECK(world.outcome(shipped) == Outcome::commit);
  isolate(world, 0);
  std::vector<RequestId> unshipped;
  for (int i = 0; i < 7; ++i) {
    unshipped.push_back(world.transfer(0, 0, 3, 1));
    world.run_for(10ms);
  }
  for (const RequestId id : unshipped) {
    CHECK(world.outcome(id) == Outcome::commit);
  }
  const Instant ordered = world.now();
  order(world, 0, 1, true);
  world.run_for(1s);
  CHECK(events(world, 1, HomeEventKind::opened).empty());  // The last lease was granted less than a second before.
  world.run_for(3s);
  REQUIRE(events(world, 1, HomeEventKind::opened).size() == 1);
  const Duration taken = events(world, 1, HomeEventKind::opened)[0].gap;
  CHECK(taken > 2s);
  CHECK(taken < 3s + 200ms);
  // The old master had stopped before: it said so, and what it is asked now it does not commit.
  REQUIRE(events(world, 0, HomeEventKind::lease_expired).size() == 1);
  const RequestId refused = world.transfer(0, 0, 3, 1);
  const RequestId taken_over = world.transfer(1, 0, 3, 2);
  world.run_for(1s);
  CHECK(world.outcome(refused) == Outcome::undecided);
  CHECK(world.outcome(taken_over) == Outcome::commit);
  CHECK(world.now() - ordered < 10s);

  world.cut.clear();
  world.run_for(20s);
  CHECK(world.outcome(refused) == Outcome::commit);  // At the new home.
  const std::vector<HomeEvent> lost = events(world, 0, HomeEventKind::writes_lost);
  REQUIRE(lost.size() == 1);
  CHECK(lost[0].writes == 7);
  CHECK(lost[0].gap == 60ms);  // Between the first of them and the last.
  CHECK(world.balance(world.agent(0), 0) == 1000 - 1 - 2 - 1);
  CHECK(copies_equal(world));
  CHECK(total(world, 0) == 100 * 1000);
  CHECK(world.quiet());
}

TEST_CASE("home: the old master returns from a crash, discards and follows") {
  World world(options(kLeased));
  world.run_for(1s);
  isolate(world, 0);
  for (int i = 0; i < 5; ++i) {
    world.transfer(0, 0, 3, 1);
    world.run_for(10ms);
  }
  world.crash(world.agent(0));
  world.crash(world.coordinator(0));
  order(world, 0, 2, true);
  world.run_for(5s);
  REQUIRE(events(world, 2, HomeEventKind::opened).size() == 1);
  world.transfer(2, 0, 3, 10);
  world.run_for(1s);
  world.cut.clear();
  world.start(world.agent(0));
  world.start(world.coordinator(0));
  world.run_for(10s);
  REQUIRE(events(world, 0, HomeEventKind::writes_lost).size() == 1);
  CHECK(events(world, 0, HomeEventKind::writes_lost)[0].writes == 5);
  CHECK(world.balance(world.agent(0), 0) == 990);
  CHECK(copies_equal(world));
  world.crash(world.agent(0));  // And what it discarded stays discarded.
  world.start(world.agent(0));
  world.run_for(5s);
  CHECK(copies_equal(world));
  CHECK(world.quiet());
}

TEST_CASE("home: without leases a fenced failover is refused; without fencing there are two masters") {
  {
    World world(options());
    order(world, 0, 1, true);
    world.run_for(5s);
    CHECK(events(world, 1, HomeEventKind::order_refused).size() == 1);
    CHECK(events(world, 1, HomeEventKind::opened).empty());
  }
  World world(options({.lease = 3s, .fencing = false}));
  isolate(world, 0);
  order(world, 0, 1, true);
  world.run_for(100ms);
  const RequestId old_side = world.transfer(0, 0, 3, 1);
  const RequestId new_side = world.transfer(1, 0, 3, 1);
  world.run_for(100ms);
  CHECK(world.outcome(old_side) == Outcome::commit);
  CHECK(world.outcome(new_side) == Outcome::commit);  // Both told commit, of the same account.
  world.cut.clear();
  world.run_for(20s);
  CHECK(events(world, 0, HomeEventKind::writes_lost).size() == 1);
  CHECK(world.balance(world.agent(0), 0) == 999);
  CHECK(copies_equal(world));
}

TEST_CASE("home: what was in doubt at a deposed master and commits later is lost there, and counted") {
  World world(options(kLeased));
  world.run_for(1s);
  // Over homes 0 and 1, coordinated by region 1; the decision does not reach region 0.
  world.filter = [&](NodeId from, NodeId to, const PeerPayload& payload) {
    const auto* wire = std::get_if<ProtocolMessage>(&payload);
    return wire == nullptr || from != world.coordinator(1) || to != world.agent(0) ||
           wire->message.outcome != Outcome::commit;
  };
  const RequestId both = world.transfer(1, 0, 1, 5);
  world.run_for(500ms);
  CHECK(world.outcome(both) == Outcome::commit);
  isolate(world, 0);
  world.run_for(10ms);
  order(world, 0, 2, true);
  world.run_for(6s);
  REQUIRE(events(world, 2, HomeEventKind::opened).size() == 1);
  world.filter = nullptr;
  world.cut.clear();
  world.run_for(30s);
  REQUIRE(events(world, 0, HomeEventKind::writes_lost).size() == 1);
  CHECK(events(world, 0, HomeEventKind::writes_lost)[0].writes == 1);
  CHECK(world.balance(world.agent(0), 0) == 1000);  // Torn: the credit at home 1 is there.
  CHECK(world.balance(world.agent(0), 1) == 1005);
  CHECK(copies_equal(world));
  CHECK(world.quiet());
  world.crash(world.agent(0));
  world.start(world.agent(0));
  world.run_for(5s);
  CHECK(copies_equal(world));
}

TEST_CASE("home: a write to an unreachable home waits or fails, by policy; reads of its copy go on") {
  {
    World world(options({}, UnreachableHome::fail));
    world.run_for(2s);
    isolate(world, 0);
    world.run_for(2s);
    const RequestId id = world.transfer(1, 0, 3, 1);
    const RequestId both = world.transfer(1, 1, 0, 1);
    world.run_for(1ms);
    CHECK(world.outcome(id) == Outcome::abort);
    CHECK(world.replies.at(id).reason == Reason::unavailable);
    CHECK(world.replies.at(both).reason == Reason::unavailable);
    const RequestId own = world.transfer(0, 0, 3, 1);
    world.run_for(10ms);
    CHECK(world.outcome(own) == Outcome::commit);  // The home's side goes on.
    world.cut.clear();
    world.run_for(2s);
    const RequestId healed = world.transfer(1, 0, 3, 1);
    world.run_for(1s);
    CHECK(world.outcome(healed) == Outcome::commit);
  }
  World world(options());
  world.run_for(1s);
  isolate(world, 0);
  const RequestId id = world.transfer(1, 0, 3, 1);
  const RequestId both = world.transfer(1, 1, 0, 1);
  world.run_for(4s);
  CHECK(world.outcome(id) == Outcome::undecided);
  CHECK(world.outcome(both) == Outcome::undecided);
  world.cut.clear();
  world.run_for(10s);
  CHECK(world.outcome(id) == Outcome::commit);
  CHECK(world.outcome(both) == Outcome::commit);
  CHECK(world.balance(world.agent(2), 0) == 1000 - 1 + 1);
  CHECK(copies_equal(world));
}

TEST_CASE("home: a transfer that cannot be drained is called off") {
  World world(options());
  world.cut.insert({world.agent(0), world.agent(1)});
  world.transfer(0, 0, 3, 1);
  world.run_for(100ms);
  order(world, 0, 1, false);
  const RequestId waiting = world.transfer(0, 0, 3, 1);
  world.run_for(4s);
  CHECK(world.outcome(waiting) == Outcome::undecided);
  // The home is drained and refuses at once: attempts are apart by 40, 80, 160, and then 320 ms.
  const std::uint64_t attempts = world.node(world.coordinator(0)).seen.aborted;
  CHECK(attempts > 5);
  CHECK(attempts < 4s / 320ms + 5);
  world.run_for(2s);
  CHECK(world.outcome(waiting) == Outcome::commit);
  CHECK(events(world, 0, HomeEventKind::called_off).size() == 1);
}

TEST_CASE("home: what the home's coordinator refuses is not tried again where requests are to fail") {
  World world(options({}, UnreachableHome::fail));
  world.run_for(1s);
  world.cut.insert({world.agent(0), world.agent(1)});
  world.transfer(0, 0, 3, 1);
  world.run_for(100ms);
  order(world, 0, 1, false);  // Drained, and not handed over: its new master lacks the transfer.
  const RequestId id = world.transfer(2, 0, 3, 1);
  world.run_for(200ms);
  CHECK(world.outcome(id) == Outcome::abort);
  CHECK(world.replies.at(id).reason == Reason::unavailable);
}

TEST_CASE("home: an outcome that was lost with a coordinator is found wherever the home has gone") {
  World world(options());
  const RequestId id = world.transfer(2, 0, 3, 1);
  world.run_for(60ms);  // Forwarded; the answer will find nobody.
  world.crash(world.coordinator(2));
  world.run_for(200ms);
  world.start(world.coordinator(2));
  order(world, 0, 1, false);
  world.run_for(2s);
  CHECK(world.outcome(id) == Outcome::undecided);
  world.query(id);
  world.run_for(1s);
  CHECK(world.outcome(id) == Outcome::commit);
  CHECK(world.balance(world.agent(1), 0) == 999);
}
