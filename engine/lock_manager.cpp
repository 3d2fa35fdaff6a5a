#include "engine/lock_manager.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace geocommit {
namespace {

// Ascending by entity, each once, with its strongest mode.
void normalise(std::vector<LockRequest>& requests) {
  std::sort(requests.begin(), requests.end(), [](const LockRequest& a, const LockRequest& b) {
    return a.entity != b.entity ? a.entity < b.entity : a.mode > b.mode;
  });
  const auto last = std::unique(requests.begin(), requests.end(),
                                [](const LockRequest& a, const LockRequest& b) { return a.entity == b.entity; });
  requests.erase(last, requests.end());
}

void add_once(std::vector<TxnId>& list, TxnId txn) {
  if (std::find(list.begin(), list.end(), txn) == list.end()) {
    list.push_back(txn);
  }
}

}  // namespace

void LockManager::grant(Slot& slot, Owner& owner, Instant now) {
  slot.granted = true;
  slot.granted_at = now;
  if (owner.granted++ == 0) {
    owner.first_granted = now;
  }
  ++held_;
}

LockAnswer LockManager::acquire(const LockAge& owner, std::vector<LockRequest> requests, Instant now,
                                Effects& effects) {
  normalise(requests);
  if (policy_ == LockingPolicy::no_wait) {
    std::vector<TxnId> holders;
    for (const LockRequest& request : requests) {
      if (const auto queue = queues_.find(request.entity); queue != queues_.end()) {
        for (const Slot& slot : queue->second) {
          if (!compatible(slot.mode, request.mode)) {
            add_once(holders, slot.owner.txn);
          }
        }
      }
    }
    if (!holders.empty()) {
      effects.behind_blocked = count_refusal(holders, now);
      return LockAnswer::denied;
    }
  }
  const auto [it, inserted] = owners_.try_emplace(owner.txn);
  GC_CHECK_NOTE(inserted, "an owner asks for its locks once");
  Owner& state = it->second;
  state.age = owner;
  for (const LockRequest& request : requests) {
    std::vector<Slot>& queue = queues_[request.entity];
    bool clear = true;
    for (const Slot& slot : queue) {
      if (compatible(slot.mode, request.mode)) {
        continue;
      }
      clear = false;
      if (owner < slot.owner) {
        add_once(effects.wounded, slot.owner.txn);
      }
    }
    state.entities.push_back(request.entity);
    queue.push_back({owner, request.mode, false, {}});
    if (clear) {
      grant(queue.back(), state, now);
    }
  }
  if (state.granted == state.entities.size()) {
    return LockAnswer::granted;
  }
  state.waited = true;
  ++waiting_;
  return LockAnswer::waiting;
}

void LockManager::reinstate(const LockAge& owner, std::vector<LockRequest> requests, Instant now) {
  Effects effects;
  const LockAnswer answer = acquire(owner, std::move(requests), now, effects);
  GC_CHECK_NOTE(answer == LockAnswer::granted, "two transactions in doubt hold conflicting locks");
}

void LockManager::advance(std::vector<Slot>& queue, Instant now, Effects& effects) {
  for (std::size_t i = 0; i < queue.size(); ++i) {
    if (queue[i].granted) {
      continue;
    }
    for (std::size_t before = 0; before < i; ++before) {
      if (!compatible(queue[before].mode, queue[i].mode)) {
        return;  // FIFO: who comes later than a waiter that must wait, and is compatible with it, is a reader behind a
                 // writer.
      }
    }
    Owner& owner = owners_.at(queue[i].owner.txn);
    grant(queue[i], owner, now);
    if (owner.granted == owner.entities.size()) {
      --waiting_;
      effects.complete.push_back(queue[i].owner.txn);
    }
  }
}

