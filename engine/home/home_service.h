// Home region at a node (docs/home-region.md): a coordinator follows who is master of which home, and routes by it; an
// agent is a replica of the homes of its site and master of some.
#pragma once

#include "engine/home/home_shipping.h"
#include "engine/home/home_writes.h"
#include "engine/home/homes.h"
#include "engine/home/masterships.h"
#include "engine/service.h"

namespace geocommit {

class HomeService final : public Service {
 public:
  HomeService(NodeContext& context, const Peers& peers, const Site& site);

  /// An operator's order (NodeEngine::move_home).
  void order(RegionId home, RegionId successor, bool forced);

  void start() override;
  void on_timer(std::uint8_t timer) override;
  void on_forced() override;
  void quiesce() override { masterships_.quiesce(); }
  [[nodiscard]] bool receive(const PeerMessage& message) override;
  void greeted(NodeId peer) override;
  void add_to(EngineStatus& status) const override { homes_.add_to(status); }

  [[nodiscard]] std::optional<Route> route(const Request& request) const override;

  [[nodiscard]] Reason admit(TxnEntry& entry) override;
  void before_record(TxnEntry& entry, MachineRecord& record) override { writes_.give_places(entry, record); }
  void durable(const std::vector<ShipPlace>& places) override;
  void keep(std::vector<Operation>& operations, const std::vector<ShipPlace>& places) const override {
    writes_.keep(operations, places);
  }
  void forgotten() override { masterships_.check_drained(); }

  void add_to(Checkpoint& checkpoint) const override { homes_.add_to(checkpoint); }
  void restore(Checkpoint& checkpoint) override { homes_.restore(std::move(checkpoint.homes)); }
  void replay(const DurableRecord& record) override { homes_.replay(record); }
  void replay_commit(const MachineRecord& commit, const MachineRecord& prepared) override {
    writes_.replay_commit(commit, prepared);
  }
  void replayed() override { homes_.replayed(); }
  void reinstated(TxnEntry& entry) override;

 private:
  void receive(NodeId from, const Ship& ship);
  void receive(NodeId from, const ShipAck& ack);
  void receive(NodeId from, const HomeMessage& message);

  NodeContext& context_;
  home_region::Masters masters_;
  Homes homes_;
  HomeWrites writes_;
  HomeShipping shipping_;
  Masterships masterships_;
};

}  // namespace geocommit
