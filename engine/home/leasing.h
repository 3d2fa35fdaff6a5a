// Leases of one home at one site (docs/home-region.md, "Lease"): as master it asks the others for its own, as one of
// the others it grants.
#pragma once

#include <algorithm>
#include <optional>
#include <string>

#include "engine/home/lease.h"
#include "engine/home/standing.h"

namespace geocommit {

class Leasing {
 public:
  explicit Leasing(const HomeStanding& at) : lease_(at.rules.lease, at.rules.guard, at.sites.lease_quorum()) {}

  /// The process begins: whatever it granted before counts as granted now.
  void start(const HomeStanding& at, Instant now, Epoch epoch);
  /// It is master from now on, and asks at once.
  void open(Instant now) { lease_.begin(now); }
  /// As master.
  void tick(const HomeStanding& at, Instant now, HomeEffects& out);
  /// A renewal that nothing speaks against but perhaps another's lease.
  void asked(const HomeStanding& at, Instant now, NodeId from, const HomeMessage& renewal, HomeEffects& out);
  void granted(const HomeStanding& at, NodeId from, const HomeMessage& grant);

  /// May it vote YES for a write of this home now?
  [[nodiscard]] bool may_serve(const HomeStanding& at, Instant now) const {
    return at.role == HomeRole::master && (!at.leased() || lease_.serves(now));
  }
  /// It neither serves nor lends, nor is it about to.
  [[nodiscard]] bool is_idle(const HomeStanding& at, Instant now) const {
    return !at.takes_over() && !may_serve(at, now) && now >= granted_until();
  }
  [[nodiscard]] bool awaits(std::uint64_t number) const { return lease_.awaits(number); }
  /// Until then it has lent.
  [[nodiscard]] Instant granted_until() const { return grants_.until(); }
  /// As master.
  [[nodiscard]] std::optional<Instant> deadline(const HomeStanding& at) const {
    return at.leased() ? std::optional(lease_.deadline()) : std::nullopt;
  }
  void hash_state(const HomeStanding& at, Instant now, const PutTime& put_time, std::string& out) const;

 private:
  Grants grants_;
  Lease lease_;  // Of the term that this site was last master of.
};

}  // namespace geocommit
