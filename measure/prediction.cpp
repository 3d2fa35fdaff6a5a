#include "measure/prediction.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>
#include <utility>

#include "base/check.h"
#include "protocols/registry.h"

namespace geocommit {
namespace {

constexpr double kLockWaitShareMax = 0.01;
constexpr std::uint32_t kParticipantsMax = 256;

/// A weighted set of values.
class Mixture {
 public:
  void add(Duration value, double weight) {
    if (weight > 0) {
      weights_[value] += weight;
    }
  }
  [[nodiscard]] std::optional<Predicted> summary() const {
    double total = 0;
    double sum = 0;
    for (const auto& [value, weight] : weights_) {
      total += weight;
      sum += weight * static_cast<double>(value.count());
    }
    if (total <= 0) {
      return std::nullopt;
    }
    return Predicted{quantile(0.45 * total), quantile(0.50 * total), quantile(0.55 * total),
                     Duration{static_cast<Duration::rep>(std::llround(sum / total))}};
  }

 private:
  /// The smallest value at or below which that much weight lies.
  [[nodiscard]] Duration quantile(double wanted) const {
    double seen = 0;
    for (const auto& [value, weight] : weights_) {
      seen += weight;
      if (seen >= wanted - 1e-12) {
        return value;
      }
    }
    return weights_.rbegin()->first;
  }
  std::map<Duration, double> weights_;
};

/// Transactions of one kind: their coordinator is `slowest` away from the farthest participant.
struct Case {
  double probability{};
  Duration slowest{};     // max RTT_i
  double participants{};  // how many sites
  Duration forwarded{};   // RTT between the origin's coordinator and the deciding one
};

/// How the entities of a transaction spread: over how many of the origin's sites, over how many other regions, and over
/// how many sites of those.
using Spread = std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>;

/// Every entity is at the origin with probability `local`, else in a region drawn uniformly from the others; and at
/// any of a region's sites alike. By symmetry the numbers are all that matters, and they form a Markov chain.
std::map<Spread, double> spread_of(std::uint32_t entities, double local, std::uint32_t others, std::uint32_t sites) {
  std::map<Spread, double> now{{{0, 0, 0}, 1.0}};
  const double home = others == 0 ? 1.0 : local;
  const double per_region = sites;
  for (std::uint32_t i = 0; i < entities; ++i) {
    std::map<Spread, double> next;
    for (const auto& [spread, p] : now) {
      const auto [a, k, m] = spread;
      const auto go = [&next, p = p](Spread to, double q) {
        if (q > 0) {
          next[to] += p * q;
        }
      };
      go({a + 1, k, m}, home * (per_region - a) / per_region);
      go({a, k, m}, home * a / per_region);
      if (others > 0) {
        const double all = per_region * others;
        const double away = 1.0 - home;
        go({a, k + 1, m + 1}, away * (others - k) / others);
        go({a, k, m + 1}, away * (per_region * k - m) / all);
        go({a, k, m}, away * m / all);
      }
    }
    now = std::move(next);
  }
  return now;
}

class Predictor {
 public:
  explicit Predictor(const PredictionInput& input)
      : in_(input), directory_(*input.directory), protocol_(*find_protocol(input.protocol)) {}

  Prediction predict() {
    std::vector<RegionId> origins = in_.origins;
    if (origins.empty()) {
      for (std::uint32_t r = 0; r < directory_.region_count(); ++r) {
        origins.push_back(RegionId{r});
      }
    }
    for (const RegionId origin : origins) {
      // Transactions that have a single account to touch move nothing, but write.
      for (const Case& c : cases(origin, false)) {
        add(origin, c, 1.0 - in_.workload.reads, false);
      }
      for (const Case& c : cases(origin, true)) {
        add(origin, c, in_.workload.reads, true);
      }
    }
    return {commit_.summary(), hold_.summary(), doubt_.summary(), client_.summary(), {}};
  }

 private:
  [[nodiscard]] Duration rtt(RegionId a, RegionId b) const {
    return in_.one_way[a.value][b.value] + in_.one_way[b.value][a.value];
  }

  void add(RegionId origin, const Case& c, double share, bool read) {
    const double weight = c.probability * share;
    const Duration w = in_.force;
    Duration t = c.slowest;
    if (!read || c.participants > 1) {  // A read at one site lets go with its vote.
      t = in_.protocol == "3pc" ? 2 * (c.slowest + w) + 2 * w : c.slowest + 2 * w;
      doubt_.add(t - w, weight * c.participants);
      hold_.add(t, weight * c.participants);
    }
    commit_.add(t, weight);
    client_.add(rtt(origin, origin) + c.forwarded + t, weight);
  }

  [[nodiscard]] std::vector<Case> cases(RegionId origin, bool read) const {
    if (directory_.placement() == Placement::partitioned) {
      return partitioned(origin);
    }
    return protocol_.ships_to_replicas ? homes(origin) : copies(origin, read);
  }

