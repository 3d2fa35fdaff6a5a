#include "protocols/parts/voter.h"

#include <algorithm>

namespace geocommit {

void Voter::prepare(Effects effects) {
  if (state_ != State::initial) {
    prepare_seen_ = true;  // Aborting: the NO follows the force.
    return effects.ignored();
  }
  state_ = State::executing;
  prepare_seen_ = true;
  effects.note("prepare-received");
  effects.execute();
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
  state_ = State::over;
  if (vote == Vote::no) {
    effects.append(make_record(words_.abort, Outcome::abort, reason));
    effects.decide(Outcome::abort, reason);
    effects.release();
    send_vote(effects, Vote::no, reason, false);
    return End::aborted;
  }
  send_vote(effects, Vote::read_only, Reason::none, false);
  effects.release();
  return End::read_only;
}

Voter::End Voter::forced(Effects effects, std::uint8_t record) {
  if (record == words_.prepared && state_ == State::preparing) {
    state_ = State::over;
    effects.note("vote-forced");
    send_vote(effects, Vote::yes, Reason::none, false);
    return End::prepared;
  }
  if (record == words_.abort && state_ == State::aborting) {
    state_ = State::over;
    effects.decide(Outcome::abort, Reason::terminated);
    if (prepare_seen_) {
      effects.release();
      send_vote(effects, Vote::no, Reason::terminated, false);
    }
    return End::aborted;
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

bool Voter::told_abort(Effects effects, Reason reason) {
  if (state_ == State::initial) {
    effects.ignored();
    return false;
  }
  if (state_ != State::aborting) {
    effects.append(make_record(words_.abort, Outcome::abort, reason));
  }
  state_ = State::over;
  effects.decide(Outcome::abort, reason);
  if (prepare_seen_) {
    effects.release();
  }
  return true;
}

void Voter::send_vote(Effects effects, Vote vote, Reason reason, bool retry) const {
  Message m = effects.message(effects.context().coordinator, Role::coordinator, words_.vote);
  m.vote = vote;
  m.reason = reason;
  m.retry = retry;
  effects.send(m);
}

std::string_view Voter::describe() const {
  switch (state_) {
    case State::initial:
      return "initial";
    case State::executing:
      return "executing";
    case State::preparing:
      return "forcing prepared";
    case State::aborting:
      return "forcing abort";
    case State::over:
      return "voted";
  }
  return "?";
}

void Voter::encode(std::string& out) const {
  put(out, static_cast<std::uint32_t>(state_) << 1U | (prepare_seen_ ? 1U : 0U));
  put(out, static_cast<std::uint32_t>(askers_.size()));
  for (const Asker& asker : askers_) {
    put(out, asker.node.value);
    put(out, asker.kind);
    put(out, asker.ballot.value);
  }
}

}  // namespace geocommit
