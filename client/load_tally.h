// What became of a load's requests, in total and second by second, by when things happened.
#pragma once

#include <array>
#include <cstdint>

#include "base/time.h"
#include "client/load_series.h"
#include "measure/histogram.h"

namespace geocommit {

/// One second of the load, by when things happened.
struct SecondRow {
  std::uint64_t second{};  ///< Since the start: [second, second + 1).
  std::uint64_t offered{}, committed{}, timed_out{}, shed{}, outstanding{};
  std::array<std::uint64_t, kReasons> aborted{};  ///< By reason.
  Duration p50{}, p99{};                          ///< Of the commits that arrived in it; 0: none.
};

struct LoadCounts {
  std::uint64_t offered{}, committed{}, aborted{}, shed{}, outstanding{};
  std::uint64_t unknown{};  ///< Timed out and not (yet) known, or forgotten.
  Duration recent_p99{};    ///< Over the last whole second.
  Duration recent_p50{};    ///< Likewise.
};

class LoadTally {
 public:
  void offered();
  void shed();
  void timed_out();
  /// `after_timeout`: it had been counted as timed out before.
  void finished(Outcome outcome, Reason reason, Duration latency, bool after_timeout);
  /// When the second under way ends, since the start.
  [[nodiscard]] Duration second_ends() const { return Duration{1s} * (row_.second + 1); }
  /// The second under way is over; the next begins.
  [[nodiscard]] SecondRow end_second(std::uint64_t outstanding);
  /// Without what is outstanding.
  [[nodiscard]] const LoadCounts& counts() const { return counts_; }

 private:
  LoadCounts counts_;
  SecondRow row_;
  Histogram latency_;  // of the commits of the second under way
};

}  // namespace geocommit
