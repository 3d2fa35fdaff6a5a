#include "workload/random.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/check.h"

namespace geocommit {
namespace {

std::uint64_t splitmix(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15ULL;
  std::uint64_t z = state;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31U);
}

constexpr double kLn2High = 0x1.62e42fefa0000p-1;  // its low 17 bits are zero: a product with an exponent is exact
constexpr double kLn2Low = 0x1.cf79abc9e3b3ap-40;
constexpr double kLog2E = 0x1.71547652b82fep+0;

/// (e^x - 1) / x, smooth at 0.
double expm1_over(double x) {
  if (std::abs(x) > 1e-2) {
    return (portable_exp(x) - 1.0) / x;
  }
  return 1.0 + x / 2 * (1.0 + x / 3 * (1.0 + x / 4 * (1.0 + x / 5 * (1.0 + x / 6 * (1.0 + x / 7)))));
}

/// log(1 + x) / x, smooth at 0.
double log1p_over(double x) {
  if (std::abs(x) > 1e-2) {
    return portable_log(1.0 + x) / x;
  }
  double sum = 0.0;
  for (int k = 9; k >= 1; --k) {
    sum = 1.0 / k - x * sum;
  }
  return sum;
}

}  // namespace

double portable_log(double x) {
  int exponent = 0;
  double m = std::frexp(x, &exponent);  // exact: m in [0.5, 1)
  if (m < 0x1.6a09e667f3bcdp-1) {       // below sqrt(1/2)
    m *= 2;
    --exponent;
  }
  // log m = 2 atanh(s), |s| <= 0.172: twelve terms reach the last place.
  const double s = (m - 1.0) / (m + 1.0);
  const double s2 = s * s;
  double sum = 0.0;
  for (int k = 25; k >= 1; k -= 2) {
    sum = 1.0 / k + s2 * sum;
  }
  return exponent * kLn2High + (exponent * kLn2Low + 2.0 * s * sum);
}

double portable_exp(double x) {
  const double k = std::floor(x * kLog2E + 0.5);
  const double r = (x - k * kLn2High) - k * kLn2Low;  // |r| <= 0.35
  double sum = 1.0;
  for (int i = 16; i >= 1; --i) {
    sum = 1.0 + r / i * sum;
  }
  return std::ldexp(sum, static_cast<int>(k));  // exact
}

Random::Random(std::uint64_t seed, std::uint64_t stream) : state_{} {
  std::uint64_t mix = stream ^ 0x6a09e667f3bcc908ULL;
  std::uint64_t state = seed ^ splitmix(mix);
  for (auto& word : state_) {
    word = splitmix(state);
  }
}

std::uint64_t Random::next() {
  auto& s = state_;
  const std::uint64_t result = std::rotl(s[0] + s[3], 23) + s[0];
  const std::uint64_t t = s[1] << 17U;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = std::rotl(s[3], 45);
  return result;
}

std::uint64_t Random::below(std::uint64_t bound) {
  GC_CHECK(bound > 0);
  // The lowest 2^64 mod bound values are refused, so that every remainder is equally likely. Ends with probability 1;
  // each round refuses with probability < 1/2.
  const std::uint64_t refuse = (0 - bound) % bound;
  std::uint64_t x = next();
  while (x < refuse) {
    x = next();
  }
  return x % bound;
}

double Random::unit() { return static_cast<double>(next() >> 11U) * 0x1.0p-53; }

bool Random::chance(double probability) { return unit() < probability; }

double Random::exponential() {
  // Runs of descending uniforms: a run of odd length ends the search, and its first value is the fractional part.
  for (double whole = 0.0;; whole += 1.0) {
    const double first = unit();
    double last = first;
    bool odd = true;
    for (double u = unit(); u < last; u = unit()) {
      last = u;
      odd = !odd;
    }
    if (odd) {
      return whole + first;
    }
  }
}

Zipf::Zipf(std::uint64_t n, double theta) : n_(n), theta_(theta) {
  GC_CHECK(n > 0 && theta > 0);
  from_ = hat_integral(1.5) - 1.0;
  to_ = hat_integral(static_cast<double>(n) + 0.5);
  accept_ = 2.0 - hat_integral_inverse(hat_integral(2.5) - hat(2.0));
}

double Zipf::hat(double x) const { return portable_exp(-theta_ * portable_log(x)); }

double Zipf::hat_integral(double x) const {
  const double log_x = portable_log(x);
  return expm1_over((1.0 - theta_) * log_x) * log_x;
}

double Zipf::hat_integral_inverse(double y) const {
  // Rounding may carry it just past -1, where the logarithm ends.
  const double t = std::max(y * (1.0 - theta_), -1.0 + 0x1.0p-40);
  return portable_exp(log1p_over(t) * y);
}

std::uint64_t Zipf::operator()(Random& random) const {
  // Refuses a few per cent of the candidates at most.
  for (;;) {
    const double u = to_ + random.unit() * (from_ - to_);
    const double x = hat_integral_inverse(u);
    const double k = std::clamp(std::floor(x + 0.5), 1.0, static_cast<double>(n_));
    if (k - x <= accept_ || u >= hat_integral(k + 0.5) - hat(k)) {
      return static_cast<std::uint64_t>(k);
    }
  }
}

}  // namespace geocommit
