#include "engine/peers.h"

#include <catch2/catch.hpp>
#include <string>
#include <utility>

#include "tests/engine/outside.h"
#include "tests/engine/world.h"

using namespace geocommit;
using namespace geocommit::test;

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
  Outside world;
  Seen nobody;
  NodeContext context{options, world, nobody};
  Peers peers(context);
  peers.start();
  CHECK(world.sent.size() == 64);
  peers.say_hello();
  CHECK(world.sent.size() == 99);
  peers.say_hello();  // The next round.
  CHECK(world.sent.size() == 99 + 64);
  CHECK(world.pauses == std::vector<Duration>{20ms, 200ms, 20ms});
}
