#include "engine/home/shipping.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace geocommit {
namespace {
constexpr std::size_t kWritesPerShip = 500;
constexpr std::uint64_t kInFlightMax = 20'000;  // Writes sent and not confirmed, per replica.
constexpr std::size_t kHeartbeatsRemembered = 10'000;
}  // namespace

ShippingHome::ShippingHome(NodeId home, std::vector<NodeId> replicas, HomeLog& log) : home_(home), log_(log) {
  const bool first_term = log.history().size() == 1;
  for (const NodeId node : replicas) {
    Replica replica;
    replica.node = node;
    replica.sent = replica.acked = log.confirmed();
    replica.follows = first_term;
    replicas_.push_back(replica);
  }
}

std::uint64_t ShippingHome::confirmed_everywhere() const {
  std::uint64_t lowest = log_.last();
  for (const Replica& replica : replicas_) {
    lowest = std::min(lowest, replica.acked);
  }
  return lowest;
}

std::uint64_t ShippingHome::unconfirmed() const {
  return log_.last() - confirmed_everywhere() +
         static_cast<std::uint64_t>(
             std::count_if(replicas_.begin(), replicas_.end(), [](const Replica& r) { return !r.follows; }));
}

NodeId ShippingHome::furthest_behind() const {
  const auto last = std::min_element(replicas_.begin(), replicas_.end(),
                                     [](const Replica& a, const Replica& b) { return a.acked < b.acked; });
  return last == replicas_.end() ? NodeId{} : last->node;
}

bool ShippingHome::has_all(NodeId node) const {
  return std::any_of(replicas_.begin(), replicas_.end(),
                     [&](const Replica& r) { return r.node == node && r.follows && r.acked == log_.last(); });
}

bool ShippingHome::acknowledged(NodeId node, const ShipAck& ack, Instant now) {
  const auto replica =
      std::find_if(replicas_.begin(), replicas_.end(), [&](const Replica& r) { return r.node == node; });
  if (replica == replicas_.end() || ack.epoch != log_.epoch() || ack.applied > log_.last()) {
    return false;  // Not a replica of ours, of another term, or from another world.
  }
  replica->follows = true;
  if (ack.applied > replica->acked) {
    replica->acked = ack.applied;
    replica->sent = std::max(replica->sent, ack.applied);
    replica->last_progress = now;
  }
  if (ack.heartbeat > replica->heartbeat_acked) {
    const auto issued = issued_.find(ack.heartbeat);
    if (issued != issued_.end()) {
      replica->heartbeat_acked = ack.heartbeat;
      replica->heartbeat_issued = issued->second;
    }
  }
  std::uint64_t oldest = heartbeat_;
  for (const Replica& r : replicas_) {
    oldest = std::min(oldest, r.heartbeat_acked);
  }
  issued_.erase(issued_.begin(), issued_.lower_bound(oldest));
  const std::size_t before = log_.retained().size();
  log_.confirm(confirmed_everywhere());
  return log_.retained().size() < before;
}

bool ShippingHome::has_work() const { return !replicas_.empty() && confirmed_everywhere() < log_.durable(); }

Ship ShippingHome::empty_ship() const {
  Ship ship;
  ship.home = home_;
  if (log_.history().size() > 1) {
    ship.history = log_.history();
  }
  ship.confirmed = log_.confirmed();
  return ship;
}

void ShippingHome::tick(Instant now, Duration silence, bool heartbeat, const SendShip& send) {
  if (heartbeat) {
    issued_.emplace(++heartbeat_, now);
    if (issued_.size() > kHeartbeatsRemembered) {
      issued_.erase(issued_.begin());
    }
  }
  for (Replica& replica : replicas_) {
    if (!replica.seen) {
      replica.seen = true;
      replica.last_progress = now;
    }
    if (replica.acked < replica.sent && now - replica.last_progress > silence) {
      replica.sent = replica.acked;  // Lost on the way: once more from what it has.
      replica.last_progress = now;
    }
    if (replica.acked == replica.sent) {
      replica.last_progress = now;
    }
    bool sent_any = false;
    const auto& retained = log_.retained();
    while (replica.sent < log_.durable() && replica.sent - replica.acked < kInFlightMax) {
      GC_CHECK(!retained.empty() && retained.front().sequence <= replica.sent + 1);
      Ship ship = empty_ship();
      const std::size_t first = static_cast<std::size_t>(replica.sent + 1 - retained.front().sequence);
      for (std::size_t i = first;
           i < retained.size() && ship.writes.size() < kWritesPerShip && retained[i].sequence <= log_.durable(); ++i) {
        ship.writes.push_back(retained[i]);
      }
      replica.sent = ship.writes.back().sequence;
      if (heartbeat && replica.sent == log_.durable()) {
        ship.heartbeat = heartbeat_;
        ship.through = log_.durable();
        sent_any = true;
      }
      send(replica.node, std::move(ship));
    }
    if (heartbeat && !sent_any) {
      Ship ship = empty_ship();
      ship.heartbeat = heartbeat_;
      ship.through = log_.durable();
      send(replica.node, std::move(ship));
    }
  }
}

void ShippingHome::ages(Instant now, const std::function<void(NodeId, Duration)>& report) const {
  for (const Replica& replica : replicas_) {
    if (replica.heartbeat_acked != 0) {  // Before its first confirmation it is not behind, it is not there yet.
      report(replica.node, now - replica.heartbeat_issued);
    }
  }
}

std::vector<ShippedWrite> ShippingReplica::accept(const HomeLog& log, const Ship& ship) {
  std::vector<ShippedWrite> fresh;
  std::uint64_t received = log.last();
  for (const ShippedWrite& write : ship.writes) {
    if (write.sequence == received + 1) {
      received = write.sequence;
      fresh.push_back(write);
    }
  }
  if (ship.heartbeat != 0) {
    std::uint64_t& newest = waiting_[ship.through];
    newest = std::max(newest, ship.heartbeat);
  }
  return fresh;
}

ShipAck ShippingReplica::ack(NodeId home, const HomeLog& log) {
  const auto end = waiting_.upper_bound(log.durable());
  for (auto it = waiting_.begin(); it != end; it = waiting_.erase(it)) {
    covered_ = std::max(covered_, it->second);
  }
  ShipAck ack;
  ack.home = home;
  ack.epoch = log.epoch();
  ack.applied = log.durable();
  ack.heartbeat = covered_;
  return ack;
}

}  // namespace geocommit
