// `geocommit replay RESULTS`: an old run in a fresh Prometheus.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "base/time.h"

namespace geocommit {

struct ReplayOptions {
  std::filesystem::path results;
  std::optional<std::uint16_t> port;   ///< None: a free one.
  std::optional<Duration> exit_after;  ///< None: until Ctrl-C.
};

/// The exit status.
[[nodiscard]] int run_replay(const ReplayOptions& options);

}  // namespace geocommit
