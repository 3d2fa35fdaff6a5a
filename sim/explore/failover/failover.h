// Every order in which the mastership of one home can change hands, within bounds, over the very machines of
// engine/mastership.h: messages late or lost, forces late, timers late, crashes that keep any prefix of what was not
// forced. At most one site may accept writes in any state. docs/home-region.md has the argument that it checks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "sim/explore/explore.h"

namespace geocommit::explore {

struct FailoverOptions {
  std::uint32_t sites{3};
  std::uint32_t failovers{1};  ///< Ordered at any site, at any time.
  std::uint32_t transfers{0};  ///< Planned, by whoever is master, to any site.
  std::uint32_t crashes{1};
  std::uint32_t renewals{2};  ///< Of leases, over the whole run.
  std::uint32_t hours{4};     ///< How far time goes, in units of which a lease has two.
  bool fencing{true};
  std::size_t states{20'000'000};
  double seconds{};  ///< 0: no limit.
};

struct FailoverResult {
  std::uint64_t states{}, steps{};
  bool complete{};        ///< Every state within the bounds was seen.
  std::string violation;  ///< Empty: none. Else the shortest way to two masters, a line each.
};

[[nodiscard]] FailoverResult search_failover(const FailoverOptions& options, const Host& host);
/// The same for people; kClean, kViolation or kNotExhausted.
[[nodiscard]] int run_explore_failover(const FailoverOptions& options, const Host& host);

}  // namespace geocommit::explore
