#include "wan/link_model.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace geocommit {

std::uint64_t LinkRandom::next() {
  state_ += 0x9e3779b97f4a7c15ULL;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

double LinkRandom::uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

namespace {

double normal_sample(LinkRandom& random) {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - random.uniform()));
  return std::clamp(radius * std::cos(2.0 * std::numbers::pi * random.uniform()), -4.0, 4.0);
}

double pareto_sample(LinkRandom& random) { return (std::pow(1.0 - random.uniform(), -1.0 / 3.0) - 1.5) * 4.0 / 3.0; }

}  // namespace

double jitter_sample(JitterDistribution distribution, LinkRandom& random) {
  switch (distribution) {
    case JitterDistribution::normal:
      return normal_sample(random);
    case JitterDistribution::uniform:
      return 2.0 * random.uniform() - 1.0;
    case JitterDistribution::pareto:
      return pareto_sample(random);
    case JitterDistribution::paretonormal:
      return 0.25 * normal_sample(random) + 0.75 * pareto_sample(random);
  }
  GC_CHECK(false);
}

void LinkModel::change(const LinkSpec& spec) {
  spec_ = spec;
  limit_ = queue_limit(spec);
}

LinkModel::Admission LinkModel::admit(std::int64_t now_ns, std::uint32_t bytes, std::int64_t advance_ns) {
  if (!spec_.up) return {Fate::cut, 0};
  if (spec_.loss > 0 && random_.uniform() < spec_.loss) return {Fate::lost, 0};
  if (in_flight_ >= limit_) return {Fate::queue_full, 0};
  std::int64_t leaves = now_ns;
  if (spec_.rate_bits_per_second > 0) {
    const double bits = 8.0 * static_cast<double>(bytes);
    const double seconds = bits / static_cast<double>(spec_.rate_bits_per_second);
    leaves = std::max(now_ns, busy_until_ns_) + static_cast<std::int64_t>(seconds * 1e9);
    busy_until_ns_ = leaves;
  }
  std::int64_t delay = spec_.delay.count();
  if (spec_.jitter > Duration{0}) {
    const double sample = jitter_sample(spec_.distribution, random_);
    delay += static_cast<std::int64_t>(static_cast<double>(spec_.jitter.count()) * sample);
  }
  delay = std::max<std::int64_t>(delay - advance_ns, 0);
  last_due_ns_ = std::max(leaves + delay, last_due_ns_);
  ++in_flight_;
  return {Fate::deliver, last_due_ns_};
}

bool LinkModel::arrive() {
  GC_CHECK(in_flight_ > 0);
  --in_flight_;
  return spec_.up;
}

}  // namespace geocommit
