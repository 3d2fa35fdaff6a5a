// A home's forced failover: the claim, the promises of a quorum, what is fetched, and who finishes what was begun.
#include <algorithm>

#include "engine/mastership.h"

namespace geocommit {

// ---- The successor --------------------------------------------------------------------------------------------------

void Mastership::take_over(Instant now, HomeEffects& out) {
  const bool lost_lease = is_master() && leased() && !may_serve(now);
  if (takes_over() || (is_master() && !lost_lease)) {
    return;
  }
  out.deposed = lost_lease;
  const HomeEpoch epoch = home_region::next_forced(promised_, region_of(self_), regions());
  if (!rules_.fencing) {
    claim_epoch_ = promised_ = epoch;
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
  claim_epoch_ = promised_ = epoch;
  base_ = HomeEpoch{};
  claimants_waiting_.clear();
  promises_.clear();
  silent_.clear();
  wait_until_ = gather_until_ = granted_until_;
  retry_at_ = now + rules_.retry;
  role_ = HomeRole::claiming;
  out.force.push_back({HomeRecordKind::promised, epoch, {}});
}

/// Again also to who has promised: it hears that the claimant is alive.
void Mastership::send_claims(HomeEffects& out) const {
  if (durable_promise_ == promised_) {
    send_others(make(HomeMessageKind::claim, claim_epoch_), out);
  }
}

void Mastership::on_promise(Instant now, NodeId from, const HomeMessage& message, HomeEffects& out) {
  if ((role_ != HomeRole::claiming && role_ != HomeRole::fetching) || message.epoch != claim_epoch_) {
    return;
  }
  HomePosition& held = promises_[from];
  held = std::max(held, message.log);
  wait_until_ = std::max(wait_until_, now + surely(message.remaining));
  maybe_open(now, out);
}

void Mastership::maybe_open(Instant now, HomeEffects& out) {
  if (role_ != HomeRole::claiming || promises_.size() < claim_quorum() || now < opens_at()) {
    return;
  }
  HomePosition most = log_;
  for (const auto& [site, held] : promises_) {
    if (held > most && !silent_.contains(site)) {
      most = held;
      source_ = site;
    }
  }
  if (most > log_) {
    role_ = HomeRole::fetching;
    fetch_until_ = now + rules_.lease;
    return send_fetch(now, out);
  }
  role_ = HomeRole::opening;
  out.force.push_back({HomeRecordKind::opened, claim_epoch_, HomeOpening::fenced});
}

void Mastership::send_fetch(Instant now, HomeEffects& out) {
  HomeMessage message = make(HomeMessageKind::fetch, claim_epoch_);
  message.log = asked_at_ = log_;
  out.send.emplace_back(source_, std::move(message));
  retry_at_ = now + rules_.retry;
}

void Mastership::fetched(Instant now, HomeEffects& out) {
  if (role_ != HomeRole::fetching) {
    return;
  }
  if (log_ >= promises_.at(source_)) {
    role_ = HomeRole::claiming;
    maybe_open(now, out);
  } else if (log_ > asked_at_) {
    fetch_until_ = now + rules_.lease;
    send_fetch(now, out);
  }
}

void Mastership::on_refuse(Instant now, NodeId from, const HomeMessage& message, HomeEffects& out) {
  if (is_master() && message.epoch > epoch_) {
    answers_[from] = {renewal_, false};  // What it granted until now, it granted before.
  }
  if (message.opened) {
    learn(message.epoch, out);
  } else if ((role_ == HomeRole::claiming || role_ == HomeRole::fetching) && message.epoch > claim_epoch_) {
    if (message.base == message.epoch) {  // Of a claimant that is there: two that claim above each other never end.
      out.deposed = true;
      step_down();
      return be_patient(now);
    }
    // Promised to somebody else's claim, perhaps of a site that is gone: claim above it.
    claim(now, home_region::next_forced(message.epoch, region_of(self_), regions()), out);
  }
}

// ---- The others -----------------------------------------------------------------------------------------------------

bool Mastership::has_promised(NodeId claimant, HomeEpoch epoch) const {
  return epoch == promised_ && durable_promise_ == promised_ && site_of(epoch) == claimant;
}

void Mastership::send_promise(Instant now, NodeId to, HomeEffects& out) const {
  HomeMessage promise = make(HomeMessageKind::promise, promised_);
  promise.remaining = std::max<Duration>(granted_until_ - now, Duration::zero());
  promise.log = log_;
  out.send.emplace_back(to, std::move(promise));
}

void Mastership::on_claim(Instant now, NodeId from, const HomeMessage& message, HomeEffects& out) {
  if (message.epoch < promised_ || message.epoch <= epoch_ || from != site_of(message.epoch)) {
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

bool Mastership::is_idle(Instant now) const { return !takes_over() && !may_serve(now) && now >= granted_until_; }

void Mastership::be_patient(Instant now) {
  const std::uint32_t rank = (region_of(self_).value + regions() - region_of(site_of(promised_)).value) % regions();
  resume_at_ = now + rules_.patience + rank * rules_.lease;
}

void Mastership::probe(Instant now, HomeEffects& out) {
  resume_at_ = now + rules_.patience;
  idle_.clear();
  probed_ = promised_;
  if (is_idle(now)) {
    idle_.insert(self_);
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
  idle_.insert(from);
  probed_ = std::max(probed_, message.epoch);
  if (idle_.size() >= lease_quorum()) {
    out.resumed = true;
    claim(now, home_region::next_forced(std::max(probed_, promised_), region_of(self_), regions()), out);
  }
}

}  // namespace geocommit
