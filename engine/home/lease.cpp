#include "engine/home/lease.h"

#include <algorithm>

namespace geocommit {
namespace {

constexpr int kRenewalsPerLease = 6;
constexpr std::size_t kRenewalsKept = 8;

}  // namespace

void Lease::start(Instant now, Epoch epoch) {
  number_ = std::uint64_t{epoch.value} << 32U;
  next_ = now;
}

void Lease::begin(Instant now) {
  renewals_.clear();
  until_ = Instant{};
  next_ = now;
  had_ = false;
}

std::uint64_t Lease::ask(Instant now, NodeId self, bool own) {
  Renewal& renewal = renewals_[++number_];
  renewal.asked = now;
  if (own) {
    renewal.granted.insert(self);
  }
  if (renewal.granted.size() >= quorum_) {  // Alone.
    until_ = now + length_;
    had_ = true;
  }
  while (renewals_.size() > kRenewalsKept) {
    renewals_.erase(renewals_.begin());
  }
  next_ = now + length_ / kRenewalsPerLease;
  return number_;
}

void Lease::granted(NodeId from, std::uint64_t number) {
  const auto renewal = renewals_.find(number);
  if (renewal == renewals_.end()) {
    return;
  }
  renewal->second.granted.insert(from);
  if (renewal->second.granted.size() >= quorum_) {
    until_ = std::max(until_, renewal->second.asked + length_);
    had_ = true;
  }
}

bool Lease::is_lost(Instant now) {
  if (!had_ || serves(now)) {
    return false;
  }
  had_ = false;
  return true;
}

void Lease::hash_state(const PutTime& put_time, std::string& out) const {
  canonical::put(out, had_ ? 1 : 0);
  put_time(until_ - guard_);  // Until then it serves.
  put_time(next_);
  for (const auto& [number, renewal] : renewals_) {
    canonical::put(out, number_ - number + 1);
    put_time.age(renewal.asked, renewal.asked + length_ - guard_);
    for (const NodeId node : renewal.granted) {
      canonical::put(out, node.value);
    }
    canonical::put(out, 0);
  }
  canonical::put(out, 0);
}

}  // namespace geocommit
