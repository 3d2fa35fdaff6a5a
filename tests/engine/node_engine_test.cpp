#include <algorithm>
#include <catch2/catch.hpp>
#include <tuple>

#include "tests/engine/world.h"

using namespace geocommit;
using namespace geocommit::test;

namespace {

TxnCost total_cost(World& world) {
  TxnCost sum;
  for (const NodeInfo& info : world.directory().nodes()) {
    if (info.kind != NodeKind::client) {
      const TxnCost& cost = world.node(info.id).seen.cost;
      sum.messages += cost.messages;
      sum.wan_messages += cost.wan_messages;
      sum.forced_writes += cost.forced_writes;
      sum.retries += cost.retries;
    }
  }
  return sum;
}

MessageClass class_of(const ProtocolMessage& wire) {
  return find_protocol(wire.message.protocol)->kind_class(wire.message.kind);
}

}  // namespace

TEST_CASE("message delays are those of the longest chain, not of the newest message") {
  World world({});
  world.run_for(1s);
  const NodeId coordinator = world.coordinator(0);
  constexpr std::uint16_t kLong = 7;
  std::vector<PeerMessage> held;
  world.filter = [&](NodeId from, NodeId to, const PeerPayload& payload) {
    const auto* vote = std::get_if<ProtocolMessage>(&payload);
    if (vote == nullptr || to != coordinator || vote->message.vote != Vote::yes) {
      return true;
    }
    held.push_back({from, Epoch{1}, {}, payload});
    return false;
  };
  const RequestId id = world.transfer(0, 1, 2);
  world.run_for(300ms);
  REQUIRE(held.size() == 3);
  std::get<ProtocolMessage>(held[0].payload).message.depth = kLong;  // As if it had gone a longer way.
  for (const PeerMessage& vote : held) {
    world.engine(coordinator).on_message(vote);
  }
  world.run_for(1s);
  REQUIRE(world.outcome(id) == Outcome::commit);
  CHECK(world.node(coordinator).seen.delays == kLong);
}

TEST_CASE("every commit protocol: a commit costs what its table says, in messages, forced writes and delays") {
  for (const Protocol& protocol : all_protocols()) {
    if (protocol.is_router()) {
      continue;
    }
    for (std::uint32_t regions = 1; regions <= 5; ++regions) {
      DYNAMIC_SECTION(protocol.name << " N=" << regions) {
        World world({.protocol = std::string(protocol.name), .regions = regions});
        const RequestId id = world.transfer(0, 0, 1);
        world.run_for(10s);
        REQUIRE(world.outcome(id) == Outcome::commit);
        const CostRow row = protocol.commit_cost(regions);
        const TxnCost cost = total_cost(world);
        CHECK(cost.messages == row.messages);
        CHECK(cost.forced_writes == row.forced_writes);
        CHECK(cost.retries == 0);
        CHECK(world.node(world.coordinator(0)).seen.delays == row.delays_to_decision);
        // All but those between the coordinator and the site in its own region; if that is an acceptor, it says so.
        const bool accepts = protocol.commit_point == CommitPoint::accepted && regions > 1;
        CHECK(cost.wan_messages == row.messages - protocol.commit_cost(1).messages - (accepts ? 1 : 0));
        REQUIRE(world.quiet());
      }
    }
  }
}

TEST_CASE("2pc: commit latency, in-doubt time and lock hold are those of the formulas") {
  World world({.protocol = "2pc"});  // one way 50 ms, W = 2 ms
  world.transfer(0, 0, 1);
  world.run_for(5s);
  const Seen& coordinator = world.node(world.coordinator(0)).seen;
  REQUIRE(coordinator.commit_latency == std::vector<Duration>{104ms});  // max(RTT + W) + W
  for (std::uint32_t r = 0; r < 3; ++r) {
    CHECK(world.node(world.agent(r)).seen.lock_hold == std::vector<Duration>{104ms});  // H = T everywhere
  }
  CHECK(world.node(world.agent(2)).seen.in_doubt == std::vector<Duration>{102ms});  // T - W
}

