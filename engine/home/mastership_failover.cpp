// A home's forced failover: the claim, the promises of a quorum, what is fetched, and who finishes what was begun.
#include <algorithm>

#include "engine/home/mastership.h"

namespace geocommit {

// ---- The successor --------------------------------------------------------------------------------------------------

void Mastership::take_over(Instant now, HomeEffects& out) {
  const bool lost_lease = is_master() && leased() && !may_serve(now);
  if (takes_over() || (is_master() && !lost_lease)) {
    return;
  }
  out.deposed = lost_lease;
  const HomeEpoch epoch = sites_.next_forced(promised_);
  if (!rules_.fencing) {
    claim_.begin(epoch);
    promised_ = epoch;
    base_ = HomeEpoch{};
    role_ = HomeRole::opening;
    out.force.push_back({HomeRecordKind::opened, epoch, HomeOpening::unfenced});
  } else if (rules_.lease == Duration::zero()) {
    out.refused_order = true;
  } else {
    claim(now, epoch, out);
  }
}

void Mastership::claim(Instant now, HomeEpoch epoch, HomeEffects& out) {
  step_down();
  claim_.begin(epoch, grants_.until());
  promised_ = epoch;
  base_ = HomeEpoch{};
  claimants_waiting_.clear();
  retry_at_ = now + rules_.retry;
  role_ = HomeRole::claiming;
  out.force.push_back({HomeRecordKind::promised, epoch, {}});
}

/// Again also to who has promised: it hears that the claimant is alive.
void Mastership::send_claims(HomeEffects& out) const {
  if (durable_promise_ == promised_) {
    send_others(make(HomeMessageKind::claim, claim_.epoch()), out);
  }
}

void Mastership::on_promise(Instant now, NodeId from, const HomeMessage& message, HomeEffects& out) {
  if ((role_ != HomeRole::claiming && role_ != HomeRole::fetching) || message.epoch != claim_.epoch()) {
    return;
  }
  claim_.promised(from, message.log, now + surely(message.remaining));
  maybe_open(now, out);
}

void Mastership::maybe_open(Instant now, HomeEffects& out) {
  if (role_ != HomeRole::claiming || claim_.promises() < sites_.claim_quorum() ||
      now < claim_.opens_at(sites_.size())) {
    return;
  }
  if (claim_.fetches_beyond(log_)) {
    role_ = HomeRole::fetching;
    claim_.wait_until(now + rules_.lease);
    return send_fetch(now, out);
  }
  role_ = HomeRole::opening;
  out.force.push_back({HomeRecordKind::opened, claim_.epoch(), HomeOpening::fenced});
}

void Mastership::send_fetch(Instant now, HomeEffects& out) {
  HomeMessage message = make(HomeMessageKind::fetch, claim_.epoch());
  claim_.ask(log_);
  message.log = log_;
  out.send.emplace_back(claim_.source(), std::move(message));
  retry_at_ = now + rules_.retry;
}

void Mastership::fetched(Instant now, HomeEffects& out) {
  if (role_ != HomeRole::fetching) {
    return;
  }
  if (log_ >= claim_.wanted()) {
    role_ = HomeRole::claiming;
    maybe_open(now, out);
  } else if (log_ > claim_.asked_at()) {
    claim_.wait_until(now + rules_.lease);
    send_fetch(now, out);
  }
}

void Mastership::on_refuse(Instant now, NodeId from, const HomeMessage& message, HomeEffects& out) {
  if (is_master() && message.epoch > epoch_) {
    lease_.refused(from);
  }
  if (message.opened) {
    learn(message.epoch, out);
  } else if ((role_ == HomeRole::claiming || role_ == HomeRole::fetching) && message.epoch > claim_.epoch()) {
    if (message.base == message.epoch) {  // Of a claimant that is there: two that claim above each other never end.
      out.deposed = true;
      step_down();
      return be_patient(now);
    }
    // Promised to somebody else's claim, perhaps of a site that is gone: claim above it.
    claim(now, sites_.next_forced(message.epoch), out);
  }
}

// ---- The others -----------------------------------------------------------------------------------------------------

bool Mastership::has_promised(NodeId claimant, HomeEpoch epoch) const {
  return epoch == promised_ && durable_promise_ == promised_ && sites_.site_of(epoch) == claimant;
}

void Mastership::send_promise(Instant now, NodeId to, HomeEffects& out) const {
  HomeMessage promise = make(HomeMessageKind::promise, promised_);
  promise.remaining = std::max<Duration>(grants_.until() - now, Duration::zero());
  promise.log = log_;
  out.send.emplace_back(to, std::move(promise));
}

void Mastership::on_claim(Instant now, NodeId from, const HomeMessage& message, HomeEffects& out) {
  if (message.epoch < promised_ || message.epoch <= epoch_ || from != sites_.site_of(message.epoch)) {
    return refuse(from, out);
  }
  if (message.epoch > promised_) {
    promised_ = message.epoch;
    claimants_waiting_.clear();
    if (is_master()) {  // What it voted YES on is decided within the guard; then it promises, and its log has all of
                        // it.
      out.deposed = true;
      step_down();
      role_ = HomeRole::yielding;
      yield_until_ = now + rules_.guard;
    } else if (role_ != HomeRole::yielding) {
      out.deposed = role_ != HomeRole::replica;
      step_down();
      out.force.push_back({HomeRecordKind::promised, promised_, {}});
    }
  }
  be_patient(now);  // The claimant is alive.
  if (durable_promise_ == promised_) {
    send_promise(now, from, out);
  } else {
    claimants_waiting_.insert(from);
  }
}

void Mastership::end_yield(HomeEffects& out) {
  role_ = HomeRole::replica;
  out.force.push_back({HomeRecordKind::promised, promised_, {}});
}

// ---- A change of masters that nobody finishes ---------------------------------------------------------------------

bool Mastership::is_idle(Instant now) const { return !takes_over() && !may_serve(now) && now >= grants_.until(); }

void Mastership::be_patient(Instant now) {
  resumption_.wait(now + rules_.patience + sites_.rank_after(promised_) * rules_.lease);
}

void Mastership::probe(Instant now, HomeEffects& out) {
  resumption_.wait(now + rules_.patience);
  resumption_.probe(promised_);
  if (is_idle(now)) {
    resumption_.idle(sites_.self(), promised_);
  }
  HomeMessage message = make(HomeMessageKind::probe, promised_);
  message.base = epoch_;
  send_others(message, out);
}

void Mastership::on_probe(Instant now, NodeId from, const HomeMessage& message, HomeEffects& out) {
  if (epoch_ > message.base) {
    out.send.emplace_back(from, make(HomeMessageKind::open, epoch_));
  } else if (is_idle(now)) {
    out.send.emplace_back(from, make(HomeMessageKind::idle, promised_));
    be_patient(now);  // One at a time.
  }
}

void Mastership::on_idle(Instant now, NodeId from, const HomeMessage& message, HomeEffects& out) {
  if (!unfinished()) {
    return;
  }
  resumption_.idle(from, message.epoch);
  if (resumption_.idle_sites().size() >= sites_.lease_quorum()) {
    out.resumed = true;
    claim(now, sites_.next_forced(std::max(resumption_.highest(), promised_)), out);
  }
}

}  // namespace geocommit
