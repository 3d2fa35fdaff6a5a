#include "sim/explore/shipping/node.h"

#include <algorithm>
#include <span>

#include "base/canonical.h"
#include "base/check.h"
#include "protocols/registry.h"

namespace geocommit::explore::shipping {
namespace {

constexpr std::int64_t kBalance = 0;
constexpr Duration kTimeout = 1s;
constexpr Duration kShipInterval = 1ms;
constexpr Duration kHeartbeat = 10s;
constexpr Duration kHello = 200ms;     // The engine's; how its timers are told apart.
constexpr Duration kStaleness = 37ms;  // Likewise: a measurement, without effect here.

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

using canonical::put;

template <class Map>
void put_map(std::string& out, const Map& map) {
  put(out, map.size());
  for (const auto& [key, value] : map) {
    if constexpr (requires { key.value; }) {
      put(out, key.value);
    } else {
      put(out, key);
    }
    put(out, value);
  }
}

void put(std::string& out, const DurableRecord& durable) {
  std::visit(Overloaded{
                 [&](const EpochRecord& r) { put(out, r.epoch.value); },
                 [&](const MachineRecord& r) {
                   put(out, r.txn);
                   put(out, static_cast<std::uint64_t>(r.role) << 16U |
                                static_cast<std::uint64_t>(r.record.kind) << 8U |
                                static_cast<std::uint64_t>(r.record.outcome));
                   put(out, r.descriptor ? write_of(r.descriptor->operations) + 1U : 0U);
                   put(out, r.descriptor ? r.descriptor->request.sequence : 0);
                   put(out, r.ships.size());
                   for (const ShipPlace& place : r.ships) {
                     put(out, place.home.value);
                     put(out, place.epoch.value);
                     put(out, place.sequence);
                   }
                 },
                 [&](const ShippedRecord& r) {
                   put(out, r.write.sequence);
                   put(out, write_of(r.write.operations));
                 },
                 [&](const ShipAckedRecord& r) { put(out, r.sequence); },
                 [&](const HomeRecord& r) {
                   put(out, r.home.value << 8U | static_cast<std::uint64_t>(r.kind));
                   put(out, r.epoch.value);
                 },
             },
             durable);
  out.push_back(static_cast<char>(durable.index()));
}

/// A commit's place in the order of `home`; 0: it is none, or has none.
std::uint64_t place_of(const DurableRecord& durable, NodeId home) {
  const auto* record = std::get_if<MachineRecord>(&durable);
  if (record == nullptr || record->record.outcome != Outcome::commit) {
    return 0;
  }
  const auto place =
      std::find_if(record->ships.begin(), record->ships.end(), [home](const ShipPlace& p) { return p.home == home; });
  return place == record->ships.end() ? 0 : place->sequence;
}

}  // namespace

std::uint8_t write_of(const std::vector<Operation>& operations) {
  for (std::uint8_t write = 0; write < 8 && !operations.empty(); ++write) {
    if (operations.front().delta == Setting::amount(write)) {
      return write;
    }
  }
  return 0xff;  // The coordinator's descriptor: no operations.
}

void encode(const Disk& disk, std::string& out) {
  put(out, disk.checkpoint ? 1U : 0U);
  if (disk.checkpoint) {
    const Checkpoint& c = *disk.checkpoint;
    for (const std::int64_t balance : c.balances) {
      put(out, static_cast<std::uint64_t>(balance));
    }
    put(out, c.open.size());
    for (const MachineRecord& record : c.open) {
      put(out, DurableRecord{record});
    }
    put(out, c.finished.size());
    for (const FinishedTxn& finished : c.finished) {
      put(out, finished.txn);
      put(out, static_cast<std::uint64_t>(finished.outcome));
    }
    put(out, c.requests.size());
    for (const FinishedRequest& request : c.requests) {
      put(out, request.request.sequence);
      put(out, request.txn);
      put(out, static_cast<std::uint64_t>(request.outcome));
    }
    for (const auto& [node, mark] : c.watermarks) {
      put(out, mark.epoch.value);
      put(out, mark.counter);
    }
    put(out, c.homes.size());
    for (const HomeState& home : c.homes) {
      put(out, home.home.value);
      put(out, home.last);
      put(out, home.retained.size());
    }
  }
  put(out, disk.log.size());
  for (const DurableRecord& record : disk.log) {
    put(out, record);
  }
}

Setting::Setting(const ShippingOptions& o)
    : options(o), directory([&o] {
        std::vector<std::string> regions;
        for (std::uint32_t r = 0; r <= o.replicas; ++r) {
          regions.push_back("r" + std::to_string(r));
        }
        return Directory(regions, 1, Placement::replicated, 1);
      }()) {}

NodeId Setting::id(std::size_t node) const {
  return node == kCoordinator ? directory.coordinator(RegionId{0})
                              : directory.agent(RegionId{static_cast<std::uint32_t>(node - kHome)}, 0);
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
  const std::span<const Protocol> rows = all_protocols();
  const auto ships = std::find_if(rows.begin(), rows.end(), [](const Protocol& row) { return row.ships_to_replicas; });
  GC_CHECK(ships != rows.end());
  options.protocol = &*ships;
  options.directory = &setting.directory;
  options.timeouts = {kTimeout, kTimeout, Duration{0}};  // As the other explorer's: no repetitions are counted.
  options.locking = LockingPolicy::no_wait;
  options.initial_balance = kBalance;
  options.ship_interval = kShipInterval;
  options.heartbeat_interval = kHeartbeat;
  options.requests_remembered = 8;
  options.unreachable_home = UnreachableHome::fail;
  constexpr std::size_t kNever = std::size_t{1} << 20U;
  options.checkpoint_bytes = setting.options.checkpoint_records > 0 ? setting.options.checkpoint_records : kNever;
  return options;
}

Node::Node(const Setting& setting, std::size_t self, Epoch epoch, const Disk& disk)
    : setting_(setting),
      self_(self),
      epoch_(epoch),
      checkpoint_(disk.checkpoint),
      log_(disk.log),
      synced_(log_.size()),
      engine_(engine_options(setting, self, epoch), *this, *this) {
  if (setting_.options.filter.recover != nullptr) {
    setting_.options.filter.recover(log_);
    synced_ = log_.size();
  }
  engine_.recover({checkpoint_, log_});
  // Those outside the search, and replicas, have been heard of. The coordinator and the home greet within the search.
  for (const NodeInfo& info : setting_.directory.nodes()) {
    const std::size_t node = setting_.node_of(info.id);
    const bool greets = std::max(self_, node) == kHome && std::min(self_, node) == kCoordinator;
    if (info.kind != NodeKind::client && node != self_ && !greets) {
      engine_.on_message({info.id, Epoch{1}, {}, Hello{false}});
    }
  }
  engine_.start();
}

void Node::forget_step() {
  sent.clear();
  ordered.clear();
  told_commit = told_abort = 0;
}

void Node::apply(Input input, const PeerMessage* message) {
  switch (input.kind) {
    case InputKind::request: {
      Request request;
      request.id = {setting_.directory.client(RegionId{0}), input.value + std::uint64_t{1}};
      request.operations.push_back(
          {setting_.directory.entity_at(RegionId{0}, 0, 0), Setting::amount(input.value), false});
      asked_ = static_cast<std::uint8_t>(asked_ | 1U << input.value);
      engine_.on_message({request.id.client, Epoch{1}, {}, ClientRequest{request, epoch_}});
      break;
    }
    case InputKind::deliver: {
      PeerMessage in = *message;
      if (setting_.options.filter.deliver != nullptr) {
        setting_.options.filter.deliver(applied(), in);
      }
      if (const auto* ack = std::get_if<ShipAck>(&in.payload)) {
        check_heard(in.from, *ack);
      }
      if (const auto* ship = std::get_if<Ship>(&in.payload); ship != nullptr && ship->heartbeat != 0) {
        std::uint64_t& newest = uncovered_[ship->through];
        newest = std::max(newest, ship->heartbeat);
      }
      engine_.on_message(in);
      if (const auto* ship = std::get_if<Ship>(&in.payload)) {
        known_confirmed_ = std::max(known_confirmed_, std::min(ship->confirmed, applied_durably()));
      }
      break;
    }
    case InputKind::force:
      complete(forces_.front().first);
      break;
    case InputKind::timer: {
      const TimerToken token = timers_[input.value].token;
      timers_.erase(timers_.begin() + input.value);
      engine_.on_timer(token);
      break;
    }
    case InputKind::hello:
      engine_.on_timer(std::exchange(hello_, 0));
      break;
    case InputKind::round:
      engine_.on_timer(std::exchange(ship_, 0));
      break;
    case InputKind::late_round:
      now_ = now_ + kHeartbeat + kTimeout;
      engine_.on_timer(std::exchange(ship_, 0));
      break;
    case InputKind::checkpoint:
      sync_to(std::max(coming_end_, synced_));  // The log first, then the checkpoint, then the truncation.
      checkpoint_ = std::move(coming_);
      coming_.reset();
      log_.erase(log_.begin(), log_.begin() + static_cast<std::ptrdiff_t>(coming_end_));
      synced_ -= coming_end_;
      for (auto& [token, size] : forces_) {
        size = size > coming_end_ ? size - coming_end_ : 0;
      }
      break;
    case InputKind::crash:
    case InputKind::restart:
      break;  // The model's.
  }
  run_hasty();
}

void Node::run_hasty() {
  for (std::size_t i = 0; i < hasty_.size(); ++i) {
    const WriteToken token = hasty_[i];
    engine_.on_forced(token);
  }
  hasty_.clear();
}

void Node::sync_to(std::size_t end) {
  for (std::size_t i = synced_; i < end; ++i) {
    const auto* record = std::get_if<MachineRecord>(&log_[i]);
    const std::uint64_t place = place_of(log_[i], setting_.id(kHome));
    if (self_ != kHome || place == 0) {
      continue;
    }
    const auto prepared = std::find_if(log_.begin(), log_.end(), [&](const DurableRecord& r) {
      const auto* m = std::get_if<MachineRecord>(&r);
      return m != nullptr && m->txn == record->txn && m->descriptor.has_value();
    });
    std::uint8_t write = 0xff;
    if (prepared != log_.end()) {
      write = write_of(std::get<MachineRecord>(*prepared).descriptor->operations);
    } else if (checkpoint_) {
      for (const MachineRecord& m : checkpoint_->open) {
        write = m.txn == record->txn && m.descriptor ? write_of(m.descriptor->operations) : write;
      }
    }
    ordered.emplace_back(place, write);
  }
  synced_ = std::max(synced_, end);
}

void Node::complete(WriteToken token) {
  sync_to(forces_.front().second);
  forces_.pop_front();
  engine_.on_forced(token);
}

std::uint64_t Node::applied_among(std::size_t records) const {
  const NodeId home = setting_.id(kHome);
  std::uint64_t applied = 0;
  for (std::size_t i = 0; checkpoint_ && i < checkpoint_->homes.size(); ++i) {
    applied = checkpoint_->homes[i].home == home ? checkpoint_->homes[i].last : applied;
  }
  for (std::size_t i = 0; i < records; ++i) {
    const auto* shipped = std::get_if<ShippedRecord>(&log_[i]);
    applied = shipped != nullptr && shipped->home == home ? shipped->write.sequence : applied;
  }
  return applied;
}

std::int64_t Node::balance() const { return self_ == kCoordinator ? 0 : engine_.balances().front() - kBalance; }

std::size_t Node::send(NodeId to, const PeerPayload& payload) {
  if (const auto* reply = std::get_if<ClientReply>(&payload)) {
    note_reply(*reply);
    return 1;
  }
  if (setting_.node_of(to) == setting_.nodes()) {
    return 0;
  }
  if (const auto* ship = std::get_if<Ship>(&payload)) {
    if (self_ != kHome) {
      return 0;  // Replicas are homes of other entities, of which nothing is written here.
    }
    check_ship(*ship);
    if (!ship->writes.empty()) {
      shipped_[to] = ship->writes.back().sequence;
    }
    if (ship->heartbeat != 0) {
      issued_[ship->heartbeat] = ship->through;
      last_round_ = ship->heartbeat;
    }
  }
  if (const auto* ack = std::get_if<ShipAck>(&payload)) {
    check_ack(*ack);
    covered_ = ack->heartbeat;
    uncovered_.erase(uncovered_.begin(), uncovered_.upper_bound(ack->applied));
  }
  const bool hello = std::holds_alternative<Hello>(payload) && (self_ > kHome || setting_.node_of(to) > kHome);
  if (!hello) {
    sent.emplace_back(to, payload);
  }
  return 1;
}

void Node::note_reply(const ClientReply& reply) {
  const auto bit = static_cast<std::uint8_t>(1U << (reply.id.sequence - 1));
  told_commit = static_cast<std::uint8_t>(told_commit | (reply.outcome == Outcome::commit ? bit : 0U));
  told_abort = static_cast<std::uint8_t>(told_abort | (reply.outcome == Outcome::abort ? bit : 0U));
}

void Node::check_ship(const Ship& ship) const {
  for (const ShippedWrite& write : ship.writes) {
    for (std::size_t i = synced_; i < log_.size(); ++i) {
      if (place_of(log_[i], setting_.id(kHome)) == write.sequence) {
        throw Violated{"a write is shipped before its commit record is durable"};
      }
    }
  }
}

void Node::check_ack(const ShipAck& ack) const {
  if (ack.applied > applied_durably()) {
    throw Violated{"a replica confirms what it may still lose"};
  }
}

/// At the home. The newest confirmed heartbeat is what staleness is measured by.
void Node::check_heard(NodeId from, const ShipAck& ack) {
  const auto issued = issued_.find(ack.heartbeat);
  std::uint64_t& newest = confirmed_heartbeat_[from];
  if (issued != issued_.end() && ack.heartbeat > newest) {
    newest = ack.heartbeat;
    if (ack.applied < issued->second) {
      throw Violated{"a heartbeat counts as confirmed whose writes the replica has not"};
    }
  }
  confirmed_[from] = std::max(confirmed_[from], ack.applied);
  shipped_[from] = std::max(shipped_[from], ack.applied);
}

void Node::write(const DurableRecord& record, WriteToken token) {
  log_.push_back(record);
  if (token == 0) {
    return;
  }
  if (setting_.options.filter.hasty != nullptr && setting_.options.filter.hasty(record)) {
    hasty_.push_back(token);
  } else {
    forces_.emplace_back(token, log_.size());
  }
}

void Node::write_checkpoint(Checkpoint checkpoint) {
  if (setting_.options.filter.checkpoint != nullptr) {
    setting_.options.filter.checkpoint(checkpoint);
  }
  coming_ = std::move(checkpoint);
  coming_end_ = log_.size();
}

void Node::set_timer(TimerToken token, Instant deadline) {
  if (!arming_.empty()) {
    Armed armed = arming_.front();
    arming_.pop_front();
    armed.token = token;
    timers_.push_back(armed);
    return;
  }
  const Duration after = deadline - now_;
  if (after == kHello) {
    hello_ = token;
  } else if (after != kStaleness) {
    ship_ = token;
  }
}

void Node::cancel_timer(TimerToken token) {
  std::erase_if(timers_, [token](const Armed& t) { return t.token == token; });
  hello_ = hello_ == token ? 0 : hello_;
  ship_ = ship_ == token ? 0 : ship_;
}

void Node::machine_stepped(const TxnDescriptor& txn, Role role, const geocommit::Input& /*input*/, const Outbox& out) {
  arming_.clear();
  for (const Output& output : out) {
    if (const auto* timer = std::get_if<SetTimer>(&output)) {
      arming_.push_back({txn.txn, role, timer->timer, 0});
    }
  }
}

void Node::encode(std::string& out) const {
  put(out, epoch_.value);
  shipping::encode(disk(), out);
  put(out, synced_);
  put(out, coming_ ? coming_end_ + 1 : 0);
  if (coming_) {
    shipping::encode({coming_, {}}, out);
  }
  put(out, forces_.size());
  for (const auto& [token, size] : forces_) {
    put(out, size);
  }
  put(out, timers_.size());
  for (const Armed& armed : timers_) {
    put(out, armed.txn);
    put(out, static_cast<std::uint64_t>(armed.role) << 8U | armed.timer);
  }
  put(out, (hello_ != 0 ? 1U : 0U) | (ships() ? 2U : 0U));
  put(out, asked_);
  put_map(out, shipped_);
  put_map(out, confirmed_);
  put_map(out, confirmed_heartbeat_);
  put_map(out, issued_);
  put(out, last_round_);
  put_map(out, uncovered_);
  put(out, covered_);
  put(out, known_confirmed_);
  engine_.hash_state(out);
}

}  // namespace geocommit::explore::shipping
