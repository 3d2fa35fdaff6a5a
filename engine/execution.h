// A site's data and who may touch it: executing a transaction under its locks, denying it, applying what it decided;
// and what a transaction in doubt costs others meanwhile.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/lock_manager.h"
#include "engine/resource_manager.h"
#include "engine/service.h"
#include "engine/transactions.h"

namespace geocommit {

class Execution {
 public:
  Execution(NodeContext& context, const Services& services, Transactions& transactions);

  /// Asks for its locks; its machine hears Executed at once, or when it has them, or when it will not get them.
  void execute(TxnEntry& entry);
  void lock_timed_out(TxnId txn);
  void release(TxnEntry& entry);
  /// Its operations into the balances, once. With the commit record, although nobody may see it before the decision
  /// (its locks are held): a checkpoint that is written while the record is being forced has both.
  void apply(TxnEntry& entry);
  /// From `since` on it is in doubt, and past its decision timeout blocked.
  void begin_in_doubt(TxnEntry& entry, Instant since);
  /// After a crash: in doubt since then, with its locks.
  void reinstate(TxnEntry& entry, Instant since);

  [[nodiscard]] ResourceManager& resources() const { return *resources_; }
  /// Figures of the locks and, at an agent, of the balances.
  void add_to(EngineStatus& status) const;
  [[nodiscard]] BlockingCost blocking_cost(const TxnEntry& entry) const;
  void hash_state(std::string& out) const;

 private:
  void execute_with_locks(TxnEntry& entry);
  void deny(TxnEntry& entry, Reason reason);
  void handle(LockManager::Effects& effects);
  void stop_waiting(TxnEntry& entry);
  [[nodiscard]] std::vector<ReadValue> reads_of(const TxnEntry& entry) const;

  NodeContext& context_;
  const Services& services_;
  Transactions& transactions_;
  std::unique_ptr<ResourceManager> resources_;
  std::unique_ptr<LockManager> locks_;
};

}  // namespace geocommit
