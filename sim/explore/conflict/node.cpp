#include "sim/explore/conflict/node.h"

#include <algorithm>

#include "base/canonical.h"

namespace geocommit::explore::conflict {
namespace {

constexpr Duration kTimeout = 1s;
constexpr Duration kLockWait = 7777ms;  // How its timers are told apart; it counts as one timeout.
constexpr std::uint8_t kLockTimer = 0xff;

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

using canonical::put;

void put(std::string& out, const MachineRecord& machine) {
  const LogRecord& record = machine.record;
  put(out, machine.txn);
  put(out, static_cast<std::uint64_t>(record.kind) << 24U | static_cast<std::uint64_t>(machine.role) << 16U |
               static_cast<std::uint64_t>(record.outcome) << 8U | static_cast<std::uint64_t>(record.reason));
  put(out, record.ballot.value);
  put(out, record.sites.size());
  for (const NodeId site : record.sites) {
    put(out, site.value);
  }
  put(out, machine.descriptor ? machine.descriptor->operations.size() + 1 : 0);
}

void put(std::string& out, const std::vector<DurableRecord>& log) {
  put(out, log.size());
  for (const DurableRecord& durable : log) {
    put(out, std::get<MachineRecord>(durable));
  }
}

/// For the replay without a checkpoint: only what recovery says counts.
class Nothing final : public Environment, public Observer {
 public:
  [[nodiscard]] Instant now() const override { return Instant{}; }
  std::size_t send(NodeId /*to*/, const PeerPayload& /*payload*/) override { return 0; }
  void write(const DurableRecord& /*record*/, WriteToken /*token*/) override {}
  [[nodiscard]] std::size_t log_bytes_since_checkpoint() const override { return 0; }
  void write_checkpoint(Checkpoint /*checkpoint*/) override {}
  [[nodiscard]] bool checkpoint_in_progress() const override { return false; }
  void set_timer(TimerToken /*token*/, Instant /*deadline*/) override {}
  void cancel_timer(TimerToken /*token*/) override {}
};

/// What recovery must bring back, whether from a checkpoint or from the whole log.
std::string recovered(const NodeEngine& engine) {
  const EngineStatus status = engine.status();
  std::string text = engine.describe();
  for (const std::uint64_t value : {status.open_coordinator, status.open_participant, status.in_doubt,
                                    status.locks_held, static_cast<std::uint64_t>(status.balance_total)}) {
    text += " " + std::to_string(value);
  }
  return text;
}

}  // namespace

void encode(const Disk& disk, std::string& out) {
  put(out, disk.checkpoint ? 1 : 0);
  if (disk.checkpoint) {
    const Checkpoint& c = *disk.checkpoint;
    put(out, c.epoch.value);
    for (const std::int64_t balance : c.balances) {
      put(out, static_cast<std::uint64_t>(balance));
    }
    put(out, c.open.size());
    for (const MachineRecord& record : c.open) {
      put(out, record);
    }
    put(out, c.finished.size());
    for (const FinishedTxn& finished : c.finished) {
      put(out, finished.txn);
      put(out, static_cast<std::uint64_t>(finished.outcome) << 1U | (finished.read_only ? 1U : 0U));
    }
    put(out, c.requests.size());
    for (const FinishedRequest& request : c.requests) {
      put(out, request.txn);
      put(out, static_cast<std::uint64_t>(request.outcome));
    }
    put(out, c.watermarks.size());
    for (const auto& [node, mark] : c.watermarks) {
      put(out, node.value);
      put(out, mark.epoch.value);
      put(out, mark.counter);
    }
  }
  put(out, disk.log);
  put(out, disk.dropped);
}

Setting::Setting(const ConflictOptions& o)
    : options(o), directory({"r0", "r1"}, 1, Placement::partitioned, 1), rows{*o.protocol} {
  options.protocol = nullptr;  // rows has it: the caller's may go away.
  for (const Protocol& row : all_protocols()) {
    if (row.wire_id != rows[0].wire_id) {
      rows.push_back(row);
    }
  }
}

NodeId Setting::id(std::size_t node) const {
  const RegionId region{static_cast<std::uint32_t>(node % kCoordinators)};
  return node < kCoordinators ? directory.coordinator(region) : directory.agent(region, 0);
}

std::size_t Setting::node_of(NodeId wanted) const {
  std::size_t node = 0;
  while (node < nodes() && id(node) != wanted) {
    ++node;
  }
  return node;
}

EngineOptions Node::engine_options(const Setting& setting, std::size_t self, Epoch epoch) {
  EngineOptions options;
  options.self = setting.id(self);
  options.epoch = epoch;
  options.protocol = setting.rows.data();
  options.rows = setting.rows;
  options.directory = &setting.directory;
  options.timeouts = {kTimeout, kTimeout, Duration{0}};  // As the other explorers': no repetitions are counted.
  options.lock_wait = kLockWait;
  options.locking = setting.options.locking;
  options.initial_balance = 0;
  options.requests_remembered = 8;
  options.checkpoint_bytes = 1;
  return options;
}

Node::Node(const Setting& setting, std::size_t self, Epoch epoch, const Disk& disk)
    : setting_(setting),
      self_(self),
      epoch_(epoch),
      checkpoint_(disk.checkpoint),
      dropped_(disk.dropped),
      log_(disk.log),
      synced_(log_.size()),
      engine_(engine_options(setting, self, epoch), *this, *this) {
  DurableState durable{checkpoint_, log_};
  if (setting_.options.filter.recover != nullptr) {
    setting_.options.filter.recover(durable);
  }
  engine_.recover(durable);
  for (const OpenInDoubt& in_doubt : engine_.open_in_doubt()) {
    owners_.insert(in_doubt.descriptor.txn);
  }
  // Hellos have gone round: only Begin reads what they said, and it is over before the search starts.
  for (const NodeInfo& info : setting_.directory.nodes()) {
    if (info.kind != NodeKind::client && info.id != setting_.id(self_)) {
      engine_.on_message({info.id, Epoch{1}, {}, Hello{false}});
    }
  }
  engine_.start();
  if (checkpoint_) {
    check_replay();  // Only now: a machine whose last record is in the log sees so when it is woken.
  }
}

void Node::check_replay() const {
  std::vector<DurableRecord> whole = dropped_;
  whole.insert(whole.end(), log_.begin(), log_.end());
  Nothing nothing;
  NodeEngine replayed(engine_options(setting_, self_, epoch_), nothing, nothing);
  replayed.recover({std::nullopt, std::move(whole)});
  replayed.start();
  if (recovered(replayed) != recovered(engine_)) {
    throw Violated{"recovery from the checkpoint is not what the whole log says: " + recovered(engine_) + " against " +
                   recovered(replayed)};
  }
}

void Node::begin() {
  Request request;
  request.id = {setting_.directory.client(RegionId{static_cast<std::uint32_t>(self_)}), 1};
  request.origin = RegionId{static_cast<std::uint32_t>(self_)};
  for (std::uint32_t site = 0; site < setting_.options.sites; ++site) {
    request.operations.push_back({setting_.directory.entity_at(RegionId{site}, 0, 0), Setting::amount(self_), false});
  }
  engine_.on_message({request.id.client, Epoch{1}, {}, ClientRequest{request, epoch_}});
}

void Node::forget_step() {
  sent.clear();
  commits = aborts = prepared = 0;
}

void Node::apply(Input input, const PeerMessage* message) {
  switch (input.kind) {
    case InputKind::deliver: {
      PeerMessage in = *message;
      if (setting_.options.filter.deliver == nullptr || setting_.options.filter.deliver(epoch_, in)) {
        engine_.on_message(in);
      }
      break;
    }
    case InputKind::force: {
      const auto [token, size] = forces_.front();
      forces_.pop_front();
      synced_ = std::max(synced_, size);
      engine_.on_forced(token);
      break;
    }
    case InputKind::timer: {
      const TimerToken token = timers_[input.value].token;
      timers_.erase(timers_.begin() + input.value);
      engine_.on_timer(token);
      break;
    }
    case InputKind::begin_checkpoint:
      wanted_ = true;
      break;
    case InputKind::checkpoint: {
      const auto end = log_.begin() + static_cast<std::ptrdiff_t>(coming_end_);
      synced_ = std::max(synced_, coming_end_);  // The log first, then the checkpoint, then the truncation.
      checkpoint_ = std::move(coming_);
      coming_.reset();
      dropped_.insert(dropped_.end(), log_.begin(), end);
      log_.erase(log_.begin(), end);
      synced_ -= coming_end_;
      for (auto& [token, size] : forces_) {
        size = size > coming_end_ ? size - coming_end_ : 0;
      }
      break;
    }
    case InputKind::crash:
    case InputKind::restart:
      break;  // The model's.
  }
}

Disk Node::disk_after_crash(std::size_t keep) const {
  Disk disk{checkpoint_, log_, dropped_};
  disk.log.resize(keep);
  return disk;
}

std::uint8_t Node::outcomes_durable(std::size_t records, Outcome outcome) const {
  std::uint8_t found = 0;
  const auto look = [&](const DurableRecord& durable) {
    const auto& machine = std::get<MachineRecord>(durable);
    if (machine.record.outcome == outcome) {
      found = static_cast<std::uint8_t>(found | 1U << setting_.txn_of(machine.txn));
    }
  };
  std::for_each(dropped_.begin(), dropped_.end(), look);
  std::for_each(log_.begin(), log_.begin() + static_cast<std::ptrdiff_t>(records), look);
  return found;
}

/// At a site: its outcome is on disk.
std::uint8_t Node::finished_durably() const {
  return self_ < kCoordinators ? std::uint8_t{0}
                               : static_cast<std::uint8_t>(outcomes_durable(synced_, Outcome::commit) |
                                                           outcomes_durable(synced_, Outcome::abort));
}

std::int64_t Node::balance() const { return self_ < kCoordinators ? 0 : engine_.balances().front(); }

std::size_t Node::send(NodeId to, const PeerPayload& payload) {
  if (const auto* reply = std::get_if<ClientReply>(&payload)) {
    const auto bit = static_cast<std::uint8_t>(1U << self_);
    commits = static_cast<std::uint8_t>(commits | (reply->outcome == Outcome::commit ? bit : 0U));
    aborts = static_cast<std::uint8_t>(aborts | (reply->outcome == Outcome::abort ? bit : 0U));
  } else if (setting_.node_of(to) < setting_.nodes() && !std::holds_alternative<Hello>(payload)) {
    sent.emplace_back(to, payload);
  }
  return 1;
}

void Node::write(const DurableRecord& record, WriteToken token) {
  const auto& machine = std::get<MachineRecord>(record);
  if (machine.role == Role::participant && setting_.rows[0].record_meaning(machine.record.kind) == Meaning::yes) {
    prepared = static_cast<std::uint8_t>(prepared | 1U << setting_.txn_of(machine.txn));
  }
  log_.push_back(record);
  if (token != 0) {
    forces_.emplace_back(token, log_.size());
  }
}

void Node::write_checkpoint(Checkpoint checkpoint) {
  if (setting_.options.filter.checkpoint != nullptr) {
    setting_.options.filter.checkpoint(checkpoint);
  }
  wanted_ = false;
  coming_ = std::move(checkpoint);
  coming_end_ = log_.size();
}

void Node::set_timer(TimerToken token, Instant deadline) {
  const Duration after = deadline - now();
  if (after == kLockWait) {
    timers_.push_back({awaiting_, Role::participant, kLockTimer, 1, token});
  } else if (!arming_.empty()) {
    Armed armed = arming_.front();
    arming_.pop_front();
    armed.patience = static_cast<std::uint8_t>(after / kTimeout);
    armed.token = token;
    timers_.push_back(armed);
  }  // Else the node's own.
}

void Node::cancel_timer(TimerToken token) {
  std::erase_if(timers_, [token](const Armed& t) { return t.token == token; });
}

void Node::machine_stepped(const TxnDescriptor& txn, Role role, const geocommit::Input& /*input*/, const Outbox& out) {
  arming_.clear();
  for (const Output& output : out) {
    if (const auto* timer = std::get_if<SetTimer>(&output)) {
      arming_.push_back({txn.txn, role, timer->timer, 0, 0});
    }
    if (const auto* decide = std::get_if<Decide>(&output)) {
      std::uint8_t& decided = decide->outcome == Outcome::commit ? commits : aborts;
      decided = static_cast<std::uint8_t>(decided | 1U << setting_.txn_of(txn.txn));
    }
  }
}

void Node::locks_awaited(const TxnDescriptor& txn, TxnId /*behind*/) { awaiting_ = txn.txn; }

void Node::locks_granted(const TxnDescriptor& txn, bool /*waited*/) {
  owners_.insert(txn.txn);
  if (owners_.size() > 1) {
    throw Violated{"two transactions that are not decided were granted one lock"};
  }
}

/// Refused, or wounded before it voted: what it held is free.
void Node::voted(const TxnDescriptor& txn, Vote vote, Reason /*reason*/) {
  if (vote == Vote::no) {
    owners_.erase(txn.txn);
  }
}

/// Who lets go without an outcome still counts as an owner: locks are kept until the transaction is decided.
void Node::locks_released(const TxnDescriptor& txn, Outcome outcome, Duration /*held*/, Duration /*summed*/,
                          bool /*waited*/) {
  if (outcome != Outcome::undecided) {
    owners_.erase(txn.txn);
  }
}

void Node::encode(std::string& out) const {
  put(out, epoch_.value);
  conflict::encode({checkpoint_, log_, dropped_}, out);
  put(out, synced_);
  put(out, (coming_ ? (coming_end_ + 1) << 1U : 0U) | (wanted_ ? 1U : 0U));
  if (coming_) {
    conflict::encode({coming_, {}, {}}, out);
  }
  put(out, forces_.size());
  for (const auto& [token, size] : forces_) {
    put(out, size);
  }
  put(out, timers_.size());
  for (const Armed& armed : timers_) {
    put(out, armed.txn);
    put(out, static_cast<std::uint64_t>(armed.role) << 16U | std::uint64_t{armed.patience} << 8U | armed.timer);
  }
  put(out, owners_.size());
  for (const TxnId& owner : owners_) {
    put(out, owner);
  }
  engine_.hash_state(out);
}

}  // namespace geocommit::explore::conflict
