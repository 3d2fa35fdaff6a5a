// Intervals and effect sizes for a handful of repetitions. Seeded: the same numbers give the same answer.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace geocommit::compare {

/// A figure with its 95 % confidence interval; without one where there is a single value.
struct Estimate {
  std::size_t count{};
  double mean{};
  std::optional<double> low, high;
  [[nodiscard]] bool known() const { return low.has_value(); }
};

/// Bootstrap of the mean over `values` (repetitions): residuals, scaled by sqrt(n / (n - 1)) as resampling from n
/// values understates their spread, are resampled; the percentiles' distances from the mean are then stretched by
/// Student's t over the normal quantile, without which three repetitions would cover 75 % rather than 95 % (Hesterberg
/// 2015 has both corrections). `seed` fixes the resampling. Not for an empty list.
[[nodiscard]] Estimate bootstrap_mean(const std::vector<double>& values, std::uint64_t seed);

/// The same for mean(b) - mean(a), the two resampled apart; Welch's degrees of freedom.
[[nodiscard]] Estimate bootstrap_difference(const std::vector<double>& a, const std::vector<double>& b,
                                            std::uint64_t seed);

/// Hedges' g: the difference b - a in units of the pooled standard deviation, corrected for few values. None with fewer
/// than two values on a side or no spread at all.
[[nodiscard]] std::optional<double> hedges_g(const std::vector<double>& a, const std::vector<double>& b);

/// Share of the pairs (one of a, one of b) in which b is larger, ties counting half: 0.5 is none, 0 or 1 complete
/// separation.
[[nodiscard]] double share_larger(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace geocommit::compare