  /// 2PC and 3PC over every copy; a read takes the origin's.
  [[nodiscard]] std::vector<Case> copies(RegionId origin, bool read) const {
    std::vector<Case> out;
    const std::uint32_t regions = read ? 1 : directory_.region_count();
    Duration slowest = rtt(origin, origin);
    for (std::uint32_t r = 0; !read && r < regions; ++r) {
      slowest = std::max(slowest, rtt(origin, RegionId{r}));
    }
    // How many site indices are touched does not depend on where the homes are: as if there were one region.
    for (const auto& [spread, p] : spread_of(entities(), 1.0, 0, directory_.sites_per_region())) {
      out.push_back({p, slowest, double(std::get<0>(spread)) * regions, Duration{0}});
    }
    return out;
  }

  [[nodiscard]] std::vector<Case> homes(RegionId origin) const {
    std::vector<Case> out;
    const std::uint32_t others = directory_.region_count() - 1;
    for (const auto& [spread, p] : spread_of(entities(), in_.workload.local, others, directory_.sites_per_region())) {
      const auto [at_origin, regions, sites] = spread;
      add_cohorts(origin, p, at_origin > 0, regions, at_origin + sites, out);
    }
    return out;
  }

  [[nodiscard]] std::vector<Case> partitioned(RegionId origin) const {
    std::vector<Case> out;
    const std::uint32_t per_region = directory_.sites_per_region();
    const std::uint32_t others = directory_.region_count() - 1;
    const std::uint32_t p = in_.workload.participants;
    const double local = others == 0 ? 1.0 : in_.workload.local;
    add_cohorts(origin, local, true, 0, std::min(p, per_region), out);
    if (p == 1) {
      add_cohorts(origin, 1.0 - local, false, 1, 1, out);
    } else {
      add_cohorts(origin, 1.0 - local, true, std::min(p - 1, others), std::min(p, per_region * (others + 1)), out);
    }
    return out;
  }

  /// Cohorts of `count` other regions, every such set alike, and perhaps the origin.
  void add_cohorts(RegionId origin, double probability, bool with_origin, std::uint32_t count, double participants,
                   std::vector<Case>& out) const {
    if (probability <= 0) {
      return;
    }
    if (count == 0) {
      out.push_back({probability, rtt(origin, origin), participants, Duration{0}});
      return;
    }
    std::vector<std::pair<Duration, RegionId>> far;
    for (std::uint32_t r = 0; r < directory_.region_count(); ++r) {
      if (r != origin.value) {
        far.emplace_back(rtt(origin, RegionId{r}), RegionId{r});
      }
    }
    std::sort(far.begin(), far.end());
    const auto n = static_cast<std::uint32_t>(far.size());
    if (count == 1 && !with_origin && goes_home()) {
      for (const auto& [distance, region] : far) {
        out.push_back({probability / n, rtt(region, region), participants, distance});
      }
      return;
    }
    // P(the i-th nearest is the farthest of the set) = C(i-1, count-1) / C(n, count), from the far end.
    double left = 1.0;
    for (std::uint32_t i = n; i >= count; --i) {
      const double here = left * count / i;  // the i-th is in, given that none beyond it is
      const Duration slowest = with_origin ? std::max(far[i - 1].first, rtt(origin, origin)) : far[i - 1].first;
      out.push_back({probability * here, slowest, participants, Duration{0}});
      left -= here;
    }
  }

  /// A request for one other region is forwarded to that region's coordinator.
  [[nodiscard]] bool goes_home() const { return protocol_.is_router(); }

  [[nodiscard]] std::uint32_t entities() const {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(in_.workload.participants, directory_.entity_count()));
  }

  const PredictionInput& in_;
  const Directory& directory_;
  const Protocol& protocol_;
  Mixture commit_, hold_, doubt_, client_;
};

std::string objection(const PredictionInput& in) {
  if (in.protocol != "2pc" && in.protocol != "3pc" && in.protocol != "home-region") {
    return "there is no closed form for " + in.protocol;
  }
  if (in.faults) {
    return "the run has faults";
  }
  if (in.jitter) {
    return "the topology has jitter";
  }
  if (in.lock_wait_share > kLockWaitShareMax) {
    return "more than 1 % of the transactions waited for locks";
  }
  if (in.workload.participants > kParticipantsMax) {
    return "more than " + std::to_string(kParticipantsMax) + " participants";
  }
  return {};
}

}  // namespace

Prediction predict(const PredictionInput& input) {
  GC_CHECK(input.directory != nullptr && input.one_way.size() == input.directory->region_count());
  for (const auto& row : input.one_way) {
    GC_CHECK(row.size() == input.one_way.size());
  }
  if (std::string why = objection(input); !why.empty()) {
    Prediction none;
    none.why_not = std::move(why);
    return none;
  }
  return Predictor(input).predict();
}

}  // namespace geocommit
