// Home region: ordered asynchronous replication from a home site to the same site of the other regions, and the
// measurement of how far behind they are. A node service, not a per-transaction machine (DESIGN section 2).
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <vector>

#include "engine/environment.h"
#include "engine/peer_message.h"

namespace geocommit {

/// The sending end. A write is shipped once its commit record is durable, in the order of the commit records; a replica
/// confirms what it has applied and forced; what every replica has confirmed is dropped. Go-back-N on silence.
class ShippingHome {
 public:
  explicit ShippingHome(std::vector<NodeId> replicas);

  void restore(std::uint64_t last_sequence, std::vector<ShippedWrite> unshipped);
  /// Gives out the next place in the order, for the commit record that is being written.
  [[nodiscard]] std::uint64_t next_sequence() { return ++last_; }
  void committed(ShippedWrite write) { retained_.push_back(std::move(write)); }
  /// Commit records up to this sequence are durable.
  void durable(std::uint64_t sequence);
  /// Returns true when what must be retained has shrunk.
  bool acknowledged(NodeId replica, const ShipAck& ack, Instant now);

  using SendShip = std::function<void(NodeId, Ship)>;
  /// Sends what can be sent. With `heartbeat`, every replica gets one even if there is nothing to send.
  void tick(Instant now, Duration silence, bool heartbeat, const SendShip& send);
  /// Age of the newest heartbeat that each replica has confirmed (if it has one yet), on this host's clock. It includes
  /// the way back.
  void ages(Instant now, const std::function<void(NodeId, Duration)>& report) const;

  [[nodiscard]] bool has_replicas() const { return !replicas_.empty(); }
  [[nodiscard]] bool has_work() const;  ///< Something durable that some replica has not confirmed.
  [[nodiscard]] std::uint64_t unconfirmed() const { return retained_.size(); }
  [[nodiscard]] std::uint64_t last_sequence() const { return last_; }
  [[nodiscard]] std::uint64_t confirmed_everywhere() const;
  [[nodiscard]] const std::deque<ShippedWrite>& retained() const { return retained_; }

 private:
  struct Replica {
    NodeId node;
    std::uint64_t sent{}, acked{};
    Instant last_progress{};
    std::uint64_t heartbeat_acked{};
    Instant heartbeat_issued{};  // Of heartbeat_acked.
    bool seen{};
  };

  std::vector<Replica> replicas_;
  std::deque<ShippedWrite> retained_;  // Ascending and gapless; the front is the oldest not confirmed everywhere.
  std::uint64_t last_{}, durable_{};
  std::uint64_t heartbeat_{};
  std::map<std::uint64_t, Instant> issued_;  // Of heartbeats not yet confirmed everywhere; bounded.
};

/// The receiving end, for all homes of this site's entities.
class ShippingReplica {
 public:
  void restore(std::map<NodeId, std::uint64_t> applied) { received_ = applied, durable_ = std::move(applied); }
  /// The writes that are new and next in order: apply them and write them to the log.
  [[nodiscard]] std::vector<ShippedWrite> accept(NodeId home, const Ship& ship);
  /// A write of `home` up to `sequence` is durable.
  void durable(NodeId home, std::uint64_t sequence);
  [[nodiscard]] ShipAck ack(NodeId home);
  [[nodiscard]] const std::map<NodeId, std::uint64_t>& applied() const { return received_; }

 private:
  std::map<NodeId, std::uint64_t> received_, durable_;
  std::map<NodeId, std::map<std::uint64_t, std::uint64_t>> heartbeats_;  // through -> newest heartbeat, not yet covered
  std::map<NodeId, std::uint64_t> heartbeat_covered_;
};

}  // namespace geocommit
