// A histogram of lateness in the router's hot path: 5 % buckets from 1 us to 10 s, constant memory, no allocation.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

namespace geocommit {

class LatenessHistogram {
 public:
  void record(std::int64_t nanoseconds) {
    const double us = nanoseconds <= 0 ? 0.0 : static_cast<double>(nanoseconds) / 1000.0;
    if (us > max_us_) max_us_ = us;
    ++counts_[bucket_of(us)];
    ++total_;
  }
  void reset() { *this = LatenessHistogram{}; }
  [[nodiscard]] std::uint64_t count() const { return total_; }
  [[nodiscard]] double max_us() const { return max_us_; }
  /// Upper edge of the bucket that holds the quantile, at most max_us(); 0 without samples.
  [[nodiscard]] double quantile_us(double q) const {
    const double wanted = q * static_cast<double>(total_);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < kBuckets; ++i) {
      seen += counts_[i];
      if (seen > 0 && static_cast<double>(seen) >= wanted) {
        const double edge = std::pow(kGrowth, static_cast<double>(i));
        return edge < max_us_ ? edge : max_us_;
      }
    }
    return max_us_;
  }

 private:
  static constexpr double kGrowth = 1.05;
  static constexpr std::size_t kBuckets = 340;  // 1.05^339 us > 10 s
  static std::size_t bucket_of(double us) {
    if (us <= 1.0) return 0;
    static const double scale = 1.0 / std::log(kGrowth);
    const auto bucket = static_cast<std::size_t>(std::ceil(std::log(us) * scale));
    return bucket < kBuckets ? bucket : kBuckets - 1;
  }
  std::array<std::uint64_t, kBuckets> counts_{};
  std::uint64_t total_ = 0;
  double max_us_ = 0;
};

}  // namespace geocommit
