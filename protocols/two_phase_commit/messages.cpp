// Costs and the rules for messages about transactions that have no machine.
#include <algorithm>

#include "protocols/machine_base.h"
#include "protocols/parts/orphans.h"
#include "protocols/two_phase_commit/two_phase_commit.h"

namespace geocommit::two_phase_commit {
namespace {

using orphans::ignore;
using orphans::make_machine;
using orphans::reply;
using orphans::reply_of;

OrphanRule answer(Outcome outcome) {
  Message message = reply_of(raw(Kind::answer), Role::participant);
  message.outcome = outcome;
  message.state = state_of(outcome);
  message.reason = outcome == Outcome::abort ? Reason::terminated : Reason::none;
  return reply(message);
}

OrphanRule orphan_decision(const Message& message, const Remembered& remembered) {
  if (message.outcome == Outcome::abort) {
    return ignore(remembered.state == SiteState::committed ? "abort-for-committed-transaction" : "");
  }
  if (remembered.state == SiteState::aborted) {
    return ignore("commit-for-aborted-transaction");
  }
  if (remembered.state == SiteState::committed || remembered.below_watermark || remembered.voted_read_only) {
    return reply(reply_of(raw(Kind::ack), Role::coordinator));
  }
  // "Not found" is not "done" (pitfall 3): this site voted YES and has lost it. The coordinator keeps asking.
  return ignore("decision-for-unknown-transaction");
}

OrphanRule orphan_inquiry(const Message& message, const Remembered& remembered) {
  if (message.to_role == Role::coordinator) {
    if (!remembered.own_transaction) {
      return ignore();
    }
    // Presumed abort: a commit is forgotten only when every site that had to know has acknowledged it.
    return answer(remembered.state == SiteState::committed ? Outcome::commit : Outcome::abort);
  }
  if (remembered.state == SiteState::committed) {
    return answer(Outcome::commit);
  }
  if (remembered.state == SiteState::aborted) {
    return answer(Outcome::abort);
  }
  if (remembered.voted_read_only || !remembered.same_epoch || remembered.below_watermark) {
    return answer(Outcome::undecided);  // It may have committed without this site's knowing.
  }
  return make_machine();  // Never voted: aborts durably, then answers.
}

}  // namespace

std::unique_ptr<CommitMachine> make(Role role, const TxnContext& context) {
  return role == Role::coordinator ? make_coordinator(context) : make_participant(context);
}

OrphanRule orphan(const Message& message, const Remembered& remembered) {
  switch (static_cast<Kind>(message.kind)) {
    case Kind::prepare:
      return message.to_role == Role::participant ? orphans::prepare(remembered, raw(Kind::vote)) : ignore();
    case Kind::decision:
      return message.to_role == Role::participant ? orphan_decision(message, remembered) : ignore();
    case Kind::inquiry:
      return orphan_inquiry(message, remembered);
    case Kind::vote:
    case Kind::ack:
    case Kind::answer:
      return ignore();
  }
  return ignore("unknown-kind");
}

CostRow commit_cost(std::uint32_t participants) { return {4 * participants, 2 * participants + 1, 2}; }

/// T = max(RTT_i + W) + W: the last vote, and the decision. Locks are taken when PREPARE arrives and free when COMMIT
/// does, each one way later than it left.
Timing timing(const Geometry& geometry) {
  const Duration slowest = *std::max_element(geometry.round_trips.begin(), geometry.round_trips.end());
  if (geometry.read_at_one_site) {
    return {slowest};
  }
  const Duration latency = slowest + 2 * geometry.force;
  return {latency, latency, latency - geometry.force};
}

Route route(const Request& request, const Directory& directory) {
  return {request.origin, kWireId, place_everywhere(request, directory)};
}

}  // namespace geocommit::two_phase_commit
