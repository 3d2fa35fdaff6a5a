// Costs and the rules for messages about transactions that have no machine.
#include <algorithm>

#include "protocols/easy_commit/easy_commit.h"
#include "protocols/parts/orphans.h"

namespace geocommit::easy_commit {

OrphanRule orphan(const Message& message, const Remembered& remembered) {
  // A site's decision goes to all others, needed or not; only behind an abort it tells something.
  const bool needless = message.kind == raw(Kind::decision) && !orphans::from_coordinator(message) &&
                        message.outcome != Outcome::abort && remembered.state != SiteState::aborted;
  // INQUIRY, no machine at the coordinator: no `collecting` record either, or an outcome behind it.
  return needless ? orphans::ignore()
                  : orphans::usual(message, remembered, orphans::words<Kind>(kKinds), raw(Kind::answer));
}

/// PREPARE, VOTE, DECISION, ACK, and each site's DECISION to the others.
CostRow commit_cost(std::uint32_t n) { return {4 * n + n * (n - 1), 2 * n + 2, 2}; }

/// The decision leaves with the last YES, but not before the record that the first YES asked for is durable; it counts
/// when it is durable: at the coordinator, and a way later at each site.
Timing timing(const Geometry& geometry) {
  const auto [first, last] = std::minmax_element(geometry.round_trips.begin(), geometry.round_trips.end());
  if (geometry.read_at_one_site) {
    return {*last};
  }
  const Duration transmitted = geometry.force + std::max(*last, *first + geometry.force);
  return {transmitted + geometry.force, transmitted + geometry.force, transmitted};
}

}  // namespace geocommit::easy_commit
