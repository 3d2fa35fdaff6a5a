#include "engine/home/claim.h"

#include <algorithm>

namespace geocommit {

void Claim::begin(Instant granted_until) {
  promises_.clear();
  silent_.clear();
  wait_until_ = gather_until_ = granted_until;
}

void Claim::promised_self(NodeId self, Instant gather_until) {
  promises_.emplace(self, HomePosition{});
  gather_until_ = std::max(gather_until_, gather_until);
}

void Claim::promised(NodeId from, HomePosition log, Instant lease_ends) {
  HomePosition& held = promises_[from];
  held = std::max(held, log);
  wait_until_ = std::max(wait_until_, lease_ends);
}

Instant Claim::opens_at(std::size_t sites) const {
  return promises_.size() == sites ? wait_until_ : std::max(wait_until_, gather_until_);
}

bool Claim::fetches_beyond(HomePosition log) {
  HomePosition most = log;
  for (const auto& [site, held] : promises_) {
    if (held > most && !silent_.contains(site)) {
      most = held;
      source_ = site;
    }
  }
  return most > log;
}

void Claim::hash_state(bool fetching, Instant now, const PutTime& put_time, std::string& out) const {
  put_time(wait_until_);
  put_time(gather_until_);
  put_time(fetching ? fetch_until_ : now);
  canonical::put(out, asked_at_.epoch.value);
  canonical::put(out, asked_at_.end);
  canonical::put(out, source_.value);
  for (const auto& [site, held] : promises_) {
    canonical::put(out, site.value);
    canonical::put(out, held.epoch.value);
    canonical::put(out, held.end);
  }
  canonical::put(out, 0);
  for (const NodeId site : silent_) {
    canonical::put(out, site.value);
  }
  canonical::put(out, 0);
}

}  // namespace geocommit
