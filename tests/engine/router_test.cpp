// Where a request goes, for how long and how often it is tried, and what its client is told: at the bounds.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <vector>

#include "engine/peers.h"
#include "tests/engine/homes.h"
#include "tests/engine/outside.h"

using namespace geocommit;
using namespace geocommit::test;

namespace {

/// The descriptor with which a request was last prepared at a site.
TxnDescriptor prepared(World& world, NodeId site, RequestId id) {
  TxnDescriptor found;
  for (const DurableRecord& record : world.node(site).log) {
    const auto* machine = std::get_if<MachineRecord>(&record);
    if (machine != nullptr && machine->descriptor && machine->descriptor->request == id) {
      found = *machine->descriptor;
    }
  }
  return found;
}

std::uint64_t passed_on(World& world, std::uint32_t region) {
  return world.node(world.coordinator(region)).seen.kinds["FORWARD"];
}

}  // namespace

TEST_CASE("a request has at least one operation and at most 1024, on entities that there are") {
  World world({});
  const std::uint64_t last = world.directory().entity_count() - 1;
  const RequestId on_the_last = world.transfer(0, 0, last);
  const RequestId beyond = world.transfer(0, 0, last + 1);
  const RequestId most = world.request(0, std::vector<Operation>(1024, {Entity{5}, 1, false}));
  const RequestId too_many = world.request(0, std::vector<Operation>(1025, {Entity{7}, 1, false}));
  world.run_for(3s);
  CHECK(world.outcome(on_the_last) == Outcome::commit);
  CHECK(world.outcome(most) == Outcome::commit);
  CHECK(world.balance(world.agent(1), 5) == 2024);
  for (const RequestId refused : {beyond, too_many}) {
    CHECK(world.outcome(refused) == Outcome::abort);
    CHECK(world.replies.at(refused).reason == Reason::invalid_request);
  }
}

TEST_CASE("a watermark names the oldest open transaction, or the next one; an agent's names none") {
  World world({});
  const NodeId coordinator = world.coordinator(0);
  CHECK(world.engine(coordinator).watermark() == Watermark{Epoch{1}, 1});
  world.transfer(0, 0, 1);
  world.run_for(20ms);
  world.transfer(0, 2, 3);
  world.run_for(20ms);
  CHECK(world.engine(coordinator).status().open_coordinator == 2);
  CHECK(world.engine(coordinator).watermark() == Watermark{Epoch{1}, 1});
  CHECK(world.engine(world.agent(0)).watermark() == Watermark{});
  CHECK(world.engine(coordinator).status().balance_total == 0);
  world.run_for(5s);
  CHECK(world.engine(coordinator).watermark() == Watermark{Epoch{1}, 3});
  // Nobody runs a timer for what has ended, nor for peers that are known.
  CHECK(world.node(coordinator).timers.empty());
  CHECK(world.node(world.agent(1)).timers.empty());
}

TEST_CASE("what comes for another start while its request runs here is told so, and the request goes on") {
  World world({});
  const RequestId id = world.transfer(0, 0, 1);
  world.run_for(20ms);
  world.resend(id, Epoch{7});
  world.query(id);
  world.resend(id, Epoch{1});  // And a copy.
  world.run_for(20ms);
  CHECK(world.outcome(id) == Outcome::undecided);
  world.run_for(3s);
  CHECK(world.outcome(id) == Outcome::commit);
  CHECK(world.balance(world.agent(1), 0) == 999);
}

