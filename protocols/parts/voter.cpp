#include "protocols/parts/voter.h"

#include <algorithm>

#include "protocols/parts/answers.h"

namespace geocommit {

void Voter::prepare(Effects effects) {
  if (state_ == State::prepared) {
    return send_vote(effects, Vote::yes, Reason::none, true);
  }
  prepare_seen_ = true;  // Aborting: the NO follows the force.
  if (state_ != State::initial) {
    return effects.ignored();
  }
  state_ = State::executing;
  effects.note("prepare-received");
  effects.execute(read_only_);
}

Voter::End Voter::executed(Effects effects, Vote vote, Reason reason) {
  if (state_ != State::executing || vote == Vote::none) {
    effects.ignored();  // Aborted meanwhile.
    return End::none;
  }
  if (vote == Vote::yes) {
    state_ = State::preparing;
    LogRecord record = make_record(words_.prepared);
    record.with_descriptor = true;
    effects.force(std::move(record));
    return End::none;
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
  return End::read_only;
}

Voter::End Voter::forced(Effects effects, std::uint8_t record) {
  if (record == words_.prepared && state_ == State::preparing) {
    state_ = State::prepared;
    effects.note("vote-forced");
    send_vote(effects, Vote::yes, Reason::none, false);
    return End::prepared;
  }
  if (record == words_.abort && state_ == State::aborting) {
    effects.decide(Outcome::abort, Reason::terminated);
    if (prepare_seen_) {
      effects.release();
      send_vote(effects, Vote::no, Reason::terminated, false);
    }
    return aborted(effects);
  }
  effects.ignored();
  return End::none;
}

void Voter::asked(Effects effects, const Asker& asker) {
  if (std::find(askers_.begin(), askers_.end(), asker) == askers_.end()) {
    askers_.push_back(asker);
  }
  if (state_ != State::aborting) {
    state_ = State::aborting;
    effects.force(make_record(words_.abort, Outcome::abort, Reason::terminated));
  }
}

Voter::End Voter::told(Effects effects, Outcome outcome, Reason reason) {
  if (outcome != Outcome::abort || state_ == State::initial) {
    effects.ignored();
    return End::none;
  }
  if (state_ != State::aborting) {
    effects.append(make_record(words_.abort, Outcome::abort, reason));
  }
  effects.decide(Outcome::abort, reason);
  if (prepare_seen_) {
    effects.release();
  }
  return aborted(effects);
}

void Voter::carry_out(Effects effects, Outcome outcome, Reason reason) {
  if (outcome == Outcome::commit) {
    effects.force(make_record(words_.commit, Outcome::commit));
    effects.decide(Outcome::commit);
  } else {
    effects.append(make_record(words_.abort, Outcome::abort, reason));
    effects.decide(Outcome::abort, reason);
  }
  effects.release();
}

/// This site's log answers for it now.
Voter::End Voter::aborted(Effects effects) {
  state_ = State::aborted;
  for (const Asker& asker : askers_) {
    send_answer(effects, asker.answer, asker.node, SiteState::aborted, Outcome::abort, false, asker.ballot);
  }
  return End::aborted;
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
    case State::prepared:
      return {"prepared", SiteState::prepared};
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
