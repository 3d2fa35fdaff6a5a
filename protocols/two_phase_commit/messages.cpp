// Costs and the rules for messages about transactions that have no machine.
#include <algorithm>

#include "protocols/parts/orphans.h"
#include "protocols/two_phase_commit/two_phase_commit.h"

namespace geocommit::two_phase_commit {

OrphanRule orphan(const Message& message, const Remembered& remembered) {
  return orphans::usual(message, remembered, orphans::words<Kind>(kKinds), {});
}

CostRow commit_cost(std::uint32_t participants) { return {4 * participants, 2 * participants + 1, 2}; }

/// T = max(RTT_i + W) + W: the last vote, and the decision. Locks are taken when PREPARE arrives and free when COMMIT
/// does, each one way later than it left.
Timing timing(const Geometry& geometry) {
  const Duration slowest = *std::max_element(geometry.round_trips.begin(), geometry.round_trips.end());
  if (geometry.read_at_one_site && geometry.options.on(kReadOnly)) {
    return {slowest};
  }
  const Duration latency = slowest + 2 * geometry.force;
  return {latency, latency, latency - geometry.force};
}

}  // namespace geocommit::two_phase_commit
