#include "protocols/parts/answers.h"

namespace geocommit {

void send_answer(Effects effects, std::uint8_t kind, NodeId to, SiteState state, Outcome outcome, bool retry,
                 Ballot ballot) {
  const Role role = to == effects.context().coordinator ? Role::coordinator : Role::participant;
  Message m = effects.message(to, role, kind);
  m.ballot = ballot;
  m.state = state;
  m.outcome = outcome;
  m.reason = outcome == Outcome::abort ? Reason::terminated : Reason::none;
  m.retry = retry;
  effects.send(m);
}

void send_acknowledgement(Effects effects, std::uint8_t kind, bool retry) {
  Message m = effects.message(effects.context().coordinator, Role::coordinator, kind);
  m.retry = retry;
  effects.send(m);
}

}  // namespace geocommit
