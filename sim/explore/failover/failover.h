// Every order in which the mastership of one home can change hands, within bounds, over the very machines of
// engine/home/mastership.h: messages late or lost, forces late, timers late, crashes that keep any prefix of what was
// not forced. At most one site may accept writes in any state, and whoever opens has all that the sites held that
// promised. docs/home-region.md has the argument that it checks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "engine/home/mastership.h"
#include "sim/explore/explore.h"

namespace geocommit::explore {

/// What a planted mutant does. Tests only.
struct FailoverFilter {
  /// Before a message is taken.
  void (*deliver)(HomeMessage& message){};
  /// True: the site is told at once that this record is durable, which it is not yet.
  bool (*hasty)(HomeRecordKind kind){};
  bool skips_fetch{};  ///< A successor takes what it asks for as if it had come.
};

/// What makes a search small and leaves nothing out. All are on; tests search without them, too
/// (docs/adr/0012-shipping-explored.md argues each).
struct FailoverReductions {
  bool horizon{true};  ///< Times that the search does not come to are all alike.
  bool covered{true};  ///< Of two states that differ only in messages, only the one with all of the other's is searched
                       ///< on.
  bool dead{true};     ///< A message that its receiver can never act on again is dropped.
  bool ignored{
      true};         ///< One that it would ignore now stays in flight, where it can do all that it could do otherwise.
  bool alike{true};  ///< Of three sites two are alike until an order names one.
};

struct FailoverOptions {
  std::uint32_t sites{3};      ///< 2 to 5.
  std::uint32_t failovers{1};  ///< Ordered at any site, at any time.
  std::uint32_t transfers{0};  ///< Planned, by whoever is master, to any site.
  std::uint32_t crashes{0};
  std::uint32_t renewals{1};  ///< Of leases, over the whole run.
  std::uint32_t hours{3};     ///< How far time goes, in units of which a lease has two.
  std::uint32_t writes{1};    ///< Accepted by whoever may, at any time; shipped to all once durable.
  bool fencing{true};
  bool heartbeats{};  ///< Of a new master: it may be heard of before anything of its log has come.
  Limits limits;
  FailoverFilter filter;
  FailoverReductions reductions;
};

struct FailoverReport {
  Ending ending{Ending::exhausted};
  std::uint64_t states{}, transitions{}, expanded{};
  std::uint64_t together{};  ///< States of all sites together, whatever is in flight.
  std::uint32_t depth{}, complete{};
  std::size_t bytes{};
  std::uint64_t site_states{}, messages{};
  std::string violation;           ///< Empty: none.
  std::vector<std::string> steps;  ///< The shortest way to it.
};

[[nodiscard]] FailoverReport explore_failover(const FailoverOptions& options, const Stop& stop = {});
/// What the sites have been, all together: what the reductions must not change. For tests.
struct FailoverEnds {
  std::set<std::size_t> sites;  ///< By content.
  std::set<std::string> shown;  ///< As people see it, without which of those that are alike is which.
};
[[nodiscard]] FailoverReport explore_failover_ends(const FailoverOptions& options, FailoverEnds& ends);
/// Runs labelled steps again.
[[nodiscard]] Replayed replay_failover(const FailoverOptions& options, const std::vector<std::string>& steps);
/// Explores and prints; exit codes as of run_explore.
[[nodiscard]] int run_explore_failover(const FailoverOptions& options, const Host& host);

/// As golden_trace and run_golden_trace; such a file begins its second line with "explore-failover ".
[[nodiscard]] std::string golden_failover_trace(const FailoverOptions& options, const FailoverReport& report);
[[nodiscard]] GoldenResult run_golden_failover_trace(const std::string& file);

}  // namespace geocommit::explore
