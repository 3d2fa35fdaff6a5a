// The seam to what a site keeps: behind it the embedded store of balances; a database later. Locks are the engine's
// (a resource manager that locks by itself answers them with a trivial grant).
//
// Every balance has a version, the transaction that last wrote it ({}: nobody yet). The engine notes which versions a
// transaction saw, so that isolation can be judged from the logs (verdict/isolation.h).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "protocols/directory.h"
#include "protocols/transaction.h"

namespace geocommit {

class ResourceManager {
 public:
  virtual ~ResourceManager() = default;
  /// With all locks held: may it commit? yes, no (constraint), or read_only when there is nothing to write and there
  /// are no other participants. Changes nothing that others see.
  ///
  /// A vote read_only releases the locks. Two-phase locking allows that only once every participant has all of its own,
  /// and here they are taken when PREPARE arrives, at each site at another time: a transaction that reads at two sites
  /// would see half of a transfer. Nor would its locks survive a crash of the site without a record.
  [[nodiscard]] virtual Executed execute(const TxnDescriptor& transaction) = 0;
  /// Applies the operations (redo; exactly once per transaction, the engine sees to that).
  virtual void commit(TxnId txn, const std::vector<Operation>& operations) = 0;
  /// Takes back the newest write of each entity; `versions` are those before, by operation.
  virtual void undo(const std::vector<Operation>& operations, const std::vector<TxnId>& versions) = 0;
  /// What is committed, by operation.
  [[nodiscard]] virtual std::vector<TxnId> versions(const std::vector<Operation>& operations) const = 0;
  [[nodiscard]] virtual std::int64_t balance(Entity entity) const = 0;
  /// All committed balances, by slot.
  [[nodiscard]] virtual const std::vector<std::int64_t>& balances() const = 0;
  /// Their versions; empty: nothing has been written.
  [[nodiscard]] virtual const std::vector<TxnId>& writers() const = 0;
  virtual void restore(std::vector<std::int64_t> balances, std::vector<TxnId> writers) = 0;
};

/// Keys and balances in memory, durable through the engine's log and checkpoints. A balance never falls below zero.
[[nodiscard]] std::unique_ptr<ResourceManager> make_embedded_resource_manager(const Directory& directory,
                                                                              std::int64_t initial_balance);
/// The same for transactions that have all their locks before PREPARE, as a client's session with a database gives
/// them: it votes read_only whatever the cohort, as the protocols allow. Wrong where locks come with PREPARE: there
/// the search of the protocols' states uses it, which has one transaction only, and tests plant it.
[[nodiscard]] std::unique_ptr<ResourceManager> make_locked_before_prepare(const Directory& directory,
                                                                          std::int64_t initial_balance);

}  // namespace geocommit
