// The small world of these tests: three regions, 40 ms apart each way. What becomes of it, and how it runs to the end.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "sim/world.h"

namespace geocommit::sim {

/// Protocol, links, timeouts and rate; tests set what else they need.
inline WorldSpec three_regions(const std::string& protocol, Directory directory) {
  WorldSpec spec;
  spec.protocol = find_protocol(protocol);
  spec.directory = std::move(directory);
  for (std::uint32_t from = 0; from < 3; ++from) {
    std::vector<LinkSpec> row(3);
    for (std::uint32_t to = 0; to < 3; ++to) {
      row[to].delay = from == to ? 250us : 40ms;
    }
    spec.links.push_back(row);
  }
  spec.timeouts = {600ms, 600ms, 300ms};
  spec.lock_wait = 600ms;
  spec.workload.rate_per_s = 20;
  return spec;
}

inline Fault at_node(FaultKind kind, NodeId node, Duration at, Duration length) {
  Fault fault;
  fault.kind = kind;
  fault.node = node;
  fault.at = at;
  fault.length = length;
  return fault;
}

/// That a home changes its master: by plan or by force.
inline Fault order(FaultKind kind, RegionId home, RegionId successor, Duration at) {
  Fault fault;
  fault.kind = kind;
  fault.home = home;
  fault.successor = successor;
  fault.at = at;
  return fault;
}

/// The nodes of some regions on one side, all others on the other.
inline Fault cut_off(const Directory& directory, const std::vector<RegionId>& away, Duration at, Duration length) {
  Fault fault;
  fault.kind = FaultKind::cut;
  fault.at = at;
  fault.length = length;
  fault.both_ways = true;
  for (const NodeInfo& node : directory.nodes()) {
    const bool inside = std::find(away.begin(), away.end(), node.region) != away.end();
    if (node.kind != NodeKind::client) {
      (inside ? fault.from : fault.to).push_back(node.id);
    }
  }
  return fault;
}

inline void begin_load(World& world) {
  REQUIRE(world.become_ready());
  world.start_load();
}
/// The load, that faults end, and that nothing is left to do.
inline History run_to_the_end(World& world) {
  world.run_load();
  world.heal();
  const bool drained = world.drain(120s);
  INFO(world.why_not_quiet());
  CHECK(drained);
  return world.history(drained);
}

}  // namespace geocommit::sim
