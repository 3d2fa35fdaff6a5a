// Who is master of what: each home (the entities of one first home region at one site index) is named by the agent that
// Directory makes its first master, and has a mastership epoch. Epochs are unique to a region by construction, as
// ballots are: whoever opens an epoch can be told from its number.
#pragma once

#include <cstdint>
#include <map>

#include "protocols/directory.h"
#include "protocols/registry.h"

namespace geocommit::home_region {

/// (failovers * 2^32 + round) * regions + the master's region; rounds count every change of masters, from 1. 0: not
/// known. So a failover outranks every planned transfer from the term that it replaces, also those that it has not
/// heard of.
using HomeEpoch = Id<struct HomeEpochTag, std::uint64_t>;
inline constexpr int kRoundBits = 32;

[[nodiscard]] constexpr HomeEpoch first_epoch(RegionId home, std::uint32_t regions) {
  return {std::uint64_t{regions} + home.value};
}
[[nodiscard]] constexpr RegionId master_of(HomeEpoch epoch, std::uint32_t regions) {
  return RegionId{static_cast<std::uint32_t>(epoch.value % regions)};
}
/// Of a planned transfer to `successor`.
[[nodiscard]] constexpr HomeEpoch next_planned(HomeEpoch after, RegionId successor, std::uint32_t regions) {
  return {(after.value / regions + 1) * regions + successor.value};
}
/// Of a failover to `claimant`.
[[nodiscard]] constexpr HomeEpoch next_forced(HomeEpoch after, RegionId claimant, std::uint32_t regions) {
  return next_planned({after.value + (std::uint64_t{regions} << kRoundBits)}, claimant, regions);
}
/// For people and metrics: 1, 2, 3, ...
[[nodiscard]] constexpr std::uint64_t round_of(HomeEpoch epoch, std::uint32_t regions) {
  return epoch.value / regions % (std::uint64_t{1} << kRoundBits);
}

/// The home that an entity belongs to.
[[nodiscard]] inline NodeId home_site(const Directory& directory, Entity entity) {
  return directory.agent(directory.home_of(entity), directory.site_of(entity));
}

/// One node's view of the current masters: the directory's first homes, and what it has heard since. A view may be old:
/// the masters themselves refuse what they may not serve, and say who may.
class Masters {
 public:
  explicit Masters(const Directory& directory) : directory_(&directory) {}

  /// True if that was news. `home` is an agent of the directory.
  bool learn(NodeId home, HomeEpoch epoch);
  [[nodiscard]] HomeEpoch epoch_of(NodeId home) const;
  [[nodiscard]] RegionId region_of(Entity entity) const;
  [[nodiscard]] bool moved() const { return !moved_.empty(); }  ///< Some home is not where it began, or was not once.
  [[nodiscard]] const std::map<NodeId, HomeEpoch>& all_moved() const { return moved_; }

 private:
  const Directory* directory_;
  std::map<NodeId, HomeEpoch> moved_;
};

/// Like route(request, directory), with each entity at its current master's region.
[[nodiscard]] Route route(const Request& request, const Directory& directory, const Masters& masters);

}  // namespace geocommit::home_region
