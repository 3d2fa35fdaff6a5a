// A mergeable log-linear histogram of durations (the idea of HdrHistogram: HDR by Gil Tene; implementation our own).
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "base/time.h"

namespace geocommit {

/// Values are nanoseconds, 0 .. about 10^4 seconds (larger ones are clamped and counted in `clamped`). Each power of
/// two is divided into 512 equal buckets, so a recorded value is known within 0.2 %. Percentiles are of merged
/// histograms, never averages of percentiles.
class Histogram {
 public:
  void record(Duration value, std::uint64_t count = 1);
  void merge(const Histogram& other);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t clamped() const { return clamped_; }
  [[nodiscard]] Duration min() const { return min_; }  ///< Exact; 0 when empty.
  [[nodiscard]] Duration max() const { return max_; }  ///< Exact; 0 when empty.
  [[nodiscard]] double mean_ns() const;                ///< Exact; 0 when empty.
  [[nodiscard]] double sum_ns() const { return sum_ns_; }
  /// The value at or below which a share q in [0, 1] of the recorded values lie: the middle of its bucket, never
  /// outside [min, max]. 0 when empty.
  [[nodiscard]] Duration quantile(double q) const;
  /// How many recorded values lie at or below `bound` (bucket granularity).
  [[nodiscard]] std::uint64_t count_at_or_below(Duration bound) const;

  /// (bucket index, count) of every non-empty bucket, ascending: the interchange form.
  [[nodiscard]] std::vector<std::pair<std::uint32_t, std::uint64_t>> buckets() const;
  /// A bucket holds lower <= value < upper (the last one also what was clamped).
  [[nodiscard]] static Duration bucket_lower(std::uint32_t index);
  [[nodiscard]] static Duration bucket_upper(std::uint32_t index);
  /// The inverse of buckets(). False (and empty) if an index is out of range or the numbers contradict each other.
  [[nodiscard]] bool restore(const std::vector<std::pair<std::uint32_t, std::uint64_t>>& buckets, Duration min,
                             Duration max, double sum_ns, std::uint64_t clamped);

 private:
  std::vector<std::uint64_t> counts_;  // grown on demand
  std::uint64_t count_{}, clamped_{};
  Duration min_{}, max_{};
  double sum_ns_{};
};

}  // namespace geocommit
