// Which version of an entity each operation saw: in the logs, after crashes and changes of masters, and at the client.
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/engine/world.h"

namespace geocommit::test {
namespace {

/// The versions in the newest prepared record of the node's log.
std::vector<TxnId> prepared_versions(World& world, NodeId node) {
  std::vector<TxnId> versions;
  for (const DurableRecord& record : world.node(node).log) {
    const auto* machine = std::get_if<MachineRecord>(&record);
    if (machine != nullptr && machine->role == Role::participant && machine->descriptor) {
      versions = machine->versions;
    }
  }
  return versions;
}

TxnId committed(World& world, std::uint64_t from, std::uint64_t to) {
  const RequestId id = world.transfer(0, from, to);
  world.run_for(3s);
  REQUIRE(world.outcome(id) == Outcome::commit);
  return world.replies.at(id).txn;
}

std::vector<ReadValue> read(World& world, std::uint32_t origin, std::vector<std::uint64_t> entities) {
  std::vector<Operation> operations;
  for (const std::uint64_t entity : entities) {
    operations.push_back({Entity{entity}, 0, true});
  }
  const RequestId id = world.request(origin, std::move(operations));
  world.run_for(3s);
  REQUIRE(world.outcome(id) == Outcome::commit);
  return world.replies.at(id).reads;
}

void start_all(World& world) {
  for (const NodeInfo& node : world.directory().nodes()) {
    if (node.kind != NodeKind::client && !world.up(node.id)) {
      world.start(node.id);
    }
  }
  world.run_for(2s);
}

}  // namespace

TEST_CASE("a prepared record names the versions that its operations saw, at every copy") {
  World world({});
  start_all(world);
  const TxnId first = committed(world, 1, 2);
  CHECK(prepared_versions(world, world.agent(1)) == std::vector<TxnId>{{}, {}});
  const TxnId second = committed(world, 2, 3);
  CHECK(first != second);
  for (std::uint32_t region = 0; region < 3; ++region) {
    CHECK(prepared_versions(world, world.agent(region)) == std::vector<TxnId>{first, {}});
  }
}

TEST_CASE("a client is told what it has read, and which version") {
  World world({});
  start_all(world);
  const TxnId first = committed(world, 1, 2);
  const std::vector<ReadValue> reads = read(world, 1, {2, 5});
  CHECK(reads ==
        std::vector<ReadValue>{{world.agent(1), Entity{2}, first, 1001}, {world.agent(1), Entity{5}, {}, 1000}});
}

TEST_CASE("reads of several sites reach the client, through a coordinator that forwards them too") {
  for (const char* protocol : {"2pc", "3pc", "home-region"}) {
    CAPTURE(protocol);
    WorldOptions options;
    options.protocol = protocol;
    options.placement = Placement::partitioned;
    World world(options);
    start_all(world);
    const Directory& directory = world.directory();
    const Entity here = directory.entity_at(RegionId{1}, 0, 4);
    const Entity there = directory.entity_at(RegionId{2}, 0, 4);
    const TxnId txn = committed(world, here.value, there.value);
    const std::vector<ReadValue> reads = read(world, 0, {here.value, there.value});
    CHECK(reads == std::vector<ReadValue>{{world.agent(1), here, txn, 999}, {world.agent(2), there, txn, 1001}});
    CHECK(read(world, 0, {here.value}) == std::vector<ReadValue>{{world.agent(1), here, txn, 999}});
  }
}

TEST_CASE("versions survive a crash, with and without a checkpoint") {
  for (const bool checkpoint : {false, true}) {
    CAPTURE(checkpoint);
    WorldOptions options;
    options.checkpoint_bytes = checkpoint ? 600 : options.checkpoint_bytes;
    World world(options);
    start_all(world);
    TxnId last;
    for (int i = 0; i < 5; ++i) {
      last = committed(world, 1, 2);
    }
    REQUIRE(world.node(world.agent(1)).checkpoint.has_value() == checkpoint);
    world.crash(world.agent(1));
    start_all(world);
    CHECK(read(world, 1, {2, 3}) ==
          std::vector<ReadValue>{{world.agent(1), Entity{2}, last, 1005}, {world.agent(1), Entity{3}, {}, 1000}});
    committed(world, 2, 3);
    CHECK(prepared_versions(world, world.agent(1)) == std::vector<TxnId>{last, {}});
  }
}

TEST_CASE("a site in doubt at its crash names the same versions in its next checkpoint") {
  WorldOptions options;
  options.checkpoint_bytes = 100;
  World world(options);
  start_all(world);
  const TxnId first = committed(world, 1, 2);
  const NodeId site = world.agent(1);
  world.filter = [&](NodeId, NodeId to, const PeerPayload& payload) {
    const auto* protocol = std::get_if<ProtocolMessage>(&payload);
    return protocol == nullptr || to != site || protocol->message.outcome == Outcome::undecided;
  };
  const RequestId id = world.transfer(0, 2, 1);
  world.run_for(500ms);
  REQUIRE(world.engine(site).status().in_doubt == 1);
  world.crash(site);
  world.start(site);
  world.run_for(100ms);
  REQUIRE(world.engine(site).status().in_doubt == 1);
  (void)world.transfer(0, 8, 9);
  world.run_for(500ms);
  const Checkpoint& checkpoint = *world.node(site).checkpoint;
  REQUIRE(checkpoint.epoch == Epoch{2});
  REQUIRE_FALSE(checkpoint.open.empty());
  CHECK(checkpoint.open.front().versions == std::vector<TxnId>{first, first});
  world.filter = nullptr;
  world.run_for(20s);
  REQUIRE(world.outcome(id) == Outcome::commit);
  CHECK(read(world, 1, {1}).front().version == world.replies.at(id).txn);
}

TEST_CASE("a replica names the versions that its home's writes replaced, also after they are undone") {
  WorldOptions options;
  options.protocol = "home-region";
  options.home = {2s, 500ms};
  World world(options);
  start_all(world);
  const Entity a = world.directory().entity_at(RegionId{0}, 0, 1);
  const Entity b = world.directory().entity_at(RegionId{0}, 0, 2);
  const TxnId first = committed(world, a.value, b.value);
  const TxnId second = committed(world, b.value, a.value);
  const auto shipped = [&](NodeId node) {
    std::vector<std::vector<TxnId>> versions;
    for (const DurableRecord& record : world.node(node).log) {
      if (const auto* write = std::get_if<ShippedRecord>(&record)) {
        versions.push_back(write->write.versions);
      }
    }
    return versions;
  };
  const std::vector<std::vector<TxnId>> expected{{{}, {}}, {first, first}};
  CHECK(shipped(world.agent(1)) == expected);
  // Written at the master alone, and left behind by a failover: the master takes it back.
  for (std::uint32_t other = 1; other < 3; ++other) {
    world.cut.insert({world.agent(0), world.agent(other)});
  }
  const RequestId lost = world.transfer(0, a.value, b.value);
  world.run_for(200ms);
  REQUIRE(world.outcome(lost) == Outcome::commit);
  for (std::uint32_t other = 1; other < 3; ++other) {
    world.cut.insert({world.agent(other), world.agent(0)});
  }
  for (std::uint32_t region = 0; region < 3; ++region) {
    world.engine(world.agent(region)).move_home(RegionId{0}, RegionId{1}, true);
  }
  world.run_for(10s);
  world.cut.clear();
  world.run_for(10s);
  const std::vector<ReadValue> reads = read(world, 0, {a.value});
  CHECK(reads == std::vector<ReadValue>{{world.agent(1), a, second, 1000}});
  // Back again, the old master says so too.
  for (std::uint32_t region = 0; region < 3; ++region) {
    world.engine(world.agent(region)).move_home(RegionId{0}, RegionId{0}, false);
  }
  world.run_for(10s);
  CHECK(read(world, 0, {a.value}) == std::vector<ReadValue>{{world.agent(0), a, second, 1000}});
}

}  // namespace geocommit::test
