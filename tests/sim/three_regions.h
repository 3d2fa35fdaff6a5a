// The small world of these tests: three regions, 40 ms apart each way.
#pragma once

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

}  // namespace geocommit::sim
