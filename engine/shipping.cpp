#include "engine/shipping.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace geocommit {
namespace {
constexpr std::size_t kWritesPerShip = 500;
constexpr std::uint64_t kInFlightMax = 20'000;  // Writes sent and not confirmed, per replica.
constexpr std::size_t kHeartbeatsRemembered = 10'000;
}  // namespace

ShippingHome::ShippingHome(std::vector<NodeId> replicas) {
  for (const NodeId node : replicas) {
    replicas_.push_back({node, 0, 0, {}, 0, {}, false});
  }
}

void ShippingHome::restore(std::uint64_t last_sequence, std::vector<ShippedWrite> unshipped) {
  last_ = durable_ = last_sequence;
  retained_.assign(std::make_move_iterator(unshipped.begin()), std::make_move_iterator(unshipped.end()));
  const std::uint64_t before = retained_.empty() ? last_ : retained_.front().sequence - 1;
  for (Replica& replica : replicas_) {
    replica.sent = replica.acked = before;
  }
}

void ShippingHome::durable(std::uint64_t sequence) { durable_ = std::max(durable_, sequence); }

std::uint64_t ShippingHome::confirmed_everywhere() const {
  std::uint64_t lowest = last_;
  for (const Replica& replica : replicas_) {
    lowest = std::min(lowest, replica.acked);
  }
  return lowest;
}

bool ShippingHome::acknowledged(NodeId node, const ShipAck& ack, Instant now) {
  const auto replica =
      std::find_if(replicas_.begin(), replicas_.end(), [&](const Replica& r) { return r.node == node; });
  if (replica == replicas_.end() || ack.applied > last_) {
    return false;  // Not a replica of ours, or from another world.
  }
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
  const std::uint64_t everywhere = confirmed_everywhere();
  bool shrunk = false;
  while (!retained_.empty() && retained_.front().sequence <= everywhere) {
    retained_.pop_front();
    shrunk = true;
  }
  return shrunk;
}

bool ShippingHome::has_work() const { return !replicas_.empty() && confirmed_everywhere() < durable_; }

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
    while (replica.sent < durable_ && replica.sent - replica.acked < kInFlightMax) {
      GC_CHECK(!retained_.empty() && retained_.front().sequence <= replica.sent + 1);
      Ship ship;
      const std::size_t first = static_cast<std::size_t>(replica.sent + 1 - retained_.front().sequence);
      for (std::size_t i = first;
           i < retained_.size() && ship.writes.size() < kWritesPerShip && retained_[i].sequence <= durable_; ++i) {
        ship.writes.push_back(retained_[i]);
      }
      replica.sent = ship.writes.back().sequence;
      if (heartbeat && replica.sent == durable_) {
        ship.heartbeat = heartbeat_;
        ship.through = durable_;
        sent_any = true;
      }
      send(replica.node, std::move(ship));
    }
    if (heartbeat && !sent_any) {
      send(replica.node, Ship{heartbeat_, durable_, {}});
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

std::vector<ShippedWrite> ShippingReplica::accept(NodeId home, const Ship& ship) {
  std::vector<ShippedWrite> fresh;
  std::uint64_t& received = received_[home];
  for (const ShippedWrite& write : ship.writes) {
    if (write.sequence == received + 1) {
      received = write.sequence;
      fresh.push_back(write);
    }
  }
  if (ship.heartbeat != 0) {
    std::uint64_t& newest = heartbeats_[home][ship.through];
    newest = std::max(newest, ship.heartbeat);
  }
  return fresh;
}

void ShippingReplica::durable(NodeId home, std::uint64_t sequence) {
  std::uint64_t& durable = durable_[home];
  durable = std::max(durable, sequence);
}

ShipAck ShippingReplica::ack(NodeId home) {
  const std::uint64_t durable = durable_[home];
  auto& waiting = heartbeats_[home];
  std::uint64_t& covered = heartbeat_covered_[home];
  const auto end = waiting.upper_bound(durable);
  for (auto it = waiting.begin(); it != end; it = waiting.erase(it)) {
    covered = std::max(covered, it->second);
  }
  return {durable, covered};
}

}  // namespace geocommit
