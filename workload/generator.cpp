#include "workload/generator.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <vector>

#include "base/check.h"
#include "workload/random.h"

namespace geocommit {
namespace {

// Streams of one (seed, origin): arrivals do not depend on what is asked for, and the other way round.
constexpr std::uint64_t kArrivals = 1;
constexpr std::uint64_t kContent = 2;
constexpr int kDistinctTries = 64;

struct Site {
  RegionId region;
  std::uint32_t index{};
};

}  // namespace

class Generator::Impl {
 public:
  Impl(const WorkloadSpec& spec, const Directory& directory, RegionId origin, std::uint64_t seed)
      : spec_(spec),
        directory_(directory),
        origin_(origin),
        arrivals_(seed, std::uint64_t{origin.value} << 8U | kArrivals),
        content_(seed, std::uint64_t{origin.value} << 8U | kContent) {
    GC_CHECK(spec.participants > 0 && origin.value < directory.region_count() && spec.amount_max > 0);
    GC_CHECK(spec.arrival == Arrival::closed || spec.rate_per_s > 0);
    if (spec.arrival == Arrival::fixed) {
      // A phase of its own, so that the origins do not march in step.
      clock_ns_ = static_cast<std::int64_t>(arrivals_.unit() * gap_ns());
    }
  }

  Planned next() {
    Planned planned;
    planned.intended_start = arrival();
    planned.request.origin = origin_;
    entities_.clear();
    const bool read = content_.chance(spec_.reads);
    if (directory_.placement() == Placement::replicated) {
      draw_replicated();
    } else {
      draw_partitioned();
    }
    std::sort(entities_.begin(), entities_.end());
    fill(planned.request, read);
    return planned;
  }

 private:
  [[nodiscard]] double gap_ns() const { return 1e9 / spec_.rate_per_s; }

  Duration arrival() {
    switch (spec_.arrival) {
      case Arrival::closed:
        return Duration{0};
      case Arrival::fixed:
        return Duration{clock_ns_ + static_cast<std::int64_t>(std::floor(static_cast<double>(count_++) * gap_ns()))};
      case Arrival::poisson:
        clock_ns_ += static_cast<std::int64_t>(std::floor(arrivals_.exponential() * gap_ns() + 0.5));
        return Duration{clock_ns_};
    }
    return Duration{0};
  }

  /// Popularity rank 0 .. n-1 by the key distribution, 0 the most popular.
  std::uint64_t rank(std::uint64_t n) {
    switch (spec_.keys) {
      case KeyDistribution::uniform:
        return content_.below(n);
      case KeyDistribution::zipfian: {
        // At most one per distinct population size: one or two.
        const auto zipf = zipf_.try_emplace(n, n, spec_.zipf_theta).first;
        return zipf->second(content_) - 1;
      }
      case KeyDistribution::hotspot: {
        const auto wanted = static_cast<std::uint64_t>(std::floor(spec_.hot_keys * static_cast<double>(n) + 0.5));
        const std::uint64_t hot = std::clamp<std::uint64_t>(wanted, 1, n);
        return hot == n || content_.chance(spec_.hot_share) ? content_.below(hot) : hot + content_.below(n - hot);
      }
    }
    return 0;
  }

  /// A fresh entity by popularity: after a bounded number of repeats the next free rank is taken, so it ends also when
  /// few are left. Nothing if all n are taken.
  template <class EntityOfRank>
  bool take(std::uint64_t n, EntityOfRank entity_of_rank) {
    if (n == 0) {
      return false;
    }
    std::uint64_t r = 0;
    for (int tries = 0; tries < kDistinctTries; ++tries) {
      r = rank(n);
      if (add(entity_of_rank(r))) {
        return true;
      }
    }
    // At most participants - 1 ranks are taken, so one more step than that finds a free one if there is one.
    for (std::uint64_t step = 1; step <= std::min<std::uint64_t>(n - 1, entities_.size()); ++step) {
      if (add(entity_of_rank((r + step) % n))) {
        return true;
      }
    }
    return false;
  }

  bool add(Entity entity) {
    if (std::find(entities_.begin(), entities_.end(), entity) != entities_.end()) {
      return false;
    }
    entities_.push_back(entity);
    return true;
  }

  bool take_homed_at(RegionId region) {
    const std::uint32_t sites = directory_.sites_per_region();
    const std::uint64_t n = directory_.entities_at(region, 0) * sites;
    return take(n, [&](std::uint64_t r) {
      return directory_.entity_at(region, static_cast<std::uint32_t>(r % sites), r / sites);
    });
  }

  bool take_at_site(Site site) {
    return take(directory_.entities_at(site.region, site.index),
                [&](std::uint64_t r) { return directory_.entity_at(site.region, site.index, r); });
  }

  RegionId other_region() {
    const std::uint32_t regions = directory_.region_count();
    if (regions == 1) {
      return origin_;
    }
    const auto drawn = static_cast<std::uint32_t>(content_.below(regions - 1));
    return RegionId{drawn + (drawn >= origin_.value ? 1 : 0)};
  }

