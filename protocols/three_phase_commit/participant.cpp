#include "protocols/three_phase_commit/participant.h"

#include "protocols/parts/answers.h"
#include "protocols/parts/recovered.h"

namespace geocommit::three_phase_commit {
Participant::Participant(const TxnContext& context)
    : MachineBase(context),
      voter_({raw(Kind::vote), raw(Record::prepared), raw(Record::commit), raw(Record::abort)}),
      promised_{Ballot{0}, context.coordinator},
      inquiry_(raw(Kind::inquiry), raw(Timer::inquiry), context.timeouts.resend) {}

std::string Participant::describe() const {
  std::string text = MachineBase::describe();
  if (in_doubt()) {
    text += restarted_ ? " restarted" : "";
    if (promised_.ballot.value > 0) {
      text += leads() ? " leads" : " follows " + std::to_string(promised_.leader.value);
      text += " ballot=" + std::to_string(promised_.ballot.value);
    }
  }
  return text;
}

Phase Participant::phase() const {
  switch (state_) {
    case State::voting:
      return voter_.phase();
    case State::prepared:
      return {"prepared", SiteState::prepared};
    case State::precommitting:
      return {"forcing precommit", SiteState::prepared};
    case State::precommitted:
      return {"precommitted", SiteState::precommitted};
    case State::deciding:  // Still in doubt: the decision counts when it is durable.
      return {decision_ == Outcome::commit ? "leader forcing commit" : "leader forcing abort",
              precommit_seen_ ? SiteState::precommitted : SiteState::prepared};
    case State::committing:
      return {"forcing commit", SiteState::committed};
    case State::committed:
      return {"committed", SiteState::committed};
    case State::aborted:
      return {"aborted", SiteState::aborted};
  }
  return {};
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
      return state_ == State::voting || (state_ == State::prepared && promised_.ballot.value == 0)
                 ? voter_.prepare(effects())
                 : ignored();
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

void Participant::on_executed(Vote vote, Reason reason) { go_on(voter_.executed(effects(), vote, reason)); }

void Participant::go_on(Voter::End end) {
  if (end == Voter::End::prepared) {
    state_ = State::prepared;
    wait_for_decision();
  } else if (end != Voter::End::none) {
    forget();
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
    send_acknowledgement(effects(), raw(Kind::ack), false);
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
  if (state_ == State::voting) {
    return go_on(voter_.told(effects(), outcome, reason));
  }
  if (!in_doubt()) {
    return ignored();
  }
  voter_.carry_out(effects(), outcome, reason);
  const bool relay = leads();
  state_ = outcome == Outcome::commit ? State::committing : State::aborted;
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
  switch (state_) {
    case State::voting:
      return voter_.asked(effects(), {in.from, raw(Kind::answer), {}});
    case State::prepared:
    case State::precommitting:
    case State::precommitted:
      if (restarted_) {
        return send_in_doubt(in.from, {});
      }
      return send_answer(effects(), raw(Kind::answer), in.from, site_state(), Outcome::undecided, in.retry);
    case State::committing:
      return send_answer(effects(), raw(Kind::answer), in.from, site_state(), Outcome::commit, in.retry);
    case State::deciding:  // Not durable yet. The asker asks again.
    case State::committed:
    case State::aborted:
      return ignored();
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
      send_acknowledgement(effects(), raw(Kind::ack), true);
      return forget();
    case Outcome::abort:
      state_ = State::aborted;
      decide(Outcome::abort, reason);
      return forget();
    case Outcome::undecided:  // The engine has taken the locks again before anything was served.
      restarted_ = true;
      voter_.bind();
      state_ = has_record(durable, raw(Record::precommit)) ? State::precommitted : State::prepared;
      note("recovered-in-doubt");
      return inquiry_.ask(effects(), true);
  }
}

void Participant::send_in_doubt(NodeId to, Ballot ballot) {
  send_answer(effects(), raw(Kind::in_doubt), to, site_state(), Outcome::undecided, true, ballot);
}

void Participant::send_precommit_ack(bool retry) {
  Message m = message(promised_.leader, role_of(promised_.leader), raw(Kind::precommit_ack));
  m.ballot = promised_.ballot;
  m.retry = retry;
  send(m);
}

std::unique_ptr<CommitMachine> make_participant(const TxnContext& context) {
  return std::make_unique<Participant>(context);
}

}  // namespace geocommit::three_phase_commit
