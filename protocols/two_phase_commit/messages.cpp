// The variants' machines, costs, and the rules for messages about transactions that have no machine.
#include <algorithm>

#include "protocols/parts/orphans.h"
#include "protocols/two_phase_commit/two_phase_commit.h"

namespace geocommit::two_phase_commit {

std::unique_ptr<CommitMachine> make_by(const Rules& rules, Role role, const TxnContext& context) {
  GC_CHECK_NOTE(role == Role::coordinator || role == Role::participant, "a role that the row has not");
  return role == Role::coordinator ? make_coordinator(rules, context) : make_participant(rules, context);
}

OrphanRule orphan_by(const Rules& rules, const Message& message, const Remembered& remembered) {
  const bool decision = message.kind == raw(Kind::decision) && message.to_role == Role::participant;
  if (decision && message.outcome == Outcome::abort && rules.acknowledged(Outcome::abort) &&
      remembered.state != SiteState::committed && orphans::from_coordinator(message)) {
    return orphans::reply(orphans::reply_of(raw(Kind::ack_abort), Role::coordinator));
  }
  if (message.kind == raw(Kind::inquiry) && message.to_role == Role::coordinator && rules.presumes == Outcome::commit &&
      remembered.own_transaction) {
    return orphans::answer(message, raw(Kind::answer), SiteState::committed);
  }
  const OrphanRule usual = orphans::usual(message, remembered, orphans::words<Kind>(kKinds), {});
  const bool acknowledges = decision && usual.action == OrphanAction::reply;
  return acknowledges && !rules.acknowledged(Outcome::commit) ? orphans::ignore(usual.note) : usual;
}

CostRow commit_cost_by(const Rules& rules, std::uint32_t participants) {
  return rules.acknowledged(Outcome::commit) ? CostRow{4 * participants, 2 * participants + 1, 2}
                                             : CostRow{3 * participants, participants + 2, 2};
}

/// T = max(RTT_i + W) + W: the last vote, and the decision. Locks are taken when PREPARE arrives and free when COMMIT
/// does, each one way later than it left. A forced `collecting` comes before all that.
Timing timing_by(const Rules& rules, const Geometry& geometry) {
  const Duration slowest = *std::max_element(geometry.round_trips.begin(), geometry.round_trips.end());
  const Duration before = rules.begins() ? geometry.force : Duration{0};
  if (geometry.read_at_one_site && geometry.options.on(kReadOnly)) {
    return {rules.begins() ? before + slowest + geometry.force : slowest};
  }
  const Duration hold = slowest + 2 * geometry.force;
  return {before + hold, hold, hold - geometry.force};
}

}  // namespace geocommit::two_phase_commit
