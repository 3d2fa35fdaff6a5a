#include "protocols/three_phase_commit/participant.h"

#include "protocols/parts/answers.h"
#include "protocols/parts/recovered.h"

namespace geocommit::three_phase_commit {
namespace {

/// A follower gives its leader both rounds (states, then PRECOMMIT) and one for the messages themselves.
constexpr int kFollowerPatience = 3;
/// In PC: the coordinator may be waiting out its own timeout for another site's PRECOMMIT_ACK.
constexpr int kPrecommittedPatience = 2;

}  // namespace

std::string Participant::describe() const {
  std::string text = MachineBase::describe();
  if (in_doubt()) {
    text += restarted_ ? " restarted" : "";
    if (promised_.ballot.value > 0) {
      text += leading_.leads() ? " leads" : " follows " + std::to_string(promised_.leader.value);
      text += " ballot=" + std::to_string(promised_.ballot.value);
    }
  }
  return text;
}

Phase Participant::phase() const {
  switch (state_) {
    case State::voter:
      return voter_.phase();
    case State::prepared:
      return {"prepared", SiteState::prepared};
    case State::precommitting:
      return {"forcing precommit", SiteState::prepared};
    case State::precommitted:
      return {"precommitted", SiteState::precommitted};
    case State::deciding:  // Still in doubt: the decision counts when it is durable.
      return {decision_ == Outcome::commit ? "leader forcing commit" : "leader forcing abort",
              leading_.precommit_seen() ? SiteState::precommitted : SiteState::prepared};
  }
  return {};
}

void Participant::encode(std::string& out) const {
  put_all(out, state_, voter_, promised_.ballot.value, promised_.leader.value);
  put(out, (restarted_ ? 2U : 0U) | (entered_termination_ ? 4U : 0U) | (deferred_ ? 16U : 0U));
  if (deferred_) {
    put_all(out, deferred_->from.value, deferred_->ballot.value);
  }
  put_all(out, inquiry_, leading_, decision_);
}

void Participant::on_message(const Message& in) {
  if (in.to_role != Role::participant) {
    return ignored();
  }
  const auto kind = static_cast<Kind>(in.kind);
  const bool any_time = kind == Kind::state_request;
  switch (voter_.is_bound() || any_time ? kind : Kind::decision) {  // Not bound: the voter knows what to do.
    case Kind::prepare:
      if (state_ != State::prepared || promised_.ballot.value != 0) {
        return ignored();
      }
      break;
    case Kind::precommit:
      return on_precommit(in);
    case Kind::precommit_ack:
      return state_ == State::precommitted ? go_on(leading_.acknowledged(effects(), in, promised_.ballot)) : ignored();
    case Kind::state_request:
      return on_state_request(in);
    case Kind::state_answer:
    case Kind::in_doubt:
      return go_on(leading_.answered(effects(), in, promised_.ballot));
    case Kind::inquiry:
      return on_inquiry(in);
    case Kind::answer:
      if (state_ == State::deciding) {
        return note("answer-without-use");
      }
      break;
    case Kind::decision:
    case Kind::vote:
    case Kind::ack:
      break;
  }
  if (voter_.message(effects(), in)) {
    adopt(in);
  }
}

void Participant::on_executed(Vote vote, Reason reason) { voter_.executed(effects(), vote, reason); }

void Participant::on_forced(std::uint8_t kind) {
  if (kind == raw(Record::precommit) && state_ == State::precommitting) {
    return precommit_forced();
  }
  if (state_ == State::deciding && kind == raw(decision_ == Outcome::commit ? Record::commit : Record::abort)) {
    return leader_decision_forced();
  }
  if (voter_.forced(effects(), kind)) {
    state_ = State::prepared;
    wait_for_decision();
  }
}

void Participant::on_timer(std::uint8_t timer) {
  const bool waits = state_ == State::prepared || state_ == State::precommitted;
  if (timer == raw(Timer::decision) && waits && !restarted_ && !leading_.leads()) {
    if (!entered_termination_) {
      entered_termination_ = true;
      note("entered_termination");
    }
    return lead(Ballot{promised_.ballot.value + 1});
  }
  if (timer == raw(Timer::inquiry) && waits && restarted_) {
    return inquiry_.ask(effects(), true);  // Asks everybody, decides nothing.
  }
  if (timer == raw(Timer::termination) && waits && leading_.leads()) {
    note("silent-sites-presumed-dead");
    return go_on(Leading::End::all);
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
  leading_.stop();
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
  if (leading_.leads() && !deferred_) {
    return go_on(leading_.precommit(effects(), promised_.ballot));
  }
  if (!leading_.leads()) {
    send_precommit_ack(false);
    wait_for_decision();
  }
  if (deferred_) {  // Another leader asked meanwhile, and outranks.
    leading_.stop();
    const Message request = *deferred_;
    deferred_.reset();
    on_state_request(request);
  }
}

/// From anybody, at any ballot: its sender has made it durable, or (the coordinator's abort) never sent a PRECOMMIT.
void Participant::adopt(const Message& in) {
  if (state_ == State::deciding) {
    return in.outcome == decision_ ? ignored() : note("split-outcome");
  }
  const bool relay = leading_.leads();
  voter_.carry_out(effects(), in.outcome, in.reason);
  state_ = State::voter;
  for (const Timer timer : {Timer::decision, Timer::termination, Timer::inquiry}) {
    cancel(raw(timer));
  }
  if (relay) {
    tell_others(in.outcome);
  }
  leading_.stop();
}

void Participant::on_inquiry(const Message& in) {
  if (state_ == State::deciding) {
    return ignored();  // Not durable yet. The asker asks again.
  }
  restarted_ ? send_in_doubt(in.from, {})
             : send_answer(effects(), raw(Kind::answer), in.from, site_state(), Outcome::undecided, in.retry);
}

void Participant::on_recovered(const std::vector<LogRecord>& durable) {
  if (voter_.recovered(effects(), durable)) {
    restarted_ = true;
    state_ = has_record(durable, raw(Record::precommit)) ? State::precommitted : State::prepared;
    inquiry_.ask(effects(), true);
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

// The termination protocol (Skeen 1981, section 6): a site in doubt leads, the live one with the lowest node id wins,
// and what the live sites know decides. README.md argues why restarted sites do not count.

void Participant::lead(Ballot ballot) {
  promised_ = {ballot, context().self};
  note("leads");
  cancel(raw(Timer::decision));
  go_on(leading_.collect(effects(), ballot, state_ == State::precommitted));
}

void Participant::on_state_request(const Message& in) {
  const Asker asker{in.from, raw(Kind::state_answer), in.ballot};
  const Leadership sender{in.ballot, in.from};
  switch (state_) {
    case State::voter:
      return voter_.asked(effects(), asker);
    case State::deciding:  // Everybody hears the decision once it is durable.
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
  leading_.stop();
  cancel(raw(Timer::termination));
  promised_ = sender;
  send_answer(effects(), asker.answer, in.from, site_state(), Outcome::undecided, false, in.ballot);
  wait_for_decision();
}

/// Of its own round. Whoever has not answered is presumed dead.
void Participant::go_on(Leading::End end) {
  switch (end) {
    case Leading::End::none:
      return;
    case Leading::End::commit:
      return decide_as_leader(Outcome::commit);
    case Leading::End::abort:
      return decide_as_leader(Outcome::abort);
    case Leading::End::all:
      break;
  }
  if (!leading_.collects()) {
    return decide_as_leader(Outcome::commit);
  }
  leading_.precommit_seen() ? move_to_precommit() : decide_as_leader(Outcome::abort);
}

void Participant::move_to_precommit() {
  leading_.move(effects());
  if (state_ == State::precommitted) {
    return go_on(leading_.precommit(effects(), promised_.ballot));
  }
  state_ = State::precommitting;
  LogRecord record = make_record(raw(Record::precommit));
  record.ballot = promised_.ballot;
  force(std::move(record));
}

void Participant::decide_as_leader(Outcome outcome) {
  state_ = State::deciding;
  leading_.stop();
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
  state_ = State::voter;
  voter_.take_effect(effects(), decision_, commit ? Reason::none : Reason::terminated);
  tell_others(decision_);
  if (commit) {
    send_acknowledgement(effects(), raw(Kind::ack), false);
  }
  forget();
}

void Participant::tell_others(Outcome outcome) {
  for (const NodeId site : others_of(context())) {
    Message decision = message(site, Role::participant, raw(Kind::decision));
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

std::unique_ptr<CommitMachine> make_participant(const TxnContext& context) {
  return make_machine<Participant>(context);
}

}  // namespace geocommit::three_phase_commit