TEST_CASE("a transfer moves money at every copy; one that would overdraw aborts by constraint everywhere") {
  World world({.protocol = "2pc"});
  const RequestId good = world.transfer(0, 3, 4, 10);
  const RequestId bad = world.transfer(1, 5, 6, 5000);
  world.run_for(5s);
  REQUIRE(world.outcome(good) == Outcome::commit);
  REQUIRE(world.outcome(bad) == Outcome::abort);
  REQUIRE(world.replies.at(bad).reason == Reason::constraint);
  for (std::uint32_t r = 0; r < 3; ++r) {
    CHECK(world.balance(world.agent(r), 3) == 990);
    CHECK(world.balance(world.agent(r), 4) == 1010);
    CHECK(world.engine(world.agent(r)).status().balance_total == 100 * 1000);
  }
  REQUIRE(world.quiet());
}

TEST_CASE("conflicting transfers from all regions at once: no deadlock, all decided, money conserved") {
  for (const LockingPolicy policy : {LockingPolicy::wound_wait, LockingPolicy::no_wait}) {
    for (const char* protocol : {"2pc", "3pc", "home-region"}) {
      World world({.protocol = protocol, .keys = 4, .locking = policy});
      std::vector<RequestId> ids;
      for (int i = 0; i < 30; ++i) {
        const auto n = static_cast<std::uint64_t>(i);
        ids.push_back(world.transfer(static_cast<std::uint32_t>(i % 3), n % 4, (n + 1 + n / 4 % 2) % 4));
        world.run_for(7ms);
      }
      world.run_for(60s);
      std::size_t committed = 0;
      for (const RequestId id : ids) {
        REQUIRE(world.outcome(id) != Outcome::undecided);
        committed += world.outcome(id) == Outcome::commit ? 1 : 0;
      }
      CHECK((committed > 0 || policy == LockingPolicy::no_wait));  // no-wait may deny everybody here.
      REQUIRE(world.quiet());
      for (std::uint32_t r = 0; r < 3; ++r) {
        CHECK(world.engine(world.agent(r)).status().balance_total == 4 * 1000);
      }
    }
  }
}

TEST_CASE("a duplicate of every message changes nothing (pitfall 12)") {
  for (const char* protocol : {"2pc", "3pc", "home-region"}) {
    World world({.protocol = protocol});
    std::vector<std::tuple<NodeId, NodeId, PeerPayload>> copies;
    world.filter = [&](NodeId from, NodeId to, const PeerPayload& payload) {
      if (std::holds_alternative<ProtocolMessage>(payload)) {
        copies.emplace_back(from, to, payload);
      }
      return true;
    };
    const RequestId id = world.transfer(0, 0, 1, 7);
    for (int i = 0; i < 60; ++i) {
      world.run_for(10ms);
      const auto again = copies;
      for (const auto& [from, to, payload] : again) {
        world.engine(to).on_message({from, Epoch{1}, {}, payload});
      }
    }
    copies.clear();
    world.filter = nullptr;
    world.run_for(30s);
    REQUIRE(world.outcome(id) == Outcome::commit);
    CHECK(world.balance(world.agent(0), 0) == 993);
    CHECK(world.balance(world.agent(1), 0) == 993);
    CHECK(world.quiet());
  }
}

TEST_CASE("a PREPARE that arrives after the ABORT leaves no lock (pitfall 4)") {
  World world({.protocol = "2pc"});
  const NodeId victim = world.agent(2);
  std::optional<ProtocolMessage> held;
  world.filter = [&](NodeId, NodeId to, const PeerPayload& payload) {
    const auto* wire = std::get_if<ProtocolMessage>(&payload);
    if (wire != nullptr && to == victim && class_of(*wire) == MessageClass::prepare) {
      held = *wire;
      return false;
    }
    return true;
  };
  const RequestId id = world.transfer(0, 0, 1);
  world.run_for(5s);
  REQUIRE(world.outcome(id) == Outcome::abort);
  REQUIRE(held);
  world.engine(victim).on_message({world.coordinator(0), Epoch{1}, {}, *held});
  world.run_for(5s);
  CHECK(world.quiet());
}

