#include "engine/mastership.h"

#include <algorithm>

#include "base/check.h"

namespace geocommit {
namespace {

constexpr int kRenewalsPerLease = 6;
constexpr std::size_t kRenewalsKept = 8;

}  // namespace

Mastership::Mastership(HomeRules rules, NodeId self, NodeId home, std::vector<NodeId> sites)
    : rules_(rules), self_(self), home_(home), sites_(std::move(sites)) {
  GC_CHECK(std::find(sites_.begin(), sites_.end(), self) != sites_.end());
  if (rules_.patience == Duration::zero()) {
    rules_.patience = 2 * rules_.lease;
  }
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
      break;  // Also its own claim. What it had collected is gone: it is finished as anybody would (probe).
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
  be_patient(now);
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

void Mastership::refuse(NodeId to, HomeEffects& out) const {
  HomeMessage refusal = make(HomeMessageKind::refuse, promised_);
  refusal.opened = promised_ == epoch_;
  refusal.base = takes_over() ? claim_epoch_ : HomeEpoch{};
  out.send.emplace_back(to, std::move(refusal));
}

bool Mastership::may_serve(Instant now) const {
  return role_ == HomeRole::master && (!leased() || now + rules_.guard < lease_until_);
}

void Mastership::step_down() {
  role_ = HomeRole::replica;
  renewals_.clear();
  answers_.clear();
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
  const bool ahead = (takes_over() && claim_epoch_ > epoch) || (role_ == HomeRole::yielding && promised_ > epoch);
  if (role_ != HomeRole::replica && !ahead) {
    out.deposed = role_ != HomeRole::yielding;  // Then it has said so.
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
  if (role_ == HomeRole::yielding) {
    return end_yield(out);
  }
  if (role_ != HomeRole::fencing) {
    return;
  }
  handoff_epoch_ = home_region::next_planned(promised_, region_of(successor_), regions());
  promised_ = handoff_epoch_;
  step_down();
  role_ = HomeRole::handing_over;
  retry_at_ = now + rules_.retry;
  be_patient(now);
  out.force.push_back({HomeRecordKind::handed_over, handoff_epoch_, {}});
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
  if (from == site_of(message.epoch) && message.epoch == epoch_) {
    heard_ = now;
  }
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

bool Mastership::is_backed() const {
  if (role_ != HomeRole::master || !leased()) {
    return role_ == HomeRole::master;
  }
  const auto granted =
      std::count_if(answers_.begin(), answers_.end(), [](const auto& one) { return one.second.second; });
  return static_cast<std::size_t>(granted) + 1 >= lease_quorum();  // And itself.
}

void Mastership::on_grant(NodeId from, const HomeMessage& message) {
  if (!is_master() || message.epoch != epoch_) {
    return;
  }
  auto& [answered, helps] = answers_[from];
  if (message.number > answered) {
    answered = message.number;
    helps = true;
  }
  const auto renewal = renewals_.find(message.number);
  if (renewal == renewals_.end()) {
    return;
  }
  auto& [asked, granted] = renewal->second;
  granted.insert(from);
  if (granted.size() >= lease_quorum()) {
    lease_until_ = std::max(lease_until_, asked + rules_.lease);
    had_lease_ = true;
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
        promises_.emplace(self_, HomePosition{});
        gather_until_ = std::max(gather_until_, now + 2 * rules_.guard);  // There and back; and a master yields first.
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
    case HomeRole::opening:
      return;
    case HomeRole::replica:
      if (unfinished() && now >= resume_at_) {
        probe(now, out);
      }
      return;
    case HomeRole::yielding:
      if (now >= yield_until_) {
        end_yield(out);
      }
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
      if (unfinished() && now >= resume_at_) {
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
      if (now >= fetch_until_) {
        silent_.insert(source_);
        out.left_behind = promises_.at(source_);
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
      return unfinished() ? std::optional(resume_at_) : std::nullopt;
    case HomeRole::yielding:
      return yield_until_;
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
      return unfinished() ? std::min(retry_at_, resume_at_) : retry_at_;
    case HomeRole::claiming:
      return promises_.size() < claim_quorum() ? retry_at_ : std::min(retry_at_, opens_at());
    case HomeRole::fetching:
      return std::min(fetch_until_, retry_at_);
  }
  return std::nullopt;
}

}  // namespace geocommit
