// One machine's step, and what its outputs do.
#include <algorithm>
#include <iterator>
#include <utility>

#include "base/check.h"
#include "engine/node_engine.h"

namespace geocommit {

TxnEntry& NodeEngine::Impl::add_entry(TxnDescriptor descriptor, Role role, const Protocol& protocol) {
  auto entry = std::make_unique<TxnEntry>();
  TxnContext context{descriptor.txn, options_.self, descriptor.coordinator, descriptor.cohort, options_.timeouts};
  entry->machine = protocol.make(role, context);
  entry->descriptor = std::move(descriptor);
  entry->role = role;
  entry->protocol = &protocol;
  auto& table = role == Role::coordinator ? coordinators_ : participants_;
  const TxnId txn = entry->descriptor.txn;
  return table.add(txn, std::move(entry));
}

TxnEntry* NodeEngine::Impl::find_entry(Key key) {
  return (key.second == Role::coordinator ? coordinators_ : participants_).find(key.first);
}

void NodeEngine::Impl::drain() {
  if (draining_) {
    return;
  }
  draining_ = true;
  while (!inputs_.empty()) {
    const auto [key, input] = std::move(inputs_.front());
    inputs_.pop_front();
    if (TxnEntry* entry = find_entry(key)) {
      step(*entry, input);
    }
  }
  draining_ = false;
}

void NodeEngine::Impl::step(TxnEntry& entry, const Input& input) {
  if (const auto* received = std::get_if<Received>(&input)) {
    entry.depth = std::max(entry.depth, received->message.depth);
  }
  outbox_.clear();
  entry.machine->step(environment_.now(), input, outbox_);
  observer_.machine_stepped(entry.descriptor, entry.role, input, outbox_);
  for (Output& output : outbox_) {
    std::visit([&](auto& o) { perform(entry, o); }, output);
  }
  note_in_doubt(entry);
  if (entry.forgotten) {
    remove(entry);
  }
}

void NodeEngine::Impl::note_in_doubt(TxnEntry& entry) {
  if (entry.role != Role::participant || entry.in_doubt || entry.outcome != Outcome::undecided) {
    return;
  }
  const SiteState state = entry.machine->site_state();
  if (state == SiteState::prepared || state == SiteState::precommitted) {
    begin_in_doubt(entry, environment_.now());
  }
}

void NodeEngine::Impl::begin_in_doubt(TxnEntry& entry, Instant since) {
  entry.in_doubt = true;
  entry.in_doubt_since = since;
  locks_->blocked_from(entry.descriptor.txn, since + options_.timeouts.decision);
}

void NodeEngine::Impl::perform(TxnEntry& entry, Send& output) {
  Message& message = output.message;
  message.from = options_.self;
  message.txn = entry.descriptor.txn;
  message.protocol = entry.protocol->wire_id;
  message.depth = static_cast<std::uint16_t>(entry.depth + 1);
  ProtocolMessage wire{message, std::nullopt};
  if (entry.protocol->kind_class(message.kind) == MessageClass::prepare) {
    const auto work =
        std::find_if(entry.work.begin(), entry.work.end(), [&](const SiteWork& w) { return w.site == message.to; });
    const auto member = std::find_if(entry.descriptor.cohort.begin(), entry.descriptor.cohort.end(),
                                     [&](const Member& m) { return m.node == message.to; });
    GC_CHECK(work != entry.work.end() && member != entry.descriptor.cohort.end());
    wire.message.to_epoch = member->epoch;
    GC_CHECK(entry.descriptor.operations.empty());  // A coordinator's: each site gets its own.
    wire.descriptor = entry.descriptor;
    wire.descriptor->operations = work->operations;
  } else if (message.vote == Vote::yes || message.vote == Vote::read_only) {
    wire.reads = entry.reads;
  }
  const Traffic traffic = message.retry ? Traffic::retry : Traffic::protocol;
  const std::size_t bytes = send(message.to, wire, traffic, entry.protocol->kind_name(message.kind));
  observer_.message_out(wire.message, bytes);
  if (message.retry) {
    ++entry.cost.retries;
    return;
  }
  ++entry.cost.messages;
  entry.cost.bytes += bytes;
  if (!directory_.same_region(options_.self, message.to)) {
    ++entry.cost.wan_messages;
    entry.cost.wan_bytes += bytes;
  }
}

/// When its locks are granted, or granted again after a crash: later a home may have another master, whose writes do
/// not ask for locks that were held here. What such a write has replaced by then, nobody can read any more.
std::vector<ReadValue> NodeEngine::Impl::reads_of(const TxnEntry& entry) const {
  std::vector<ReadValue> reads;
  const std::vector<Operation>& operations = entry.descriptor.operations;
  if (std::none_of(operations.begin(), operations.end(), [](const Operation& operation) { return operation.read; })) {
    return reads;
  }
  const std::vector<TxnId> now = resources_->versions(operations);
  for (std::size_t i = 0; i < operations.size() && entry.versions.size() == operations.size(); ++i) {
    if (operations[i].read && entry.versions[i] == now[i]) {
      const Entity entity = operations[i].entity;
      reads.push_back({options_.self, entity, entry.versions[i], resources_->balance(entity)});
    }
  }
  return reads;
}

void NodeEngine::Impl::take_reads(TxnEntry& entry, NodeId site, const std::vector<ReadValue>& reads) {
  std::erase_if(entry.reads,
                [&](const ReadValue& read) { return read.site == site; });  // Repeated with a repeated vote.
  std::copy_if(reads.begin(), reads.end(), std::back_inserter(entry.reads),
               [&](const ReadValue& read) { return read.site == site; });
}

MachineRecord NodeEngine::Impl::make_record(TxnEntry& entry, const LogRecord& record) {
  MachineRecord result{entry.descriptor.txn, entry.role, entry.protocol->wire_id, record, std::nullopt, {}};
  if (record.with_descriptor || record.outcome != Outcome::undecided) {
    result.written = environment_.now();
    result.clock = options_.clock;
  }
  if (!entry.places.empty()) {
    give_places(entry, result);
  }
  if (entry.role == Role::participant && record.outcome == Outcome::commit) {
    apply(entry);
  }
  entry.records.reserve(4);
  entry.records.push_back(result);  // Without the descriptor and the versions, which the entry has.
  if (record.with_descriptor) {
    result.descriptor = entry.descriptor;
    result.versions = entry.versions;
  }
  return result;
}

/// With the commit record, although nobody may see it before the decision (its locks are held): a checkpoint that is
/// written while the record is being forced has both.
void NodeEngine::Impl::apply(TxnEntry& entry) {
  if (!entry.applied) {
    entry.applied = true;
    const std::vector<Operation>& operations = entry.descriptor.operations;
    resources_->commit(entry.descriptor.txn,
                       entry.places.empty() ? operations : kept_operations(operations, entry.places));
  }
}

void NodeEngine::Impl::perform(TxnEntry& entry, ForceLog& output) {
  const MachineRecord record = make_record(entry, output.record);
  const WriteToken token = ++last_write_;
  forces_.emplace_back(token, MachineForce{{entry.descriptor.txn, entry.role}, output.record.kind, record.ships});
  ++entry.cost.forced_writes;
  observer_.forced_write();
  environment_.write(record, token);
}

void NodeEngine::Impl::perform(TxnEntry& entry, AppendLog& output) {
  const MachineRecord record = make_record(entry, output.record);
  ++entry.cost.lazy_writes;
  observer_.lazy_write();
  environment_.write(record, 0);
}

void NodeEngine::Impl::cancel_machine_timer(TxnEntry& entry, std::uint8_t timer) {
  const auto it =
      std::find_if(entry.timers.begin(), entry.timers.end(), [&](const auto& t) { return t.first == timer; });
  if (it != entry.timers.end()) {
    environment_.cancel_timer(it->second);
    timers_.erase(it->second);
    entry.timers.erase(it);
  }
}

void NodeEngine::Impl::perform(TxnEntry& entry, SetTimer& output) {
  cancel_machine_timer(entry, output.timer);
  const TimerToken token = ++last_timer_;
  timers_.emplace(token, MachineTimer{{entry.descriptor.txn, entry.role}, output.timer});
  entry.timers.emplace_back(output.timer, token);
  environment_.set_timer(token, environment_.now() + output.after);
}

void NodeEngine::Impl::perform(TxnEntry& entry, CancelTimer& output) { cancel_machine_timer(entry, output.timer); }

std::vector<LockRequest> NodeEngine::Impl::lock_requests(const TxnDescriptor& descriptor) {
  std::vector<LockRequest> requests;
  requests.reserve(descriptor.operations.size());
  for (const Operation& operation : descriptor.operations) {
    requests.push_back({operation.entity, operation.read ? LockMode::shared : LockMode::exclusive});
  }
  return requests;
}

LockAge NodeEngine::Impl::lock_age(const TxnDescriptor& descriptor) { return {descriptor.priority, descriptor.txn}; }

void NodeEngine::Impl::perform(TxnEntry& entry, Execute& /*output*/) {
  if (entry.refused) {
    deny(entry, *entry.refused);
    return;
  }
  LockManager::Effects effects;
  const LockAnswer answer =
      locks_->acquire(lock_age(entry.descriptor), lock_requests(entry.descriptor), environment_.now(), effects);
  switch (answer) {
    case LockAnswer::granted:
      execute_with_locks(entry);
      break;
    case LockAnswer::waiting:
      entry.waiting = true;
      observer_.locks_awaited(entry.descriptor, locks_->ahead_of(entry.descriptor.txn));
      entry.lock_timer = ++last_timer_;
      timers_.emplace(entry.lock_timer, LockTimer{entry.descriptor.txn});
      environment_.set_timer(entry.lock_timer, environment_.now() + options_.lock_wait);
      break;
    case LockAnswer::denied:
      entry.behind_blocked = effects.behind_blocked;
      deny(entry, Reason::lock_conflict);
      break;
  }
  handle(effects);
}

void NodeEngine::Impl::execute_with_locks(TxnEntry& entry) {
  observer_.locks_granted(entry.descriptor, entry.lock_timer != 0);
  if (const Reason refused = keeps_homes_ ? accept_writes(entry) : Reason::none; refused != Reason::none) {
    entry.places.clear();
    return deny(entry, refused);
  }
  const Executed result = resources_->execute(entry.descriptor);
  entry.versions = resources_->versions(entry.descriptor.operations);
  entry.reads = reads_of(entry);
  entry.executed = true;
  entry.read_only = result.vote == Vote::read_only;
  observer_.voted(entry.descriptor, result.vote, result.reason);
  feed({entry.descriptor.txn, entry.role}, result);
}

void NodeEngine::Impl::deny(TxnEntry& entry, Reason reason) {
  entry.executed = true;
  entry.refusal = name_of(reason);
  observer_.voted(entry.descriptor, Vote::no, reason);
  feed({entry.descriptor.txn, entry.role}, Executed{Vote::no, reason});
  release_locks(entry);  // At once: whoever wounded it need not wait for its step.
}

void NodeEngine::Impl::handle(LockManager::Effects& effects) {
  for (const TxnId txn : effects.complete) {
    TxnEntry* entry = find_entry({txn, Role::participant});
    GC_CHECK(entry != nullptr);
    if (entry->executed) {
      continue;
    }
    entry->waiting = false;
    environment_.cancel_timer(entry->lock_timer);
    timers_.erase(entry->lock_timer);
    execute_with_locks(*entry);
  }
  for (const TxnId txn : effects.wounded) {
    TxnEntry* entry = find_entry({txn, Role::participant});
    GC_CHECK(entry != nullptr);
    if (entry->outcome != Outcome::undecided) {
      continue;
    }
    if (!entry->executed) {
      deny(*entry, Reason::lock_conflict);
    } else if (!entry->wound_sent) {
      entry->wound_sent = true;
      send(entry->descriptor.coordinator, Wound{txn}, Traffic::wound, "WOUND");
    }
  }
}

void NodeEngine::Impl::release_locks(TxnEntry& entry) {
  if (entry.waiting) {
    entry.waiting = false;
    environment_.cancel_timer(entry.lock_timer);
    timers_.erase(entry.lock_timer);
  }
  LockManager::Effects effects;
  const LockManager::Held held = locks_->release(entry.descriptor.txn, environment_.now(), effects);
  if (held.any) {
    observer_.locks_released(entry.descriptor, entry.outcome, held.first_to_last, held.summed_over_keys, held.waited);
  }
  if (held.blocking) {
    observer_.blocking_ended(entry.descriptor, entry.outcome, *held.blocking);
  }
  if (held.behind_blocked || std::exchange(entry.behind_blocked, false)) {
    observer_.held_up_by_blocked(entry.descriptor, held.complete ? "waited" : entry.refusal);
  }
  handle(effects);
}

void NodeEngine::Impl::perform(TxnEntry& entry, ReleaseLocks& /*output*/) { release_locks(entry); }

void NodeEngine::Impl::perform(TxnEntry& entry, Decide& output) {
  if (entry.outcome != Outcome::undecided) {
    GC_CHECK_NOTE(entry.outcome == output.outcome, "a decision is irrevocable");
    return;
  }
  entry.outcome = output.outcome;
  const Instant now = environment_.now();
  if (entry.role == Role::coordinator) {
    const RequestId id = entry.descriptor.request;
    Reason reason = output.reason;
    const bool again = routes_homes() && output.outcome == Outcome::abort && try_again(entry, reason);
    if (!entry.recovered) {
      observer_.transaction_decided(entry.descriptor, output.outcome, reason, now - entry.begun, entry.depth);
    }
    open_requests_.erase(id);
    if (again) {
      return;
    }
    requests_.remember({id, entry.descriptor.txn, output.outcome});
    const bool lost = entry.reply_to == NodeId{};
    reply(lost ? id.client : entry.reply_to, !lost && entry.reply_to_forwarder,
          {id, entry.descriptor.txn, output.outcome, reason,
           output.outcome == Outcome::commit ? std::move(entry.reads) : std::vector<ReadValue>{}});
    return;
  }
  if (entry.in_doubt) {
    const Duration in_doubt = now - entry.in_doubt_since;
    observer_.in_doubt_ended(entry.descriptor, output.outcome, in_doubt,
                             std::max(in_doubt - options_.timeouts.decision, Duration::zero()));
    entry.in_doubt = false;
  }
}

void NodeEngine::Impl::perform(TxnEntry& entry, Forget& /*output*/) { entry.forgotten = true; }

void NodeEngine::Impl::perform(TxnEntry& entry, Note& output) { observer_.noted(entry.descriptor, output.event); }

void NodeEngine::Impl::remove(TxnEntry& entry) {
  while (!entry.timers.empty()) {
    cancel_machine_timer(entry, entry.timers.back().first);
  }
  const TxnId txn = entry.descriptor.txn;
  observer_.transaction_forgotten(entry.descriptor, entry.role, entry.outcome, entry.cost);
  if (entry.role == Role::coordinator) {
    open_requests_.erase(entry.descriptor.request);
    coordinators_.erase(txn);
    return;
  }
  release_locks(entry);
  memory_.remember({txn, entry.outcome, entry.read_only});
  participants_.erase(txn);
  if (keeps_homes_) {
    check_drained();
  }
}

}  // namespace geocommit
