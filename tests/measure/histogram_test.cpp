#include "measure/histogram.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

using namespace geocommit;

namespace {

/// Log-uniform over nine orders of magnitude, so that every bucket size is met.
std::vector<Duration> sample(std::uint64_t seed, std::size_t n) {
  std::mt19937_64 random(seed);
  std::vector<Duration> values;
  for (std::size_t i = 0; i < n; ++i) {
    const double u = static_cast<double>(random() >> 11U) * 0x1.0p-53;
    values.push_back(Duration{static_cast<Duration::rep>(std::exp(u * std::log(1e12)))});
  }
  return values;
}

void require_same(const Histogram& a, const Histogram& b) {
  CHECK(a.count() == b.count());
  CHECK(a.clamped() == b.clamped());
  CHECK(a.min() == b.min());
  CHECK(a.max() == b.max());
  CHECK(a.sum_ns() == Approx(b.sum_ns()).epsilon(1e-12));
  CHECK(a.buckets() == b.buckets());
}

}  // namespace

TEST_CASE("an empty histogram answers zero") {
  const Histogram h;
  CHECK(h.count() == 0);
  CHECK(h.quantile(0.5) == Duration{0});
  CHECK(h.mean_ns() == 0.0);
  CHECK(h.count_at_or_below(1h) == 0);
  CHECK(h.buckets().empty());
}

TEST_CASE("merging parts gives what recording everything gives") {
  const auto seed = GENERATE(1U, 2U, 3U, 4U);
  const auto values = sample(seed, 5000);
  Histogram all;
  std::vector<Histogram> parts(7);
  for (std::size_t i = 0; i < values.size(); ++i) {
    all.record(values[i]);
    parts[(i * seed) % parts.size()].record(values[i]);
  }
  Histogram merged;
  for (const auto& part : parts) {
    merged.merge(part);
  }
  require_same(merged, all);
  merged.merge(Histogram{});
  require_same(merged, all);
}

TEST_CASE("every quantile is within 0.2 % of the exact one") {
  const auto seed = GENERATE(11U, 12U, 13U);
  auto values = sample(seed, 4000);
  Histogram h;
  for (const auto value : values) {
    h.record(value);
  }
  std::sort(values.begin(), values.end());
  for (const double q : {0.0, 0.001, 0.01, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 1.0}) {
    const auto rank = std::max<std::size_t>(1, static_cast<std::size_t>(std::ceil(q * 4000.0 - 1e-9)));
    const double exact = static_cast<double>(values[rank - 1].count());
    INFO("q " << q);
    CHECK(std::abs(static_cast<double>(h.quantile(q).count()) - exact) <= exact * 0.002);
  }
  CHECK(h.quantile(1.0) == values.back());
}

TEST_CASE("the 90th percentile of ten values is the ninth") {
  Histogram h;
  for (int i = 1; i <= 10; ++i) {
    h.record(Duration{i});
  }
  CHECK(h.quantile(0.9) == Duration{9});
  CHECK(h.quantile(0.5) == Duration{5});
  CHECK(h.mean_ns() == Approx(5.5));
}

TEST_CASE("buckets tile the range without gaps and are at most 0.2 % wide") {
  for (std::uint32_t i = 0; i < 18431; ++i) {
    const auto lower = Histogram::bucket_lower(i);
    const auto upper = Histogram::bucket_upper(i);
    REQUIRE(upper == Histogram::bucket_lower(i + 1));
    if (i >= 512) {
      REQUIRE(static_cast<double>((upper - lower).count()) <= static_cast<double>(lower.count()) * 0.002);
    }
    Histogram h;
    if (i % 97 == 0) {
      h.record(lower);
      h.record(upper - Duration{1});
      REQUIRE(h.buckets().size() == 1);
      REQUIRE(h.buckets().front().first == i);
    }
  }
}

TEST_CASE("too large a value is clamped, counted, and its maximum kept") {
  Histogram h;
  h.record(1ms);
  h.record(std::chrono::hours{10}, 3);
  CHECK(h.clamped() == 3);
  CHECK(h.count() == 4);
  CHECK(h.max() == std::chrono::hours{10});
  h.record(Duration{-5});
  CHECK(h.min() == Duration{0});
}

TEST_CASE("cumulative counts are monotone and complete") {
  Histogram h;
  for (const auto value : sample(5, 1000)) {
    h.record(value);
  }
  std::uint64_t before = 0;
  for (Duration bound{1}; bound < 2000s; bound *= 2) {
    const auto now = h.count_at_or_below(bound);
    CHECK(now >= before);
    before = now;
  }
  CHECK(before == h.count());
  CHECK(h.count_at_or_below(h.max()) == h.count());
  CHECK(h.count_at_or_below(Duration{-1}) == 0);
}

TEST_CASE("restore is the inverse of buckets, and refuses nonsense") {
  Histogram h;
  for (const auto value : sample(6, 500)) {
    h.record(value);
  }
  const auto buckets = h.buckets();
  Histogram back;
  REQUIRE(back.restore(buckets, h.min(), h.max(), h.sum_ns(), h.clamped()));
  require_same(back, h);
  REQUIRE(Histogram{}.restore({}, Duration{0}, Duration{0}, 0, 0));

  const auto refused = [&](auto change) {
    auto b = buckets;
    auto min = h.min();
    auto max = h.max();
    auto sum = h.sum_ns();
    std::uint64_t clamped = 0;
    change(b, min, max, sum, clamped);
    Histogram r;
    r.record(1ms);
    const bool ok = r.restore(b, min, max, sum, clamped);
    return !ok && r.count() == 0 && r.buckets().empty();
  };
  CHECK(refused([](auto& b, auto&, auto&, auto&, auto&) { b.back().first = 18432; }));
  CHECK(refused([](auto& b, auto&, auto&, auto&, auto&) { std::swap(b[0], b[1]); }));
  CHECK(refused([](auto& b, auto&, auto&, auto&, auto&) { b.insert(b.begin(), b.front()); }));
  CHECK(refused([](auto& b, auto&, auto&, auto&, auto&) { b[3].second = 0; }));
  CHECK(refused([](auto& b, auto&, auto&, auto&, auto&) { b[3].second = std::numeric_limits<std::uint64_t>::max(); }));
  CHECK(refused([](auto&, auto& min, auto&, auto&, auto&) { min -= min / 10 + Duration{1}; }));
  CHECK(refused([](auto&, auto&, auto& max, auto&, auto&) { max += max / 10; }));
  CHECK(refused([](auto&, auto& min, auto& max, auto&, auto&) { std::swap(min, max); }));
  CHECK(refused([](auto&, auto&, auto&, auto& sum, auto&) { sum *= 2; }));
  CHECK(refused([](auto&, auto&, auto&, auto& sum, auto&) { sum = std::nan(""); }));
  CHECK(refused([](auto&, auto&, auto&, auto&, auto& clamped) { clamped = 1; }));
  CHECK(refused([](auto& b, auto&, auto&, auto&, auto&) { b.clear(); }));

  Histogram large;
  large.record(1s);
  large.record(std::chrono::hours{20}, 2);
  REQUIRE(back.restore(large.buckets(), large.min(), large.max(), large.sum_ns(), large.clamped()));
  require_same(back, large);
  CHECK_FALSE(back.restore(large.buckets(), large.min(), large.max(), large.sum_ns(), 0));
}
