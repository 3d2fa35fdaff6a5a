// What a site of a home is, for explorers and for people.
#include <algorithm>

#include "base/canonical.h"
#include "engine/mastership.h"

namespace geocommit {

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

std::string_view name_of(HomeMessageKind kind) {
  switch (kind) {
    case HomeMessageKind::renew:
      return "RENEW";
    case HomeMessageKind::grant:
      return "GRANT";
    case HomeMessageKind::claim:
      return "CLAIM";
    case HomeMessageKind::promise:
      return "PROMISE";
    case HomeMessageKind::refuse:
      return "REFUSE";
    case HomeMessageKind::handoff:
      return "HANDOFF";
    case HomeMessageKind::open:
      return "OPEN";
    case HomeMessageKind::fetch:
      return "FETCH";
    case HomeMessageKind::probe:
      return "PROBE";
    case HomeMessageKind::idle:
      return "IDLE";
  }
  return "?";
}

void Mastership::hash_state(Instant now, Instant horizon, std::string& out) const {
  const auto put = [&](std::uint64_t value) { canonical::put(out, value); };
  // What lies in the past is all the same, and so is what nobody will live to see.
  constexpr std::uint64_t kNever = ~std::uint64_t{0};
  const auto put_time = [&](Instant at) {
    put(at > horizon ? kNever : static_cast<std::uint64_t>(std::max<Duration>(at - now, Duration::zero()).count()));
  };
  // Nor is what a role has no use for: it is set anew before it has.
  put(static_cast<std::uint64_t>(role_) << 1U | (had_lease_ ? 1U : 0U));
  const HomeEpoch holder = granted_until_ > now ? granted_epoch_ : HomeEpoch{};
  const HomeEpoch claimed = takes_over() ? claim_epoch_ : HomeEpoch{};
  for (const HomeEpoch epoch :
       {epoch_, promised_, durable_promise_, handoff_epoch_, claimed, base_, holder, log_.epoch}) {
    put(epoch.value);
  }
  put(log_.end);
  put_time(granted_until_);
  if (is_master()) {
    put_time(lease_until_ - rules_.guard);  // Until then it serves.
    put_time(next_renewal_);
    put_time(role_ == HomeRole::fencing ? give_up_at_ : now);
  } else if (takes_over() || role_ == HomeRole::handing_over) {
    put_time(retry_at_);
    put_time(wait_until_);
    put_time(gather_until_);
    put_time(role_ == HomeRole::fetching ? fetch_until_ : now);
    put(asked_at_.epoch.value);
    put(asked_at_.end);
    put(source_.value);
    for (const auto& [site, held] : promises_) {
      put(site.value);
      put(held.epoch.value);
      put(held.end);
    }
    put(0);
  }
  put_time(role_ == HomeRole::yielding ? yield_until_ : now);
  if (unfinished()) {
    put_time(resume_at_);
    put(probed_.value);
  }
  for (const auto& [number, renewal] : renewals_) {
    put(renewal_ - number + 1);
    put(renewal.first + rules_.lease - rules_.guard > horizon
            ? kNever
            : static_cast<std::uint64_t>((now - renewal.first).count()));
    for (const NodeId node : renewal.second) {
      put(node.value);
    }
    put(0);
  }
  put(0);
  put(role_ == HomeRole::fencing || role_ == HomeRole::handing_over ? successor_.value : 0);
  for (const auto* nodes : {&claimants_waiting_, &silent_, &idle_}) {
    for (const NodeId node : *nodes) {
      put(node.value);
    }
    put(0);
  }
}

}  // namespace geocommit
