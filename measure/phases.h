// A run before, during and after its faults, from what clients were told. A transaction counts as "during" if a fault
// was in force at any moment from its intended start to its outcome; else as "before" until the first fault begins, and
// as "after" once one has ended (also between two of them).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "measure/summary.h"
#include "verdict/history.h"

namespace geocommit {

struct PhaseFigures {
  std::uint64_t offered{}, committed{}, aborted{}, unknown{};  ///< Without what was never sent (shed).
  std::optional<double> availability;                          ///< As CellSummary's. None: nothing was offered.
};

struct PhaseSummary : PhaseFigures {
  Duration time{};                                ///< How much of the measurement window it is.
  double goodput_per_s{};                         ///< Commits told within its time, over it; 0 without time.
  LatencySummary commits;                         ///< Client latency of commits.
  std::map<std::string, PhaseFigures> by_region;  ///< By origin: the sides of a partition.
};

struct FaultPhases {
  PhaseSummary before, during, after;
  std::optional<Duration> healed;  ///< When the last fault that ended had ended. None: none did, or one lasts.
  /// From then until the last slow transaction, whenever it began, had its outcome; slow: more than twice the p99 of
  /// before, or 1 ms more than it, whichever is larger. One whose client had to ask for the outcome, or never got one,
  /// counts when it begins: when it ends is up to the client. None: not healed, nothing to compare with, or slow to the
  /// very end (the last tenth of what was left).
  std::optional<Duration> normal_after;
};

/// `outcomes`: those of the measurement window count; for goodput all that were told in it. None if nothing happened.
[[nodiscard]] std::optional<FaultPhases> fault_phases(const std::vector<ClientOutcome>& outcomes,
                                                      const Directory& directory, Duration warmup, Duration duration,
                                                      const std::vector<FaultSpan>& spans, Duration asked_after,
                                                      Duration objective = 1s);

}  // namespace geocommit
