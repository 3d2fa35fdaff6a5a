// The lease of a home's master, from both ends (docs/home-region.md): what a site has granted, and what a master has
// been granted. Values, without a clock of their own.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "base/canonical.h"
#include "base/time.h"
#include "engine/home/home_message.h"

namespace geocommit {

/// Steady clocks of different hosts run at rates that differ by at most one in kClockDrift; nothing else is assumed of
/// them (no common origin, no wall clock).
inline constexpr std::int64_t kClockDrift = 100;
/// Long enough by one clock for `length` to have passed by any other.
[[nodiscard]] constexpr Duration surely(Duration length) { return length + length / kClockDrift; }

/// Appends times as an explorer's key has them: what lies in the past is all the same, and so is what nobody will live
/// to see.
class PutTime {
 public:
  PutTime(Instant now, Instant horizon, std::string& out) : now_(now), horizon_(horizon), out_(out) {}
  void operator()(Instant at) const {
    canonical::put(
        out_, at > horizon_ ? kNever : static_cast<std::uint64_t>(std::max<Duration>(at - now_, Duration{}).count()));
  }
  /// How long ago it was, of interest until `ends`.
  void age(Instant at, Instant ends) const {
    canonical::put(out_, ends > horizon_ ? kNever : static_cast<std::uint64_t>((now_ - at).count()));
  }

 private:
  static constexpr std::uint64_t kNever = ~std::uint64_t{0};
  Instant now_, horizon_;
  std::string& out_;
};

/// What a site has granted: until then, on its own clock, it helps nobody but the master of that term.
class Grants {
 public:
  /// May it help the master of `epoch`, to which that of `base` has handed over? No other may hold a lease with its
  /// help.
  [[nodiscard]] bool allow(Instant now, HomeEpoch epoch, HomeEpoch base) const {
    return epoch_ == epoch || (base != HomeEpoch{} && epoch_ == base) || now >= until_;
  }
  /// To another site: a lease of that length.
  void grant(Instant now, HomeEpoch epoch, Duration length) {
    epoch_ = epoch;
    until_ = std::max(until_, now + surely(length));
  }
  /// To this site itself: it knows its own lease.
  void help_self(HomeEpoch epoch) { epoch_ = epoch; }
  /// After a crash: what was granted before counts as granted now.
  void restart(Instant now, HomeEpoch promised, Duration length) {
    epoch_ = promised;
    until_ = now + surely(length);
  }
  [[nodiscard]] Instant until() const { return until_; }
  /// {}: nobody, any more.
  [[nodiscard]] HomeEpoch holder(Instant now) const { return until_ > now ? epoch_ : HomeEpoch{}; }

 private:
  Instant until_{};
  HomeEpoch epoch_;
};

/// A master's own: it lasts for its length from the moment at which a majority was asked that has granted it.
class Lease {
 public:
  /// It serves until `guard` before the end. `quorum`: that many sites, itself included.
  Lease(Duration length, Duration guard, std::size_t quorum) : length_(length), guard_(guard), quorum_(quorum) {}

  /// `epoch`: the node's, so that a grant to an earlier start's renewal is not taken for one of this start's.
  void start(Instant now, Epoch epoch);
  /// A term: what it was granted in an earlier one is over, and the first renewal is due.
  void begin(Instant now);
  /// The others are asked now. `own`: this site grants it too.
  [[nodiscard]] std::uint64_t ask(Instant now, NodeId self, bool own);
  void granted(NodeId from, std::uint64_t number);
  /// True once, when it can serve no more until it is renewed.
  [[nodiscard]] bool is_lost(Instant now);

  [[nodiscard]] bool serves(Instant now) const { return now + guard_ < until_; }
  [[nodiscard]] bool is_due(Instant now) const { return now >= next_; }
  [[nodiscard]] Instant deadline() const { return had_ ? std::min(next_, until_ - guard_) : next_; }
  [[nodiscard]] bool awaits(std::uint64_t number) const { return renewals_.contains(number); }
  void hash_state(const PutTime& put_time, std::string& out) const;

 private:
  struct Renewal {
    Instant asked{};
    std::set<NodeId> granted;
  };
  Duration length_, guard_;
  std::size_t quorum_;
  std::uint64_t number_{};
  std::map<std::uint64_t, Renewal> renewals_;  // The last few.
  Instant until_{}, next_{};
  bool had_{};
};

}  // namespace geocommit
