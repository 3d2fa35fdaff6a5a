// What tests of homes that change their master have in common.
#pragma once

#include <vector>

#include "tests/engine/world.h"

namespace geocommit::test {

inline constexpr HomeRules kLeased{.lease = 3s};

inline WorldOptions options(HomeRules rules = {}, UnreachableHome policy = UnreachableHome::wait) {
  WorldOptions out;
  out.protocol = "home-region";
  out.home = rules;
  out.unreachable_home = policy;
  return out;
}

inline void order(World& world, std::uint32_t home, std::uint32_t successor, bool forced) {
  for (std::uint32_t r = 0; r < world.directory().region_count(); ++r) {
    if (world.up(world.agent(r))) {
      world.engine(world.agent(r)).move_home(RegionId{home}, RegionId{successor}, forced);
    }
  }
}

inline std::vector<HomeEvent> events(World& world, std::uint32_t region, HomeEventKind kind) {
  std::vector<HomeEvent> out;
  for (const HomeEvent& event : world.node(world.agent(region)).seen.home_events) {
    if (event.kind == kind) {
      out.push_back(event);
    }
  }
  return out;
}

/// A region's agent and coordinator against all others, both ways.
inline void isolate(World& world, std::uint32_t region) {
  for (std::uint32_t r = 0; r < world.directory().region_count(); ++r) {
    for (const NodeId one : {world.agent(region), world.coordinator(region)}) {
      for (const NodeId other : {world.agent(r), world.coordinator(r)}) {
        if (r != region) {
          world.cut.insert({one, other});
          world.cut.insert({other, one});
        }
      }
    }
  }
}

inline bool copies_equal(World& world) {
  return world.engine(world.agent(0)).balances() == world.engine(world.agent(1)).balances() &&
         world.engine(world.agent(1)).balances() == world.engine(world.agent(2)).balances();
}

inline std::int64_t total(World& world, std::uint32_t region) {
  std::int64_t sum = 0;
  for (const std::int64_t balance : world.engine(world.agent(region)).balances()) {
    sum += balance;
  }
  return sum;
}

}  // namespace geocommit::test
