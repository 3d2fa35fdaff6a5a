#include "engine/site.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/canonical.h"
#include "base/check.h"

namespace geocommit {
namespace {

/// More than are on their way at any time; what is dropped is as if lost.
constexpr std::size_t kEarlyMax = 10'000;

/// What came with the vote of `site`; it replaces what came with an earlier one.
void take_reads(TxnEntry& entry, NodeId site, const std::vector<ReadValue>& reads) {
  std::erase_if(entry.reads, [&](const ReadValue& read) { return read.site == site; });
  std::copy_if(reads.begin(), reads.end(), std::back_inserter(entry.reads),
               [&](const ReadValue& read) { return read.site == site; });
}

}  // namespace

Site::Site(NodeContext& context, const Services& services, Requester& requester, const Peers& peers)
    : context_(context),
      peers_(peers),
      transactions_(context),
      execution_(context, services, transactions_),
      machines_(context, services, requester, transactions_, execution_, memory_),
      recovery_(context, services, requester, transactions_, execution_, memory_) {}

// ---- Recovery -----------------------------------------------------------------------------------------------------

void Site::restore(Checkpoint& checkpoint) {
  if (!checkpoint.balances.empty()) {
    GC_CHECK_NOTE(checkpoint.balances.size() == resources().balances().size(), "a checkpoint of another configuration");
    resources().restore(std::move(checkpoint.balances), std::move(checkpoint.writers));
  }
  for (const auto& [coordinator, watermark] : checkpoint.watermarks) {
    memory_.raise(coordinator, watermark);
  }
  for (const FinishedTxn& finished : checkpoint.finished) {
    memory_.remember(finished);
  }
  for (MachineRecord& record : checkpoint.open) {
    recovery_.replay(std::move(record), false);
  }
}

void Site::replay(MachineRecord record) { recovery_.replay(std::move(record), true); }

void Site::replayed() { recovery_.rebuild(); }

void Site::start() { recovery_.wake(); }

// ---- What reaches it ----------------------------------------------------------------------------------------------

TxnId Site::begin(const Request& request, const Route& route, const Attempt& attempt) {
  const Protocol* protocol = context_.row(route.protocol);
  GC_CHECK(protocol != nullptr && !protocol->is_router() && !route.sites.empty());
  TxnDescriptor descriptor;
  descriptor.txn = {context_.self(), context_.options().epoch, next_counter_++};
  descriptor.protocol = route.protocol;
  descriptor.coordinator = context_.self();
  for (const SiteWork& work : route.sites) {
    descriptor.cohort.push_back({work.site, peers_.epoch_of(work.site)});
  }
  // Age by this host's steady clock. Between hosts only fairness depends on it, safety never: the order is total.
  descriptor.priority = static_cast<std::uint64_t>(context_.now().time_since_epoch().count());
  descriptor.request = request.id;
  descriptor.measured = request.measured;
  TxnEntry& entry = transactions_.add(std::move(descriptor), Role::coordinator, *protocol);
  entry.work = route.sites;
  entry.begun = context_.now();
  entry.attempt = attempt;
  context_.observer().transaction_begun(entry.descriptor);
  transactions_.feed(entry.key(), Begin{});
  return entry.descriptor.txn;
}

void Site::receive(const PeerMessage& from, const ProtocolMessage& wire) {
  const Message& message = wire.message;
  const Protocol* protocol = context_.row(message.protocol);
  if (protocol == nullptr || protocol->is_router() || message.from != from.from || message.to != context_.self()) {
    context_.observer().alarm("a protocol message that is not for this node, or of no protocol");
    return;
  }
  if (!protocol->has_role(message.to_role)) {
    context_.observer().alarm("a protocol message to a role that its protocol has not");
    return;
  }
  context_.observer().message_in(message);
  const TxnKey key{message.txn, message.to_role};
  if (TxnEntry* entry = transactions_.find(key)) {
    if (!wire.reads.empty() && entry->role == Role::coordinator) {
      take_reads(*entry, message.from, wire.reads);
    }
    transactions_.feed(key, Received{message});
  } else if (protocol->kind_class(message.kind) == MessageClass::prepare) {
    receive_prepare(wire, *protocol);
  } else {
    receive_orphan(message, *protocol);
  }
}

void Site::receive_prepare(const ProtocolMessage& wire, const Protocol& protocol) {
  const Message& message = wire.message;
  const FinishedTxn* finished = memory_.find(message.txn);
  if (is_superseded(message.txn, protocol) || !wire.descriptor || message.to_role != Role::participant ||
      wire.descriptor->txn != message.txn || memory_.below_watermark(message.txn) ||
      (finished != nullptr && finished->outcome == Outcome::commit)) {
    context_.observer().alarm("a PREPARE from the past, or without a descriptor");  // Nobody waits for the answer.
    return;
  }
  for (const Operation& operation : wire.descriptor->operations) {
    const bool kept = operation.entity.value < context_.directory().entity_count() &&
                      context_.directory().slot_of(operation.entity) < context_.directory().keys_per_participant();
    if (!kept) {
      context_.observer().alarm("a PREPARE for an entity that is not kept here");
      return;
    }
  }
  // Aborted, or voted read-only: a repetition, the same answer again, and no second record (pitfalls 4, 12).
  // Addressed to an earlier start of this site (pitfalls 6, 34): NO, but no abort. That start may have voted read-only,
  // and the transaction may have committed.
  if (finished != nullptr || message.to_epoch != context_.options().epoch) {
    receive_orphan(message, protocol);
    return;
  }
  TxnEntry& entry = transactions_.add(*wire.descriptor, Role::participant, protocol);
  if (context_.quiesced()) {
    entry.refused = Reason::unavailable;
  }
  transactions_.feed({message.txn, Role::participant}, Received{message});
  std::erase_if(early_, [&](const Message& early) {
    const bool its = early.txn == message.txn;
    if (its) {
      transactions_.feed({message.txn, Role::participant}, Received{early});
    }
    return its || memory_.below_watermark(early.txn);
  });
}

bool Site::is_superseded(const TxnId& txn, const Protocol& protocol) const {
  return protocol.commit_point == CommitPoint::accepted && txn.coordinator != context_.self() &&
         txn.epoch < peers_.epoch_of(txn.coordinator);
}

void Site::keep_for_prepare(const Message& message) {
  if (early_.size() >= kEarlyMax) {
    early_.pop_front();
  }
  if (std::find(early_.begin(), early_.end(), message) == early_.end()) {
    early_.push_back(message);
  }
}

Epoch Site::settled(NodeId coordinator) const {
  const Epoch start = peers_.epoch_of(coordinator);
  bool open = false;
  for (const TxnTable& table : transactions_.tables()) {
    table.for_each([&](const TxnEntry& entry) {
      open = open || (entry.descriptor.txn.coordinator == coordinator && entry.descriptor.txn.epoch < start);
    });
  }
  return open ? Epoch{} : start;
}

void Site::receive_orphan(const Message& message, const Protocol& protocol) {
  Remembered remembered;
  remembered.own_transaction = message.txn.coordinator == context_.self();
  const bool names_none = message.to_epoch == Epoch{} && protocol.kind_class(message.kind) != MessageClass::prepare;
  remembered.same_epoch = names_none || message.to_epoch == context_.options().epoch;
  remembered.below_watermark = memory_.below_watermark(message.txn);
  if (const FinishedTxn* finished = memory_.find(message.txn)) {
    remembered.voted_read_only = finished->read_only;
    remembered.state = finished->outcome == Outcome::commit  ? SiteState::committed
                       : finished->outcome == Outcome::abort ? SiteState::aborted
                                                             : SiteState::unknown;
  }
  OrphanRule rule = protocol.orphan(message, remembered);
  if (!rule.note.empty()) {
    context_.observer().alarm(rule.note);
  }
  if (rule.action != OrphanAction::make_machine && message.to_role == Role::participant &&
      message.outcome == Outcome::abort && !remembered.below_watermark && remembered.state == SiteState::unknown &&
      protocol.kind_class(message.kind) == MessageClass::decision) {
    memory_.remember({message.txn, Outcome::abort, false});  // A late PREPARE is refused (pitfall 4).
  }
  switch (rule.action) {
    case OrphanAction::ignore:
      break;
    case OrphanAction::reply: {
      Message reply = rule.reply;
      reply.from = context_.self();
      reply.to = reply.to == NodeId{} ? message.from : reply.to;
      reply.txn = message.txn;
      reply.protocol = protocol.wire_id;
      reply.depth = static_cast<std::uint16_t>(message.depth + 1);
      const std::size_t bytes =
          context_.send(reply.to, ProtocolMessage{reply, std::nullopt}, Traffic::retry, protocol.kind_name(reply.kind));
      context_.observer().message_out(message.to_role, reply, bytes);
      break;
    }
    case OrphanAction::keep_for_prepare:
      if (!is_superseded(message.txn, protocol)) {
        keep_for_prepare(message);
      }
      break;
    case OrphanAction::make_machine: {
      TxnDescriptor descriptor;
      descriptor.txn = message.txn;
      descriptor.protocol = protocol.wire_id;
      descriptor.coordinator = message.txn.coordinator;
      transactions_.add(std::move(descriptor), message.to_role, protocol);
      transactions_.feed({message.txn, message.to_role}, Received{message});
      break;
    }
  }
}

// ---- What it says of itself -----------------------------------------------------------------------------------------

Watermark Site::watermark() const {
  if (context_.info().kind != NodeKind::coordinator) {
    return {};
  }
  if (!peers_.all_settled()) {
    return {};  // It may have begun what is committed, and still open at some site (ADR 45).
  }
  if (transactions_.coordinators().empty()) {
    return {context_.options().epoch, next_counter_};
  }
  const TxnId& oldest = transactions_.coordinators().oldest();
  return {oldest.epoch, oldest.counter};
}

void Site::add_to(EngineStatus& status) const {
  status.open_coordinator = transactions_.coordinators().size();
  status.open_participant = participants().size();
  status.open_acceptor = transactions_.table(Role::acceptor).size();
  const Instant now = context_.now();
  participants().for_each([&](const TxnEntry& entry) {
    if (!entry.in_doubt) {
      return;
    }
    ++status.in_doubt;
    const Duration blocked = now - entry.in_doubt_since - context_.options().timeouts.decision;
    if (blocked > Duration::zero()) {
      ++status.blocked;
      status.oldest_blocked = std::max(status.oldest_blocked, blocked);
    }
  });
  execution_.add_to(status);
  status.finished_remembered = memory_.size();
}

std::vector<OpenInDoubt> Site::open_in_doubt() const {
  std::vector<OpenInDoubt> result;
  const Instant now = context_.now();
  for (const TxnEntry* entry : participants().ascending()) {
    if (entry->in_doubt) {
      const Duration in_doubt = now - entry->in_doubt_since;
      const Duration blocked = std::max(in_doubt - context_.options().timeouts.decision, Duration::zero());
      result.push_back({entry->descriptor, in_doubt, blocked, execution_.blocking_cost(*entry)});
    }
  }
  return result;
}

void Site::add_to(Checkpoint& checkpoint) const {
  if (context_.info().kind == NodeKind::agent) {
    checkpoint.balances = resources().balances();
    checkpoint.writers = resources().writers();
  }
  for (const TxnTable& table : transactions_.tables()) {
    for (const TxnEntry* entry : table.ascending()) {
      for (const MachineRecord& record : entry->records) {
        GC_CHECK_NOTE(entry->role != Role::participant || record.record.outcome != Outcome::commit || entry->applied,
                      "a commit record without its change: nobody would make the change after a restart");
        checkpoint.open.push_back(record);
        if (record.record.with_descriptor) {
          checkpoint.open.back().descriptor = entry->descriptor;
          checkpoint.open.back().versions = entry->versions;
        }
      }
    }
  }
  checkpoint.finished = memory_.all();
  checkpoint.watermarks = memory_.watermarks();
}

void Site::hash_transactions(std::string& out) const {
  using canonical::put;
  transactions_.hash_state(out);
  put(out, next_counter_ << 1U | (context_.quiesced() ? 1U : 0U));
  for (const Message& early : early_) {
    put(out, early.txn);
    put(out, early.from.value);
    put(out, early.kind);
  }
  const std::vector<FinishedTxn> finished = memory_.all();
  put(out, finished.size());
  for (const FinishedTxn& f : finished) {
    put(out, f.txn);
    put(out, static_cast<std::uint64_t>(f.outcome) << 1U | (f.read_only ? 1U : 0U));
  }
  for (const auto& [coordinator, watermark] : memory_.watermarks()) {
    put(out, coordinator.value);
    put(out, watermark.epoch.value);
    put(out, watermark.counter);
  }
}

}  // namespace geocommit
