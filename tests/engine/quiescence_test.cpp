// Who is quiesced begins nothing, refuses for good, and says so; who has started again since is found out.
#include "engine/quiescence.h"

#include <catch2/catch.hpp>

#include "tests/engine/world.h"

using namespace geocommit;
using namespace geocommit::test;

namespace {

WorldOptions options(const char* protocol) {
  WorldOptions out;
  out.protocol = protocol;
  return out;
}

std::map<NodeId, EngineStatus> statuses(World& world) {
  std::map<NodeId, EngineStatus> out;
  for (std::uint32_t r = 0; r < 3; ++r) {
    for (const NodeId node : {world.agent(r), world.coordinator(r)}) {
      if (world.up(node)) {
        out.emplace(node, world.engine(node).status());
      }
    }
  }
  return out;
}

void obey(World& world, const Quiescence& quiescence) {
  for (const NodeId node : quiescence.to_quiesce()) {
    world.engine(node).quiesce();
  }
}

}  // namespace

TEST_CASE("a quiesced coordinator refuses what is new, and what was passed on to it, for good; what runs goes on") {
  World world(options("home-region"));
  const RequestId running = world.transfer(0, 0, 3, 1);
  world.run_for(3ms);
  REQUIRE(world.engine(world.coordinator(0)).status().open_coordinator == 1);
  for (std::uint32_t r = 0; r < 3; ++r) {
    world.engine(world.coordinator(r)).quiesce();
  }
  const RequestId late = world.transfer(0, 0, 3, 1);
  const RequestId passed_on = world.transfer(0, 1, 4, 1);
  world.run_for(5s);
  CHECK(world.outcome(running) == Outcome::commit);
  for (const RequestId refused : {late, passed_on}) {
    CHECK(world.outcome(refused) == Outcome::abort);
    CHECK(world.replies.at(refused).reason == Reason::unavailable);
    world.replies.erase(refused);
    world.query(refused);
  }
  world.run_for(1s);
  CHECK(world.outcome(late) == Outcome::abort);
  CHECK(world.outcome(passed_on) == Outcome::abort);
}

TEST_CASE("a request that waits for its home is refused when its coordinator is quiesced") {
  World world(options("home-region"));
  world.crash(world.agent(1));
  const RequestId waiting = world.transfer(1, 1, 4, 1);
  for (int i = 0; i < 2000 && world.engine(world.coordinator(1)).status().waiting_requests == 0; ++i) {
    world.run_for(5ms);
  }
  REQUIRE(world.engine(world.coordinator(1)).status().waiting_requests == 1);
  REQUIRE(world.outcome(waiting) == Outcome::undecided);
  world.engine(world.coordinator(1)).quiesce();
  world.start(world.agent(1));
  world.run_for(20s);
  CHECK(world.outcome(waiting) == Outcome::abort);
  CHECK(world.engine(world.coordinator(1)).status().waiting_requests == 0);
}

TEST_CASE("a quiesced agent votes NO and locks nothing, whoever still asks it to prepare") {
  for (const char* protocol : {"2pc", "3pc"}) {
    World world(options(protocol));
    world.engine(world.agent(0)).quiesce();
    const RequestId refused = world.transfer(0, 0, 1, 1);
    for (int i = 0; i < 400; ++i) {
      world.run_for(5ms);
      CHECK(world.engine(world.agent(0)).status().locks_held == 0);
    }
    CHECK(world.outcome(refused) == Outcome::abort);
    CHECK(world.replies.at(refused).reason == Reason::unavailable);
  }
}

