#include "sim/explore/life.h"

#include <algorithm>

#include "base/check.h"
#include "engine/resource_manager.h"

namespace geocommit::explore {
namespace {

constexpr std::int64_t kBalance = 1000;
constexpr Duration kTimeout = 1s;

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

const LogRecord* ours_in(const DurableRecord& record, NodeId coordinator) {
  const auto* machine = std::get_if<MachineRecord>(&record);
  return machine != nullptr && machine->txn.coordinator == coordinator ? &machine->record : nullptr;
}

}  // namespace

EngineOptions NodeModel::Life::engine_options(const NodeModel& model, std::size_t node, Epoch epoch) {
  EngineOptions options;
  options.self = model.id(node);
  options.epoch = epoch;
  options.protocol = &model.row_;
  options.protocol_options = model.options_.protocol_options;
  options.rows = model.rows_;
  options.directory = &model.directory_;
  // No clock: what counts is how many timeouts a timer lasts. An interval of zero keeps no count of repetitions.
  options.timeouts = {kTimeout, kTimeout, Duration{0}};
  options.locking = LockingPolicy::no_wait;
  options.initial_balance = kBalance;
  options.requests_remembered = 4;
  options.parts.resources = make_locked_before_prepare;  // Readers vote read_only.
  return options;
}

NodeModel::Life::Life(NodeModel& model, std::size_t node, const State& from)
    : log(from.start),
      synced(log.size()),
      engine(engine_options(model, node, from.epoch), *this, *this),
      model_(model),
      node_(node),
      epoch_(from.epoch) {
  std::vector<DurableRecord> durable = log;
  if (model_.options_.filter.recover != nullptr) {
    model_.options_.filter.recover(durable);
  }
  engine.recover({std::nullopt, std::move(durable)});
  // Hellos have gone round: only Begin reads what they said, and it is over before the search starts.
  for (const NodeInfo& info : model_.directory_.nodes()) {
    if (info.kind != NodeKind::client && info.id != model_.id(node)) {
      engine.on_message({info.id, Epoch{1}, {}, Hello{false}});
    }
  }
  engine.start();
}

void NodeModel::Life::forget_step() {
  sent.clear();
  alarms.clear();
  violation.clear();
  moments.clear();
  commits = aborts = has_committed_ = has_aborted_ = false;
}

void NodeModel::Life::violate(const std::string& what) { throw Violated{what}; }

void NodeModel::Life::begin() {
  Request request;
  request.id = {model_.directory_.client(RegionId{0}), 1};
  for (std::uint32_t i = 0; i < model_.options_.participants; ++i) {
    const bool read = model_.only_reads(i + 1);
    request.operations.push_back({model_.directory_.entity_at(RegionId{i}, 0, 0), read ? 0 : 1, read});
  }
  engine.on_message({request.id.client, Epoch{1}, {}, ClientRequest{request, epoch_}});
}

void NodeModel::Life::apply(NodeInput input) {
  switch (input.kind) {
    case InputKind::deliver:
    case InputKind::deliver_denied: {
      const FlightMessage& flight = model_.message(input.value);
      PeerMessage message = flight.message;
      if (model_.options_.filter.deliver != nullptr &&
          !model_.options_.filter.deliver(model_.id(node_), epoch_, message)) {
        return;
      }
      if (input.kind == InputKind::deliver_denied) {
        return deny(flight);
      }
      return engine.on_message(message);
    }
    case InputKind::force: {
      if (forces.empty()) {
        violate("no force is under way");  // Only a renamed history can ask for that.
      }
      const auto [token, size] = forces.front();
      forces.erase(forces.begin());
      synced = std::max(synced, size);
      return engine.on_forced(token);
    }
    case InputKind::timer: {
      const auto armed =
          std::find_if(timers.begin(), timers.end(), [&](const auto& t) { return t.timer == input.value; });
      if (armed == timers.end()) {
        violate("no such timer is armed");  // Likewise.
      }
      const TimerToken token = armed->token;
      timers.erase(armed);
      return engine.on_timer(token);
    }
    case InputKind::wound:
      return engine.on_message({model_.id(1), Epoch{1}, {}, Wound{{model_.id(NodeModel::kCoordinator), Epoch{1}, 1}}});
    case InputKind::crash:
    case InputKind::restart:
      return;  // NodeModel's.
  }
}

/// The lock manager refuses: an older transaction, of a coordinator outside the search, holds the lock just then.
void NodeModel::Life::deny(const FlightMessage& flight) {
  const NodeId other = model_.directory_.coordinator(RegionId{model_.options_.participants});
  const auto& prepare = std::get<ProtocolMessage>(flight.message.payload);
  ProtocolMessage first = prepare;
  first.message.from = other;
  first.message.txn = {other, Epoch{1}, 1};
  first.message.protocol = model_.phantom_->wire_id;
  first.message.to_epoch = epoch_;
  first.descriptor->txn = first.message.txn;
  first.descriptor->protocol = first.message.protocol;
  first.descriptor->coordinator = other;
  const std::size_t log_before = log.size();
  const std::size_t forces_before = forces.size();
  phantom_ = true;
  engine.on_message({other, Epoch{1}, {}, first});
  phantom_ = false;
  engine.on_message(flight.message);
  phantom_ = true;
  Message abort = first.message;
  abort.kind = model_.phantom_decision_;
  abort.to_epoch = {};
  abort.outcome = Outcome::abort;
  engine.on_message({other, Epoch{1}, {}, ProtocolMessage{abort, std::nullopt}});
  engine.on_message({other, Epoch{1}, {Epoch{1}, 2}, Hello{false}});  // Its watermark: nothing of it is remembered.
  // Its record was asked for first, so its force is the oldest of the new ones.
  if (forces.size() > forces_before) {
    const WriteToken token = forces[forces_before].first;
    forces.erase(forces.begin() + static_cast<std::ptrdiff_t>(forces_before));
    if (forces_before == 0) {
      engine.on_forced(token);
    }
  }
  phantom_ = false;
  std::size_t removed = 0;
  for (std::size_t i = log_before; i < log.size();) {
    const auto* machine = std::get_if<MachineRecord>(&log[i]);
    if (machine != nullptr && machine->txn.coordinator == other) {
      log.erase(log.begin() + static_cast<std::ptrdiff_t>(i));
      ++removed;
    } else {
      ++i;
    }
  }
  for (std::size_t i = forces_before; i < forces.size(); ++i) {
    forces[i].second -= removed;
  }
}

std::size_t NodeModel::Life::send(NodeId to, const PeerPayload& payload) {
  if (phantom_) {
    return 0;
  }
  if (const auto* reply = std::get_if<ClientReply>(&payload)) {
    check_told(*reply);
  } else if (std::holds_alternative<ProtocolMessage>(payload) || std::holds_alternative<Wound>(payload)) {
    sent.emplace_back(to, payload);
    // Of a denial, the record that refuses the lock is no part of the log that a crash leaves.
    const auto own = std::count_if(log.begin(), log.end(), [this](const DurableRecord& r) {
      return ours_in(r, model_.id(NodeModel::kCoordinator)) != nullptr;
    });
    moments.push_back(
        {static_cast<std::uint8_t>(own), static_cast<std::uint8_t>(synced), has_committed_, has_aborted_});
  }
  return 1;
}

void NodeModel::Life::write(const DurableRecord& record, WriteToken token) {
  log.push_back(record);
  if (token != 0) {
    forces.emplace_back(token, log.size());
  }
}

void NodeModel::Life::set_timer(TimerToken token, Instant deadline) {
  if (arming_.empty()) {
    return;  // The node's own.
  }
  timers.push_back({arming_.front(), static_cast<std::uint8_t>((deadline - Instant{}) / kTimeout), token});
  arming_.erase(arming_.begin());
}

void NodeModel::Life::cancel_timer(TimerToken token) {
  std::erase_if(timers, [token](const auto& t) { return t.token == token; });
}

bool NodeModel::Life::durable(Meaning meaning) const {
  return std::any_of(log.begin(), log.begin() + static_cast<std::ptrdiff_t>(synced), [&](const DurableRecord& r) {
    const LogRecord* record = ours_in(r, model_.id(NodeModel::kCoordinator));
    return record != nullptr && model_.row_.record_meaning(record->kind) == meaning;
  });
}

bool NodeModel::Life::durable_outcome(Outcome outcome) const {
  return std::any_of(log.begin(), log.begin() + static_cast<std::ptrdiff_t>(synced), [&](const DurableRecord& r) {
    const LogRecord* record = ours_in(r, model_.id(NodeModel::kCoordinator));
    return record != nullptr && record->outcome == outcome;
  });
}

bool NodeModel::Life::commit_is_irrevocable() const {
  if (durable_outcome(Outcome::commit)) {
    return true;
  }
  if (model_.row_.commit_point == CommitPoint::accepted) {
    return durable(Meaning::precommit);  // Its own part in it; the others' its messages have told it.
  }
  bool told_all = model_.row_.commit_point == CommitPoint::sent;
  for (std::size_t site = 0; site < model_.nodes(); ++site) {
    told_all = told_all &&
               (site == node_ || coordinates(site) || model_.only_reads(site) || ((told_commit >> site) & 1U) != 0);
  }
  return told_all;
}

std::string NodeModel::Life::commit_point() const {
  switch (model_.row_.commit_point) {
    case CommitPoint::forced:
      return "durable";
    case CommitPoint::sent:
      return "durable, or sent to every site";
    case CommitPoint::accepted:
      return "durable, or accepted here";
  }
  GC_CHECK(false);
}

void NodeModel::Life::check_told(const ClientReply& reply) {
  commits = commits || reply.outcome == Outcome::commit;
  aborts = aborts || reply.outcome == Outcome::abort;
  has_committed_ = has_committed_ || reply.outcome == Outcome::commit;
  has_aborted_ = has_aborted_ || reply.outcome == Outcome::abort;
  if (reply.outcome == Outcome::commit && !commit_is_irrevocable() && !model_.all_read()) {
    violate("the client is told commit before it is " + commit_point());
  }
}

void NodeModel::Life::check_send(const Message& message, Outcome heard) {
  const std::string kind{model_.row_.kind_name(message.kind)};
  const auto record = [this](Meaning meaning) { return std::string(model_.row_.record_name(meaning)); };
  switch (model_.row_.sent_after(message.kind)) {
    case Meaning::yes:
      if (message.vote == Vote::yes && !durable(Meaning::yes)) {
        violate("YES before `" + record(Meaning::yes) + "` is durable");
      }
      break;
    case Meaning::precommit:
      if (!durable(Meaning::precommit)) {
        violate(kind + " before `" + record(Meaning::precommit) + "` is durable");
      }
      break;
    case Meaning::outcome:
      if (model_.row_.acknowledged_by(message.kind) == Outcome::abort) {
        if (durable(Meaning::yes) && !durable_outcome(Outcome::abort)) {
          violate(kind + " of an abort that is not durable there");
        }
      } else if (!durable_outcome(Outcome::commit) && !model_.only_reads(node_)) {
        violate(kind + " of a commit that is not durable there");
      }
      break;
    case Meaning::none:
    case Meaning::end:
      break;
  }
  const bool decides = model_.row_.kind_class(message.kind) == MessageClass::decision;
  const bool may_abort_alone = !coordinates(node_) && message.outcome == Outcome::abort && heard != Outcome::abort;
  if (may_abort_alone && !durable_outcome(Outcome::abort)) {
    violate("abort is told to others before it is durable");
  }
  // Who passes on what it has just heard relies on the durable record of whoever said it.
  if (decides && message.outcome == Outcome::commit) {
    if (model_.row_.commit_point == CommitPoint::forced && heard != Outcome::commit &&
        !durable_outcome(Outcome::commit)) {
      violate(kind + " commit before it is durable");
    }
    told_commit = static_cast<std::uint8_t>(told_commit | 1U << model_.node_of(message.to));
  }
}

void NodeModel::Life::machine_stepped(const TxnDescriptor& txn, Role /*role*/, const Input& input, const Outbox& out) {
  arming_.clear();
  if (!ours(txn.txn)) {
    return;
  }
  const auto* received = std::get_if<Received>(&input);
  const Outcome heard = received != nullptr ? received->message.outcome : Outcome::undecided;
  for (const Output& output : out) {
    std::visit(Overloaded{
                   [&](const Send& o) { check_send(o.message, heard); },
                   [&](const SetTimer& o) { arming_.push_back(o.timer); },
                   [&](const Decide& o) {
                     if (decided_ != Outcome::undecided && decided_ != o.outcome) {
                       violate("a decision is taken back");
                     }
                     // Whoever heard of it relies on who told it. Otherwise, told first: check_send() has seen to
                     // forced.
                     if (model_.row_.commit_point == CommitPoint::sent && o.outcome == Outcome::commit &&
                         heard != Outcome::commit && !commit_is_irrevocable() && !model_.all_read()) {
                       violate("commit is decided before it is " + commit_point());
                     }
                     decided_ = o.outcome;
                     commits = commits || o.outcome == Outcome::commit;
                     aborts = aborts || o.outcome == Outcome::abort;
                   },
                   [&](const ReleaseLocks&) {
                     if (durable(Meaning::yes) && decided_ == Outcome::undecided) {
                       violate("locks are released in doubt");
                     }
                   },
                   [](const ForceLog&) {},
                   [](const AppendLog&) {},
                   [](const CancelTimer&) {},
                   [](const Execute&) {},
                   [](const Forget&) {},
                   [](const Note&) {},
               },
               output);
  }
}

void NodeModel::Life::transaction_decided(const TxnDescriptor& txn, Outcome outcome, Reason /*why*/,
                                          Duration /*latency*/, std::uint32_t /*delays*/) {
  if (ours(txn.txn)) {
    has_committed_ = has_committed_ || outcome == Outcome::commit;
    has_aborted_ = has_aborted_ || outcome == Outcome::abort;
  }
}

NodeProperties NodeModel::Life::properties() const {
  NodeProperties p;
  EngineStatus status = engine.status();
  if (model_.options_.filter.status != nullptr) {
    model_.options_.filter.status(status);
  }
  p.up = true;
  p.forcing = !forces.empty();
  p.in_doubt = status.in_doubt > 0;
  p.open = status.open() > 0;
  p.locks = status.locks_held + status.lock_waiters > 0;
  p.log_size = static_cast<std::uint8_t>(log.size());
  p.synced = static_cast<std::uint8_t>(synced);
  for (std::size_t i = 0; i < log.size(); ++i) {
    if (const LogRecord* record = ours_in(log[i], model_.id(NodeModel::kCoordinator))) {
      const bool prepared = model_.row_.record_meaning(record->kind) == Meaning::yes;
      p.prepared = p.prepared || prepared;
      p.prepared_durable = p.prepared_durable || (prepared && i < synced);
      p.committed = p.committed || record->outcome == Outcome::commit;
      p.committed_durable = p.committed_durable || (record->outcome == Outcome::commit && i < synced);
      p.aborted = p.aborted || record->outcome == Outcome::abort;
    }
  }
  if (!coordinates(node_)) {
    p.applied = engine.balances().front() - kBalance;
  }
  std::vector<Armed> armed = timers;
  std::sort(armed.begin(), armed.end(), [](const Armed& a, const Armed& b) { return a.timer < b.timer; });
  for (const Armed& timer : armed) {
    p.timers.push_back(timer.timer);
    p.patience.push_back(timer.patience);
  }
  return p;
}

void NodeModel::Life::check_state() {
  const NodeProperties p = properties();
  if (p.in_doubt && !p.locks) {
    violate("in doubt without its locks");
  }
  if (p.applied > 1 || p.applied < 0) {
    violate("operations applied more than once");
  }
  if (p.applied == 1 && !p.committed) {
    violate("operations applied without a commit record");
  }
  if (p.committed && p.aborted) {
    violate("both outcomes in one log");
  }
}

}  // namespace geocommit::explore
