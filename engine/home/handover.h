// A planned transfer of one home, at both ends (docs/home-region.md, "Planned transfer").
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "engine/home/lease.h"
#include "engine/home/standing.h"

namespace geocommit {

class Handover {
 public:
  /// It had handed over to the master of `epoch`, before a crash.
  void replay(const HomeStanding& at, HomeEpoch epoch);

  // The old master.
  void order(HomeStanding& at, Instant now, NodeId successor);
  /// Fencing: nothing is in flight, and the successor has everything.
  void drained(HomeStanding& at, Instant now, HomeEffects& out);
  /// That it has stopped is durable.
  void stopped(Instant now) { retry_at_ = now; }
  /// Fencing: calls it off when that takes too long. Handing over: repeats it.
  void tick(HomeStanding& at, Instant now, HomeEffects& out);
  /// What the hand-over says of the log that is handed over.
  void set_history(HomeHistory history) { history_ = std::move(history); }

  /// The new one. `has_all`: everything up to the start of the new term is durable here; else the hand-over waits.
  static void received(HomeStanding& at, NodeId from, const HomeMessage& message, bool has_all, HomeEffects& out);

  [[nodiscard]] HomeEpoch epoch() const { return epoch_; }
  [[nodiscard]] NodeId successor() const { return successor_; }
  /// Fencing, handing over.
  [[nodiscard]] Instant deadline(const HomeStanding& at) const {
    return at.role == HomeRole::fencing ? give_up_at_ : retry_at_;
  }
  void hash_state(const HomeStanding& at, const PutTime& put_time, std::string& out) const;

 private:
  NodeId successor_;
  HomeEpoch epoch_;  // The last term that this site has handed over to.
  HomeHistory history_;
  Instant give_up_at_{}, retry_at_{};
};

}  // namespace geocommit
