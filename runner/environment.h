// environment.json: on what, and with what, a run was made. Numbers without it are worth little.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "runner/network.h"
#include "wan/probe.h"

namespace geocommit {

struct EnvironmentFacts {
  std::string run_id;
  std::string started;  ///< Wall clock, ISO 8601, UTC.
  const Plan* plan{};
  Network* network{};
  /// By topology: measured before its cells; empty without emulation.
  std::vector<std::pair<std::string, std::vector<ProbePair>>> round_trips;
  std::string command_line;
};

/// The text of environment.json.
[[nodiscard]] std::string environment_json(const EnvironmentFacts& facts);

/// "geocommit 0.1.0 (commit a1b2c3d)".
[[nodiscard]] std::string version_line();
/// Wall clock now, "2026-11-21T04:02:39Z"; with `for_name`, "20261121-040239".
[[nodiscard]] std::string wall_clock(bool for_name);
/// $GEOCOMMIT_HOME, or the source tree that the program was built from.
[[nodiscard]] std::filesystem::path home();

}  // namespace geocommit
