#include "protocols/parts/voter.h"

#include <algorithm>

#include "protocols/parts/answers.h"
#include "protocols/parts/recovered.h"

namespace geocommit {

bool Voter::message(Effects effects, const Message& in) {
  const bool decision = in.kind == words_.decision && in.outcome != Outcome::undecided;
  const bool answer = in.kind == words_.answer;
  if (decision) {
    effects.note("decision-received");
  }
  if (is_bound() && (decision || (answer && in.outcome != Outcome::undecided))) {
    return true;
  }
  if (decision) {
    told(effects, in.outcome, in.reason);
  } else if (in.kind == words_.prepare) {
    prepare(effects);
  } else if (in.kind == words_.inquiry) {
    asked(effects, {in.from, words_.answer, {}}, in.retry);
  } else {
    effects.note(answer ? "answer-without-use" : "ignored");
  }
  return false;
}

/// Bound already, it votes YES again.
void Voter::prepare(Effects effects) {
  if (state_ == State::prepared) {
    return send_vote(effects, Vote::yes, Reason::none, true);
  }
  prepare_seen_ = prepare_seen_ || state_ == State::initial || state_ == State::aborting;
  if (state_ != State::initial) {
    return effects.ignored();  // Aborting: the NO follows the force.
  }
  state_ = State::executing;
  effects.note("prepare-received");
  effects.execute(read_only_);
}

void Voter::executed(Effects effects, Vote vote, Reason reason) {
  if (state_ != State::executing || vote == Vote::none) {
    return effects.ignored();  // Aborted meanwhile.
  }
  if (vote == Vote::yes) {
    state_ = State::preparing;
    return effects.force(make_first_record(words_.prepared));
  }
  if (vote == Vote::no) {
    effects.append(make_record(words_.abort, Outcome::abort, reason));
    effects.decide(Outcome::abort, reason);
    effects.release();
    send_vote(effects, Vote::no, reason, false);
    return aborted(effects);
  }
  state_ = State::read_only;
  send_vote(effects, Vote::read_only, Reason::none, false);
  effects.release();
  effects.forget();
}

bool Voter::forced(Effects effects, std::uint8_t record) {
  if (record == words_.prepared && state_ == State::preparing) {
    state_ = State::prepared;
    effects.note("vote-forced");
    send_vote(effects, Vote::yes, Reason::none, false);
    return true;
  }
  if (record == words_.abort && state_ == State::aborting) {
    effects.decide(Outcome::abort, Reason::terminated);
    if (prepare_seen_) {
      effects.release();
      send_vote(effects, Vote::no, Reason::terminated, false);
    }
    aborted(effects);
  } else if (record == words_.abort && state_ == State::undoing) {
    send_acknowledgement(effects, words_.ack_abort, false);
    aborted(effects);
  } else if (record == words_.commit && is_committing()) {
    if (state_ == State::transmitted) {
      take_effect(effects, Outcome::commit, Reason::none);
    }
    state_ = State::committed;
    send_acknowledgement(effects, words_.ack, false);
    effects.forget();
  } else {
    effects.ignored();
  }
  return false;
}

/// The engine has taken the locks of a site in doubt again before anything was served.
bool Voter::recovered(Effects effects, const std::vector<LogRecord>& durable) {
  if (state_ != State::initial || durable.empty()) {
    effects.ignored();
    return false;
  }
  const auto [outcome, reason] = outcome_in(durable);
  if (outcome == Outcome::undecided) {
    state_ = State::prepared;
    effects.note("recovered-in-doubt");
    return true;
  }
  state_ = outcome == Outcome::commit ? State::committed : State::aborted;
  effects.decide(outcome, reason);
  if (const std::uint8_t ack = outcome == Outcome::commit ? words_.ack : words_.ack_abort; ack != 0) {
    send_acknowledgement(effects, ack, true);
  }
  effects.forget();
  return false;
}

void Voter::asked(Effects effects, const Asker& asker, bool retry) {
  if (is_bound() || is_committing()) {
    return send_answer(effects, asker.answer, asker.node, phase().seen,
                       is_bound() ? Outcome::undecided : Outcome::commit, retry, asker.ballot);
  }
  if (std::find(askers_.begin(), askers_.end(), asker) == askers_.end()) {
    askers_.push_back(asker);
  }
  if (state_ != State::aborting && state_ != State::undoing) {
    state_ = State::aborting;
    effects.force(make_record(words_.abort, Outcome::abort, Reason::terminated));
  }
}

/// A commit is nonsense to who is not bound, and so is an abort if it never heard of the transaction.
void Voter::told(Effects effects, Outcome outcome, Reason reason) {
  if (outcome != Outcome::abort || state_ == State::initial || state_ == State::undoing || is_committing()) {
    return effects.note(outcome == Outcome::abort && is_committing() ? "split-outcome" : "ignored");
  }
  if (state_ != State::aborting) {
    record_abort(effects, reason);
  }
  effects.decide(Outcome::abort, reason);
  if (prepare_seen_) {
    effects.release();
  }
  if (words_.ack_abort == 0) {
    return aborted(effects);
  }
  state_ = State::undoing;
}

void Voter::record_abort(Effects effects, Reason reason) const {
  const LogRecord record = make_record(words_.abort, Outcome::abort, reason);
  words_.ack_abort == 0 ? effects.append(record) : effects.force(record);
}

void Voter::carry_out(Effects effects, Outcome outcome, Reason reason, Takes takes) {
  if (outcome == Outcome::abort) {
    record_abort(effects, reason);
    take_effect(effects, outcome, reason);
    if (words_.ack_abort == 0) {
      return effects.forget();
    }
    state_ = State::undoing;
    return;
  }
  if (words_.ack == 0) {
    effects.append(make_record(words_.commit, Outcome::commit));
    take_effect(effects, outcome, reason);
    return effects.forget();
  }
  effects.force(make_record(words_.commit, Outcome::commit));
  if (takes == Takes::effect_at_once) {
    take_effect(effects, outcome, reason);
  }
  state_ = takes == Takes::effect_at_once ? State::committing : State::transmitted;
}

void Voter::take_effect(Effects effects, Outcome outcome, Reason reason) {
  state_ = outcome == Outcome::commit ? State::committed : State::aborted;
  effects.decide(outcome, reason);
  effects.release();
}

/// This site's log answers for it now.
void Voter::aborted(Effects effects) {
  state_ = State::aborted;
  for (const Asker& asker : askers_) {
    send_answer(effects, asker.answer, asker.node, SiteState::aborted, Outcome::abort, false, asker.ballot);
  }
  effects.forget();
}

void Voter::send_vote(Effects effects, Vote vote, Reason reason, bool retry) const {
  Message m = effects.message(effects.context().coordinator, Role::coordinator, words_.vote);
  m.vote = vote;
  m.reason = reason;
  m.retry = retry;
  effects.send(m);
}

Phase Voter::phase() const {
  switch (state_) {
    case State::initial:
      return {"initial", SiteState::working};
    case State::executing:
      return {"executing", SiteState::working};
    case State::preparing:
      return {"forcing prepared", SiteState::working};
    case State::aborting:
      return {"forcing abort", SiteState::working};
    case State::undoing:
      return {"undone, forcing abort", SiteState::aborted};
    case State::prepared:
      return {"prepared", SiteState::prepared};
    case State::committing:
      return {"forcing commit", SiteState::committed};
    case State::transmitted:
      return {"transmitted, forcing commit", SiteState::prepared};
    case State::committed:
      return {"committed", SiteState::committed};
    case State::aborted:
      return {"aborted", SiteState::aborted};
    case State::read_only:
      return {"read-only", SiteState::unknown};
  }
  return {};
}

void Voter::encode(std::string& out) const {
  put(out, static_cast<std::uint32_t>(state_) << 1U | (prepare_seen_ ? 1U : 0U));
  put(out, static_cast<std::uint32_t>(askers_.size()));
  for (const Asker& asker : askers_) {
    put(out, asker.node.value);
    put(out, asker.answer);
    put(out, asker.ballot.value);
  }
}

}  // namespace geocommit
