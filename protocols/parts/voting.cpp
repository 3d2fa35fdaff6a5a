#include "protocols/parts/voting.h"

#include "protocols/parts/announcement.h"

namespace geocommit {

Voting::End Voting::begin(Effects effects) {
  if (state_ != State::initial) {
    effects.ignored();
    return End::none;
  }
  if (effects.context().cohort.empty()) {
    return abort(effects, Reason::invalid_request);
  }
  state_ = State::collecting;
  effects.arm(words_.timer, effects.context().timeouts.vote);
  send_prepares(effects, words_.prepare);
  effects.note("prepare-sent");
  return End::none;
}

Voting::End Voting::vote(Effects effects, const Message& in) {
  switch (is_open() ? votes_.count(effects.context(), in.from, in.vote) : BallotBox::Tally::ignored) {
    case BallotBox::Tally::ignored:
      effects.ignored();
      return End::none;
    case BallotBox::Tally::counted:
      return End::none;
    case BallotBox::Tally::complete:
      break;
    case BallotBox::Tally::refused:
      return abort(effects, in.reason == Reason::none ? Reason::constraint : in.reason);
  }
  effects.note("votes-collected");
  effects.cancel(words_.timer);
  if (!votes_.yes(effects.context()).empty()) {
    state_ = State::yes;
    return End::yes;
  }
  state_ = State::read_only;  // Nothing to make durable, nobody to tell.
  if (ends_ == Ends::here) {
    effects.decide(Outcome::commit);
  }
  return End::read_only;
}

Voting::End Voting::timer(Effects effects, std::uint8_t timer) {
  if (is_open() && timer == words_.timer) {
    return abort(effects, Reason::vote_timeout);
  }
  effects.ignored();
  return End::none;
}

Voting::End Voting::wounded(Effects effects) {
  if (is_open()) {
    return abort(effects, Reason::lock_conflict);
  }
  effects.ignored();
  return End::none;
}

Voting::End Voting::abort(Effects effects, Reason reason) {
  if (is_open()) {
    effects.cancel(words_.timer);
  }
  if (ends_ == Ends::here) {
    effects.decide(Outcome::abort, reason);
    send_decisions(effects, words_.decision, votes_.yes_or_silent(effects.context()), Outcome::abort, reason,
                   state_ == State::closed);
  }
  state_ = State::aborted;
  reason_ = reason;
  return End::aborted;
}

bool Voting::close(Effects effects) {
  if (state_ != State::initial) {
    effects.ignored();
    return false;
  }
  state_ = State::closed;
  return true;
}

LogRecord Voting::record(const TxnContext& context, std::uint8_t kind, Outcome outcome) const {
  LogRecord record = make_first_record(kind, outcome);
  std::vector<NodeId> voters = yes(context);
  if (voters.size() < context.cohort.size()) {
    record.sites = std::move(voters);
  }
  return record;
}

Phase Voting::phase() const {
  switch (state_) {
    case State::initial:
      return {"initial", SiteState::working};
    case State::collecting:
      return {"collecting", SiteState::working, "votes", votes_.counted()};
    case State::yes:
      return {"voted", SiteState::working};
    case State::read_only:
      return {"committed", SiteState::committed};
    case State::aborted:
      return {"aborted", SiteState::aborted};
    case State::closed:
      break;
  }
  return {"restarted", SiteState::unknown};
}

void Voting::encode(std::string& out) const {
  put(out, state_);
  votes_.encode(out);
}

}  // namespace geocommit
