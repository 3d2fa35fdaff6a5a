#include "engine/mastership.h"

#include <algorithm>

#include "base/check.h"

namespace geocommit {
namespace {

constexpr int kRenewalsPerLease = 6;
constexpr std::size_t kRenewalsKept = 8;

/// Long enough by this clock for `length` to have passed by any other.
Duration surely(Duration length) { return length + length / kClockDrift; }

}  // namespace

Mastership::Mastership(HomeRules rules, NodeId self, NodeId home, std::vector<NodeId> sites)
    : rules_(rules), self_(self), home_(home), sites_(std::move(sites)) {
  GC_CHECK(std::find(sites_.begin(), sites_.end(), self) != sites_.end());
  epoch_ = home_region::first_epoch(region_of(home), regions());
  promised_ = durable_promise_ = epoch_;
  if (home == self) {
    role_ = HomeRole::master;
  }
}

RegionId Mastership::region_of(NodeId site) const {
  const auto found = std::find(sites_.begin(), sites_.end(), site);
  GC_CHECK(found != sites_.end());
  return RegionId{static_cast<std::uint32_t>(found - sites_.begin())};
}

void Mastership::replay(HomeRecordKind kind, HomeEpoch epoch) {
  promised_ = durable_promise_ = std::max(promised_, epoch);
  switch (kind) {
    case HomeRecordKind::opened:
    case HomeRecordKind::adopted:
      epoch_ = std::max(epoch_, epoch);
      break;
    case HomeRecordKind::handed_over:
      handoff_epoch_ = epoch;
      successor_ = site_of(epoch);
      break;
    case HomeRecordKind::promised:
      break;  // Also its own claim: a failover that a crash interrupted is not taken up again, it is ordered again.
  }
  if (site_of(epoch_) == self_ && promised_ == epoch_) {
    role_ = HomeRole::master;
  } else if (handoff_epoch_ == promised_ && handoff_epoch_ > epoch_) {
    role_ = HomeRole::handing_over;
  } else {
    role_ = HomeRole::replica;
  }
}

void Mastership::start(Instant now, Epoch epoch) {
  renewal_ = std::uint64_t{epoch.value} << 32U;
  granted_until_ = now + surely(rules_.lease);
  granted_epoch_ = promised_;
  next_renewal_ = retry_at_ = now;
}

bool Mastership::grants(Instant now, HomeEpoch epoch, HomeEpoch base) const {
  return granted_epoch_ == epoch || (base != HomeEpoch{} && granted_epoch_ == base) || now >= granted_until_;
}

HomeMessage Mastership::make(HomeMessageKind kind, HomeEpoch epoch) const {
  HomeMessage message;
  message.kind = kind;
  message.home = home_;
  message.epoch = epoch;
  return message;
}

void Mastership::send_others(const HomeMessage& message, HomeEffects& out) const {
  for (const NodeId site : sites_) {
    if (site != self_) {
      out.send.emplace_back(site, message);
    }
  }
}

void Mastership::send_promise(Instant now, NodeId to, HomeEffects& out) const {
  HomeMessage promise = make(HomeMessageKind::promise, promised_);
  promise.remaining = std::max<Duration>(granted_until_ - now, Duration::zero());
  out.send.emplace_back(to, std::move(promise));
}

void Mastership::refuse(NodeId to, HomeEffects& out) const {
  HomeMessage refusal = make(HomeMessageKind::refuse, promised_);
  refusal.opened = promised_ == epoch_;
  out.send.emplace_back(to, std::move(refusal));
}

bool Mastership::may_serve(Instant now) const {
  return role_ == HomeRole::master && (!leased() || now + rules_.guard < lease_until_);
}

void Mastership::step_down() {
  role_ = HomeRole::replica;
  renewals_.clear();
  lease_until_ = Instant{};
  had_lease_ = false;
}

void Mastership::learn(HomeEpoch epoch, HomeEffects& out) {
  if (epoch <= epoch_) {
    return;
  }
  epoch_ = epoch;
  promised_ = std::max(promised_, epoch);
  out.handed_over = role_ == HomeRole::handing_over && epoch == handoff_epoch_;
  const bool ahead = (role_ == HomeRole::claiming || role_ == HomeRole::opening) && claim_epoch_ > epoch;
  if (role_ != HomeRole::replica && !ahead) {
    out.deposed = true;
    step_down();
  }
}

// ---- Orders -----------------------------------------------------------------------------------------------------

void Mastership::transfer(Instant now, NodeId successor) {
  if (role_ != HomeRole::master || successor == self_ ||
      std::find(sites_.begin(), sites_.end(), successor) == sites_.end()) {
    return;
  }
  role_ = HomeRole::fencing;
  successor_ = successor;
  give_up_at_ = now + rules_.drain_limit;
}

void Mastership::drained(Instant now, HomeEffects& out) {
  if (role_ != HomeRole::fencing) {
    return;
  }
  handoff_epoch_ = home_region::next_planned(promised_, region_of(successor_), regions());
  promised_ = handoff_epoch_;
  step_down();
  role_ = HomeRole::handing_over;
  retry_at_ = now + rules_.retry;
  out.force.push_back({HomeRecordKind::handed_over, handoff_epoch_, {}});
}

void Mastership::take_over(Instant now, HomeEffects& out) {
  if (is_master() || role_ == HomeRole::claiming || role_ == HomeRole::opening) {
    return;
  }
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
  claim_epoch_ = promised_ = epoch;
  base_ = HomeEpoch{};
  promises_.clear();
  wait_until_ = granted_until_;
  retry_at_ = now + rules_.retry;
  role_ = HomeRole::claiming;
  out.force.push_back({HomeRecordKind::promised, epoch, {}});
}

// ---- Messages ---------------------------------------------------------------------------------------------------

void Mastership::received(Instant now, NodeId from, const HomeMessage& message, HomeEffects& out) {
  if (std::find(sites_.begin(), sites_.end(), from) == sites_.end()) {
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
      return on_refuse(now, message, out);
    case HomeMessageKind::handoff:
      return received_handoff(from, message, false, out);
    case HomeMessageKind::open:
      return learn(message.epoch, out);
  }
}

void Mastership::on_renew(Instant now, NodeId from, const HomeMessage& message, HomeEffects& out) {
  if (message.epoch < promised_ || from != site_of(message.epoch)) {
    return refuse(from, out);
  }
  learn(message.epoch, out);
  if (!grants(now, message.epoch, message.base)) {
    return;  // It asks again.
  }
  granted_epoch_ = message.epoch;
  granted_until_ = std::max(granted_until_, now + surely(rules_.lease));
  HomeMessage grant = make(HomeMessageKind::grant, message.epoch);
  grant.number = message.number;
  out.send.emplace_back(from, std::move(grant));
}

void Mastership::on_grant(NodeId from, const HomeMessage& message) {
  const auto renewal = renewals_.find(message.number);
  if (!is_master() || message.epoch != epoch_ || renewal == renewals_.end()) {
    return;
  }
  auto& [asked, granted] = renewal->second;
  granted.insert(from);
  if (granted.size() >= lease_quorum()) {
    lease_until_ = std::max(lease_until_, asked + rules_.lease);
    had_lease_ = true;
  }
}

void Mastership::on_claim(Instant now, NodeId from, const HomeMessage& message, HomeEffects& out) {
  if (message.epoch < promised_ || message.epoch <= epoch_ || from != site_of(message.epoch)) {
    return refuse(from, out);
  }
  if (message.epoch > promised_) {
    if (is_master() || role_ == HomeRole::handing_over) {  // What it voted YES on may be decided within the guard.
      granted_until_ = std::max(granted_until_, now + surely(rules_.guard));
    }
    if (role_ != HomeRole::replica) {
      out.deposed = true;
      step_down();
    }
    promised_ = message.epoch;
    claimants_waiting_.clear();
    out.force.push_back({HomeRecordKind::promised, promised_, {}});
  }
  if (durable_promise_ == promised_) {
    send_promise(now, from, out);
  } else {
    claimants_waiting_.insert(from);
  }
}

void Mastership::on_promise(Instant now, NodeId from, const HomeMessage& message, HomeEffects& out) {
  if (role_ != HomeRole::claiming || message.epoch != claim_epoch_) {
    return;
  }
  promises_.insert(from);
  wait_until_ = std::max(wait_until_, now + surely(message.remaining));
  maybe_open(now, out);
}

void Mastership::maybe_open(Instant now, HomeEffects& out) {
  if (role_ == HomeRole::claiming && promises_.size() >= claim_quorum() && now >= wait_until_) {
    role_ = HomeRole::opening;
    out.force.push_back({HomeRecordKind::opened, claim_epoch_, HomeOpening::fenced});
  }
}

void Mastership::on_refuse(Instant now, const HomeMessage& message, HomeEffects& out) {
  if (message.opened) {
    learn(message.epoch, out);
  } else if (role_ == HomeRole::claiming && message.epoch > claim_epoch_) {
    // Promised to somebody else's claim, perhaps of a site that is gone: claim above it.
    claim(now, home_region::next_forced(message.epoch, region_of(self_), regions()), out);
  }
}

void Mastership::received_handoff(NodeId from, const HomeMessage& message, bool has_all, HomeEffects& out) {
  if (message.epoch == epoch_ && is_master()) {
    out.send.emplace_back(from, make(HomeMessageKind::open, epoch_));
  } else if (message.epoch < promised_ || site_of(message.epoch) != self_ ||
             (promised_ > message.base && promised_ != message.epoch)) {
    refuse(from, out);  // Also where a failover has come between the term that was handed over and this one.
  } else if (role_ == HomeRole::replica && has_all) {
    claim_epoch_ = promised_ = message.epoch;
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
      if (role_ == HomeRole::claiming && epoch == claim_epoch_) {
        promises_.insert(self_);
        send_others(make(HomeMessageKind::claim, epoch), out);
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
      if (role_ == HomeRole::opening && epoch == claim_epoch_) {
        epoch_ = epoch;
        role_ = HomeRole::master;
        next_renewal_ = now;
        out.opened = true;
        tick(now, out);
      }
      break;
    case HomeRecordKind::adopted:
      break;
  }
}

void Mastership::renew(Instant now, HomeEffects& out) {
  HomeMessage message = make(HomeMessageKind::renew, epoch_);
  message.number = ++renewal_;
  message.base = base_;
  auto& [asked, granted] = renewals_[renewal_];
  asked = now;
  if (grants(now, epoch_, base_)) {
    granted.insert(self_);
    granted_epoch_ = epoch_;
  }
  if (granted.size() >= lease_quorum()) {  // Alone.
    lease_until_ = now + rules_.lease;
    had_lease_ = true;
  }
  while (renewals_.size() > kRenewalsKept) {
    renewals_.erase(renewals_.begin());
  }
  send_others(message, out);
  next_renewal_ = now + rules_.lease / kRenewalsPerLease;
}

void Mastership::tick(Instant now, HomeEffects& out) {
  switch (role_) {
    case HomeRole::replica:
    case HomeRole::opening:
      return;
    case HomeRole::fencing:
      if (now >= give_up_at_) {
        role_ = HomeRole::master;
        out.called_off = true;
      }
      [[fallthrough]];
    case HomeRole::master:
      if (leased()) {
        if (had_lease_ && now + rules_.guard >= lease_until_) {
          had_lease_ = false;
          out.lease_lost = true;
        }
        if (now >= next_renewal_) {
          renew(now, out);
        }
      }
      return;
    case HomeRole::handing_over:
      if (now >= retry_at_) {
        if (durable_promise_ == handoff_epoch_) {
          HomeMessage message = make(HomeMessageKind::handoff, handoff_epoch_);
          message.base = epoch_;
          message.history = handoff_history_;
          out.send.emplace_back(successor_, std::move(message));
        }
        retry_at_ = now + rules_.retry;
      }
      return;
    case HomeRole::claiming:
      if (now >= retry_at_) {
        for (const NodeId site : sites_) {
          if (site != self_ && !promises_.contains(site) && durable_promise_ == promised_) {
            out.send.emplace_back(site, make(HomeMessageKind::claim, claim_epoch_));
          }
        }
        retry_at_ = now + rules_.retry;
      }
      maybe_open(now, out);
      return;
  }
}

std::optional<Instant> Mastership::deadline() const {
  switch (role_) {
    case HomeRole::replica:
    case HomeRole::opening:
      return std::nullopt;
    case HomeRole::master:
    case HomeRole::fencing: {
      std::optional<Instant> at;
      if (leased()) {
        at = had_lease_ ? std::min(next_renewal_, lease_until_ - rules_.guard) : next_renewal_;
      }
      if (role_ == HomeRole::fencing) {
        at = at ? std::min(*at, give_up_at_) : give_up_at_;
      }
      return at;
    }
    case HomeRole::handing_over:
      return retry_at_;
    case HomeRole::claiming:
      return promises_.size() >= claim_quorum() ? std::min(wait_until_, retry_at_) : retry_at_;
  }
  return std::nullopt;
}

}  // namespace geocommit
