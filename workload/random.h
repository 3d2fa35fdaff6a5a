// Random numbers whose every bit is ours: the same stream on any compiler, library and optimisation level. Used by the
// workload; nothing here is for secrets.
#pragma once

#include <array>
#include <cstdint>

namespace geocommit {

/// xoshiro256++ 1.0 (Blackman, Vigna: Scrambled Linear Pseudorandom Number Generators, ACM TOMS 2021), its state filled
/// by splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014), as its authors
/// advise. Written from the papers.
class Random {
 public:
  /// Different (seed, stream) pairs give unrelated sequences.
  Random(std::uint64_t seed, std::uint64_t stream);
  /// The generator's own state, not all zero: for comparison with published outputs.
  explicit Random(const std::array<std::uint64_t, 4>& state) : state_(state) {}

  [[nodiscard]] std::uint64_t next();
  /// Uniform in [0, bound), without bias; bound > 0.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound);
  /// Uniform in [0, 1), a multiple of 2^-53.
  [[nodiscard]] double unit();
  /// True with this probability; never for <= 0, always for >= 1.
  [[nodiscard]] bool chance(double probability);
  /// Exponential with mean 1, by comparisons alone (von Neumann, Various techniques used in connection with random
  /// digits, 1951), so that no library's logarithm shows in the stream.
  [[nodiscard]] double exponential();

 private:
  std::array<std::uint64_t, 4> state_;
};

/// Ranks 1 .. n with P(k) proportional to k^-theta, theta > 0, by rejection-inversion (Hoermann, Derflinger:
/// Rejection-inversion to generate variates from monotone discrete distributions, ACM TOMACS 1996): exact, constant
/// time, no table. theta = 1 is not special.
class Zipf {
 public:
  Zipf(std::uint64_t n, double theta);
  [[nodiscard]] std::uint64_t operator()(Random& random) const;
  [[nodiscard]] std::uint64_t n() const { return n_; }

 private:
  [[nodiscard]] double hat(double x) const;           // x^-theta
  [[nodiscard]] double hat_integral(double x) const;  // its integral from 1
  [[nodiscard]] double hat_integral_inverse(double y) const;

  std::uint64_t n_;
  double theta_;
  double from_{}, to_{}, accept_{};
};

/// log and exp of plain IEEE arithmetic, within a few units in the last place; the library's may differ by platform.
[[nodiscard]] double portable_log(double x);  ///< x > 0, finite.
[[nodiscard]] double portable_exp(double x);  ///< |x| < 700.

}  // namespace geocommit
