// A forced failover of one home, at the sites that are asked for their promise (docs/home-region.md, "Forced
// failover").
#pragma once

#include <string>

#include "engine/home/lease.h"
#include "engine/home/standing.h"

namespace geocommit {

class Promising {
 public:
  /// A claim that is not too old. `granted_until`: the last lease that this site granted may last until then.
  void claimed(HomeStanding& at, Instant now, HomeEpoch epoch, Instant granted_until, HomeEffects& out);
  /// What it has promised is durable: the claimant hears of it.
  static void durable(const HomeStanding& at, Instant now, Instant granted_until, HomeEffects& out);
  /// Yielding: what it voted on is decided, or could have been.
  static void drained(HomeStanding& at, HomeEffects& out);
  /// Yielding.
  void tick(HomeStanding& at, Instant now, HomeEffects& out) const;
  [[nodiscard]] Instant deadline() const { return yield_until_; }
  void hash_state(const HomeStanding& at, const PutTime& put_time) const;

 private:
  Instant yield_until_{};
};

}  // namespace geocommit
