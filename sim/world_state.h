// What there is to know of a virtual world, and when it is quiet.
#pragma once

#include <string>

#include "sim/processes.h"
#include "sim/world_context.h"

namespace geocommit::sim {

[[nodiscard]] EngineStatus status_of(const WorldContext& world);
[[nodiscard]] History history_of(const WorldContext& world, bool drained);
/// In words; empty: it is quiet.
[[nodiscard]] std::string why_not_quiet(const WorldContext& world);
/// Quiesces nodes until all are at rest, for good. False: not all are.
[[nodiscard]] bool come_to_rest(WorldContext& world, Processes& processes);

/// Whether clients wait for nothing, and nothing is open, locked or unshipped anywhere, at this instant.
class QuietLook {
 public:
  [[nodiscard]] bool quiet(const WorldContext& world);

 private:
  std::size_t busy_{};  ///< Index of a node that was not quiet when last asked.
};

}  // namespace geocommit::sim