TEST_CASE(
    "home: what was passed on is said again after the vote timeout, then twice as rare each time, for its patience") {
  for (const UnreachableHome policy : {UnreachableHome::wait, UnreachableHome::fail}) {
    WorldOptions long_wait = options({}, policy);
    long_wait.unreachable_wait = 60s;
    World world(long_wait);
    const RequestId id = world.transfer(1, 0, 3, 1);
    world.run_for(1ms);
    CHECK(passed_on(world, 1) == 1);
    CHECK(world.engine(world.coordinator(1)).status().waiting_requests == 1);
    world.crash(world.coordinator(0));
    std::vector<Duration> again;
    Seen& seen = world.node(world.coordinator(1)).seen;
    for (Duration at = 100ms; at < 100s; at += 100ms) {
      const std::uint64_t before = seen.messages[Traffic::retry];
      world.run_for(100ms);
      again.insert(again.end(), seen.messages[Traffic::retry] - before, at);
    }
    if (policy == UnreachableHome::wait) {  // The longest pause is sixteen timeouts; then its minute is over.
      CHECK(again == std::vector<Duration>{1s, 3s, 7s, 15s, 31s, 47s});
    } else {
      CHECK(again.empty());
    }
    // It is let go of nowhere: the other may have it in its log.
    CHECK(world.outcome(id) == Outcome::undecided);
    CHECK(world.engine(world.coordinator(1)).status().waiting_requests == 1);
  }
}

TEST_CASE("home: a request whose patience is over is not said again, also while another one's is not") {
  WorldOptions long_wait = options();
  long_wait.unreachable_wait = 60s;
  World world(long_wait);
  std::map<RequestId, std::vector<Duration>> said;
  const Instant begun = world.now();
  world.filter = [&](NodeId, NodeId, const PeerPayload& payload) {
    if (const auto* forward = std::get_if<Forward>(&payload)) {
      said[forward->request.id].push_back((world.now() - begun) / 1s * 1s);
    }
    return true;
  };
  const RequestId first = world.transfer(1, 0, 3, 1);
  world.run_for(1ms);
  world.crash(world.coordinator(0));
  world.run_for(40s);
  const RequestId second = world.transfer(1, 6, 9, 1);
  world.run_for(60s);
  CHECK(said[first] == std::vector<Duration>{0s, 1s, 3s, 7s, 15s, 31s, 47s});
  CHECK(said[second] == std::vector<Duration>{40s, 41s, 43s, 47s, 55s, 71s, 87s});
}

TEST_CASE("home: a request whose home has no site up waits for its patience, and is refused then, not before") {
  World world(options());
  world.crash(world.agent(0));
  const RequestId id = world.transfer(0, 0, 3, 1);
  world.run_for(9900ms);
  CHECK(world.outcome(id) == Outcome::undecided);
  world.run_for(2s);
  CHECK(world.outcome(id) == Outcome::abort);
  CHECK(world.replies.at(id).reason == Reason::unavailable);
  CHECK(world.engine(world.coordinator(0)).status().waiting_requests == 0);
  world.start(world.agent(0));
  world.run_for(5s);
  CHECK(world.balance(world.agent(0), 0) == 1000);
  CHECK(world.quiet());
}

TEST_CASE("home: an attempt that follows another is the same request: all its operations, and measured as it was") {
  World world(options());
  world.run_for(1s);
  isolate(world, 1);
  const RequestId id = world.transfer(0, 0, 1, 4);  // Over two homes.
  world.run_for(3s);
  CHECK(world.outcome(id) == Outcome::undecided);
  world.cut.clear();
  world.run_for(10s);
  REQUIRE(world.outcome(id) == Outcome::commit);
  const TxnDescriptor last = prepared(world, world.agent(0), id);
  CHECK(last.measured);
  CHECK(last.txn.counter > 1);
  for (std::uint32_t r = 0; r < 3; ++r) {
    CHECK(world.balance(world.agent(r), 0) == 996);
    CHECK(world.balance(world.agent(r), 1) == 1004);
  }
}

TEST_CASE("home: what the home's coordinator refuses for now is tried again, or told at once, by policy") {
  for (const UnreachableHome policy : {UnreachableHome::wait, UnreachableHome::fail}) {
    World world(options({}, policy));
    world.run_for(1s);
    world.engine(world.coordinator(0)).quiesce();
    const RequestId id = world.transfer(1, 0, 3, 1);
    world.run_for(300ms);
    CHECK(world.outcome(id) == (policy == UnreachableHome::fail ? Outcome::abort : Outcome::undecided));
    CHECK(world.engine(world.coordinator(1)).status().waiting_requests == (policy == UnreachableHome::fail ? 0 : 1));
  }
}

