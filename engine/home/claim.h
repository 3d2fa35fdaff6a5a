// A forced failover, at the site that is to be master: whose promises it has, how long an older lease may last, and
// from whom it fetches what its own log lacks (docs/home-region.md). A value, without a clock of its own.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <string>

#include "engine/home/lease.h"

namespace geocommit {

class Claim {
 public:
  /// Until `granted_until` this site's own grant may last.
  void begin(HomeEpoch epoch, Instant granted_until);
  /// An opening that asks nobody.
  void begin(HomeEpoch epoch) { epoch_ = epoch; }
  [[nodiscard]] HomeEpoch epoch() const { return epoch_; }

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
  [[nodiscard]] const std::set<NodeId>& silent() const { return silent_; }

 private:
  HomeEpoch epoch_;
  std::map<NodeId, HomePosition> promises_;
  Instant wait_until_{};    // Until then an older lease may last.
  Instant gather_until_{};  // Until then a site that can be reached has promised.
  HomePosition asked_at_;
  NodeId source_;
  std::set<NodeId> silent_;  // Sources that did not answer.
  Instant fetch_until_{};
};

/// A change of masters that nobody finishes: when this site takes it up, and who says that it helps nobody either.
class Resumption {
 public:
  void wait(Instant until) { at_ = until; }
  /// The others are asked.
  void probe(HomeEpoch promised) {
    idle_.clear();
    highest_ = promised;
  }
  void idle(NodeId site, HomeEpoch promised) {
    idle_.insert(site);
    highest_ = std::max(highest_, promised);
  }
  [[nodiscard]] bool is_due(Instant now) const { return now >= at_; }
  [[nodiscard]] Instant at() const { return at_; }
  /// That was promised anywhere, as far as the answers say.
  [[nodiscard]] HomeEpoch highest() const { return highest_; }
  [[nodiscard]] const std::set<NodeId>& idle_sites() const { return idle_; }

 private:
  Instant at_{};
  HomeEpoch highest_;
  std::set<NodeId> idle_;
};

}  // namespace geocommit
