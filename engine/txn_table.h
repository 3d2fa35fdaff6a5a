// The open transactions of a node in one role.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "base/check.h"
#include "engine/containers.h"
#include "protocols/transaction.h"

namespace geocommit {

struct TxnEntry;

class TxnTable {
 public:
  /// by_id: kept in the order of ids, for oldest(); cheap where new ones are mostly the youngest, as a coordinator's
  /// own.
  enum class Order : std::uint8_t { arrival, by_id };
  explicit TxnTable(Order order) : order_(order) {}

  [[nodiscard]] TxnEntry* find(const TxnId& txn) {
    const std::unique_ptr<TxnEntry>* entry = entries_.find(txn);
    return entry != nullptr ? entry->get() : nullptr;
  }
  void prefetch(const TxnId& txn) const { entries_.prefetch(txn); }
  TxnEntry& add(const TxnId& txn, std::unique_ptr<TxnEntry> entry);
  void erase(const TxnId& txn);

  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] bool empty() const { return entries_.empty(); }
  /// Of a table by_id that is not empty.
  [[nodiscard]] const TxnId& oldest() const;
  /// Ascending by id.
  [[nodiscard]] std::vector<const TxnEntry*> ascending() const;
  /// In the table's order.
  template <class F>
  void for_each(F&& each) const {
    for (const TxnEntry* entry = first_; entry != nullptr; entry = next_of(*entry)) {
      each(*entry);
    }
  }

 private:
  [[nodiscard]] static const TxnEntry* next_of(const TxnEntry& entry);

  Order order_;
  FlatMap<TxnId, std::unique_ptr<TxnEntry>> entries_;
  TxnEntry *first_{}, *last_{};
};

}  // namespace geocommit
