#include "measure/prediction.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "base/check.h"

namespace geocommit {
namespace {

constexpr double kLockWaitShareMax = 0.01;
constexpr std::size_t kDrawsLeast = 2'000;  // Of each origin.

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

class Predictor {
 public:
  explicit Predictor(const PredictionInput& input) : in_(input), directory_(*input.directory) {}

  Prediction predict() {
    std::vector<RegionId> origins = in_.origins;
    for (std::uint32_t r = 0; in_.origins.empty() && r < directory_.region_count(); ++r) {
      origins.push_back(RegionId{r});
    }
    const std::size_t draws = std::max(in_.draws / origins.size(), kDrawsLeast);
    for (const RegionId origin : origins) {
      Generator generator(in_.workload, directory_, origin, in_.seed);
      for (std::size_t i = 0; i < draws; ++i) {
        add(generator.next().request);
      }
    }
    return {commit_.summary(), hold_.summary(), doubt_.summary(), client_.summary(), costs(), {}};
  }

 private:
  [[nodiscard]] Duration round_trip(RegionId a, RegionId b) const {
    return in_.one_way[a.value][b.value] + in_.one_way[b.value][a.value];
  }

  void add(const Request& request) {
    Route route = in_.protocol->route(request, directory_);
    route.coordinator_region = in_.coordinator.value_or(route.coordinator_region);
    add_costs(route);
    Geometry geometry;
    geometry.force = in_.force;
    geometry.read_at_one_site =
        route.sites.size() == 1 && std::all_of(request.operations.begin(), request.operations.end(),
                                               [](const Operation& operation) { return operation.read; });
    for (const SiteWork& work : route.sites) {
      const RegionId region = directory_.region_of(work.site);
      geometry.round_trips.push_back(round_trip(route.coordinator_region, region));
      std::vector<Duration>& to_others = geometry.between.emplace_back();
      for (const SiteWork& other : route.sites) {
        to_others.push_back(round_trip(region, directory_.region_of(other.site)));
      }
    }
    if (!in_.protocol->is_router()) {  // A router's machines are as standard.
      geometry.options = in_.options;
    }
    const Timing timing = in_.protocol->timing(geometry);
    const auto sites = static_cast<double>(route.sites.size());
    commit_.add(timing.commit_latency, 1);
    hold_.add(timing.lock_hold.value_or(Duration{}), timing.lock_hold ? sites : 0);
    doubt_.add(timing.in_doubt.value_or(Duration{}), timing.in_doubt ? sites : 0);
    const RegionId origin = request.origin;
    const Duration forwarded =
        route.coordinator_region == origin ? Duration{} : round_trip(origin, route.coordinator_region);
    client_.add(round_trip(origin, origin) + forwarded + timing.commit_latency, 1);
  }

  void add_costs(const Route& route) {
    const bool writes = std::all_of(route.sites.begin(), route.sites.end(), [](const SiteWork& work) {
      return std::any_of(work.operations.begin(), work.operations.end(),
                         [](const Operation& one) { return !one.read; });
    });
    if (!writes) {
      return;
    }
    const CostRow row = in_.protocol->commit_cost(static_cast<std::uint32_t>(route.sites.size()));
    ++counted_;
    sum_.messages += row.messages;
    sum_.forced_writes += row.forced_writes;
    sum_.delays_to_decision += row.delays_to_decision;
  }
  [[nodiscard]] std::optional<Prediction::Costs> costs() const {
    if (counted_ == 0) {
      return std::nullopt;
    }
    const auto of = static_cast<double>(counted_);
    return Prediction::Costs{sum_.messages / of, sum_.forced_writes / of, sum_.delays_to_decision / of};
  }

  const PredictionInput& in_;
  const Directory& directory_;
  Prediction::Costs sum_;
  std::size_t counted_{};
  Mixture commit_, hold_, doubt_, client_;
};

std::string objection(const PredictionInput& in) {
  if (in.faults) {
    return "the run has faults";
  }
  if (in.jitter) {
    return "the topology has jitter";
  }
  if (in.lock_wait_share > kLockWaitShareMax) {
    return "more than 1 % of the transactions waited for locks";
  }
  return {};
}

}  // namespace

Prediction predict(const PredictionInput& input) {
  GC_CHECK(input.directory != nullptr && input.protocol != nullptr &&
           input.one_way.size() == input.directory->region_count());
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
