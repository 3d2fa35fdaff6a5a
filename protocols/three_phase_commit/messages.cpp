// Costs and the rules for messages about transactions that have no machine.
#include <algorithm>

#include "protocols/parts/orphans.h"
#include "protocols/three_phase_commit/three_phase_commit.h"

namespace geocommit::three_phase_commit {
namespace {

using orphans::ignore;

/// Its sender does not know the outcome yet, or it would not send it: a site that does, says so.
OrphanRule orphan_precommit(const Message& message, const Remembered& remembered) {
  if (remembered.state == SiteState::committed || remembered.state == SiteState::aborted) {
    return orphans::answer(message, raw(Kind::answer), remembered.state);
  }
  if (remembered.below_watermark || remembered.voted_read_only) {
    return ignore();  // A late duplicate: whoever had to know the outcome knows it.
  }
  return ignore("precommit-for-unknown-transaction");
}

}  // namespace

OrphanRule orphan(const Message& message, const Remembered& remembered) {
  if (message.kind == raw(Kind::state_request)) {
    return orphans::question(message, remembered, raw(Kind::state_answer));
  }
  if (message.kind == raw(Kind::precommit) && message.to_role == Role::participant) {
    return orphan_precommit(message, remembered);
  }
  // INQUIRY, no machine at the coordinator: no precommit record either, so no site was ever in PC.
  return orphans::usual(message, remembered, orphans::words<Kind>(kKinds), raw(Kind::answer));
}

CostRow commit_cost(std::uint32_t participants) { return {6 * participants, 3 * participants + 2, 4}; }

/// T = 2 max(RTT_i + W) + 2 W: the last vote, precommit, its last acknowledgement, the decision.
Timing timing(const Geometry& geometry) {
  const Duration slowest = *std::max_element(geometry.round_trips.begin(), geometry.round_trips.end());
  if (geometry.read_at_one_site) {
    return {slowest};
  }
  const Duration latency = 2 * slowest + 4 * geometry.force;
  return {latency, latency, latency - geometry.force};
}

}  // namespace geocommit::three_phase_commit
