// One home at one of its sites: who is master, the log, and both ends of shipping.
#pragma once

#include <memory>

#include "engine/home/home_log.h"
#include "engine/home/mastership.h"
#include "engine/home/shipping.h"

namespace geocommit {

struct HomeSite {
  HomeSite(HomeRules rules, NodeId self, NodeId home, const std::vector<NodeId>& sites)
      : mastership(rules, self, home, sites), log(mastership.epoch()) {}

  /// The machine, before an input.
  Mastership& machine() {
    mastership.set_log(log.position());
    return mastership;
  }

  /// Of the master whose log is shipped; where none has changed, the first.
  [[nodiscard]] HomeEpoch epoch_of(const Ship& ship) const {
    return ship.history.empty() ? log.history().front().epoch : ship.history.back().epoch;
  }

  Mastership mastership;
  HomeLog log;
  std::unique_ptr<ShippingHome> sender;  ///< As master.
  ShippingReplica receiver;
  std::uint64_t reported_confirmed{};
  std::uint32_t adopting{};  ///< Records that it follows another master and that are not durable yet.
  bool full{};               ///< As master: takes no writes for as long as some site is so far behind. Said once.
  Instant last_commit{};     ///< As master.
  Instant fenced_at{};       ///< A planned transfer was ordered.
  Instant ordered_at{};      ///< A failover to this site was ordered; Instant{}: none under way.
};

}  // namespace geocommit
