#include "engine/txn_table.h"

#include "engine/txn_entry.h"

namespace geocommit {

const TxnEntry* TxnTable::next_of(const TxnEntry& entry) { return entry.next; }

TxnEntry& TxnTable::add(const TxnId& txn, std::unique_ptr<TxnEntry> entry) {
  TxnEntry* const added = entry.get();
  const auto [place, made] = entries_.try_emplace(txn);
  GC_CHECK(made);
  *place = std::move(entry);
  TxnEntry* before = last_;
  while (order_ == Order::by_id && before != nullptr && txn < before->descriptor.txn) {
    before = before->previous;
  }
  TxnEntry* const after = before != nullptr ? before->next : first_;
  added->previous = before;
  added->next = after;
  (before != nullptr ? before->next : first_) = added;
  (after != nullptr ? after->previous : last_) = added;
  return *added;
}

void TxnTable::erase(const TxnId& txn) {
  std::unique_ptr<TxnEntry>* place = entries_.find(txn);
  if (place == nullptr) {
    return;
  }
  const std::unique_ptr<TxnEntry> entry = std::move(*place);
  entries_.erase(txn);
  (entry->previous != nullptr ? entry->previous->next : first_) = entry->next;
  (entry->next != nullptr ? entry->next->previous : last_) = entry->previous;
}

const TxnId& TxnTable::oldest() const {
  GC_CHECK(order_ == Order::by_id && first_ != nullptr);
  return first_->descriptor.txn;
}

std::vector<const TxnEntry*> TxnTable::ascending() const {
  std::vector<const TxnEntry*> out;
  out.reserve(size());
  for_each([&](const TxnEntry& entry) { out.push_back(&entry); });
  std::sort(out.begin(), out.end(),
            [](const TxnEntry* a, const TxnEntry* b) { return a->descriptor.txn < b->descriptor.txn; });
  return out;
}

}  // namespace geocommit
