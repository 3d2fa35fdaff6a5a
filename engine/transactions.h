// The open transactions of a node, in every role, and what their machines are to be told next.
#pragma once

#include <array>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "engine/node_context.h"
#include "engine/txn_entry.h"
#include "engine/txn_table.h"

namespace geocommit {

class Transactions {
 public:
  explicit Transactions(NodeContext& context) : context_(context) {}

  TxnEntry& add(TxnDescriptor descriptor, Role role, const Protocol& protocol);
  [[nodiscard]] TxnEntry* find(const TxnKey& key) { return table(key.second).find(key.first); }
  void erase(const TxnKey& key) { table(key.second).erase(key.first); }
  void prefetch(const TxnKey& key) const { tables_[static_cast<std::size_t>(key.second)].prefetch(key.first); }

  void feed(const TxnKey& key, Input input) { inputs_.emplace_back(key, std::move(input)); }
  /// The oldest that was fed and has not been taken.
  [[nodiscard]] std::optional<std::pair<TxnKey, Input>> take_input();

  [[nodiscard]] const TxnTable& coordinators() const { return table(Role::coordinator); }
  [[nodiscard]] const TxnTable& participants() const { return table(Role::participant); }
  [[nodiscard]] const TxnTable& table(Role role) const { return tables_[static_cast<std::size_t>(role)]; }
  /// By role.
  [[nodiscard]] const std::array<TxnTable, kRoles>& tables() const { return tables_; }
  [[nodiscard]] std::string describe() const;
  void hash_state(std::string& out) const;

 private:
  [[nodiscard]] TxnTable& table(Role role) { return tables_[static_cast<std::size_t>(role)]; }

  NodeContext& context_;
  std::array<TxnTable, kRoles> tables_{TxnTable{TxnTable::Order::by_id}, TxnTable{TxnTable::Order::arrival},
                                       TxnTable{TxnTable::Order::arrival}};
  std::deque<std::pair<TxnKey, Input>> inputs_;
};

}  // namespace geocommit
