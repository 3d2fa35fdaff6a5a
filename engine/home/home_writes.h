// A transaction's writes to homes, at an agent: whether they are accepted, their places in the order of each home, what
// is lost when the home has another master by then, and all that again after a crash.
#pragma once

#include <vector>

#include "engine/home/homes.h"
#include "engine/txn_entry.h"

namespace geocommit {

class HomeWrites {
 public:
  HomeWrites(NodeContext& context, Homes& homes) : context_(context), homes_(homes) {}

  /// Reason::none: accepted.
  [[nodiscard]] Reason accept(TxnEntry& entry);
  void give_places(TxnEntry& entry, MachineRecord& record);
  /// True: some can be shipped now.
  [[nodiscard]] bool durable(const std::vector<ShipPlace>& places);
  /// Takes out of `operations` what was lost.
  void keep(std::vector<Operation>& operations, const std::vector<ShipPlace>& places) const;

  void replay_commit(const MachineRecord& commit, const MachineRecord& prepared);
  /// Of one that was in doubt: where none is recorded, it was accepted in the first terms of its homes.
  void reinstate_places(TxnEntry& entry) const;

 private:
  [[nodiscard]] ShippedWrite write_to(NodeId home, const MachineRecord& commit, std::uint64_t sequence,
                                      const std::vector<Operation>& operations,
                                      const std::vector<TxnId>& versions) const;
  [[nodiscard]] bool is_full(NodeId home, HomeSite& site) const;

  NodeContext& context_;
  Homes& homes_;
};

}  // namespace geocommit
