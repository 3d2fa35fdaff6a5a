#include "engine/home/promising.h"

#include <algorithm>
#include <utility>

namespace geocommit {

void Promising::claimed(HomeStanding& at, Instant now, HomeEpoch epoch, Instant granted_until, HomeEffects& out) {
  if (epoch > at.promised) {
    at.promised = epoch;
    if (at.is_master()) {  // What it voted YES on is decided within the guard; then it promises, and its log has all of
                           // it.
      out.deposed = true;
      at.role = HomeRole::yielding;
      yield_until_ = now + at.rules.guard;
    } else if (at.role != HomeRole::yielding) {
      out.deposed = at.role != HomeRole::replica;
      drained(at, out);
    }
  }
  if (at.durable_promise == at.promised) {
    durable(at, now, granted_until, out);
  }
}

void Promising::durable(const HomeStanding& at, Instant now, Instant granted_until, HomeEffects& out) {
  const NodeId claimant = at.sites.site_of(at.promised);
  if (claimant == at.sites.self()) {
    return;
  }
  HomeMessage promise = at.make(HomeMessageKind::promise, at.promised);
  promise.remaining = std::max<Duration>(granted_until - now, Duration::zero());
  promise.log = at.log;
  out.send.emplace_back(claimant, std::move(promise));
}

void Promising::drained(HomeStanding& at, HomeEffects& out) {
  at.role = HomeRole::replica;
  out.force.push_back({HomeRecordKind::promised, at.promised, {}});
}

void Promising::tick(HomeStanding& at, Instant now, HomeEffects& out) const {
  if (now >= yield_until_) {
    drained(at, out);
  }
}

void Promising::hash_state(const HomeStanding& at, const PutTime& put_time) const {
  if (at.role == HomeRole::yielding) {
    put_time(yield_until_);
  }
}

}  // namespace geocommit
