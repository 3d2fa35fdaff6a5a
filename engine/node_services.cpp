// The node's own services: hello, shipping, checkpoints, and what it says of itself.
#include <algorithm>
#include <utility>

#include "engine/node_engine.h"

namespace geocommit {
namespace {
constexpr Duration kHelloInterval = 200ms;
constexpr Duration kHelloPause = 20ms;
constexpr Duration kStalenessInterval = 37ms;  // No divisor of the heartbeat's: the samples fall on all its phases.
}  // namespace

void NodeEngine::Impl::say_hello() {
  std::size_t sent = 0;
  for (; next_hello_ < peers_.size() && sent < kHelloBatch; ++next_hello_) {
    const NodeId peer = peers_[(first_hello_ + next_hello_) % peers_.size()];
    if (!peer_epochs_.knows(peer)) {
      ++sent;
      send(peer, Hello{true}, Traffic::hello, "HELLO");
    }
  }
  unanswered_hello_ = unanswered_hello_ || sent > 0;
  if (next_hello_ < peers_.size()) {
    schedule(Service::hello, kHelloPause);
    return;
  }
  next_hello_ = 0;  // Once round.
  if (std::exchange(unanswered_hello_, false)) {
    schedule(Service::hello, kHelloInterval);
  }
}

void NodeEngine::Impl::ship_tick() {
  const Instant now = environment_.now();
  const bool heartbeat = now >= next_heartbeat_;
  if (heartbeat) {
    next_heartbeat_ = now + options_.heartbeat_interval;
  }
  home_->tick(now, options_.timeouts.decision, heartbeat, [&](NodeId to, Ship ship) {
    const bool empty = ship.writes.empty();
    send(to, ship, empty ? Traffic::heartbeat : Traffic::ship, empty ? "HEARTBEAT" : "SHIP");
  });
  const Duration until_heartbeat = next_heartbeat_ - now;
  schedule_ship(home_->has_work() ? std::min(options_.ship_interval, until_heartbeat) : until_heartbeat);
}

void NodeEngine::Impl::sample_staleness() {
  home_->ages(environment_.now(), [&](NodeId replica, Duration age) { observer_.staleness(replica, age); });
  schedule(Service::staleness, kStalenessInterval);
}

void NodeEngine::Impl::schedule_ship(Duration after) {
  const Instant at = environment_.now() + after;
  if (ship_timer_ != 0) {
    if (ship_timer_at_ <= at) {
      return;
    }
    environment_.cancel_timer(ship_timer_);
    timers_.erase(ship_timer_);
  }
  ship_timer_ = schedule(Service::ship, after);
  ship_timer_at_ = at;
}

void NodeEngine::Impl::receive(const PeerMessage& from, const Ship& ship) {
  if (!home_) {
    observer_.alarm("a shipped write reached a node that is not a replica");
    return;
  }
  std::vector<ShippedWrite> fresh = replica_.accept(from.from, ship);
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    const std::uint64_t sequence = fresh[i].sequence;
    resources_->commit(fresh[i].operations);
    WriteToken token = 0;
    if (i + 1 == fresh.size()) {
      token = ++last_write_;
      forces_.emplace_back(token, ShippedForce{from.from, sequence});
    }
    environment_.write(ShippedRecord{from.from, std::move(fresh[i])}, token);
  }
  if (fresh.empty()) {
    send(from.from, replica_.ack(from.from), Traffic::ship, "SHIP_ACK");
  }
}

void NodeEngine::Impl::receive(const PeerMessage& from, const ShipAck& ack) {
  if (!home_ || !home_->acknowledged(from.from, ack, environment_.now())) {
    return;
  }
  constexpr std::uint64_t kEvery = 1000;  // Lazily: it only bounds what a restart sends again.
  const std::uint64_t confirmed = home_->confirmed_everywhere();
  if (confirmed >= reported_confirmed_ + kEvery) {
    reported_confirmed_ = confirmed;
    environment_.write(ShipAckedRecord{confirmed}, 0);
  }
}

