// The sites that keep one home, as one of them sees them: who they are, what a majority of them is, and what to call a
// term that one of them begins.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "base/check.h"
#include "engine/home/home_message.h"

namespace geocommit {

class HomeSites {
 public:
  /// `sites`: by region (index = region); `self` is among them.
  HomeSites(NodeId self, NodeId home, std::vector<NodeId> sites) : self_(self), home_(home), sites_(std::move(sites)) {
    GC_CHECK(contains(self));
  }

  [[nodiscard]] NodeId self() const { return self_; }
  [[nodiscard]] NodeId home() const { return home_; }
  [[nodiscard]] const std::vector<NodeId>& all() const { return sites_; }
  [[nodiscard]] std::size_t size() const { return sites_.size(); }
  [[nodiscard]] bool contains(NodeId site) const {
    return std::find(sites_.begin(), sites_.end(), site) != sites_.end();
  }
  /// The master of that term.
  [[nodiscard]] NodeId site_of(HomeEpoch epoch) const { return sites_[home_region::master_of(epoch, regions()).value]; }
  /// By how many regions the site comes after the master of that term, in a circle.
  [[nodiscard]] std::uint32_t rank_after(HomeEpoch epoch) const {
    return (region_of(self_).value + regions() - region_of(site_of(epoch)).value) % regions();
  }
  [[nodiscard]] std::size_t lease_quorum() const { return sites_.size() / 2 + 1; }
  /// Any so many sites and any lease_quorum() have one in common.
  [[nodiscard]] std::size_t claim_quorum() const { return sites_.size() - lease_quorum() + 1; }

  [[nodiscard]] HomeEpoch first_epoch() const { return home_region::first_epoch(region_of(home_), regions()); }
  [[nodiscard]] HomeEpoch next_planned(HomeEpoch after, NodeId successor) const {
    return home_region::next_planned(after, region_of(successor), regions());
  }
  /// Of a failover to this site.
  [[nodiscard]] HomeEpoch next_forced(HomeEpoch after) const {
    return home_region::next_forced(after, region_of(self_), regions());
  }

 private:
  [[nodiscard]] std::uint32_t regions() const { return static_cast<std::uint32_t>(sites_.size()); }
  [[nodiscard]] RegionId region_of(NodeId site) const {
    const auto found = std::find(sites_.begin(), sites_.end(), site);
    GC_CHECK(found != sites_.end());
    return RegionId{static_cast<std::uint32_t>(found - sites_.begin())};
  }

  NodeId self_, home_;
  std::vector<NodeId> sites_;
};

}  // namespace geocommit
