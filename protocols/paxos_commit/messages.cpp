// Costs and the rules for messages about transactions that have no machine.
#include <algorithm>

#include "protocols/parts/orphans.h"
#include "protocols/paxos_commit/acceptors.h"
#include "protocols/paxos_commit/paxos_commit.h"

namespace geocommit::paxos_commit {
namespace {

/// Who leads a ballot has not been told the outcome: a site in doubt, or a coordinator that has lost the end of its
/// log. "Unknown" tells it that whoever had to know knows; what follows from that is its own to conclude.
OrphanRule led(const Message& message, const Remembered& remembered) {
  if (message.to_role == Role::coordinator) {
    // This start has finished it. Of what an earlier one began it knows nothing: a commit may be chosen without it; and
    // it is no acceptor of it any more, for what it had promised may be lost.
    return remembered.own_transaction && remembered.same_epoch
               ? orphans::answer(message, raw(Kind::answer), SiteState::unknown)
               : orphans::ignore();
  }
  if (remembered.state != SiteState::unknown || remembered.below_watermark) {
    return orphans::answer(message, raw(Kind::answer), remembered.state);
  }
  return orphans::make_machine();  // It has never voted, or has aborted: durably now.
}

}  // namespace

OrphanRule orphan(const Message& message, const Remembered& remembered) {
  if (message.kind == raw(Kind::lead) || message.kind == raw(Kind::propose)) {
    return led(message, remembered);
  }
  if (message.kind == raw(Kind::vote) && message.to_role == Role::participant) {
    const bool needless =
        remembered.below_watermark || remembered.state != SiteState::unknown || !remembered.same_epoch;
    return needless ? orphans::ignore() : OrphanRule{OrphanAction::keep_for_prepare, {}, {}};
  }
  return orphans::usual(message, remembered, orphans::words<Kind>(kKinds), 0);
}

/// PREPARE, VOTE to the coordinator and to F sites (but not to oneself), ACCEPTED from these, DECISION, ACK; two
/// records of each site, one of each of F+1 acceptors.
CostRow cost(std::uint32_t participants, std::uint32_t f) {
  const auto faults = static_cast<std::uint32_t>(faults_of(participants, f));
  return {(4 + faults) * participants, 2 * participants + 1 + faults, faults == 0 ? 2U : 3U};
}

CostRow commit_cost(std::uint32_t participants) { return cost(participants, static_cast<std::uint32_t>(kF.standard)); }

/// The latest of F+1 acceptors, each with the last vote that reaches it, its own force, and the way to the coordinator.
Timing timing(const Geometry& geometry) {
  const std::size_t sites = geometry.round_trips.size();
  const std::size_t faults = faults_of(sites, static_cast<std::size_t>(geometry.options.value(kF)));
  Duration latest = *std::max_element(geometry.round_trips.begin(), geometry.round_trips.end());
  for (std::size_t acceptor = 0; acceptor < faults; ++acceptor) {
    for (std::size_t site = 0; site < sites; ++site) {
      latest = std::max(
          latest, (geometry.round_trips[site] + geometry.between[site][acceptor] + geometry.round_trips[acceptor]) / 2);
    }
  }
  const Duration latency = latest + 2 * geometry.force;
  return {latency, latency, latency - geometry.force};
}

}  // namespace geocommit::paxos_commit
