// A forced failover, at the site that is to be master: whose promises it has, how long an older lease may last, and
// from whom it fetches what its own log lacks (docs/home-region.md). A value, without a clock of its own.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>

#include "engine/home/lease.h"

namespace geocommit {

class Claim {
 public:
  /// Until `granted_until` this site's own grant may last.
  void begin(Instant granted_until);

  /// Its own promise is durable. Whom it reaches has promised by `gather_until`, with what it holds.
  void promised_self(NodeId self, Instant gather_until);
  /// A site has promised, whose log is durable up to there; the last lease that it granted ends before `lease_ends`.
  void promised(NodeId from, HomePosition log, Instant lease_ends);
  [[nodiscard]] std::size_t promises() const { return promises_.size(); }
  /// Once a quorum of `sites` has promised.
  [[nodiscard]] Instant opens_at(std::size_t sites) const;

  /// The most up-to-date log of those that promised is further than `log`: it is fetched from now on.
  [[nodiscard]] bool fetches_beyond(HomePosition log);
  /// It is asked for what comes after `log`.
  void ask(HomePosition log) { asked_at_ = log; }
  void wait_until(Instant until) { fetch_until_ = until; }
  [[nodiscard]] NodeId source() const { return source_; }
  [[nodiscard]] HomePosition wanted() const { return promises_.at(source_); }
  [[nodiscard]] HomePosition asked_at() const { return asked_at_; }
  [[nodiscard]] Instant fetch_until() const { return fetch_until_; }
  /// The source has not answered: it goes on without.
  void give_up_source() { silent_.insert(source_); }

  void hash_state(bool fetching, Instant now, const PutTime& put_time, std::string& out) const;

 private:
  std::map<NodeId, HomePosition> promises_;
  Instant wait_until_{};    // Until then an older lease may last.
  Instant gather_until_{};  // Until then a site that can be reached has promised.
  HomePosition asked_at_;
  NodeId source_;
  std::set<NodeId> silent_;  // Sources that did not answer.
  Instant fetch_until_{};
};

}  // namespace geocommit
