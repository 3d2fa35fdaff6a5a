#include "protocols/directory.h"

#include <utility>

#include "base/check.h"

namespace geocommit {
namespace {
constexpr std::uint32_t kFirstAgent = 1;
constexpr std::uint32_t kFirstCoordinator = 1001;
constexpr std::uint32_t kFirstClient = 2001;
}  // namespace

Directory::Directory(std::vector<std::string> regions, std::uint32_t sites_per_region, Placement placement,
                     std::uint64_t keys_per_participant)
    : regions_(std::move(regions)),
      sites_per_region_(sites_per_region),
      placement_(placement),
      keys_per_participant_(keys_per_participant) {
  GC_CHECK(!regions_.empty() && sites_per_region_ > 0 && keys_per_participant_ > 0);
  GC_CHECK_NOTE(regions_.size() * sites_per_region_ < kFirstCoordinator, "too many agents for the numbering of nodes");
  for (std::uint32_t r = 0; r < region_count(); ++r) {
    for (std::uint32_t s = 0; s < sites_per_region_; ++s) {
      const std::string name = sites_per_region_ == 1 ? "agent" : "agent" + std::to_string(s);
      nodes_.push_back({agent(RegionId{r}, s), NodeKind::agent, RegionId{r}, s, name + "@" + regions_[r]});
    }
  }
  for (std::uint32_t r = 0; r < region_count(); ++r) {
    nodes_.push_back({coordinator(RegionId{r}), NodeKind::coordinator, RegionId{r}, 0, "coordinator@" + regions_[r]});
  }
  for (std::uint32_t r = 0; r < region_count(); ++r) {
    nodes_.push_back({client(RegionId{r}), NodeKind::client, RegionId{r}, 0, "client@" + regions_[r]});
  }
}

std::uint64_t Directory::entity_count() const {
  const std::uint64_t per_region = keys_per_participant_ * sites_per_region_;
  return placement_ == Placement::replicated ? per_region : per_region * region_count();
}

const NodeInfo* Directory::find(NodeId id) const {
  const std::uint32_t agents = region_count() * sites_per_region_;
  std::size_t index = nodes_.size();
  if (id.value >= kFirstAgent && id.value < kFirstAgent + agents) {
    index = id.value - kFirstAgent;
  } else if (id.value >= kFirstCoordinator && id.value < kFirstCoordinator + region_count()) {
    index = agents + (id.value - kFirstCoordinator);
  } else if (id.value >= kFirstClient && id.value < kFirstClient + region_count()) {
    index = agents + region_count() + (id.value - kFirstClient);
  }
  return index < nodes_.size() ? &nodes_[index] : nullptr;
}

RegionId Directory::region_of(NodeId id) const {
  const NodeInfo* node = find(id);
  GC_CHECK(node != nullptr);
  return node->region;
}

NodeId Directory::agent(RegionId region, std::uint32_t site) const {
  return NodeId{kFirstAgent + region.value * sites_per_region_ + site};
}
NodeId Directory::coordinator(RegionId region) const { return NodeId{kFirstCoordinator + region.value}; }
NodeId Directory::client(RegionId region) const { return NodeId{kFirstClient + region.value}; }

RegionId Directory::home_of(Entity entity) const {
  return RegionId{static_cast<std::uint32_t>((entity.value / sites_per_region_) % region_count())};
}

std::uint32_t Directory::site_of(Entity entity) const {
  return static_cast<std::uint32_t>(entity.value % sites_per_region_);
}

std::uint64_t Directory::slot_of(Entity entity) const {
  const std::uint64_t row = entity.value / sites_per_region_;
  return placement_ == Placement::replicated ? row : row / region_count();
}

Entity Directory::entity_at(RegionId home, std::uint32_t site, std::uint64_t n) const {
  return Entity{(n * region_count() + home.value) * sites_per_region_ + site};
}

std::uint64_t Directory::entities_at(RegionId home, std::uint32_t /*site*/) const {
  if (placement_ == Placement::partitioned) {
    return keys_per_participant_;
  }
  const std::uint64_t whole = keys_per_participant_ / region_count();
  return whole + (home.value < keys_per_participant_ % region_count() ? 1 : 0);
}

std::vector<NodeId> Directory::copies_of(Entity entity) const {
  const RegionId home = home_of(entity);
  const std::uint32_t site = site_of(entity);
  std::vector<NodeId> copies{agent(home, site)};
  if (placement_ == Placement::replicated) {
    for (std::uint32_t r = 0; r < region_count(); ++r) {
      if (r != home.value) {
        copies.push_back(agent(RegionId{r}, site));
      }
    }
  }
  return copies;
}

}  // namespace geocommit
