// The termination protocol (Skeen 1981, section 6): a site in doubt leads, the live one with the
// lowest node id wins, and what the live sites know decides. README.md argues why restarted sites do not count.
#include "protocols/parts/answers.h"
#include "protocols/three_phase_commit/participant.h"

namespace geocommit::three_phase_commit {
namespace {

/// A follower gives its leader both rounds (states, then PRECOMMIT) and one for the messages themselves.
constexpr int kFollowerPatience = 3;
/// In PC: the coordinator may be waiting out its own timeout for another site's PRECOMMIT_ACK.
constexpr int kPrecommittedPatience = 2;

}  // namespace

void Participant::lead(Ballot ballot) {
  promised_ = {ballot, context().self};
  lead_ = Lead::collecting;
  precommit_seen_ = state_ == State::precommitted;
  awaited_.clear();
  prepared_.clear();
  note("leads");
  cancel(raw(Timer::decision));
  for (const Member& member : context().cohort) {
    if (member.node == context().self) {
      continue;
    }
    Message request = message(member.node, Role::participant, raw(Kind::state_request));
    request.ballot = ballot;
    request.to_epoch = member.epoch;
    send(request);
    awaited_.push_back(member.node);
  }
  if (awaited_.empty()) {
    return conclude();
  }
  arm(raw(Timer::termination), context().timeouts.decision);
}

void Participant::on_state_request(const Message& in) {
  const Asker asker{in.from, raw(Kind::state_answer), in.ballot};
  const Leadership sender{in.ballot, in.from};
  switch (state_) {
    case State::voting:
      return voter_.asked(effects(), asker);
    case State::committing:
      return send_answer(effects(), asker.answer, in.from, SiteState::committed, Outcome::commit, false, in.ballot);
    case State::deciding:  // Everybody hears the decision once it is durable.
    case State::committed:
    case State::aborted:
      return ignored();
    case State::prepared:
    case State::precommitting:
    case State::precommitted:
      break;
  }
  if (outranks(promised_, sender)) {
    return note("stale-leader");  // It hears of, or has heard from, the one promised to.
  }
  if (restarted_) {
    promised_ = sender;
    return send_in_doubt(in.from, in.ballot);
  }
  if (state_ == State::precommitting) {  // Which state it is in, the force decides.
    if (!deferred_ || outranks(sender, {deferred_->ballot, deferred_->from})) {
      deferred_ = in;
    }
    return;
  }
  if (context().self < in.from && is_member(context().self)) {
    return lead(in.ballot);  // The lowest live id leads.
  }
  lead_ = Lead::none;
  cancel(raw(Timer::termination));
  promised_ = sender;
  send_answer(effects(), asker.answer, in.from, site_state(), Outcome::undecided, false, in.ballot);
  wait_for_decision();
}

void Participant::on_state_answer(const Message& in) {
  if (lead_ != Lead::collecting || in.ballot != promised_.ballot || std::erase(awaited_, in.from) == 0) {
    return ignored();
  }
  switch (static_cast<Kind>(in.kind) == Kind::in_doubt ? SiteState::unknown : in.state) {
    case SiteState::committed:
      return decide_as_leader(Outcome::commit);
    case SiteState::aborted:
    case SiteState::working:
      return decide_as_leader(Outcome::abort);
    case SiteState::precommitted:
      precommit_seen_ = true;
      break;
    case SiteState::prepared:
      prepared_.push_back(in.from);
      break;
    case SiteState::unknown:
      break;
  }
  if (awaited_.empty()) {
    conclude();
  }
}

/// All live sites have answered, none with an outcome.
void Participant::conclude() { precommit_seen_ ? move_to_precommit() : decide_as_leader(Outcome::abort); }

void Participant::move_to_precommit() {
  lead_ = Lead::moving;
  cancel(raw(Timer::termination));
  if (state_ == State::precommitted) {
    return send_precommits();
  }
  state_ = State::precommitting;
  LogRecord record = make_record(raw(Record::precommit));
  record.ballot = promised_.ballot;
  force(std::move(record));
}

void Participant::send_precommits() {
  awaited_ = prepared_;
  if (awaited_.empty()) {
    return decide_as_leader(Outcome::commit);
  }
  for (const NodeId site : awaited_) {
    Message precommit = message(site, Role::participant, raw(Kind::precommit));
    precommit.ballot = promised_.ballot;
    send(precommit);
  }
  arm(raw(Timer::termination), context().timeouts.decision);
}

void Participant::on_leader_ack(const Message& in) {
  if (lead_ != Lead::moving || state_ != State::precommitted || in.ballot != promised_.ballot ||
      std::erase(awaited_, in.from) == 0) {
    return ignored();
  }
  if (awaited_.empty()) {
    decide_as_leader(Outcome::commit);
  }
}

void Participant::decide_as_leader(Outcome outcome) {
  state_ = State::deciding;
  lead_ = Lead::none;
  decision_ = outcome;
  cancel(raw(Timer::termination));
  const bool commit = outcome == Outcome::commit;
  LogRecord record =
      make_record(raw(commit ? Record::commit : Record::abort), outcome, commit ? Reason::none : Reason::terminated);
  record.ballot = promised_.ballot;
  force(std::move(record));
}

void Participant::leader_decision_forced() {
  note("decision-forced");
  const bool commit = decision_ == Outcome::commit;
  state_ = commit ? State::committed : State::aborted;
  decide(decision_, commit ? Reason::none : Reason::terminated);
  release();
  tell_others(decision_);
  if (commit) {
    send_acknowledgement(effects(), raw(Kind::ack), false);
  }
  forget();
}

void Participant::tell_others(Outcome outcome) {
  for (const Member& member : context().cohort) {
    if (member.node == context().self) {
      continue;
    }
    Message decision = message(member.node, Role::participant, raw(Kind::decision));
    decision.ballot = promised_.ballot;
    decision.outcome = outcome;
    decision.reason = outcome == Outcome::abort ? Reason::terminated : Reason::none;
    send(decision);
  }
  if (outcome == Outcome::abort) {  // A coordinator that was slow, not dead, hears it before it commits.
    send_answer(effects(), raw(Kind::answer), context().coordinator, SiteState::aborted, outcome, false);
  }
}

void Participant::wait_for_decision() {
  if (restarted_) {
    return inquiry_.wait(effects());
  }
  int patience = 1;
  if (promised_.ballot.value > 0) {
    patience = kFollowerPatience;
  } else if (state_ == State::precommitted) {
    patience = kPrecommittedPatience;
  }
  arm(raw(Timer::decision), context().timeouts.decision * patience);
}

}  // namespace geocommit::three_phase_commit
