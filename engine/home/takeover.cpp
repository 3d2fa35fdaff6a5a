#include "engine/home/takeover.h"

#include <algorithm>
#include <utility>

namespace geocommit {

void Takeover::order(HomeStanding& at, Instant now, Instant granted_until, HomeEffects& out) {
  const HomeEpoch epoch = at.sites.next_forced(at.promised);
  if (!at.rules.fencing) {
    at.aim_at(epoch, {});
    at.role = HomeRole::opening;
    out.force.push_back({HomeRecordKind::opened, epoch, HomeOpening::unfenced});
  } else if (!at.leased()) {
    out.refused_order = true;
  } else {
    claim(at, now, epoch, granted_until, out);
  }
}

void Takeover::claim(HomeStanding& at, Instant now, HomeEpoch epoch, Instant granted_until, HomeEffects& out) {
  at.aim_at(epoch, {});
  at.role = HomeRole::claiming;
  claim_.begin(granted_until);
  retry_at_ = now + at.rules.retry;
  out.force.push_back({HomeRecordKind::promised, epoch, {}});
}

void Takeover::promised_self(HomeStanding& at, Instant now, HomeEffects& out) {
  if (at.role != HomeRole::claiming) {
    return;
  }
  claim_.promised_self(at.sites.self(), now + 2 * at.rules.guard);  // There and back; and a master yields first.
  send_claims(at, out);
  maybe_open(at, now, out);
}

/// Again also to who has promised: it hears that the claimant is alive.
void Takeover::send_claims(const HomeStanding& at, HomeEffects& out) const {
  if (at.durable_promise == at.promised) {
    at.send_others(at.make(HomeMessageKind::claim, at.claimed), out);
  }
}

void Takeover::promised(HomeStanding& at, Instant now, NodeId from, const HomeMessage& promise, HomeEffects& out) {
  if (!at.collects() || promise.epoch != at.claimed) {
    return;
  }
  claim_.promised(from, promise.log, now + surely(promise.remaining));
  maybe_open(at, now, out);
}

void Takeover::maybe_open(HomeStanding& at, Instant now, HomeEffects& out) {
  if (at.role != HomeRole::claiming || claim_.promises() < at.sites.claim_quorum() ||
      now < claim_.opens_at(at.sites.size())) {
    return;
  }
  if (claim_.fetches_beyond(at.log)) {
    at.role = HomeRole::fetching;
    claim_.wait_until(now + at.rules.lease);
    return fetch(at, now, out);
  }
  at.role = HomeRole::opening;
  out.force.push_back({HomeRecordKind::opened, at.claimed, HomeOpening::fenced});
}

void Takeover::fetch(const HomeStanding& at, Instant now, HomeEffects& out) {
  HomeMessage message = at.make(HomeMessageKind::fetch, at.claimed);
  claim_.ask(at.log);
  message.log = at.log;
  out.send.emplace_back(claim_.source(), std::move(message));
  retry_at_ = now + at.rules.retry;
}

void Takeover::fetched(HomeStanding& at, Instant now, HomeEffects& out) {
  if (at.role != HomeRole::fetching) {
    return;
  }
  if (at.log >= claim_.wanted()) {
    at.role = HomeRole::claiming;
    maybe_open(at, now, out);
  } else if (at.log > claim_.asked_at()) {
    claim_.wait_until(now + at.rules.lease);
    fetch(at, now, out);
  }
}

bool Takeover::refused(HomeStanding& at, Instant now, const HomeMessage& refusal, Instant granted_until,
                       HomeEffects& out) {
  if (!at.collects() || refusal.epoch <= at.claimed) {
    return false;
  }
  if (refusal.base == refusal.epoch) {  // Of a claimant that is there: two that claim above each other never end.
    at.role = HomeRole::replica;
    out.deposed = true;
    return true;
  }
  // Promised to somebody else's claim, perhaps of a site that is gone: claim above it.
  claim(at, now, at.sites.next_forced(refusal.epoch), granted_until, out);
  return false;
}

void Takeover::tick(HomeStanding& at, Instant now, HomeEffects& out) {
  if (at.role == HomeRole::fetching && now >= claim_.fetch_until()) {
    claim_.give_up_source();
    out.left_behind = claim_.wanted();
    at.role = HomeRole::claiming;
    maybe_open(at, now, out);
    return;
  }
  if (now >= retry_at_) {
    send_claims(at, out);
    retry_at_ = now + at.rules.retry;
    if (at.role == HomeRole::fetching) {
      fetch(at, now, out);
    }
  }
  maybe_open(at, now, out);
}

Instant Takeover::deadline(const HomeStanding& at) const {
  if (at.role == HomeRole::fetching) {
    return std::min(claim_.fetch_until(), retry_at_);
  }
  return claim_.promises() < at.sites.claim_quorum() ? retry_at_
                                                     : std::min(retry_at_, claim_.opens_at(at.sites.size()));
}

void Takeover::hash_state(const HomeStanding& at, Instant now, const PutTime& put_time, std::string& out) const {
  if (at.takes_over()) {
    put_time(retry_at_);
    claim_.hash_state(at.role == HomeRole::fetching, now, put_time, out);
  }
}

}  // namespace geocommit