void NodeEngine::Impl::maybe_checkpoint() {
  if (environment_.log_bytes_since_checkpoint() >= options_.checkpoint_bytes &&
      !environment_.checkpoint_in_progress()) {
    environment_.write_checkpoint(make_checkpoint());
  }
}

Checkpoint NodeEngine::Impl::make_checkpoint() const {
  Checkpoint checkpoint;
  checkpoint.epoch = options_.epoch;
  if (directory_.find(options_.self)->kind == NodeKind::agent) {
    checkpoint.balances = resources_->balances();
  }
  for (const auto* table : {&coordinators_, &participants_}) {
    for (const TxnEntry* entry : table->ascending()) {
      for (const MachineRecord& record : entry->records) {
        checkpoint.open.push_back(record);
        if (record.record.with_descriptor) {
          checkpoint.open.back().descriptor = entry->descriptor;
        }
      }
    }
  }
  checkpoint.finished = memory_.all();
  checkpoint.requests.assign(requests_.all().begin(), requests_.all().end());
  checkpoint.watermarks = memory_.watermarks();
  if (home_) {
    checkpoint.shipped = home_->last_sequence();
    checkpoint.unshipped.assign(home_->retained().begin(), home_->retained().end());
  }
  checkpoint.applied = replica_.applied();
  return checkpoint;
}

Watermark NodeEngine::Impl::watermark() const {
  if (directory_.find(options_.self)->kind != NodeKind::coordinator) {
    return {};
  }
  if (coordinators_.empty()) {
    return {options_.epoch, next_counter_};
  }
  const TxnId& oldest = coordinators_.oldest();
  return {oldest.epoch, oldest.counter};
}

EngineStatus NodeEngine::Impl::status() const {
  EngineStatus status;
  status.open_coordinator = coordinators_.size();
  status.open_participant = participants_.size();
  const Instant now = environment_.now();
  participants_.for_each([&](const TxnEntry& entry) {
    if (!entry.in_doubt) {
      return;
    }
    ++status.in_doubt;
    const Duration blocked = now - entry.in_doubt_since - options_.timeouts.decision;
    if (blocked > Duration::zero()) {
      ++status.blocked;
      status.oldest_blocked = std::max(status.oldest_blocked, blocked);
    }
  });
  status.locks_held = locks_.held();
  status.lock_waiters = locks_.waiting();
  status.finished_remembered = memory_.size();
  status.unshipped = home_ ? home_->unconfirmed() : 0;
  status.peers_expected = peers_.size();
  status.peers_known = static_cast<std::uint64_t>(
      std::count_if(peers_.begin(), peers_.end(), [&](NodeId peer) { return peer_epochs_.knows(peer); }));
  if (directory_.find(options_.self)->kind == NodeKind::agent) {
    for (const std::int64_t balance : resources_->balances()) {
      status.balance_total += balance;
    }
  }
  return status;
}

std::vector<OpenInDoubt> NodeEngine::Impl::open_in_doubt() const {
  std::vector<OpenInDoubt> result;
  const Instant now = environment_.now();
  for (const TxnEntry* entry : participants_.ascending()) {
    if (entry->in_doubt) {
      const Duration in_doubt = now - entry->in_doubt_since;
      result.push_back({entry->descriptor, in_doubt, std::max(in_doubt - options_.timeouts.decision, Duration::zero()),
                        locks_.blocking_cost(entry->descriptor.txn, now).value_or(BlockingCost{})});
    }
  }
  return result;
}

std::string NodeEngine::Impl::describe() const {
  std::string text;
  for (const auto* table : {&coordinators_, &participants_}) {
    for (const TxnEntry* entry : table->ascending()) {
      const TxnId& txn = entry->descriptor.txn;
      text += std::to_string(txn.coordinator.value) + "." + std::to_string(txn.epoch.value) + "." +
              std::to_string(txn.counter) + " " + std::string(name_of(entry->role)) + " " + entry->machine->describe() +
              "\n";
    }
  }
  return text;
}

}  // namespace geocommit