TEST_CASE("rest is proven only when everybody answers, is quiesced and has nothing open, and not for another start") {
  World world(options("2pc"));
  const Directory& directory = world.directory();
  const RequestId running = world.transfer(0, 0, 1, 1);
  world.run_for(3ms);
  Quiescence quiescence(directory);
  CHECK_FALSE(quiescence.proven());
  quiescence.look(statuses(world));
  CHECK_FALSE(quiescence.proven());
  CHECK(quiescence.to_quiesce().size() == 3);
  obey(world, quiescence);
  quiescence.look(statuses(world));
  CHECK(quiescence.to_quiesce().empty());  // The agents' turn comes when no coordinator has anything open.
  CHECK(quiescence.why_not().find("1 transactions open as coordinator") != std::string::npos);
  world.run_for(2s);
  CHECK(world.outcome(running) == Outcome::commit);
  quiescence.look(statuses(world));
  CHECK_FALSE(quiescence.proven());
  CHECK(quiescence.to_quiesce().size() == 3);
  obey(world, quiescence);
  auto one_missing = statuses(world);
  one_missing.erase(world.agent(2));
  quiescence.look(one_missing);
  CHECK(quiescence.why_not().find("does not answer") != std::string::npos);
  quiescence.look(statuses(world));
  CHECK(quiescence.why_not() == "");
  REQUIRE(quiescence.proven());
  CHECK(quiescence.holds(world.agent(2), world.engine(world.agent(2)).status()));
  world.crash(world.agent(2));
  world.start(world.agent(2));
  world.run_for(1s);
  CHECK_FALSE(quiescence.holds(world.agent(2), world.engine(world.agent(2)).status()));
  quiescence.look(statuses(world));
  CHECK_FALSE(quiescence.proven());
  CHECK(quiescence.to_quiesce() == std::vector<NodeId>{world.agent(2)});
}

TEST_CASE("agents are told last: when no coordinator has anything open, and no agent waits for another's help") {
  World world(options("2pc"));
  std::map<NodeId, EngineStatus> now = statuses(world);
  for (std::uint32_t r = 0; r < 3; ++r) {
    now[world.coordinator(r)].quiesced = true;
  }
  now[world.agent(1)].unshipped = 1;  // A change of masters that somebody else has to take up.
  Quiescence quiescence(world.directory());
  quiescence.look(now);
  CHECK(quiescence.to_quiesce().empty());
  CHECK_FALSE(quiescence.proven());
  now[world.agent(1)].unshipped = 0;
  quiescence.look(now);
  CHECK(quiescence.to_quiesce().size() == 3);
  now.erase(world.agent(2));
  quiescence.look(now);
  CHECK(quiescence.to_quiesce().empty());
}

TEST_CASE("whatever a node still has keeps rest from being proven, and proven rest from holding; each is named") {
  World world(options("2pc"));
  for (const auto& [node, status] : statuses(world)) {
    world.engine(node).quiesce();
  }
  const std::map<NodeId, EngineStatus> at_rest = statuses(world);
  const NodeId agent = world.agent(1);
  Quiescence quiescence(world.directory());
  quiescence.look(at_rest);
  REQUIRE(quiescence.proven());
  const std::vector<std::pair<std::uint64_t EngineStatus::*, std::string>> kinds{
      {&EngineStatus::open_coordinator, "transactions open as coordinator"},
      {&EngineStatus::open_participant, "as participant"},
      {&EngineStatus::open_acceptor, "as acceptor"},
      {&EngineStatus::in_doubt, "in doubt"},
      {&EngineStatus::locks_held, "locks held"},
      {&EngineStatus::lock_waiters, "waiting for locks"},
      {&EngineStatus::unshipped, "writes or homes not settled"}};
  for (const auto& [count, name] : kinds) {
    EngineStatus one = at_rest.at(agent);
    one.*count = 1;
    CHECK_FALSE(quiescence.holds(agent, one));
    std::map<NodeId, EngineStatus> statuses = at_rest;
    statuses[agent] = one;
    Quiescence other(world.directory());
    other.look(statuses);
    CHECK_FALSE(other.proven());
    CHECK(other.why_not() == world.directory().find(agent)->name + ": 1 " + name);
    CHECK_FALSE(other.holds(world.agent(0), at_rest.at(world.agent(0))));
  }
  EngineStatus begins = at_rest.at(agent);
  begins.quiesced = false;
  CHECK_FALSE(quiescence.holds(agent, begins));
  CHECK(quiescence.holds(agent, at_rest.at(agent)));
  CHECK_FALSE(quiescence.holds(NodeId{77}, at_rest.at(agent)));
}
