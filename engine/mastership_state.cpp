// What a site of a home is, for explorers and for people.
#include <algorithm>

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
    case HomeRole::claiming:
      return "claiming";
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
  }
  return "?";
}

void Mastership::hash_state(Instant now, std::string& out) const {
  const auto put = [&](std::uint64_t value) {
    for (int shift = 0; shift < 64; shift += 8) {
      out.push_back(static_cast<char>((value >> shift) & 0xffU));
    }
  };
  // What lies in the past is all the same.
  const auto put_time = [&](Instant at) {
    put(static_cast<std::uint64_t>(std::max<Duration>(at - now, Duration::zero()).count()));
  };
  put(static_cast<std::uint64_t>(role_) << 1U | (had_lease_ ? 1U : 0U));
  const HomeEpoch holder = granted_until_ > now ? granted_epoch_ : HomeEpoch{};
  for (const HomeEpoch epoch : {epoch_, promised_, durable_promise_, handoff_epoch_, claim_epoch_, base_, holder}) {
    put(epoch.value);
  }
  for (const Instant at : {granted_until_, lease_until_, next_renewal_, retry_at_, give_up_at_, wait_until_}) {
    put_time(at);
  }
  for (const auto& [number, renewal] : renewals_) {
    put(renewal_ - number + 1);
    put(static_cast<std::uint64_t>((now - renewal.first).count()));
    for (const NodeId node : renewal.second) {
      put(node.value);
    }
    put(0);
  }
  put(0);
  put(successor_.value);
  for (const auto* nodes : {&promises_, &claimants_waiting_}) {
    for (const NodeId node : *nodes) {
      put(node.value);
    }
    put(0);
  }
}

}  // namespace geocommit
