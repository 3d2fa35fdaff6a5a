#include "engine/home/leasing.h"

#include <utility>

namespace geocommit {

void Leasing::start(const HomeStanding& at, Instant now, Epoch epoch) {
  grants_.restart(now, at.promised, at.rules.lease);
  lease_.start(now, epoch);
}

void Leasing::tick(const HomeStanding& at, Instant now, HomeEffects& out) {
  if (!at.leased()) {
    return;
  }
  out.lease_lost = lease_.is_lost(now) || out.lease_lost;
  if (!lease_.is_due(now)) {
    return;
  }
  const bool own = grants_.allow(now, at.opened, at.base);
  if (own) {
    grants_.help_self(at.opened);
  }
  HomeMessage message = at.make(HomeMessageKind::renew, at.opened);
  message.number = lease_.ask(now, at.sites.self(), own);
  message.base = at.base;
  at.send_others(message, out);
}

void Leasing::asked(const HomeStanding& at, Instant now, NodeId from, const HomeMessage& renewal, HomeEffects& out) {
  if (!grants_.allow(now, renewal.epoch, renewal.base)) {
    return;  // It asks again.
  }
  grants_.grant(now, renewal.epoch, at.rules.lease);
  HomeMessage grant = at.make(HomeMessageKind::grant, renewal.epoch);
  grant.number = renewal.number;
  out.send.emplace_back(from, std::move(grant));
}

void Leasing::granted(const HomeStanding& at, NodeId from, const HomeMessage& grant) {
  if (at.is_master() && grant.epoch == at.opened) {
    lease_.granted(from, grant.number);
  }
}

void Leasing::hash_state(const HomeStanding& at, Instant now, const PutTime& put_time, std::string& out) const {
  canonical::put(out, grants_.holder(now).value);
  put_time(grants_.until());
  if (at.is_master()) {
    lease_.hash_state(put_time, out);
  }
}

}  // namespace geocommit
