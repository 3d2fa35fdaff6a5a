// Shipping at an agent: as master of homes their rounds, as replica what arrives, applied, forced and confirmed
// (engine/home/shipping.h has both ends of one home).
#pragma once

#include "engine/home/homes.h"

namespace geocommit {

/// The timers of home region.
enum class HomeTimer : std::uint8_t { ship, staleness, masterships, announce };

class HomeShipping {
 public:
  HomeShipping(NodeContext& context, Homes& homes, Service& service)
      : context_(context), homes_(homes), service_(service) {}

  void start();
  /// The next round is no later than that.
  void schedule(Duration after);
  /// The next round is at once, with heartbeats.
  void hurry();
  void on_timer();
  /// HomeTimer::staleness
  void sample_staleness();

  /// From a master that this site follows, or may follow now, or from whom it fetches. Else an old master is told.
  [[nodiscard]] bool is_due(NodeId from, const Ship& ship, const HomeSite& site) const;
  /// Follows the sender's history, applies what is new and forces it. True: there was nothing to do, and it was fetched
  /// (Ship::claim): the log is as far as it was.
  [[nodiscard]] bool take(NodeId from, const Ship& ship, HomeSite& site);
  /// What was taken is durable; true: in the term that the log is still in.
  [[nodiscard]] bool forced(const ShippedForce& force);
  void acknowledged(NodeId from, const ShipAck& ack, HomeSite& site);
  /// What the successor of a failover lacks of this site's log, so many writes at a time; it asks for more.
  void ship_to_successor(NodeId to, const HomeSite& site, const HomeMessage& asked);

 private:
  void round();
  void adopt(NodeId home, HomeSite& site, const HomeHistory& history);
  void confirm(NodeId to, NodeId home, HomeSite& site);

  NodeContext& context_;
  Homes& homes_;
  Service& service_;
  Instant next_heartbeat_{};
  TimerToken timer_{};  // 0: none is armed.
  Instant timer_at_{};
};

}  // namespace geocommit