LockManager::Held LockManager::release(TxnId txn, Instant now, Effects& effects) {
  const auto it = owners_.find(txn);
  if (it == owners_.end()) {
    return {};
  }
  Held result;
  if (it->second.blocked_from < now) {
    std::vector<TxnId> behind;
    result.blocking = cost_of(txn, it->second, now, behind);
    for (const TxnId waiter : behind) {
      owners_.at(waiter).behind_blocked = true;
    }
  }
  const Owner owner = std::move(it->second);
  owners_.erase(it);
  result.waited = owner.waited;
  result.complete = owner.granted == owner.entities.size();
  result.behind_blocked = owner.behind_blocked;
  if (!result.complete) {
    --waiting_;
    result.behind_blocked = count_refusal(holders_ahead(txn, owner), now) || result.behind_blocked;
  }
  for (const Entity entity : owner.entities) {
    const auto queue = queues_.find(entity);
    GC_CHECK(queue != queues_.end());
    std::vector<Slot>& slots = queue->second;
    const auto slot = std::find_if(slots.begin(), slots.end(), [&](const Slot& s) { return s.owner.txn == txn; });
    GC_CHECK(slot != slots.end());
    if (slot->granted) {
      --held_;
      result.any = true;
      result.summed_over_keys += now - slot->granted_at;
    }
    slots.erase(slot);
    if (slots.empty()) {
      queues_.erase(queue);
    } else {
      advance(slots, now, effects);
    }
  }
  if (result.any) {
    result.first_to_last = now - owner.first_granted;
  }
  return result;
}

void LockManager::blocked_from(TxnId txn, Instant from) {
  if (const auto it = owners_.find(txn); it != owners_.end()) {
    it->second.blocked_from = from;
  }
}

std::optional<BlockingCost> LockManager::blocking_cost(TxnId txn, Instant now) const {
  const auto it = owners_.find(txn);
  if (it == owners_.end() || it->second.blocked_from >= now) {
    return std::nullopt;
  }
  std::vector<TxnId> behind;
  return cost_of(txn, it->second, now, behind);
}

// `behind`: those who stand in line for one of its locks, each once.
BlockingCost LockManager::cost_of(TxnId txn, const Owner& owner, Instant now, std::vector<TxnId>& behind) const {
  BlockingCost cost;
  for (const Entity entity : owner.entities) {
    const Slot* own = nullptr;
    for (const Slot& slot : queues_.at(entity)) {
      if (slot.owner.txn == txn) {
        own = &slot;
        if (!slot.granted) {
          break;
        }
        ++cost.keys;
        cost.lock_time += now - std::max(slot.granted_at, owner.blocked_from);
      } else if (own != nullptr && !slot.granted && !compatible(slot.mode, own->mode)) {
        add_once(behind, slot.owner.txn);
      }
    }
  }
  cost.waited = static_cast<std::uint32_t>(behind.size());
  cost.aborted = owner.aborted_behind;
  return cost;
}

// Somebody gives up, or is refused, with `holders` in its way: whether one of them is blocked.
bool LockManager::count_refusal(const std::vector<TxnId>& holders, Instant now) {
  bool any = false;
  for (const TxnId holder : holders) {
    if (const auto it = owners_.find(holder); it != owners_.end() && it->second.blocked_from < now) {
      ++it->second.aborted_behind;
      any = true;
    }
  }
  return any;
}

std::vector<TxnId> LockManager::holders_ahead(TxnId txn, const Owner& owner) const {
  std::vector<TxnId> holders;
  for (const Entity entity : owner.entities) {
    const std::vector<Slot>& queue = queues_.at(entity);
    const auto own = std::find_if(queue.begin(), queue.end(), [&](const Slot& s) { return s.owner.txn == txn; });
    for (auto slot = queue.begin(); slot != own && !own->granted; ++slot) {
      if (slot->granted && !compatible(slot->mode, own->mode)) {
        add_once(holders, slot->owner.txn);
      }
    }
  }
  return holders;
}

TxnId LockManager::ahead_of(TxnId txn) const {
  const auto it = owners_.find(txn);
  if (it == owners_.end()) {
    return {};
  }
  const std::vector<TxnId> holders = holders_ahead(txn, it->second);
  return holders.empty() ? TxnId{} : holders.front();
}

}  // namespace geocommit