TEST_CASE("home: a coordinator that is passed what is not its home's passes it no further, and refuses it") {
  World world(options());
  const RequestId id = world.request(1, {});  // Known by its id; its client's own coordinator has refused it.
  world.run_for(100ms);
  const RequestId real = world.transfer(1, 0, 3, 1);
  world.cut.insert({world.coordinator(1), world.coordinator(0)});
  world.run_for(100ms);
  CHECK(passed_on(world, 1) == 1);
  world.pass_on(real, world.coordinator(1), Epoch{1}, world.coordinator(2), Epoch{1});
  world.run_for(10ms);
  CHECK(passed_on(world, 2) == 0);
  CHECK(world.node(world.coordinator(2)).seen.kinds["FORWARD_REPLY"] == 1);
  CHECK(world.engine(world.coordinator(2)).status().waiting_requests == 0);
  CHECK(world.engine(world.coordinator(2)).status().open() == 0);
  world.run_for(500ms);
  // Nor does its answer count: that request is with another coordinator.
  CHECK(passed_on(world, 1) == 1);
  CHECK(world.outcome(real) == Outcome::undecided);
  CHECK(world.engine(world.coordinator(1)).status().waiting_requests == 1);
  CHECK(world.outcome(id) == Outcome::abort);
}

TEST_CASE("silence is longer than its length, counts from the last message, and is never one's own") {
  EngineOptions engine = options_of_agent(find_protocol("home-region"));
  Outside outside;
  Seen nobody;
  NodeContext context{engine, outside, nobody};
  Peers peers(context);
  const NodeInfo& other = *two_regions().find(two_regions().agent(RegionId{1}, 0));
  CHECK_FALSE(peers.silent_for(other.id, 0s));  // Nothing is known before it has started.
  peers.start();
  outside.time += 2s;
  CHECK_FALSE(peers.silent_for(other.id, 2s));
  CHECK(peers.silent_for(other.id, 2s - 1ns));
  CHECK_FALSE(peers.silent_for(context.self(), 1s));
  CHECK_FALSE(peers.silent_for(NodeId{77}, 1s));
  peers.heard(other, Epoch{4});
  CHECK_FALSE(peers.silent_for(other.id, 0s));
  CHECK(peers.epoch_of(other.id) == Epoch{4});
  peers.heard(other, Epoch{3});  // Late: of an earlier start.
  CHECK(peers.epoch_of(other.id) == Epoch{4});
  EngineStatus status;
  peers.add_to(status);
  CHECK(status.peers_expected == 3);
  CHECK(status.peers_known == 1);
}

TEST_CASE("who is known is greeted no more; only a coordinator whose requests may fail at once asks again and again") {
  const auto hellos = [](UnreachableHome policy, bool agent) {
    World world(options({}, policy));
    Seen& seen = world.node(agent ? world.agent(0) : world.coordinator(0)).seen;
    const std::uint64_t before = seen.messages[Traffic::hello];
    world.run_for(1s);
    return seen.messages[Traffic::hello] - before;
  };
  CHECK(hellos(UnreachableHome::wait, false) == 0);
  CHECK(hellos(UnreachableHome::wait, true) == 0);
  CHECK(hellos(UnreachableHome::fail, false) >= 5 * 10);  // Five peers, each tenth of a second; and its answers.
  CHECK(hellos(UnreachableHome::fail, true) == 3 * 10);   // Only answers, to three coordinators.
}

TEST_CASE("the guard of a lease is the vote timeout, or half of the lease if that is shorter, unless it is given") {
  const auto guard = [](Duration lease, Duration given) {
    EngineOptions engine = options_of_agent(find_protocol("home-region"));
    engine.home.lease = lease;
    engine.home.guard = given;
    Outside outside;
    Seen nobody;
    return NodeContext{engine, outside, nobody}.options().home.guard;
  };
  CHECK(guard(5s, {}) == 1s);
  CHECK(guard(1s, {}) == 500ms);
  CHECK(guard(5s, 70ms) == 70ms);
}