  void draw_replicated() {
    for (std::uint32_t i = 0; i < spec_.participants; ++i) {
      const RegionId home = content_.chance(spec_.local) ? origin_ : other_region();
      bool taken = take_homed_at(home);
      // So few entities that this home has no more: the next region's.
      for (std::uint32_t step = 1; !taken && step < directory_.region_count(); ++step) {
        taken = take_homed_at(RegionId{(home.value + step) % directory_.region_count()});
      }
      if (!taken) {
        return;
      }
    }
  }

  void draw_partitioned() {
    sites_.clear();
    const bool local = content_.chance(spec_.local) || directory_.region_count() == 1;
    if (local) {
      append_sites(origin_, spec_.participants);
    } else {
      sites_of_several_regions();
    }
    // One entity a site; inside the origin the sites are used again when there are fewer than participants. A transfer
    // needs two accounts, so a single site gives two.
    const std::size_t wanted = local ? spec_.participants : sites_.size();
    for (std::size_t i = 0; i < std::max<std::size_t>(wanted, 2); ++i) {
      if (!take_at_site(sites_[i % sites_.size()])) {
        return;
      }
    }
  }

  /// Up to `most` distinct sites of a region, in random order.
  void append_sites(RegionId region, std::uint32_t most) {
    const std::size_t from = sites_.size();
    for (std::uint32_t s = 0; s < directory_.sites_per_region(); ++s) {
      sites_.push_back({region, s});
    }
    const auto count = static_cast<std::uint32_t>(sites_.size() - from);
    for (std::uint32_t i = 0; i < std::min(most, count) && i + 1 < count; ++i) {  // No further than what is taken.
      std::swap(sites_[from + i], sites_[from + i + content_.below(count - i)]);
    }
    sites_.resize(from + std::min(most, count));
  }

  /// The origin's site, then one site of each other region in random order, then second sites of each, and so on, up to
  /// `participants` distinct sites. A single participant is elsewhere: that is what makes it remote.
  void sites_of_several_regions() {
    const std::uint32_t regions = directory_.region_count();
    std::vector<RegionId>& order = regions_;
    order.clear();
    for (std::uint32_t r = 0; r < regions; ++r) {
      if (r != origin_.value) {
        order.push_back(RegionId{r});
      }
    }
    // A topology may be large and a transaction is small: nothing is drawn that it does not need.
    const std::size_t others = std::min<std::size_t>(order.size(), std::max(spec_.participants, 2U) - 1);
    for (std::size_t i = 0; i < others && i + 1 < order.size(); ++i) {
      std::swap(order[i], order[i + content_.below(order.size() - i)]);
    }
    order.resize(others);
    order.insert(spec_.participants == 1 ? order.end() : order.begin(), origin_);
    const auto used = static_cast<std::uint32_t>(order.size());
    const std::uint32_t rounds = std::min(directory_.sites_per_region(), (spec_.participants + used - 1) / used);
    for (const RegionId region : order) {
      append_sites(region, rounds);
    }
    // By region now; wanted by round.
    drawn_.assign(sites_.begin(), sites_.end());
    sites_.clear();
    for (std::uint32_t round = 0; round < rounds; ++round) {
      for (std::uint32_t r = 0; r < used && sites_.size() < spec_.participants; ++r) {
        sites_.push_back(drawn_[std::size_t{r} * rounds + round]);
      }
    }
  }

  void fill(Request& request, bool read) {
    const std::size_t n = entities_.size();
    request.operations.reserve(n);
    if (read || n < 2) {
      for (const Entity entity : entities_) {
        request.operations.push_back({entity, 0, read});
      }
      return;
    }
    // One account pays, the others share what it pays: at least 1 each, as evenly as integers allow.
    const std::size_t payer = content_.below(n);
    const auto payees = static_cast<std::int64_t>(n - 1);
    const std::int64_t most = std::max(spec_.amount_max, payees);
    const std::int64_t amount =
        payees + static_cast<std::int64_t>(content_.below(static_cast<std::uint64_t>(most - payees + 1)));
    std::int64_t paid = 0;
    for (std::size_t i = 0; i < n; ++i) {
      std::int64_t delta = -amount;
      if (i != payer) {
        delta = amount / payees + (paid < amount % payees ? 1 : 0);
        ++paid;
      }
      request.operations.push_back({entities_[i], delta, false});
    }
  }

  WorkloadSpec spec_;
  const Directory& directory_;
  RegionId origin_;
  Random arrivals_, content_;
  std::int64_t clock_ns_{};
  std::uint64_t count_{};
  std::map<std::uint64_t, Zipf> zipf_;
  std::vector<Entity> entities_;  // of the transaction being drawn
  std::vector<Site> sites_, drawn_;
  std::vector<RegionId> regions_;
};

Generator::Generator(const WorkloadSpec& spec, const Directory& directory, RegionId origin, std::uint64_t seed)
    : impl_(std::make_unique<Impl>(spec, directory, origin, seed)) {}
Generator::~Generator() = default;
Generator::Generator(Generator&&) noexcept = default;
Planned Generator::next() { return impl_->next(); }

}  // namespace geocommit
