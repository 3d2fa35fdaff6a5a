// What was said of a request stays true, whoever starts again and whatever arrives late; and what nobody knows any more
// is called forgotten.
#include <catch2/catch.hpp>

#include "tests/engine/homes.h"

using namespace geocommit;
using namespace geocommit::test;

namespace {

void restart(World& world, NodeId node) {
  world.crash(node);
  world.start(node);
  world.run_for(500ms);
}

ClientReply answer_to(World& world, RequestId id) {
  world.replies.erase(id);
  world.query(id);
  world.run_for(1s);
  return world.replies[id];
}

/// A request that its coordinator's crash has aborted, told so; copies of it come at later starts.
Outcome refused_then_copied(bool mutant, std::string_view protocol) {
  WorldOptions options;
  options.protocol = protocol;
  World world(options);
  world.any_start = mutant;
  world.run_for(1s);
  const NodeId coordinator = world.coordinator(0);
  const RequestId id = world.transfer(0, 0, 1, 7);
  world.run_for(10ms);
  restart(world, coordinator);
  REQUIRE(answer_to(world, id).outcome == Outcome::abort);
  for (int copies = 0; copies < 3; ++copies) {
    restart(world, coordinator);
    world.replies.erase(id);
    world.resend(id, Epoch{1});
    world.run_for(1s);
  }
  CHECK(world.quiet());
  return world.balance(world.agent(0), 0) == 1000 ? Outcome::abort : Outcome::commit;
}

}  // namespace

// Mutant any-start-begins: a coordinator also begins what was addressed to an earlier start of it. Caught by: the
// balances after a copy of what its client was told is aborted.
TEST_CASE("a request that was refused is not executed by a later start of its coordinator") {
  for (const char* protocol : {"2pc", "3pc", "home-region"}) {
    INFO(protocol);
    CHECK(refused_then_copied(false, protocol) == Outcome::abort);
    CHECK(refused_then_copied(true, protocol) == Outcome::commit);
  }
}

TEST_CASE("what is addressed to an earlier start is answered abort at once, and the client learns of the new start") {
  World world({.protocol = "2pc"});
  world.run_for(1s);
  world.crash(world.coordinator(0));
  const RequestId id = world.transfer(0, 0, 1);  // On its way while nobody is there.
  world.run_for(10ms);
  world.start(world.coordinator(0));
  std::vector<Reason> told;
  world.filter = [&](NodeId, NodeId, const PeerPayload& payload) {
    if (const auto* reply = std::get_if<ClientReply>(&payload)) {
      told.push_back(reply->reason);
    }
    return true;
  };
  world.resend(id, Epoch{1});
  CHECK(told == std::vector{Reason::stale_epoch, Reason::recovery});
  world.run_for(10ms);
  CHECK(world.outcome(id) == Outcome::abort);
}

TEST_CASE("home: what the home's coordinator has refused none of its later starts begins, whoever passes it on") {
  World world(options({}, UnreachableHome::fail));
  world.run_for(1s);
  const NodeId origin = world.coordinator(1);
  const NodeId home = world.coordinator(0);
  world.engine(home).quiesce();
  const RequestId id = world.transfer(1, 0, 3, 7);
  world.run_for(1s);
  REQUIRE(world.outcome(id) == Outcome::abort);
  for (int again = 0; again < 2; ++again) {
    restart(world, home);
    world.pass_on(id, origin, Epoch{1}, home, Epoch{1});  // A late copy.
    world.run_for(1s);
    CHECK(world.balance(world.agent(0), 0) == 1000);
  }
  // Nor does it begin what a start of the origin that is over had addressed to the start that runs now.
  restart(world, origin);
  world.pass_on(id, origin, Epoch{1}, home, Epoch{3});
  world.run_for(1s);
  CHECK(world.balance(world.agent(0), 0) == 1000);
  CHECK(answer_to(world, id).outcome == Outcome::abort);
  world.any_start = true;  // What is not fenced is executed: the balances would show it.
  restart(world, home);
  world.pass_on(id, origin, Epoch{2}, home, Epoch{3});
  world.run_for(1s);
  CHECK(world.balance(world.agent(0), 0) == 993);
}

