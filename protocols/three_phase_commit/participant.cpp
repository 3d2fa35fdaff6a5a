#include "protocols/three_phase_commit/participant.h"

#include "protocols/parts/recovered.h"

namespace geocommit::three_phase_commit {
Participant::Participant(const TxnContext& context)
    : MachineBase(context),
      voter_({raw(Kind::vote), raw(Record::prepared), raw(Record::abort)}),
      promised_{Ballot{0}, context.coordinator},
      inquiry_(raw(Kind::inquiry), raw(Timer::inquiry), context.timeouts.resend) {}

std::string Participant::describe() const {
  const auto with_ballot = [this](std::string_view state) {
    std::string text(state);
    text += restarted_ ? " restarted" : "";
    if (promised_.ballot.value > 0) {
      text += leads() ? " leads" : " follows " + std::to_string(promised_.leader.value);
      text += " ballot=" + std::to_string(promised_.ballot.value);
    }
    return text;
  };
  switch (state_) {
    case State::voting:
      return std::string(voter_.describe());
    case State::prepared:
      return with_ballot("prepared");
    case State::precommitting:
      return with_ballot("forcing precommit");
    case State::precommitted:
      return with_ballot("precommitted");
    case State::deciding:
      return decision_ == Outcome::commit ? "leader forcing commit" : "leader forcing abort";
    case State::committing:
      return "forcing commit";
    case State::committed:
      return "committed";
    case State::aborted:
      return "aborted";
    case State::read_only:
      return "read-only";
  }
  return "?";
}

SiteState Participant::site_state() const {
  switch (state_) {
    case State::voting:
      return SiteState::working;
    case State::prepared:
    case State::precommitting:
      return SiteState::prepared;
    case State::precommitted:
      return SiteState::precommitted;
    case State::deciding:  // Still in doubt: the decision counts when it is durable.
      return precommit_seen_ ? SiteState::precommitted : SiteState::prepared;
    case State::committing:
    case State::committed:
      return SiteState::committed;
    case State::aborted:
      return SiteState::aborted;
    case State::read_only:
      return SiteState::unknown;
  }
  return SiteState::unknown;
}

void Participant::encode(std::string& out) const {
  put(out, state_);
  voter_.encode(out);
  put(out, promised_.ballot.value);
  put(out, promised_.leader.value);
  put(out,
      (restarted_ ? 2U : 0U) | (entered_termination_ ? 4U : 0U) | (precommit_seen_ ? 8U : 0U) | (deferred_ ? 16U : 0U));
  if (deferred_) {
    put(out, deferred_->from.value);
    put(out, deferred_->ballot.value);
  }
  inquiry_.encode(out);
  put(out, lead_);
  put(out, awaited_);
  put(out, prepared_);
  put(out, decision_);
}

void Participant::on_message(const Message& in) {
  if (in.to_role != Role::participant) {
    return ignored();
  }
  switch (static_cast<Kind>(in.kind)) {
    case Kind::prepare:
      return on_prepare();
    case Kind::precommit:
      return on_precommit(in);
    case Kind::precommit_ack:
      return on_leader_ack(in);
    case Kind::decision:
      return on_decision(in);
    case Kind::state_request:
      return on_state_request(in);
    case Kind::state_answer:
    case Kind::in_doubt:
      return on_state_answer(in);
    case Kind::inquiry:
      return on_inquiry(in);
    case Kind::answer:
      if (in.outcome == Outcome::undecided || !in_doubt()) {
        return note("answer-without-use");
      }
      return adopt(in.outcome, in.reason);
    case Kind::vote:
    case Kind::ack:
      return ignored();
  }
  ignored();
}

void Participant::on_prepare() {
  if (state_ == State::voting) {
    return voter_.prepare(effects());
  }
  if (state_ == State::prepared && promised_.ballot.value == 0) {
    return voter_.send_vote(effects(), Vote::yes, Reason::none, true);
  }
  ignored();
}

void Participant::on_executed(Vote vote, Reason reason) { go_on(voter_.executed(effects(), vote, reason)); }

void Participant::go_on(Voter::End end) {
  switch (end) {
    case Voter::End::none:
      return;
    case Voter::End::prepared:
      state_ = State::prepared;
      return wait_for_decision();
    case Voter::End::aborted:
      state_ = State::aborted;
      answer_askers();
      return forget();
    case Voter::End::read_only:
      state_ = State::read_only;
      return forget();
  }
}

void Participant::on_forced(std::uint8_t kind) {
  if (state_ == State::voting) {
    return go_on(voter_.forced(effects(), kind));
  }
  if (kind == raw(Record::precommit) && state_ == State::precommitting) {
    return precommit_forced();
  }
  if (kind == raw(Record::commit) && state_ == State::committing) {
    state_ = State::committed;
    acknowledge(false);
    return forget();
  }
  if (state_ == State::deciding && kind == raw(decision_ == Outcome::commit ? Record::commit : Record::abort)) {
    return leader_decision_forced();
  }
  ignored();
}

void Participant::on_timer(std::uint8_t timer) {
  const bool waits = state_ == State::prepared || state_ == State::precommitted;
  if (timer == raw(Timer::decision) && waits && !restarted_ && !leads()) {
    if (!entered_termination_) {
      entered_termination_ = true;
      note("entered_termination");
    }
    return lead(Ballot{promised_.ballot.value + 1});
  }
  if (timer == raw(Timer::inquiry) && waits && restarted_) {
    return inquiry_.ask(effects(), true);  // Asks everybody, decides nothing.
  }
  if (timer == raw(Timer::termination) && waits && leads()) {
    note("silent-sites-presumed-dead");
    return lead_ == Lead::collecting ? conclude() : decide_as_leader(Outcome::commit);
  }
  ignored();
}

void Participant::on_precommit(const Message& in) {
  if (!in_doubt()) {
    return ignored();
  }
  const Leadership sender{in.ballot, in.from};
  if (outranks(promised_, sender) || (in.ballot.value == 0) != (in.from == context().coordinator)) {
    return note("stale-precommit");
  }
  if (state_ == State::precommitting) {
    promised_ = sender;  // The ACK after the force goes to the newest.
    return ignored();
  }
  note("precommit-received");
  promised_ = sender;
  lead_ = Lead::none;
  if (state_ == State::precommitted) {
    send_precommit_ack(true);
    return wait_for_decision();
  }
  state_ = State::precommitting;
  cancel(raw(restarted_ ? Timer::inquiry : Timer::decision));
  LogRecord record = make_record(raw(Record::precommit));
  record.ballot = in.ballot;
  force(std::move(record));
}

void Participant::precommit_forced() {
  state_ = State::precommitted;
  note("precommit-logged");
  if (leads() && !deferred_) {
    return send_precommits();
  }
  if (!leads()) {
    send_precommit_ack(false);
    wait_for_decision();
  }
  if (deferred_) {  // Another leader asked meanwhile, and outranks.
    lead_ = Lead::none;
    const Message request = *deferred_;
    deferred_.reset();
    on_state_request(request);
  }
}

void Participant::on_decision(const Message& in) {
  if (in.outcome == Outcome::undecided) {
    return ignored();
  }
  note("decision-received");
  adopt(in.outcome, in.reason);
}

/// From anybody, at any ballot: its sender has made it durable, or (the coordinator's abort) never sent a PRECOMMIT.
void Participant::adopt(Outcome outcome, Reason reason) {
  if (state_ == State::deciding || state_ == State::committing) {
    const Outcome own = state_ == State::committing ? Outcome::commit : decision_;
    return outcome == own ? ignored() : note("split-outcome");
  }
  if (state_ == State::voting) {  // A commit is nonsense: this site has not voted YES.
    if (outcome == Outcome::commit) {
      return ignored();
    }
    if (!voter_.told_abort(effects(), reason)) {
      return;
    }
  } else if (in_doubt()) {
    outcome == Outcome::commit ? force(make_record(raw(Record::commit), Outcome::commit))
                               : append(make_record(raw(Record::abort), Outcome::abort, reason));
    decide(outcome, outcome == Outcome::commit ? Reason::none : reason);
    release();
  } else {
    return ignored();
  }
  const bool relay = leads();
  state_ = outcome == Outcome::commit ? State::committing : State::aborted;
  if (outcome == Outcome::abort) {
    answer_askers();
  }
  for (const Timer timer : {Timer::decision, Timer::termination, Timer::inquiry}) {
    cancel(raw(timer));
  }
  if (relay) {
    tell_others(outcome);
  }
  lead_ = Lead::none;
  if (outcome == Outcome::abort) {
    forget();
  }
}

void Participant::on_inquiry(const Message& in) {
  const Asker asker{in.from, in.kind, {}};
  switch (state_) {
    case State::voting:
      return voter_.asked(effects(), asker);
    case State::prepared:
    case State::precommitting:
    case State::precommitted:
      return restarted_ ? send_in_doubt(in.from, {}) : send_state(asker, site_state(), Outcome::undecided, in.retry);
    case State::committing:
      return send_state(asker, SiteState::committed, Outcome::commit, in.retry);
    case State::deciding:  // Not durable yet. The asker asks again.
    case State::committed:
    case State::aborted:
    case State::read_only:
      return ignored();
  }
}

void Participant::answer_askers() {
  for (const Asker& asker : voter_.askers()) {
    send_state(asker, SiteState::aborted, Outcome::abort, false);
  }
}

void Participant::on_recovered(const std::vector<LogRecord>& durable) {
  if (state_ != State::voting || durable.empty()) {
    return ignored();
  }
  const auto [outcome, reason] = outcome_in(durable);
  switch (outcome) {
    case Outcome::commit:
      state_ = State::committed;
      decide(Outcome::commit);
      acknowledge(true);
      return forget();
    case Outcome::abort:
      state_ = State::aborted;
      decide(Outcome::abort, reason);
      return forget();
    case Outcome::undecided:  // The engine has taken the locks again before anything was served.
      restarted_ = true;
      state_ = has_record(durable, raw(Record::precommit)) ? State::precommitted : State::prepared;
      note("recovered-in-doubt");
      return inquiry_.ask(effects(), true);
  }
}

void Participant::send_state(const Asker& to, SiteState state, Outcome outcome, bool retry) {
  const Kind kind = to.kind == raw(Kind::state_request) ? Kind::state_answer : Kind::answer;
  Message m = message(to.node, role_of(to.node), raw(kind));
  m.ballot = to.ballot;
  m.state = state;
  m.outcome = outcome;
  m.reason = outcome == Outcome::abort ? Reason::terminated : Reason::none;
  m.retry = retry;
  send(m);
}

void Participant::send_in_doubt(NodeId to, Ballot ballot) {
  Message m = message(to, role_of(to), raw(Kind::in_doubt));
  m.ballot = ballot;
  m.state = site_state();
  m.retry = true;
  send(m);
}

void Participant::send_precommit_ack(bool retry) {
  Message m = message(promised_.leader, role_of(promised_.leader), raw(Kind::precommit_ack));
  m.ballot = promised_.ballot;
  m.retry = retry;
  send(m);
}

void Participant::acknowledge(bool retry) {
  Message m = message(context().coordinator, Role::coordinator, raw(Kind::ack));
  m.retry = retry;
  send(m);
}

std::unique_ptr<CommitMachine> make_participant(const TxnContext& context) {
  return std::make_unique<Participant>(context);
}

}  // namespace geocommit::three_phase_commit
