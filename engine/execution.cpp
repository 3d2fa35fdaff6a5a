#include "engine/execution.h"

#include <algorithm>
#include <utility>

#include "base/canonical.h"
#include "base/check.h"

namespace geocommit {
namespace {

std::vector<LockRequest> lock_requests(const TxnDescriptor& descriptor) {
  std::vector<LockRequest> requests;
  requests.reserve(descriptor.operations.size());
  for (const Operation& operation : descriptor.operations) {
    requests.push_back({operation.entity, operation.read ? LockMode::shared : LockMode::exclusive});
  }
  return requests;
}

LockAge lock_age(const TxnDescriptor& descriptor) { return {descriptor.priority, descriptor.txn}; }

}  // namespace

Execution::Execution(NodeContext& context, const Services& services, Transactions& transactions)
    : context_(context), services_(services), transactions_(transactions) {
  const EngineOptions& options = context.options();
  resources_ = (options.parts.resources != nullptr ? options.parts.resources : make_embedded_resource_manager)(
      context.directory(), options.initial_balance);
  locks_ = options.parts.locks != nullptr ? options.parts.locks(options.locking)
                                          : std::make_unique<LockManager>(options.locking);
}

void Execution::execute(TxnEntry& entry) {
  if (entry.refused) {
    deny(entry, *entry.refused);
    return;
  }
  LockManager::Effects effects;
  const LockAnswer answer =
      locks_->acquire(lock_age(entry.descriptor), lock_requests(entry.descriptor), context_.now(), effects);
  switch (answer) {
    case LockAnswer::granted:
      execute_with_locks(entry);
      break;
    case LockAnswer::waiting:
      entry.waiting = true;
      context_.observer().locks_awaited(entry.descriptor, locks_->ahead_of(entry.descriptor.txn));
      entry.lock_timer = context_.set_timer(LockTimer{entry.descriptor.txn}, context_.options().lock_wait);
      break;
    case LockAnswer::denied:
      entry.behind_blocked = effects.behind_blocked;
      deny(entry, Reason::lock_conflict);
      break;
  }
  handle(effects);
}

void Execution::execute_with_locks(TxnEntry& entry) {
  context_.observer().locks_granted(entry.descriptor, entry.lock_timer != 0);
  for (Service* service : services_) {
    if (const Reason refused = service->admit(entry); refused != Reason::none) {
      entry.places.clear();
      return deny(entry, refused);
    }
  }
  Executed result = resources_->execute(entry.descriptor);
  if (result.vote == Vote::read_only && !entry.may_vote_read_only) {
    result.vote = Vote::yes;
  }
  entry.versions = resources_->versions(entry.descriptor.operations);
  entry.reads = reads_of(entry);
  entry.executed = true;
  entry.read_only = result.vote == Vote::read_only;
  context_.observer().voted(entry.descriptor, result.vote, result.reason);
  transactions_.feed(entry.key(), result);
}

void Execution::deny(TxnEntry& entry, Reason reason) {
  entry.executed = true;
  entry.refusal = name_of(reason);
  context_.observer().voted(entry.descriptor, Vote::no, reason);
  transactions_.feed(entry.key(), Executed{Vote::no, reason});
  release(entry);  // At once: whoever wounded it need not wait for its step.
}

void Execution::lock_timed_out(TxnId txn) {
  TxnEntry* entry = transactions_.find({txn, Role::participant});
  if (entry != nullptr && entry->waiting && !entry->executed) {
    entry->waiting = false;
    deny(*entry, Reason::lock_timeout);
  }
}

void Execution::handle(LockManager::Effects& effects) {
  for (const TxnId txn : effects.complete) {
    TxnEntry* entry = transactions_.find({txn, Role::participant});
    GC_CHECK(entry != nullptr);
    if (entry->executed) {
      continue;
    }
    stop_waiting(*entry);
    execute_with_locks(*entry);
  }
  for (const TxnId txn : effects.wounded) {
    TxnEntry* entry = transactions_.find({txn, Role::participant});
    GC_CHECK(entry != nullptr);
    if (entry->outcome != Outcome::undecided) {
      continue;
    }
    if (!entry->executed) {
      deny(*entry, Reason::lock_conflict);
    } else if (!entry->wound_sent) {
      entry->wound_sent = true;
      context_.send(entry->descriptor.coordinator, Wound{txn}, Traffic::wound, "WOUND");
    }
  }
}

void Execution::stop_waiting(TxnEntry& entry) {
  entry.waiting = false;
  context_.cancel_timer(entry.lock_timer);
}

void Execution::release(TxnEntry& entry) {
  if (entry.waiting) {
    stop_waiting(entry);
  }
  LockManager::Effects effects;
  const LockManager::Held held = locks_->release(entry.descriptor.txn, context_.now(), effects);
  Observer& observer = context_.observer();
  if (held.any) {
    observer.locks_released(entry.descriptor, entry.outcome, held.first_to_last, held.summed_over_keys, held.waited);
  }
  if (held.blocking) {
    observer.blocking_ended(entry.descriptor, entry.outcome, *held.blocking);
  }
  if (held.behind_blocked || std::exchange(entry.behind_blocked, false)) {
    observer.held_up_by_blocked(entry.descriptor, held.complete ? "waited" : entry.refusal);
  }
  handle(effects);
}

/// When its locks are granted, or granted again after a crash: later a home may have another master, whose writes do
/// not ask for locks that were held here. What such a write has replaced by then, nobody can read any more.
std::vector<ReadValue> Execution::reads_of(const TxnEntry& entry) const {
  std::vector<ReadValue> reads;
  const std::vector<Operation>& operations = entry.descriptor.operations;
  if (std::none_of(operations.begin(), operations.end(), [](const Operation& operation) { return operation.read; })) {
    return reads;
  }
  const std::vector<TxnId> now = resources_->versions(operations);
  for (std::size_t i = 0; i < operations.size() && entry.versions.size() == operations.size(); ++i) {
    if (operations[i].read && entry.versions[i] == now[i]) {
      const Entity entity = operations[i].entity;
      reads.push_back({context_.self(), entity, entry.versions[i], resources_->balance(entity)});
    }
  }
  return reads;
}

void Execution::apply(TxnEntry& entry) {
  if (std::exchange(entry.applied, true)) {
    return;
  }
  const std::vector<Operation>& operations = entry.descriptor.operations;
  if (entry.places.empty()) {
    resources_->commit(entry.descriptor.txn, operations);
    return;
  }
  std::vector<Operation> kept = operations;
  for (const Service* service : services_) {
    service->keep(kept, entry.places);
  }
  resources_->commit(entry.descriptor.txn, kept);
}

void Execution::begin_in_doubt(TxnEntry& entry, Instant since) {
  entry.in_doubt = true;
  entry.in_doubt_since = since;
  locks_->blocked_from(entry.descriptor.txn, since + context_.options().timeouts.decision);
}

void Execution::reinstate(TxnEntry& entry, Instant since) {
  entry.executed = true;
  entry.reads = reads_of(entry);
  locks_->reinstate(lock_age(entry.descriptor), lock_requests(entry.descriptor), since);
  begin_in_doubt(entry, since);
}

void Execution::add_to(EngineStatus& status) const {
  status.locks_held = locks_->held();
  status.lock_waiters = locks_->waiting();
  if (context_.info().kind == NodeKind::agent) {
    for (const std::int64_t balance : resources_->balances()) {
      status.balance_total += balance;
    }
  }
}

BlockingCost Execution::blocking_cost(const TxnEntry& entry) const {
  return locks_->blocking_cost(entry.descriptor.txn, context_.now()).value_or(BlockingCost{});
}

void Execution::hash_state(std::string& out) const {
  canonical::put(out, locks_->held());
  canonical::put(out, locks_->waiting());
  for (const std::int64_t balance : resources_->balances()) {
    canonical::put(out, static_cast<std::uint64_t>(balance));
  }
}

}  // namespace geocommit
