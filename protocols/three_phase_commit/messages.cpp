// Costs and the rules for messages about transactions that have no machine.
#include <algorithm>

#include "protocols/machine_base.h"
#include "protocols/parts/orphans.h"
#include "protocols/three_phase_commit/three_phase_commit.h"

namespace geocommit::three_phase_commit {
namespace {

using orphans::ignore;
using orphans::make_machine;
using orphans::reply;
using orphans::reply_of;

/// The coordinator is a node of its own, so the sender's id tells its role.
Role role_of_sender(const Message& message) {
  return message.from == message.txn.coordinator ? Role::coordinator : Role::participant;
}

OrphanRule answer(const Message& message, SiteState state, std::string_view note = {}) {
  const bool to_leader = static_cast<Kind>(message.kind) == Kind::state_request;
  Message answer = reply_of(raw(to_leader ? Kind::state_answer : Kind::answer), role_of_sender(message));
  answer.ballot = message.ballot;
  answer.state = state;
  if (state == SiteState::committed) {
    answer.outcome = Outcome::commit;
  } else if (state == SiteState::aborted) {
    answer.outcome = Outcome::abort;
    answer.reason = Reason::terminated;
  }
  return reply(answer, note);
}

/// Its sender does not know the outcome yet, or it would not send it: a site that does, says so.
OrphanRule orphan_precommit(const Message& message, const Remembered& remembered) {
  if (remembered.state == SiteState::committed || remembered.state == SiteState::aborted) {
    return answer(message, remembered.state);
  }
  if (remembered.below_watermark || remembered.voted_read_only) {
    return ignore();  // A late duplicate: whoever had to know the outcome knows it.
  }
  return ignore("precommit-for-unknown-transaction");
}

OrphanRule orphan_decision(const Message& message, const Remembered& remembered) {
  const bool from_coordinator = role_of_sender(message) == Role::coordinator;
  if (message.outcome == Outcome::abort) {
    return ignore(remembered.state == SiteState::committed ? "abort-for-committed-transaction" : "");
  }
  if (remembered.state == SiteState::aborted) {
    // The split that 3PC's fault model predicts under a partition. It is told, so that the coordinator does not ask
    // for ever; it is never an ACK.
    return from_coordinator ? answer(message, SiteState::aborted, "commit-for-aborted-transaction")
                            : ignore("commit-for-aborted-transaction");
  }
  if (remembered.state == SiteState::committed || remembered.below_watermark || remembered.voted_read_only) {
    // A leader does not wait for acknowledgements.
    return from_coordinator ? reply(reply_of(raw(Kind::ack), Role::coordinator)) : ignore();
  }
  return ignore("decision-for-unknown-transaction");  // "Not found" is not "done" (pitfall 3).
}

/// INQUIRY, and STATE_REQUEST of a leader.
OrphanRule orphan_question(const Message& message, const Remembered& remembered) {
  if (message.to_role == Role::coordinator) {
    if (!remembered.own_transaction) {
      return ignore();
    }
    // No machine: no precommit record either, so no site can ever have been in PC: presumed abort.
    return answer(message, remembered.state == SiteState::committed ? SiteState::committed : SiteState::aborted);
  }
  if (remembered.state == SiteState::committed || remembered.state == SiteState::aborted) {
    return answer(message, remembered.state);
  }
  if (remembered.voted_read_only || !remembered.same_epoch || remembered.below_watermark) {
    return answer(message, SiteState::unknown);
  }
  return make_machine();  // Never voted: aborts durably, then answers.
}

}  // namespace

std::unique_ptr<CommitMachine> make(Role role, const TxnContext& context) {
  return role == Role::coordinator ? make_coordinator(context) : make_participant(context);
}

OrphanRule orphan(const Message& message, const Remembered& remembered) {
  const bool to_participant = message.to_role == Role::participant;
  switch (static_cast<Kind>(message.kind)) {
    case Kind::prepare:
      return to_participant ? orphans::prepare(remembered, raw(Kind::vote)) : ignore();
    case Kind::precommit:
      return to_participant ? orphan_precommit(message, remembered) : ignore();
    case Kind::decision:
      return to_participant ? orphan_decision(message, remembered) : ignore();
    case Kind::inquiry:
    case Kind::state_request:
      return orphan_question(message, remembered);
    case Kind::vote:
    case Kind::precommit_ack:
    case Kind::ack:
    case Kind::state_answer:
    case Kind::answer:
    case Kind::in_doubt:
      return ignore();
  }
  return ignore("unknown-kind");
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

Route route(const Request& request, const Directory& directory) {
  return {request.origin, kWireId, place_everywhere(request, directory)};
}

}  // namespace geocommit::three_phase_commit
