// What happens to a packet on one directed link: loss, queue limit, serialisation at the link's rate, delay and jitter,
// in that order, as tc-netem does, but first in, first out also under jitter. Pure: time is passed in, randomness is
// seeded.
#pragma once

#include <cstdint>

#include "wan/topology.h"

namespace geocommit {

/// SplitMix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators", figure 17): small and
/// seedable.
class LinkRandom {
 public:
  explicit LinkRandom(std::uint64_t seed) : state_(seed) {}
  [[nodiscard]] std::uint64_t next();
  [[nodiscard]] double uniform();  ///< in [0, 1)

 private:
  std::uint64_t state_;
};

/// A sample with mean about 0 and deviation about 1 (uniform: half width 1). normal is cut at 4 deviations; the Pareto
/// shape is netem's, ((1-u)^(-1/3) - 1.5) x 4/3; paretonormal mixes a quarter of normal with three of Pareto.
[[nodiscard]] double jitter_sample(JitterDistribution distribution, LinkRandom& random);

class LinkModel {
 public:
  enum class Fate { deliver, cut, lost, queue_full };
  struct Admission {
    Fate fate;
    std::int64_t due_ns;  ///< when to deliver; only for Fate::deliver
  };

  LinkModel(const LinkSpec& spec, std::uint64_t seed) : spec_(spec), limit_(queue_limit(spec)), random_(seed) {}

  /// Takes effect for packets admitted from now on; those in flight keep their due time (but see arrive()).
  void change(const LinkSpec& spec);
  [[nodiscard]] const LinkSpec& spec() const { return spec_; }

  /// A packet of `bytes` leaves at `now_ns`. `advance_ns` is taken off the delay (never below zero): the constant cost
  /// of waking up, which the delay would otherwise be too long by.
  [[nodiscard]] Admission admit(std::int64_t now_ns, std::uint32_t bytes, std::int64_t advance_ns);
  /// An admitted packet's time has come: true if it is delivered, false if the link is down now.
  [[nodiscard]] bool arrive();
  [[nodiscard]] std::uint32_t in_flight() const { return in_flight_; }

 private:
  LinkSpec spec_;
  std::uint32_t limit_;
  std::uint32_t in_flight_ = 0;
  std::int64_t last_due_ns_ = 0;    // FIFO: no packet is due before its predecessor
  std::int64_t busy_until_ns_ = 0;  // when the last admitted packet's last bit leaves
  LinkRandom random_;
};

}  // namespace geocommit
