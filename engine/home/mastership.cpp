#include "engine/home/mastership.h"

#include <algorithm>
#include <utility>

#include "base/canonical.h"

namespace geocommit {

Mastership::Mastership(HomeRules rules, NodeId self, NodeId home, std::vector<NodeId> sites)
    : rules_(rules), sites_(self, home, std::move(sites)), lease_(rules.lease, rules.guard, sites_.lease_quorum()) {
  if (rules_.patience == Duration::zero()) {
    rules_.patience = 2 * rules_.lease;
  }
  epoch_ = promised_ = durable_promise_ = sites_.first_epoch();
  if (home == self) {
    role_ = HomeRole::master;
  }
}

void Mastership::replay(HomeRecordKind kind, HomeEpoch epoch) {
  promised_ = durable_promise_ = std::max(promised_, epoch);
  switch (kind) {
    case HomeRecordKind::opened:
    case HomeRecordKind::adopted:
      epoch_ = std::max(epoch_, epoch);
      break;
    case HomeRecordKind::handed_over:
      handover_.epoch = epoch;
      handover_.successor = sites_.site_of(epoch);
      break;
    case HomeRecordKind::promised:
      break;  // Also its own claim. What it had collected is gone: it is finished as anybody would (probe).
  }
  if (sites_.site_of(epoch_) == sites_.self() && promised_ == epoch_) {
    role_ = HomeRole::master;
  } else if (handover_.epoch == promised_ && handover_.epoch > epoch_) {
    role_ = HomeRole::handing_over;
  } else {
    role_ = HomeRole::replica;
  }
}

void Mastership::start(Instant now, Epoch epoch) {
  grants_.restart(now, promised_, rules_.lease);
  lease_.start(now, epoch);
  retry_at_ = now;
  be_patient(now);
}

HomeMessage Mastership::make(HomeMessageKind kind, HomeEpoch epoch) const {
  HomeMessage message;
  message.kind = kind;
  message.home = sites_.home();
  message.epoch = epoch;
  return message;
}

void Mastership::send_others(const HomeMessage& message, HomeEffects& out) const {
  for (const NodeId site : sites_.all()) {
    if (site != sites_.self()) {
      out.send.emplace_back(site, message);
    }
  }
}

void Mastership::refuse(NodeId to, HomeEffects& out) const {
  HomeMessage refusal = make(HomeMessageKind::refuse, promised_);
  refusal.opened = promised_ == epoch_;
  refusal.base = takes_over() ? claim_.epoch() : HomeEpoch{};
  out.send.emplace_back(to, std::move(refusal));
}

bool Mastership::may_serve(Instant now) const { return role_ == HomeRole::master && (!leased() || lease_.serves(now)); }

void Mastership::step_down() {
  role_ = HomeRole::replica;
  lease_.end();
}

void Mastership::learn(HomeEpoch epoch, HomeEffects& out) {
  if (epoch <= epoch_) {
    return;
  }
  epoch_ = epoch;
  promised_ = std::max(promised_, epoch);
  out.handed_over = role_ == HomeRole::handing_over && epoch == handover_.epoch;
  const bool ahead = (takes_over() && claim_.epoch() > epoch) || (role_ == HomeRole::yielding && promised_ > epoch);
  if (role_ != HomeRole::replica && !ahead) {
    out.deposed = role_ != HomeRole::yielding;  // Then it has said so.
    step_down();
  }
}

// ---- Orders -----------------------------------------------------------------------------------------------------

void Mastership::transfer(Instant now, NodeId successor) {
  if (role_ != HomeRole::master || successor == sites_.self() || !sites_.contains(successor)) {
    return;
  }
  role_ = HomeRole::fencing;
  handover_.successor = successor;
  handover_.give_up_at = now + rules_.drain_limit;
}

void Mastership::drained(Instant now, HomeEffects& out) {
  if (role_ == HomeRole::yielding) {
    return end_yield(out);
  }
  if (role_ != HomeRole::fencing) {
    return;
  }
  handover_.epoch = sites_.next_planned(promised_, handover_.successor);
  promised_ = handover_.epoch;
  step_down();
  role_ = HomeRole::handing_over;
  retry_at_ = now + rules_.retry;
  be_patient(now);
  out.force.push_back({HomeRecordKind::handed_over, handover_.epoch, {}});
}

// ---- Messages ---------------------------------------------------------------------------------------------------

void Mastership::received(Instant now, NodeId from, const HomeMessage& message, HomeEffects& out) {
  if (!sites_.contains(from)) {
    return;
  }
  switch (message.kind) {
    case HomeMessageKind::renew:
      return on_renew(now, from, message, out);
    case HomeMessageKind::grant:
      return on_grant(from, message);
    case HomeMessageKind::claim:
      return on_claim(now, from, message, out);
    case HomeMessageKind::promise:
      return on_promise(now, from, message, out);
    case HomeMessageKind::refuse:
      return on_refuse(now, from, message, out);
    case HomeMessageKind::handoff:
      return received_handoff(from, message, false, out);
    case HomeMessageKind::open:
      return learn(message.epoch, out);
    case HomeMessageKind::fetch:
      return refuse(from, out);  // Of a claim that is not promised, or not any more; else the log answers.
    case HomeMessageKind::probe:
      return on_probe(now, from, message, out);
    case HomeMessageKind::idle:
      return on_idle(now, from, message, out);
  }
}

void Mastership::on_renew(Instant now, NodeId from, const HomeMessage& message, HomeEffects& out) {
  if (from == sites_.site_of(message.epoch) && message.epoch == epoch_) {
    heard_ = now;
  }
  if (message.epoch < promised_ || from != sites_.site_of(message.epoch)) {
    return refuse(from, out);
  }
  learn(message.epoch, out);
  if (!grants_.allow(now, message.epoch, message.base)) {
    return;  // It asks again.
  }
  grants_.grant(now, message.epoch, rules_.lease);
  HomeMessage grant = make(HomeMessageKind::grant, message.epoch);
  grant.number = message.number;
  out.send.emplace_back(from, std::move(grant));
}

bool Mastership::is_backed() const { return role_ == HomeRole::master && (!leased() || lease_.is_backed()); }

void Mastership::on_grant(NodeId from, const HomeMessage& message) {
  if (is_master() && message.epoch == epoch_) {
    lease_.granted(from, message.number);
  }
}

void Mastership::received_handoff(NodeId from, const HomeMessage& message, bool has_all, HomeEffects& out) {
  if (message.epoch == epoch_ && is_master()) {
    out.send.emplace_back(from, make(HomeMessageKind::open, epoch_));
  } else if (message.epoch < promised_ || sites_.site_of(message.epoch) != sites_.self() ||
             (promised_ > message.base && promised_ != message.epoch)) {
    refuse(from, out);  // Also where a failover has come between the term that was handed over and this one.
  } else if (role_ == HomeRole::replica && has_all) {
    claim_.begin(message.epoch);
    promised_ = message.epoch;
    base_ = message.base;
    role_ = HomeRole::opening;
    out.force.push_back({HomeRecordKind::opened, message.epoch, HomeOpening::planned});
  }
}

// ---- Time and stable storage ------------------------------------------------------------------------------------

void Mastership::forced(Instant now, HomeRecordKind kind, HomeEpoch epoch, HomeEffects& out) {
  durable_promise_ = std::max(durable_promise_, epoch);
  if (epoch != promised_) {
    return;  // Overtaken by a newer promise.
  }
  switch (kind) {
    case HomeRecordKind::promised:
      if (role_ == HomeRole::claiming && epoch == claim_.epoch()) {
        claim_.promised_self(sites_.self(), now + 2 * rules_.guard);  // There and back; and a master yields first.
        send_claims(out);
        maybe_open(now, out);
      }
      for (const NodeId claimant : std::exchange(claimants_waiting_, {})) {
        send_promise(now, claimant, out);
      }
      break;
    case HomeRecordKind::handed_over:
      retry_at_ = now;
      tick(now, out);
      break;
    case HomeRecordKind::opened:
      if (role_ == HomeRole::opening && epoch == claim_.epoch()) {
        epoch_ = epoch;
        role_ = HomeRole::master;
        lease_.hurry(now);
        out.opened = true;
        tick(now, out);
      }
      break;
    case HomeRecordKind::adopted:
      break;
  }
}

void Mastership::renew(Instant now, HomeEffects& out) {
  const bool own = grants_.allow(now, epoch_, base_);
  if (own) {
    grants_.help_self(epoch_);
  }
  HomeMessage message = make(HomeMessageKind::renew, epoch_);
  message.number = lease_.ask(now, sites_.self(), own);
  message.base = base_;
  send_others(message, out);
}

void Mastership::tick(Instant now, HomeEffects& out) {
  switch (role_) {
    case HomeRole::opening:
      return;
    case HomeRole::replica:
      if (unfinished() && resumption_.is_due(now)) {
        probe(now, out);
      }
      return;
    case HomeRole::yielding:
      if (now >= yield_until_) {
        end_yield(out);
      }
      return;
    case HomeRole::fencing:
      if (now >= handover_.give_up_at) {
        role_ = HomeRole::master;
        out.called_off = true;
      }
      [[fallthrough]];
    case HomeRole::master:
      if (leased()) {
        out.lease_lost = lease_.is_lost(now) || out.lease_lost;
        if (lease_.is_due(now)) {
          renew(now, out);
        }
      }
      return;
    case HomeRole::handing_over:
      if (now >= retry_at_) {
        if (durable_promise_ == handover_.epoch) {
          HomeMessage message = make(HomeMessageKind::handoff, handover_.epoch);
          message.base = epoch_;
          message.history = handover_.history;
          out.send.emplace_back(handover_.successor, std::move(message));
        }
        retry_at_ = now + rules_.retry;
      }
      if (unfinished() && resumption_.is_due(now)) {
        probe(now, out);
      }
      return;
    case HomeRole::claiming:
      if (now >= retry_at_) {
        send_claims(out);
        retry_at_ = now + rules_.retry;
      }
      maybe_open(now, out);
      return;
    case HomeRole::fetching:
      if (now >= claim_.fetch_until()) {
        claim_.give_up_source();
        out.left_behind = claim_.wanted();
        role_ = HomeRole::claiming;
        maybe_open(now, out);
      } else if (now >= retry_at_) {
        send_claims(out);
        send_fetch(now, out);
      }
      return;
  }
}

std::optional<Instant> Mastership::deadline() const {
  switch (role_) {
    case HomeRole::opening:
      return std::nullopt;
    case HomeRole::replica:
      return unfinished() ? std::optional(resumption_.at()) : std::nullopt;
    case HomeRole::yielding:
      return yield_until_;
    case HomeRole::master:
    case HomeRole::fencing: {
      std::optional<Instant> at;
      if (leased()) {
        at = lease_.deadline();
      }
      if (role_ == HomeRole::fencing) {
        at = at ? std::min(*at, handover_.give_up_at) : handover_.give_up_at;
      }
      return at;
    }
    case HomeRole::handing_over:
      return unfinished() ? std::min(retry_at_, resumption_.at()) : retry_at_;
    case HomeRole::claiming:
      return claim_.promises() < sites_.claim_quorum() ? retry_at_
                                                       : std::min(retry_at_, claim_.opens_at(sites_.size()));
    case HomeRole::fetching:
      return std::min(claim_.fetch_until(), retry_at_);
  }
  return std::nullopt;
}

// ---- For explorers and for people -----------------------------------------------------------------------------------

std::string_view name_of(HomeRole role) {
  switch (role) {
    case HomeRole::replica:
      return "replica";
    case HomeRole::master:
      return "master";
    case HomeRole::fencing:
      return "fencing";
    case HomeRole::handing_over:
      return "handing-over";
    case HomeRole::yielding:
      return "yielding";
    case HomeRole::claiming:
      return "claiming";
    case HomeRole::fetching:
      return "fetching";
    case HomeRole::opening:
      return "opening";
  }
  return "?";
}

void Mastership::hash_state(Instant now, Instant horizon, std::string& out) const {
  const auto put = [&](std::uint64_t value) { canonical::put(out, value); };
  const PutTime put_time(now, horizon, out);
  // What a role has no use for is left out: it is set anew before it has.
  put(static_cast<std::uint64_t>(role_) << 1U | (lease_.had() ? 1U : 0U));
  const HomeEpoch claimed = takes_over() ? claim_.epoch() : HomeEpoch{};
  for (const HomeEpoch epoch :
       {epoch_, promised_, durable_promise_, handover_.epoch, claimed, base_, grants_.holder(now), log_.epoch}) {
    put(epoch.value);
  }
  put(log_.end);
  put_time(grants_.until());
  if (is_master()) {
    lease_.hash_times(put_time);
    put_time(role_ == HomeRole::fencing ? handover_.give_up_at : now);
  } else if (takes_over() || role_ == HomeRole::handing_over) {
    put_time(retry_at_);
    claim_.hash_state(role_ == HomeRole::fetching, now, put_time, out);
  }
  put_time(role_ == HomeRole::yielding ? yield_until_ : now);
  if (unfinished()) {
    put_time(resumption_.at());
    put(resumption_.highest().value);
  }
  lease_.hash_renewals(put_time, out);
  put(role_ == HomeRole::fencing || role_ == HomeRole::handing_over ? handover_.successor.value : 0);
  for (const auto* nodes : {&claimants_waiting_, &claim_.silent(), &resumption_.idle_sites()}) {
    for (const NodeId node : *nodes) {
      put(node.value);
    }
    put(0);
  }
}

}  // namespace geocommit
