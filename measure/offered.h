// What was asked of a protocol against what it did, by when clients were told: what a drain did after the window is no
// throughput. And whether the load was more than the protocol could do.
#pragma once

#include <optional>
#include <vector>

#include "base/time.h"
#include "verdict/history.h"

namespace geocommit {

struct OfferedLoad {
  double offered_per_s{};    ///< With an intended start in the window, shed ones included.
  double done_per_s{};       ///< Told commit or abort inside the window, whenever they began.
  double committed_per_s{};  ///< Of these the commits: goodput.
  bool overloaded{};
};

struct OfferedInput {
  const std::vector<ClientOutcome>* outcomes{};  ///< Also those outside the window.
  std::uint64_t offered{}, shed{};               ///< Of the window.
  Duration warmup{}, duration{};                 ///< The window: [warmup, warmup + duration).
  /// Since the start of the load. What piles up from then on is the faults' doing, and not judged.
  std::optional<Duration> first_fault;
};

/// Overloaded: what was shed (without faults), or a backlog that grew over the second half of the window (of what came
/// before the first fault). A protocol that keeps up has the same number in flight at the middle and at the end, by
/// Little's law rate x latency, and fewer at the beginning if the warm-up was short; so the second half. Growing: by
/// more than a tenth of what was offered in that half, and by more than three standard deviations of the difference of
/// two independent Poisson numbers of that size, so that neither chance nor a handful of transactions decide it.
[[nodiscard]] OfferedLoad offered_load(const OfferedInput& input);

}  // namespace geocommit
