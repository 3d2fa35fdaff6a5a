#include "engine/peers.h"

#include <catch2/catch.hpp>
#include <string>
#include <utility>

#include "tests/engine/outside.h"
#include "tests/engine/world.h"

using namespace geocommit;
using namespace geocommit::test;

namespace {

/// Keeps when the next timer is due.
struct Pauses final : Environment {
  std::size_t sent{};
  std::vector<Duration> pauses;

  Instant now() const override { return Instant{1s}; }
  std::size_t send(NodeId /*to*/, const PeerPayload& /*payload*/) override {
    ++sent;
    return 1;
  }
  void write(const DurableRecord& /*record*/, WriteToken /*token*/) override {}
  std::size_t log_bytes_since_checkpoint() const override { return 0; }
  void write_checkpoint(Checkpoint /*checkpoint*/) override {}
  bool checkpoint_in_progress() const override { return false; }
  void set_timer(TimerToken /*token*/, Instant deadline) override { pauses.push_back(deadline - now()); }
  void cancel_timer(TimerToken /*token*/) override {}
};

}  // namespace

TEST_CASE("a thousand nodes are greeted some at a time, with a pause between") {
  std::vector<std::string> regions;
  for (int i = 0; i < 50; ++i) {
    regions.push_back("r" + std::to_string(i));
  }
  const Directory directory(regions, 1, Placement::partitioned, 10);  // 50 agents and 50 coordinators.
  EngineOptions options;
  options.self = directory.agent(RegionId{0}, 0);
  options.epoch = Epoch{1};
  options.protocol = &all_protocols().front();
  options.directory = &directory;
  Pauses world;
  Seen nobody;
  NodeContext context{options, world, nobody};
  Peers peers(context);
  peers.start();
  CHECK(world.sent == 64);
  peers.say_hello();
  CHECK(world.sent == 99);
  peers.say_hello();  // The next round.
  CHECK(world.sent == 99 + 64);
  CHECK(world.pauses == std::vector<Duration>{20ms, 200ms, 20ms});
}
