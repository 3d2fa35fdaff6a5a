#include "measure/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>

#include "base/check.h"

namespace geocommit {
namespace {

// Values below 2^9 have a bucket each; after that each power of two has 2^9 buckets. The last power is [2^43, 2^44) ns,
// about 8,800 - 17,600 s.
constexpr std::uint32_t kSubBits = 9;
constexpr std::uint32_t kSub = 1U << kSubBits;
constexpr std::uint32_t kLastPower = 43;
constexpr std::uint32_t kBuckets = kSub * (kLastPower - kSubBits + 2);
constexpr std::uint64_t kTooLarge = std::uint64_t{1} << (kLastPower + 1);

std::uint32_t index_of(std::uint64_t ns) {
  if (ns >= kTooLarge) {
    return kBuckets - 1;
  }
  if (ns < kSub) {
    return static_cast<std::uint32_t>(ns);
  }
  const auto power = static_cast<std::uint32_t>(std::bit_width(ns)) - 1;
  const auto sub = static_cast<std::uint32_t>(ns >> (power - kSubBits)) - kSub;
  return kSub * (power - kSubBits + 1) + sub;
}

std::uint64_t lower_ns(std::uint32_t index) {
  if (index < kSub) {
    return index;
  }
  const std::uint32_t shift = index / kSub - 1;
  return std::uint64_t{kSub + index % kSub} << shift;
}

std::uint64_t to_ns(Duration value) { return value.count() < 0 ? 0 : static_cast<std::uint64_t>(value.count()); }
Duration from_ns(std::uint64_t ns) { return Duration{static_cast<Duration::rep>(ns)}; }

}  // namespace

void Histogram::record(Duration value, std::uint64_t count) {
  if (count == 0) {
    return;
  }
  const std::uint64_t ns = to_ns(value);
  const std::uint32_t index = index_of(ns);
  if (index >= counts_.size()) {
    counts_.resize(index + 1);
  }
  counts_[index] += count;
  if (ns >= kTooLarge) {
    clamped_ += count;
  }
  const Duration exact = from_ns(ns);
  min_ = count_ == 0 ? exact : std::min(min_, exact);
  max_ = std::max(max_, exact);
  count_ += count;
  sum_ns_ += static_cast<double>(ns) * static_cast<double>(count);
}

void Histogram::merge(const Histogram& other) {
  if (other.count_ == 0) {
    return;
  }
  if (counts_.size() < other.counts_.size()) {
    counts_.resize(other.counts_.size());
  }
  for (std::size_t i = 0; i < other.counts_.size(); ++i) {
    counts_[i] += other.counts_[i];
  }
  min_ = count_ == 0 ? other.min_ : std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
  count_ += other.count_;
  clamped_ += other.clamped_;
  sum_ns_ += other.sum_ns_;
}

double Histogram::mean_ns() const { return count_ == 0 ? 0.0 : sum_ns_ / static_cast<double>(count_); }

Duration Histogram::quantile(double q) const {
  if (count_ == 0) {
    return Duration{0};
  }
  // The smallest value with at least ceil(q * count) values at or below it. The subtraction keeps 0.9 * 10 at 9.
  const double wanted = std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(count_) - 1e-9);
  const auto rank = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(std::max(wanted, 1.0)), 1, count_);
  if (rank == count_) {
    return max_;  // known exactly
  }
  std::uint64_t seen = 0;
  for (std::uint32_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= rank) {
      const std::uint64_t lower = lower_ns(i);
      const std::uint64_t width = lower_ns(i + 1) - lower;
      return std::clamp(from_ns(lower + width / 2), min_, max_);
    }
  }
  return max_;
}

std::uint64_t Histogram::count_at_or_below(Duration bound) const {
  if (bound.count() < 0) {
    return 0;
  }
  if (bound >= max_) {
    return count_;
  }
  const std::size_t end = std::min<std::size_t>(counts_.size(), index_of(to_ns(bound)) + std::size_t{1});
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < end; ++i) {
    sum += counts_[i];
  }
  return sum;
}

std::vector<std::pair<std::uint32_t, std::uint64_t>> Histogram::buckets() const {
  std::vector<std::pair<std::uint32_t, std::uint64_t>> out;
  for (std::uint32_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] != 0) {
      out.emplace_back(i, counts_[i]);
    }
  }
  return out;
}

Duration Histogram::bucket_lower(std::uint32_t index) {
  GC_CHECK(index < kBuckets);
  return from_ns(lower_ns(index));
}

Duration Histogram::bucket_upper(std::uint32_t index) {
  GC_CHECK(index < kBuckets);
  return from_ns(lower_ns(index + 1));
}

bool Histogram::restore(const std::vector<std::pair<std::uint32_t, std::uint64_t>>& buckets, Duration min, Duration max,
                        double sum_ns, std::uint64_t clamped) {
  *this = Histogram{};
  if (buckets.empty()) {
    return min.count() == 0 && max.count() == 0 && sum_ns == 0.0 && clamped == 0;
  }
  std::uint64_t count = 0;
  double least = 0.0;
  double most = 0.0;
  std::int64_t previous = -1;
  for (const auto& [index, n] : buckets) {
    if (index >= kBuckets || static_cast<std::int64_t>(index) <= previous || n == 0 || count + n < count) {
      return false;
    }
    previous = index;
    count += n;
    least += static_cast<double>(lower_ns(index)) * static_cast<double>(n);
    most += static_cast<double>(lower_ns(index + 1)) * static_cast<double>(n);
  }
  const std::uint32_t first = buckets.front().first;
  const std::uint32_t last = buckets.back().first;
  const bool bounds = min.count() >= 0 && min <= max && index_of(to_ns(min)) == first && index_of(to_ns(max)) == last;
  const bool overflow = to_ns(max) >= kTooLarge;
  const std::uint64_t in_last = last == kBuckets - 1 ? buckets.back().second : 0;
  const bool clamp_agrees = clamped <= in_last && overflow == (clamped > 0);
  most += static_cast<double>(to_ns(max)) * static_cast<double>(clamped);
  // One part in 10^6: the sum was accumulated in floating point.
  const bool sum_agrees = std::isfinite(sum_ns) && sum_ns >= least * (1 - 1e-6) && sum_ns <= most * (1 + 1e-6);
  if (!bounds || !clamp_agrees || !sum_agrees) {
    return false;
  }
  counts_.assign(std::size_t{last} + 1, 0);
  for (const auto& [index, n] : buckets) {
    counts_[index] = n;
  }
  count_ = count;
  clamped_ = clamped;
  min_ = min;
  max_ = max;
  sum_ns_ = sum_ns;
  return true;
}

}  // namespace geocommit
