// The homes that an agent keeps: their logs, who is master of each as far as it is known here, and what the log gives
// back of both. What the parts of home region at one node share.
#pragma once

#include <deque>
#include <map>
#include <utility>
#include <variant>
#include <vector>

#include "engine/home/home_site.h"
#include "engine/node_context.h"
#include "engine/resource_manager.h"

namespace geocommit {

/// A home's forced write: of what a replica applies ...
struct ShippedForce {
  ShipPlace place;
  bool adopted{};  ///< The record that this site follows another master.
};
/// ... or of its mastership.
struct MastershipForce {
  NodeId home;
  HomeRecordKind kind{};
  HomeEpoch epoch;
};
using HomeForce = std::variant<ShippedForce, MastershipForce>;

class Homes {
 public:
  Homes(NodeContext& context, Service& service, ResourceManager& resources);

  /// An agent, with copies elsewhere.
  [[nodiscard]] bool kept() const { return kept_; }
  /// Made when first heard of; nullptr: not kept here.
  [[nodiscard]] HomeSite* find(NodeId home);
  [[nodiscard]] std::map<NodeId, HomeSite>& all() { return homes_; }
  [[nodiscard]] const std::map<NodeId, HomeSite>& all() const { return homes_; }
  /// The agents that keep the homes of this one, by region.
  [[nodiscard]] std::vector<NodeId> sites() const;
  [[nodiscard]] NodeId home_of(const Operation& operation) const {
    return home_region::home_site(context_.directory(), operation.entity);
  }
  [[nodiscard]] NodeId master_of(HomeEpoch epoch) const;
  [[nodiscard]] HomeEpoch first_epoch(NodeId home) const;
  /// This node is the master of `home` now.
  void begin_shipping(NodeId home, HomeSite& site) const;
  void undo(const ShippedWrite& write) { resources_.undo(write.operations, write.versions); }
  void apply(const ShippedWrite& write) { resources_.commit(write.txn, write.operations); }

  void tell(HomeEventKind kind, NodeId home, const HomeSite& site, Duration gap = {}, std::uint64_t writes = 0) const;
  /// Who may not know it hears who is open.
  void tell_open(NodeId to, NodeId home, const HomeSite& site) const;
  void force(const DurableRecord& record, HomeForce use);
  /// The oldest, which is durable.
  [[nodiscard]] HomeForce take_forced();

  void add_to(EngineStatus& status) const;
  void add_to(Checkpoint& checkpoint) const;
  void restore(std::vector<HomeState> homes);
  void replay(const DurableRecord& record);
  /// What was read is durable; what a replica may lack is sent again.
  void replayed();

 private:
  void replay_one(const HomeRecord& record);
  void replay_one(const ShippedRecord& record);
  void replay_one(const ShipAckedRecord& record);

  NodeContext& context_;
  Service& service_;
  ResourceManager& resources_;
  bool kept_{};
  std::map<NodeId, HomeSite> homes_;  // The own one from the start.
  std::deque<HomeForce> forces_;
};

}  // namespace geocommit
