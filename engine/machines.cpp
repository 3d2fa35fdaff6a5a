#include "engine/machines.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace geocommit {

void Machines::drain() {
  if (draining_) {
    return;
  }
  draining_ = true;
  while (const auto next = transactions_.take_input()) {
    if (TxnEntry* entry = transactions_.find(next->first)) {
      step(*entry, next->second);
    }
  }
  draining_ = false;
}

void Machines::timer_fired(const MachineTimer& timer, TimerToken token) {
  if (TxnEntry* entry = transactions_.find(timer.key)) {
    std::erase_if(entry->timers, [&](const auto& t) { return t.second == token; });
    transactions_.feed(timer.key, TimerFired{timer.timer});
  }
}

void Machines::step(TxnEntry& entry, const Input& input) {
  if (const auto* received = std::get_if<Received>(&input)) {
    entry.depth = std::max(entry.depth, received->message.depth);
  }
  outbox_.clear();
  entry.machine->step(context_.now(), input, outbox_);
  context_.observer().machine_stepped(entry.descriptor, entry.role, input, outbox_);
  for (Output& output : outbox_) {
    std::visit([&](auto& o) { perform(entry, o); }, output);
  }
  note_in_doubt(entry);
  if (entry.forgotten) {
    remove(entry);
  }
}

void Machines::note_in_doubt(TxnEntry& entry) {
  if (entry.role != Role::participant || entry.in_doubt || entry.outcome != Outcome::undecided) {
    return;
  }
  const SiteState state = entry.machine->site_state();
  if (state == SiteState::prepared || state == SiteState::precommitted) {
    execution_.begin_in_doubt(entry, context_.now());
  }
}

void Machines::perform(TxnEntry& entry, Send& output) {
  Message& message = output.message;
  message.from = context_.self();
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
  const std::size_t bytes = context_.send(message.to, wire, traffic, entry.protocol->kind_name(message.kind));
  context_.observer().message_out(entry.role, wire.message, bytes);
  if (message.retry) {
    ++entry.cost.retries;
    return;
  }
  ++entry.cost.messages;
  entry.cost.bytes += bytes;
  if (!context_.directory().same_region(context_.self(), message.to)) {
    ++entry.cost.wan_messages;
    entry.cost.wan_bytes += bytes;
  }
}

MachineRecord Machines::make_record(TxnEntry& entry, const LogRecord& record) {
  MachineRecord result{entry.descriptor.txn, entry.role, entry.protocol->wire_id, record, std::nullopt, {}};
  if (record.with_descriptor || record.outcome != Outcome::undecided) {
    result.written = context_.now();
    result.clock = context_.options().clock;
  }
  if (!entry.places.empty()) {
    for (Service* service : services_) {
      service->before_record(entry, result);
    }
  }
  if (entry.role == Role::participant && record.outcome == Outcome::commit) {
    execution_.apply(entry);
  }
  entry.records.reserve(4);
  entry.records.push_back(result);  // Without the descriptor and the versions, which the entry has.
  if (record.with_descriptor) {
    result.descriptor = entry.descriptor;
    result.versions = entry.versions;
  }
  return result;
}

void Machines::perform(TxnEntry& entry, ForceLog& output) {
  MachineRecord record = make_record(entry, output.record);
  ++entry.cost.forced_writes;
  context_.observer().forced_write();
  MachineForce use{entry.key(), output.record.kind, record.ships};
  context_.force(std::move(record), std::move(use));
}

void Machines::perform(TxnEntry& entry, AppendLog& output) {
  MachineRecord record = make_record(entry, output.record);
  ++entry.cost.lazy_writes;
  context_.observer().lazy_write();
  context_.append(std::move(record));
}

void Machines::cancel_timer(TxnEntry& entry, std::uint8_t timer) {
  const auto it =
      std::find_if(entry.timers.begin(), entry.timers.end(), [&](const auto& t) { return t.first == timer; });
  if (it != entry.timers.end()) {
    context_.cancel_timer(it->second);
    entry.timers.erase(it);
  }
}

void Machines::perform(TxnEntry& entry, SetTimer& output) {
  cancel_timer(entry, output.timer);
  entry.timers.emplace_back(output.timer, context_.set_timer(MachineTimer{entry.key(), output.timer}, output.after));
}

void Machines::perform(TxnEntry& entry, CancelTimer& output) { cancel_timer(entry, output.timer); }

void Machines::perform(TxnEntry& entry, Execute& output) {
  entry.may_vote_read_only = output.read_only;
  execution_.execute(entry);
}

void Machines::perform(TxnEntry& entry, ReleaseLocks& /*output*/) { execution_.release(entry); }

void Machines::perform(TxnEntry& entry, Decide& output) {
  if (entry.outcome != Outcome::undecided) {
    GC_CHECK_NOTE(entry.outcome == output.outcome, "a decision is irrevocable");
    return;
  }
  entry.outcome = output.outcome;
  if (entry.role == Role::coordinator) {
    requester_.decided(entry, output.outcome, output.reason);
  } else if (entry.in_doubt) {
    const Duration in_doubt = context_.now() - entry.in_doubt_since;
    context_.observer().in_doubt_ended(entry.descriptor, output.outcome, in_doubt,
                                       std::max(in_doubt - context_.options().timeouts.decision, Duration::zero()));
    entry.in_doubt = false;
  }
}

void Machines::perform(TxnEntry& entry, Forget& /*output*/) { entry.forgotten = true; }

void Machines::perform(TxnEntry& entry, Note& output) {
  context_.observer().noted(entry.descriptor, entry.role, output.event);
}

void Machines::remove(TxnEntry& entry) {
  while (!entry.timers.empty()) {
    cancel_timer(entry, entry.timers.back().first);
  }
  const TxnKey key = entry.key();
  context_.observer().transaction_forgotten(entry.descriptor, entry.role, entry.outcome, entry.cost);
  switch (entry.role) {
    case Role::coordinator:
      requester_.forgotten(entry);
      return transactions_.erase(key);
    case Role::participant:
      execution_.release(entry);
      memory_.remember({key.first, entry.outcome, entry.read_only});
      transactions_.erase(key);
      for (Service* service : services_) {
        service->forgotten();
      }
      return;
    case Role::acceptor:
      return transactions_.erase(key);
  }
}

}  // namespace geocommit