TEST_CASE("home: what reaches the next start of the home's coordinator is passed on again at once, and executed once") {
  for (const UnreachableHome policy : {UnreachableHome::wait, UnreachableHome::fail}) {
    World world(options({}, policy));
    world.run_for(1s);
    const RequestId id = world.transfer(1, 0, 3, 7);
    world.run_for(10ms);
    world.crash(world.coordinator(0));
    world.start(world.coordinator(0));
    world.run_for(400ms);
    CHECK(world.outcome(id) == Outcome::commit);
    world.run_for(5s);
    CHECK(world.balance(world.agent(0), 0) == 993);
    CHECK(world.quiet());
  }
}

// Mutant forgets-what-it-forgot: a checkpoint without what was let go of. Caught by: a commit that is answered abort.
TEST_CASE("an outcome that was let go of is answered forgotten, never abort, and its request is not executed again") {
  for (const char* protocol : {"2pc", "3pc", "home-region"}) {
    for (const std::size_t checkpoint : {std::size_t{1} << 30U, std::size_t{100}}) {
      INFO(protocol << ", checkpoint every " << checkpoint);
      WorldOptions options;
      options.protocol = protocol;
      options.requests_remembered = 3;
      options.checkpoint_bytes = checkpoint;
      World world(options);
      world.run_for(1s);
      const NodeId coordinator = world.coordinator(0);
      const RequestId id = world.transfer(0, 0, 3, 7);
      world.run_for(1s);
      REQUIRE(world.outcome(id) == Outcome::commit);
      for (int i = 0; i < 5; ++i) {
        world.transfer(0, 6, 9);
        world.run_for(1s);
      }
      for (int starts = 0; starts < 3; ++starts) {
        const ClientReply reply = answer_to(world, id);
        CHECK(reply.outcome == Outcome::undecided);
        CHECK(reply.reason == Reason::forgotten);
        world.resend(id, Epoch{1});
        world.resend(id, Epoch{world.node(coordinator).starts});
        world.run_for(1s);
        CHECK(world.replies[id].reason == Reason::forgotten);
        CHECK(world.balance(world.agent(0), 0) == 993);
        restart(world, coordinator);
      }
      const RequestId last = world.transfer(0, 6, 9);
      world.run_for(1s);
      CHECK(answer_to(world, last).outcome == Outcome::commit);
      if (world.node(coordinator).checkpoint) {
        world.crash(coordinator);
        world.node(coordinator).checkpoint->forgotten.clear();
        world.node(coordinator).truncated = world.node(coordinator).log.size();
        world.start(coordinator);
        CHECK(answer_to(world, id).outcome == Outcome::abort);
      }
    }
  }
}

TEST_CASE(
    "home: who asks for what the home's coordinator has let go of is told forgotten, and for what it never had, "
    "abort") {
  WorldOptions small = options();
  small.requests_remembered = 3;
  World world(small);
  world.run_for(1s);
  const RequestId old = world.transfer(1, 0, 3, 7);
  world.run_for(1s);
  for (int i = 0; i < 5; ++i) {
    world.transfer(1, 0, 3);
    world.run_for(1s);
  }
  REQUIRE(world.outcome(old) == Outcome::commit);
  world.crash(world.coordinator(1));
  const RequestId never = world.transfer(1, 0, 3);
  world.run_for(100ms);
  world.start(world.coordinator(1));
  world.run_for(1s);
  CHECK(answer_to(world, old).reason == Reason::forgotten);
  CHECK(answer_to(world, old).outcome == Outcome::undecided);
  CHECK(answer_to(world, never).outcome == Outcome::abort);
  CHECK(world.balance(world.agent(0), 0) == 1000 - 7 - 5);
}
