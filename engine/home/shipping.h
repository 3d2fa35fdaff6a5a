// Home region: ordered asynchronous replication from a home's master to the same site of the other regions, and the
// measurement of how far behind they are. A node service, not a per-transaction machine (docs/home-region.md).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "engine/environment.h"
#include "engine/home/home_log.h"
#include "engine/peer_message.h"

namespace geocommit {

/// The sending end, for one home during one term of its master. A write is shipped once its commit record is durable,
/// in the order of the commit records; a replica confirms what it has applied and forced; what every replica has
/// confirmed is dropped from the log. Go-back-N on silence.
class ShippingHome {
 public:
  /// `log` outlives it. Whatever is not confirmed everywhere is shipped again: replicas drop what they have.
  ShippingHome(NodeId home, std::vector<NodeId> replicas, HomeLog& log);

  /// Heartbeats of this start are numbered after all of earlier ones, whose confirmations may still be under way.
  void number_heartbeats_after(std::uint64_t number) { heartbeat_ = number; }

  /// Returns true when what must be retained has shrunk. An acknowledgement of another term says nothing of this one.
  bool acknowledged(NodeId replica, const ShipAck& ack, Instant now);

  using SendShip = std::function<void(NodeId, Ship)>;
  /// Sends what can be sent. With `heartbeat`, every replica gets one even if there is nothing to send.
  void tick(Instant now, Duration silence, bool heartbeat, const SendShip& send);
  /// Age of the newest heartbeat that each replica has confirmed (if it has one yet), on this host's clock. It includes
  /// the way back.
  void ages(Instant now, const std::function<void(NodeId, Duration)>& report) const;

  [[nodiscard]] bool has_replicas() const { return !replicas_.empty(); }
  [[nodiscard]] bool has_work() const;  ///< Something durable that some replica has not confirmed.
  /// Writes not applied everywhere, and replicas that have not yet followed into this term (they may hold what is
  /// lost).
  [[nodiscard]] std::uint64_t unconfirmed() const;
  [[nodiscard]] std::uint64_t confirmed_everywhere() const;
  /// The replica that lacks most; {} without any.
  [[nodiscard]] NodeId furthest_behind() const;
  /// Has this replica everything, durably?
  [[nodiscard]] bool has_all(NodeId replica) const;

 private:
  struct Replica {
    NodeId node;
    std::uint64_t sent{}, acked{};
    Instant last_progress{};
    std::uint64_t heartbeat_acked{};
    Instant heartbeat_issued{};  // Of heartbeat_acked.
    bool seen{};
    bool follows{};  // Has confirmed something of this term; before the first change of masters: from the start.
  };
  [[nodiscard]] Ship empty_ship() const;

  NodeId home_;
  HomeLog& log_;
  std::vector<Replica> replicas_;
  std::uint64_t heartbeat_{};
  std::map<std::uint64_t, Instant> issued_;  // Of heartbeats not yet confirmed everywhere; bounded.
};

/// The receiving end, for one home: which heartbeats are covered by what is durable.
class ShippingReplica {
 public:
  /// The writes that are new and next in order: apply them, append them to `log` and write them.
  [[nodiscard]] std::vector<ShippedWrite> accept(const HomeLog& log, const Ship& ship);
  [[nodiscard]] ShipAck ack(NodeId home, const HomeLog& log);
  /// Another master's heartbeats are numbered anew.
  void new_term() { *this = {}; }

 private:
  std::map<std::uint64_t, std::uint64_t> waiting_;  // through -> newest heartbeat, not yet covered
  std::uint64_t covered_{};
};

}  // namespace geocommit
