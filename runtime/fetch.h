// The durable files of a node that was not started here, brought here over the control plane. A daemon elsewhere may be
// broken or hostile: what it sends is bounded in number, size and time, and stays in the folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "runtime/control.h"

namespace geocommit {

struct FetchLimits {
  std::size_t files_max{2'000};
  std::uint64_t bytes_max{std::uint64_t{8} << 30U};  ///< Of all files together.
  Duration patience{60s};                            ///< For one answer.
  /// Asked again and again: true ends it (the time is over, or nobody wants it any more).
  std::function<bool()> give_up;
};

/// What could not be had, and why: empty, everything is in `folder`.
[[nodiscard]] std::vector<std::string> fetch_node_files(ControlClient& control, NodeId node,
                                                        const std::filesystem::path& folder, const FetchLimits& limits);

}  // namespace geocommit
