#include "engine/home/mastership.h"

#include <algorithm>

#include "base/canonical.h"

namespace geocommit {

Mastership::Mastership(HomeRules rules, NodeId self, NodeId home, std::vector<NodeId> sites)
    : standing_(rules, HomeSites(self, home, std::move(sites))), leasing_(standing_) {}

void Mastership::replay(HomeRecordKind kind, HomeEpoch epoch) {
  HomeStanding& at = standing_;
  at.promised = at.durable_promise = std::max(at.promised, epoch);
  switch (kind) {
    case HomeRecordKind::opened:
    case HomeRecordKind::adopted:
      at.opened = std::max(at.opened, epoch);
      break;
    case HomeRecordKind::handed_over:
      handover_.replay(at, epoch);
      break;
    case HomeRecordKind::promised:
      break;  // Also its own claim. What it had collected is gone: it is finished as anybody would (Resumption).
  }
  if (at.sites.site_of(at.opened) == at.sites.self() && at.promised == at.opened) {
    at.role = HomeRole::master;
  } else if (handover_.epoch() == at.promised && handover_.epoch() > at.opened) {
    at.role = HomeRole::handing_over;
  } else {
    at.role = HomeRole::replica;
  }
}

void Mastership::start(Instant now, Epoch epoch) {
  leasing_.start(standing_, now, epoch);
  resumption_.be_patient(standing_, now);
}

// ---- What it hears
// ----------------------------------------------------------------------------------------------------

void Mastership::learn(HomeEpoch epoch, HomeEffects& out) {
  HomeStanding& at = standing_;
  if (epoch <= at.opened) {
    return;
  }
  at.opened = epoch;
  at.promised = std::max(at.promised, epoch);
  out.handed_over = at.role == HomeRole::handing_over && epoch == handover_.epoch();
  const bool ahead = (at.takes_over() && at.claimed > epoch) || (at.role == HomeRole::yielding && at.promised > epoch);
  if (at.role != HomeRole::replica && !ahead) {
    out.deposed = at.role != HomeRole::yielding;  // Then it has said so.
    at.role = HomeRole::replica;
  }
}

void Mastership::received(Instant now, NodeId from, const HomeMessage& message, HomeEffects& out) {
  if (!standing_.sites.contains(from)) {
    return;
  }
  switch (message.kind) {
    case HomeMessageKind::renew:
      return on_renew(now, from, message, out);
    case HomeMessageKind::grant:
      return leasing_.granted(standing_, from, message);
    case HomeMessageKind::claim:
      return on_claim(now, from, message, out);
    case HomeMessageKind::promise:
      return takeover_.promised(standing_, now, from, message, out);
    case HomeMessageKind::refuse:
      return on_refuse(now, message, out);
    case HomeMessageKind::handoff:
      return received_handoff(from, message, false, out);
    case HomeMessageKind::open:
      return learn(message.epoch, out);
    case HomeMessageKind::fetch:  // Of a claim that is not promised, or not any more; else the log answers.
      return standing_.refuse(from, out);
    case HomeMessageKind::probe:
      return resumption_.asked(standing_, now, leasing_.is_idle(standing_, now), from, message, out);
    case HomeMessageKind::idle:
      return on_idle(now, from, message, out);
  }
}

void Mastership::on_renew(Instant now, NodeId from, const HomeMessage& message, HomeEffects& out) {
  const bool of_its_master = from == standing_.sites.site_of(message.epoch);
  if (of_its_master && message.epoch == epoch()) {
    resumption_.heard(now, message.epoch);
  }
  if (!of_its_master || message.epoch < promised()) {
    return standing_.refuse(from, out);
  }
  learn(message.epoch, out);
  leasing_.asked(standing_, now, from, message, out);
}

void Mastership::on_claim(Instant now, NodeId from, const HomeMessage& message, HomeEffects& out) {
  if (message.epoch < promised() || message.epoch <= epoch() || from != standing_.sites.site_of(message.epoch)) {
    return standing_.refuse(from, out);
  }
  promising_.claimed(standing_, now, message.epoch, leasing_.granted_until(), out);
  resumption_.be_patient(standing_, now);  // The claimant is alive.
}

void Mastership::on_refuse(Instant now, const HomeMessage& message, HomeEffects& out) {
  if (message.opened) {
    learn(message.epoch, out);
  } else if (takeover_.refused(standing_, now, message, leasing_.granted_until(), out)) {
    resumption_.be_patient(standing_, now);
  }
}

void Mastership::on_idle(Instant now, NodeId from, const HomeMessage& message, HomeEffects& out) {
  if (const auto claim = resumption_.answered(standing_, from, message.epoch)) {
    out.resumed = true;
    takeover_.claim(standing_, now, *claim, leasing_.granted_until(), out);
  }
}

// ---- Orders, time and stable storage
// ----------------------------------------------------------------------------------

void Mastership::take_over(Instant now, HomeEffects& out) {
  const bool lost_lease = is_master() && standing_.leased() && !may_serve(now);
  if (standing_.takes_over() || (is_master() && !lost_lease)) {
    return;
  }
  out.deposed = lost_lease;
  takeover_.order(standing_, now, leasing_.granted_until(), out);
}

void Mastership::drained(Instant now, HomeEffects& out) {
  if (role() == HomeRole::yielding) {
    promising_.drained(standing_, out);
  } else if (role() == HomeRole::fencing) {
    handover_.drained(standing_, now, out);
    resumption_.be_patient(standing_, now);
  }
}

void Mastership::forced(Instant now, HomeRecordKind kind, HomeEpoch epoch, HomeEffects& out) {
  HomeStanding& at = standing_;
  at.durable_promise = std::max(at.durable_promise, epoch);
  if (epoch != at.promised) {
    return;  // Overtaken by a newer promise.
  }
  switch (kind) {
    case HomeRecordKind::promised:
      takeover_.promised_self(at, now, out);
      promising_.durable(at, now, leasing_.granted_until(), out);
      break;
    case HomeRecordKind::handed_over:
      handover_.stopped(now);
      tick(now, out);
      break;
    case HomeRecordKind::opened:
      if (at.role == HomeRole::opening && epoch == at.claimed) {
        at.opened = epoch;
        at.role = HomeRole::master;
        leasing_.open(now);
        out.opened = true;
        tick(now, out);
      }
      break;
    case HomeRecordKind::adopted:
      break;
  }
}

void Mastership::tick(Instant now, HomeEffects& out) {
  switch (role()) {
    case HomeRole::opening:
      return;
    case HomeRole::replica:
      return resumption_.tick(standing_, now, leasing_.is_idle(standing_, now), out);
    case HomeRole::yielding:
      return promising_.tick(standing_, now, out);
    case HomeRole::fencing:
      handover_.tick(standing_, now, out);
      return leasing_.tick(standing_, now, out);
    case HomeRole::master:
      return leasing_.tick(standing_, now, out);
    case HomeRole::handing_over:
      handover_.tick(standing_, now, out);
      return resumption_.tick(standing_, now, leasing_.is_idle(standing_, now), out);
    case HomeRole::claiming:
    case HomeRole::fetching:
      return takeover_.tick(standing_, now, out);
  }
}

std::optional<Instant> Mastership::deadline() const {
  const auto sooner = [](Instant at, std::optional<Instant> other) { return other ? std::min(at, *other) : at; };
  switch (role()) {
    case HomeRole::opening:
      return std::nullopt;
    case HomeRole::replica:
      return resumption_.deadline(standing_);
    case HomeRole::yielding:
      return promising_.deadline();
    case HomeRole::master:
      return leasing_.deadline(standing_);
    case HomeRole::fencing:
      return sooner(handover_.deadline(standing_), leasing_.deadline(standing_));
    case HomeRole::handing_over:
      return sooner(handover_.deadline(standing_), resumption_.deadline(standing_));
    case HomeRole::claiming:
    case HomeRole::fetching:
      return takeover_.deadline(standing_);
  }
  return std::nullopt;
}

// ---- For explorers
// ------------------------------------------------------------------------------------------------------

bool Mastership::has_promised(NodeId claimant, HomeEpoch epoch) const {
  return epoch == promised() && standing_.durable_promise == promised() && standing_.sites.site_of(epoch) == claimant;
}

void Mastership::hash_state(Instant now, Instant horizon, std::string& out) const {
  const PutTime put_time(now, horizon, out);
  // What a role has no use for is left out: it is set anew before it has.
  standing_.hash_state(out);
  leasing_.hash_state(standing_, now, put_time, out);
  handover_.hash_state(standing_, put_time, out);
  takeover_.hash_state(standing_, now, put_time, out);
  promising_.hash_state(standing_, put_time);
  resumption_.hash_state(standing_, put_time, out);
}

}  // namespace geocommit
