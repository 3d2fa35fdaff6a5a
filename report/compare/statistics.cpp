#include "report/compare/statistics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <random>

#include "base/check.h"

namespace geocommit::compare {
namespace {

constexpr int kResamples = 4000;
constexpr double kNormal = 1.959964;

/// Student's t at 97.5 %, by degrees of freedom; between the tabled ones the smaller count decides (wider).
double student(double freedom) {
  static constexpr std::array kTable{12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
                                     2.201,  2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
                                     2.080,  2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042};
  const auto whole = static_cast<std::size_t>(std::max(1.0, std::floor(freedom)));
  if (whole <= kTable.size()) return kTable.at(whole - 1);
  // Between 30 and infinity t - z falls as 1/df.
  return kNormal + (kTable.back() - kNormal) * static_cast<double>(kTable.size()) / static_cast<double>(whole);
}

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// Unbiased.
double variance(const std::vector<double>& values) {
  const double mean = mean_of(values);
  double sum = 0;
  for (const double value : values) sum += (value - mean) * (value - mean);
  return sum / static_cast<double>(values.size() - 1);
}

/// Means of resampled residuals.
class Resampler {
 public:
  explicit Resampler(const std::vector<double>& values) {
    const double mean = mean_of(values);
    const auto n = static_cast<double>(values.size());
    for (const double value : values) residuals_.push_back((value - mean) * std::sqrt(n / (n - 1)));
  }
  double draw(std::mt19937_64& random) const {
    double sum = 0;
    // The remainder's bias is below 2^-50 here.
    for (std::size_t i = 0; i < residuals_.size(); ++i) sum += residuals_[random() % residuals_.size()];
    return sum / static_cast<double>(residuals_.size());
  }

 private:
  std::vector<double> residuals_;
};

template <class Draw>
void interval(Estimate& out, double freedom, std::uint64_t seed, Draw draw) {
  std::mt19937_64 random(seed);
  std::vector<double> drawn(kResamples);
  for (double& one : drawn) one = draw(random);
  std::sort(drawn.begin(), drawn.end());
  const double stretch = student(freedom) / kNormal;
  out.low = out.mean + stretch * drawn[static_cast<std::size_t>(kResamples * 0.025)];
  out.high = out.mean + stretch * drawn[static_cast<std::size_t>(kResamples * 0.975)];
}

}  // namespace

Estimate bootstrap_mean(const std::vector<double>& values, std::uint64_t seed) {
  GC_CHECK(!values.empty());
  Estimate out{values.size(), mean_of(values), {}, {}};
  if (values.size() < 2) return out;
  const Resampler resampler(values);
  interval(out, static_cast<double>(values.size() - 1), seed, [&](auto& random) { return resampler.draw(random); });
  // Times, counts and shares have no mean below zero.
  if (*std::min_element(values.begin(), values.end()) >= 0) out.low = std::max(*out.low, 0.0);
  return out;
}

Estimate bootstrap_difference(const std::vector<double>& a, const std::vector<double>& b, std::uint64_t seed) {
  GC_CHECK(!a.empty() && !b.empty());
  Estimate out{std::min(a.size(), b.size()), mean_of(b) - mean_of(a), {}, {}};
  if (out.count < 2) return out;
  const double va = variance(a) / static_cast<double>(a.size());
  const double vb = variance(b) / static_cast<double>(b.size());
  const double spread = va * va / static_cast<double>(a.size() - 1) + vb * vb / static_cast<double>(b.size() - 1);
  const double freedom = spread > 0 ? (va + vb) * (va + vb) / spread : 1e6;
  const Resampler left(a);
  const Resampler right(b);
  interval(out, freedom, seed, [&](auto& random) { return right.draw(random) - left.draw(random); });
  return out;
}

std::optional<double> hedges_g(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() < 2 || b.size() < 2) return std::nullopt;
  const auto na = static_cast<double>(a.size());
  const auto nb = static_cast<double>(b.size());
  const double pooled = ((na - 1) * variance(a) + (nb - 1) * variance(b)) / (na + nb - 2);
  if (pooled <= 0) return std::nullopt;
  const double correction = 1 - 3 / (4 * (na + nb) - 9);
  return correction * (mean_of(b) - mean_of(a)) / std::sqrt(pooled);
}

double share_larger(const std::vector<double>& a, const std::vector<double>& b) {
  GC_CHECK(!a.empty() && !b.empty());
  double larger = 0;
  for (const double x : a) {
    for (const double y : b) larger += y > x ? 1.0 : y == x ? 0.5 : 0.0;
  }
  return larger / static_cast<double>(a.size() * b.size());
}

}  // namespace geocommit::compare
