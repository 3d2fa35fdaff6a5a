// A small exhaustive explorer of one transaction's machines: every delivery order, force, crash with each durable
// prefix, restart and timeout, up to a budget of crashes; states are told apart by hash_state. For small cohorts.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "protocols/registry.h"

namespace geocommit::explore {

struct Options {
  std::uint32_t sites{2};
  std::uint32_t crashes{1};
  std::vector<Vote> votes;       ///< By site; empty: all YES.
  std::uint32_t early_timers{};  ///< How many timeouts may fire while awaited messages can still arrive.
  std::size_t states_max{1'000'000};
};

struct Report {
  std::size_t states{};
  bool complete{};        ///< All reachable states were seen.
  std::string violation;  ///< Empty: none. Else what, and the steps that lead there.
  bool commit_seen{}, abort_seen{};
};

[[nodiscard]] Report explore(const Protocol& protocol, const Options& options);

}  // namespace geocommit::explore