TEST_CASE("PREPARE addressed to an earlier start is refused (pitfall 34)") {
  World world({.protocol = "2pc"});
  const NodeId victim = world.agent(1);
  std::optional<ProtocolMessage> prepare;
  world.filter = [&](NodeId, NodeId to, const PeerPayload& payload) {
    const auto* wire = std::get_if<ProtocolMessage>(&payload);
    if (wire != nullptr && to == victim && class_of(*wire) == MessageClass::prepare) {
      prepare = *wire;
      return false;
    }
    return true;
  };
  const RequestId id = world.transfer(0, 0, 1);
  world.run_for(10ms);
  world.crash(victim);
  world.start(victim);
  world.run_for(200ms);
  REQUIRE(prepare);
  world.engine(victim).on_message({world.coordinator(0), Epoch{1}, {}, *prepare});
  world.run_for(5s);
  CHECK(world.outcome(id) == Outcome::abort);
  CHECK(world.replies.at(id).reason == Reason::stale_epoch);
  CHECK(world.node(victim).seen.no_votes.empty());  // It says so, and knows nothing.
  CHECK(world.engine(victim).status().finished_remembered == 0);
  CHECK(world.quiet());
}

TEST_CASE("a COMMIT for a transaction that a participant has never heard of is an alarm, not an ACK (pitfall 3)") {
  World world({.protocol = "2pc"});
  const NodeId victim = world.agent(1);
  const RequestId id = world.transfer(0, 0, 1);
  world.filter = [&](NodeId, NodeId to, const PeerPayload& payload) {
    const auto* wire = std::get_if<ProtocolMessage>(&payload);
    return !(wire != nullptr && to == victim && class_of(*wire) == MessageClass::decision);
  };
  world.run_for(300ms);
  REQUIRE(world.outcome(id) == Outcome::commit);
  world.crash(victim);
  world.node(victim).log.clear();  // Its disk is gone.
  world.node(victim).synced = 0;
  world.filter = nullptr;
  world.start(victim);
  world.run_for(20s);
  CHECK(world.node(victim).seen.alarms.size() == 1);
  CHECK_FALSE(world.quiet());  // The coordinator does not forget without a real ACK (pitfall 2).
}

TEST_CASE("a coordinator without ACKs resends at a capped rate (pitfall 18)") {
  World world({.protocol = "2pc"});
  world.filter = [&](NodeId from, NodeId, const PeerPayload& payload) {
    const auto* wire = std::get_if<ProtocolMessage>(&payload);
    return !(wire != nullptr && from == world.agent(1) && class_of(*wire) == MessageClass::ack);
  };
  world.transfer(0, 0, 1);
  world.run_for(100s);
  const auto resends = world.node(world.coordinator(0)).seen.messages[Traffic::retry];
  CHECK(resends >= 5);
  CHECK(resends <= 20);
  world.filter = nullptr;
  world.run_for(40s);
  CHECK(world.quiet());
  // They are counted apart: a commit costs what the table says, however often it had to be said.
  const TxnCost cost = total_cost(world);
  CHECK(cost.messages == find_protocol("2pc")->commit_cost(3).messages);
  CHECK(cost.wan_messages == cost.messages / 3 * 2);
  CHECK(cost.retries >= resends);
}

TEST_CASE("hostile or mistaken requests are answered and change nothing") {
  World world({.protocol = "2pc"});
  const RequestId unknown = world.transfer(0, 0, 1'000'000);
  const RequestId empty = world.request(1, {});
  world.run_for(1s);
  CHECK(world.replies.at(unknown).reason == Reason::invalid_request);
  CHECK(world.replies.at(empty).reason == Reason::invalid_request);
  CHECK(world.quiet());
}
