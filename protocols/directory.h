// Who lives where: regions, nodes, and where each entity's copies and home are. Pure data, the same on every node.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"

namespace geocommit {

enum class Placement : std::uint8_t {
  replicated,   ///< Each region holds a copy of each entity.
  partitioned,  ///< Each entity lives at one site of one region.
};
enum class NodeKind : std::uint8_t { agent, coordinator, client };

struct NodeInfo {
  NodeId id;
  NodeKind kind{NodeKind::agent};
  RegionId region;
  std::uint32_t site{};  ///< Agents: index within the region, 0 .. sites_per_region-1.
  std::string name;      ///< "agent@eu-west-1", "agent1@eu-west-1", "coordinator@...", "client@..."
};

/// Entities: with R regions, S sites per region and K keys per participant,
/// replicated: K*S entities; entity e is kept by site e % S of every region, at slot e / S; its home is region (e / S)
/// % R. partitioned: K*S*R entities; entity e lives in region (e / S) % R at site e % S, at slot e / (S*R); its home is
/// that region.
class Directory {
 public:
  Directory() = default;
  /// Node ids: agents 1 .. R*S in region order, coordinators 1001 + region, clients 2001 + region.
  Directory(std::vector<std::string> regions, std::uint32_t sites_per_region, Placement placement,
            std::uint64_t keys_per_participant);

  [[nodiscard]] const std::vector<std::string>& regions() const { return regions_; }
  [[nodiscard]] std::uint32_t region_count() const { return static_cast<std::uint32_t>(regions_.size()); }
  [[nodiscard]] std::uint32_t sites_per_region() const { return sites_per_region_; }
  [[nodiscard]] Placement placement() const { return placement_; }
  [[nodiscard]] std::uint64_t keys_per_participant() const { return keys_per_participant_; }
  [[nodiscard]] std::uint64_t entity_count() const;
  [[nodiscard]] const std::vector<NodeInfo>& nodes() const { return nodes_; }  ///< Ascending by id.
  /// nullptr if there is no such node.
  [[nodiscard]] const NodeInfo* find(NodeId id) const;
  [[nodiscard]] RegionId region_of(NodeId id) const;
  [[nodiscard]] bool same_region(NodeId a, NodeId b) const { return region_of(a) == region_of(b); }

  [[nodiscard]] NodeId agent(RegionId region, std::uint32_t site) const;
  [[nodiscard]] NodeId coordinator(RegionId region) const;
  [[nodiscard]] NodeId client(RegionId region) const;

  [[nodiscard]] RegionId home_of(Entity entity) const;
  [[nodiscard]] std::uint32_t site_of(Entity entity) const;  ///< Which site index of a region keeps it.
  [[nodiscard]] std::uint64_t slot_of(Entity entity) const;  ///< Dense index within its site: 0 .. K-1.
  /// The entity with the given home, site index and n-th among those; n < entities_per_home_site().
  [[nodiscard]] Entity entity_at(RegionId home, std::uint32_t site, std::uint64_t n) const;
  /// How many entities have a given region as home at a given site index (region 0's count is the largest when K is not
  /// a multiple of R in replicated placement).
  [[nodiscard]] std::uint64_t entities_at(RegionId home, std::uint32_t site) const;
  /// All nodes that keep a copy, home's first.
  [[nodiscard]] std::vector<NodeId> copies_of(Entity entity) const;

 private:
  std::vector<std::string> regions_;
  std::uint32_t sites_per_region_{1};
  Placement placement_{Placement::replicated};
  std::uint64_t keys_per_participant_{0};
  std::vector<NodeInfo> nodes_;
};

}  // namespace geocommit
