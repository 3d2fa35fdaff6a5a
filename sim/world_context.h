// What all parts of a virtual world share: what it is, the time, what is to happen, and who is there.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "sim/client.h"
#include "sim/event_queue.h"
#include "sim/node.h"
#include "sim/world.h"

namespace geocommit::sim {

struct WorldContext {
  /// Nobody is there yet.
  explicit WorldContext(WorldSpec given);

  [[nodiscard]] std::uint32_t index_of(NodeId id) const;
  [[nodiscard]] Node& node(NodeId id) const { return *nodes[index_of(id)]; }
  [[nodiscard]] Duration since_load() const { return Duration{now_ns - load_start_ns}; }

  WorldSpec spec;
  std::int64_t now_ns;
  EventQueue queue;
  std::vector<std::unique_ptr<Node>> nodes;  ///< By index in the directory; null for clients.
  std::map<RegionId, Client> clients;
  std::vector<Client*> client_at;  ///< By index; null for the rest.
  std::int64_t load_start_ns{-1};  ///< Negative: it has not begun.
};

}  // namespace geocommit::sim
