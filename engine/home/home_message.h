// What the sites of one home tell each other about its mastership: leases, claims, the hand-over, and who is open.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "protocols/home_region/masters.h"

namespace geocommit {

using home_region::HomeEpoch;

/// Writes after `start`, up to the start of the next term, were accepted under `epoch`.
struct HomeTerm {
  HomeEpoch epoch;
  std::uint64_t start{};
  auto operator<=>(const HomeTerm&) const = default;
};
/// Ascending by epoch; starts never fall. Two histories that share an epoch share everything before it.
using HomeHistory = std::vector<HomeTerm>;

/// How far a log has got: the end of its last term. Of two logs the greater is the more up to date (Ongaro 2014,
/// section 3.6.1): what a later term left out was lost before, and within one term the longer contains the shorter.
struct HomePosition {
  HomeEpoch epoch;
  std::uint64_t end{};
  auto operator<=>(const HomePosition&) const = default;
};

enum class HomeMessageKind : std::uint8_t {
  renew,  ///< Master -> site: renew my lease (`number`).
  grant,  ///< ... granted: for a lease's length from now on no other master of this home opens or serves with my help.
  claim,  ///< Successor -> site: promise to grant nothing below `epoch`.
  promise,  ///< ... promised, durably; my last grant may last for another `remaining`, and `log` is durable here.
  refuse,   ///< To a renewal, a claim or a hand-over that is too old: `epoch` is the newest that I know of.
  handoff,  ///< Old master -> new: I have stopped; what I have ends at the start of `epoch` in `history`.
  open,     ///< The master of `epoch` accepts writes. To everybody; also to who has asked the wrong site.
  fetch,    ///< Successor -> site that has promised: ship what you have after `log` of `history` (Ship::claim).
  probe,    ///< A claim was not finished, and I know of nobody above `base` who is open: would you promise one of mine?
  idle,     ///< ... neither do I, and I help nobody; `epoch` is what I have promised.
};
/// As traces and metrics name it: RENEW, GRANT, ...
[[nodiscard]] std::string_view name_of(HomeMessageKind kind);

struct HomeMessage {
  HomeMessageKind kind{};
  NodeId home;
  HomeEpoch epoch;
  std::uint64_t number{};  ///< renew, grant: which renewal.
  Duration remaining{};    ///< promise
  bool opened{};           ///< refuse: that epoch's master is open; else it is only promised.
  /// handoff, renew: the term that was handed over to this one by plan; 0: by none. probe: see there. refuse: `epoch`,
  /// if the sender is at work on that claim itself.
  HomeEpoch base{};
  HomeHistory history{};  ///< handoff: of the log that is handed over, with the new term. fetch: of the asker's log.
  HomePosition log{};     ///< promise, fetch: how far the sender's log has got, durably.
  auto operator<=>(const HomeMessage&) const = default;
};

}  // namespace geocommit
