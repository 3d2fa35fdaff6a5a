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
    for (const LockRequest& request : requests) {
      const auto queue = queues_.find(request.entity);
      if (queue != queues_.end() && std::any_of(queue->second.begin(), queue->second.end(), [&](const Slot& slot) {
            return !compatible(slot.mode, request.mode);
          })) {
        return LockAnswer::denied;
      }
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
      if (owner < slot.owner &&
          std::find(effects.wounded.begin(), effects.wounded.end(), slot.owner.txn) == effects.wounded.end()) {
        effects.wounded.push_back(slot.owner.txn);
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
  const Owner owner = std::move(it->second);
  owners_.erase(it);
  Held result;
  result.waited = owner.waited;
  if (owner.granted != owner.entities.size()) {
    --waiting_;
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

}  // namespace geocommit
