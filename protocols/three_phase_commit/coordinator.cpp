#include "protocols/machine_base.h"
#include "protocols/parts/announcement.h"
#include "protocols/parts/recovered.h"
#include "protocols/parts/voting.h"
#include "protocols/three_phase_commit/three_phase_commit.h"

namespace geocommit::three_phase_commit {
namespace {

/// The original coordinator: ballot 0. Invariants: no PRECOMMIT before `precommit` is durable, nobody is told commit
/// before `commit` is; after PRECOMMIT it never aborts by itself, it only learns an abort; restarted in doubt, it only
/// learns.
class Coordinator : public MachineBase {
 public:
  using MachineBase::MachineBase;

 protected:
  [[nodiscard]] Phase phase() const override {
    switch (state_) {
      case State::voting:
        return voting_.phase();
      case State::forcing_precommit:
        return {"forcing precommit", SiteState::working};
      case State::precommitting:
        return {"precommitting", SiteState::precommitted, "unacknowledged", waiting_.size()};
      case State::forcing_commit:
        return {"forcing commit", SiteState::precommitted};
      case State::announcing:
        return announcement_.phase();
      case State::uncertain:
        return {"restarted in doubt", SiteState::precommitted};
      case State::forcing_abort:
        return {"forcing abort", SiteState::precommitted};
    }
    return {};
  }

  void encode(std::string& out) const override {
    put_all(out, state_, voting_, voters_, waiting_, in_doubt_, announcement_);
    put(out, static_cast<std::uint32_t>(inquiry_.factor()));
  }

  void on_begin() override { go_on(voting_.begin(effects())); }

  void on_message(const Message& in) override {
    if (!is_from_site(in)) {
      return ignored();
    }
    switch (static_cast<Kind>(in.kind)) {
      case Kind::vote:
        return go_on(voting_.vote(effects(), in));
      case Kind::precommit_ack:
        return on_precommit_ack(in);
      case Kind::ack:
        return on_ack(in);
      case Kind::inquiry:
        return announcement_.asked(effects(), raw(Kind::answer), in);
      case Kind::answer:
        return on_answer(in);
      case Kind::in_doubt:
        return on_in_doubt(in);
      case Kind::prepare:
      case Kind::precommit:
      case Kind::decision:
      case Kind::state_request:
      case Kind::state_answer:
        return ignored();
    }
    ignored();
  }

  void on_timer(std::uint8_t timer) override {
    if (voting_.is_open()) {
      return go_on(voting_.timer(effects(), timer));
    }
    if (timer == raw(Timer::precommit) && state_ == State::precommitting) {
      note("silent-sites-presumed-dead");
      return choose_commit();
    }
    if (timer == raw(Timer::inquiry) && state_ == State::uncertain) {
      return inquire();
    }
    announcement_.timer(effects(), timer);
  }

  void on_forced(std::uint8_t kind) override {
    if (kind == raw(Record::precommit_chosen) && state_ == State::forcing_precommit) {
      note("precommit-forced");
      state_ = State::precommitting;
      waiting_ = voters_;
      for (std::size_t i = 0; i < waiting_.size(); ++i) {
        send(message(waiting_[i], Role::participant, raw(Kind::precommit)));
        if (i == 0) {
          note("precommit-sent-to-one");
        }
      }
      return arm(raw(Timer::precommit), context().timeouts.vote);
    }
    if (kind == raw(Record::commit_chosen) && state_ == State::forcing_commit) {
      note("decision-forced");
      return announce(false);
    }
    if (kind == raw(Record::abort_learnt) && state_ == State::forcing_abort) {
      decide(Outcome::abort, Reason::terminated);
      send_decisions(effects(), raw(Kind::decision), voters_, Outcome::abort, Reason::terminated, true);
      return forget();
    }
    ignored();
  }

  void on_wounded() override { go_on(voting_.wounded(effects())); }

  void on_recovered(const std::vector<LogRecord>& durable) override {
    if (!voting_.close(effects())) {
      return;
    }
    const bool ended = has_record(durable, raw(Record::end));
    voters_ = sites_in(durable, context());
    if (has_record(durable, raw(Record::abort_learnt))) {
      decide(Outcome::abort, Reason::terminated);
      return forget();
    }
    if (ended ||
        !has_record(durable,
                    raw(Record::precommit_chosen))) {  // Without a precommit record: presumed abort answers for it.
      return forget();
    }
    if (has_record(durable, raw(Record::commit_chosen))) {
      return announce(true);
    }
    note("recovered-in-doubt");
    state_ = State::uncertain;
    inquire();
  }

 private:
  enum class State : std::uint8_t {
    voting,  ///< voting_ says how far.
    forcing_precommit,
    precommitting,
    forcing_commit,
    announcing,
    uncertain,  ///< Restarted with `precommit` alone: the participants may have terminated either way.
    forcing_abort,
  };

  void go_on(Voting::End end) {
    if (end == Voting::End::yes) {
      state_ = State::forcing_precommit;
      voters_ = voting_.yes(context());
      force(voting_.record(context(), raw(Record::precommit_chosen)));
    } else if (end != Voting::End::none) {
      forget();
    }
  }

  void on_precommit_ack(const Message& in) {
    if (state_ != State::precommitting || std::erase(waiting_, in.from) == 0) {
      return ignored();
    }
    if (waiting_.empty()) {
      note("precommits-acknowledged");
      cancel(raw(Timer::precommit));
      choose_commit();
    }
  }

  void choose_commit() {
    state_ = State::forcing_commit;
    force(make_record(raw(Record::commit_chosen), Outcome::commit));
  }

  void learn_abort() {
    state_ = State::forcing_abort;
    force(make_record(raw(Record::abort_learnt), Outcome::abort, Reason::terminated));
  }

  void announce(bool retry) {
    state_ = State::announcing;
    waiting_.clear();
    decide(Outcome::commit);
    announcement_.begin(effects(), voters_, retry);
  }

  void on_ack(const Message& in) {
    if (state_ == State::precommitting || state_ == State::uncertain) {
      return learn(Outcome::commit);  // From a site that a leader told.
    }
    if (announcement_.acknowledged(effects(), in.from)) {
      forget();
    }
  }

  void on_answer(const Message& in) {
    if (in.outcome == Outcome::undecided) {
      return ignored();
    }
    if (state_ == State::precommitting || state_ == State::uncertain) {
      return learn(in.outcome);
    }
    if (voting_.is_open() && in.outcome == Outcome::abort) {
      return go_on(voting_.abort(effects(), Reason::terminated));
    }
    if (state_ == State::forcing_precommit && in.outcome == Outcome::abort) {
      return learn_abort();  // No PRECOMMIT has left.
    }
    if (state_ == State::announcing && in.outcome == Outcome::abort) {
      note("split-outcome");  // Beyond the fault model: the site has aborted for good; asking again changes nothing.
      return announcement_.waits_for(in.from) ? on_ack(in) : void();
    }
    ignored();
  }

  void learn(Outcome outcome) {
    cancel(raw(state_ == State::uncertain ? Timer::inquiry : Timer::precommit));
    outcome == Outcome::commit ? choose_commit() : learn_abort();
  }

  /// Every site has restarted in doubt: no leader is left and none has decided (a decider forces before it tells), and
  /// restarted sites never lead. Only this coordinator can decide now, and `precommit` says that all voted YES.
  void on_in_doubt(const Message& in) {
    if (state_ != State::uncertain || std::find(voters_.begin(), voters_.end(), in.from) == voters_.end()) {
      return ignored();
    }
    if (std::find(in_doubt_.begin(), in_doubt_.end(), in.from) == in_doubt_.end()) {
      in_doubt_.insert(std::upper_bound(in_doubt_.begin(), in_doubt_.end(), in.from), in.from);
    }
    if (in_doubt_.size() == voters_.size()) {
      note("all-sites-restarted-in-doubt");
      learn(Outcome::commit);
    }
  }

  void inquire() {
    for (const Member& member : context().cohort) {
      if (std::find(voters_.begin(), voters_.end(), member.node) != voters_.end()) {
        Message inquiry = message(member.node, Role::participant, raw(Kind::inquiry));
        inquiry.to_epoch = member.epoch;
        inquiry.retry = true;
        send(inquiry);
      }
    }
    arm(raw(Timer::inquiry), inquiry_.next());
  }

  State state_{State::voting};
  Voting voting_{Voting::words<Kind, Timer>(), context()};
  std::vector<NodeId> voters_;    ///< YES voters; known once all votes are in.
  std::vector<NodeId> waiting_;   ///< Voters that have not acknowledged PRECOMMIT.
  std::vector<NodeId> in_doubt_;  ///< Uncertain: voters known to have restarted in doubt.
  Announcement announcement_{Announcement::words<Kind, Timer, Record>(), context().timeouts.resend};
  Backoff inquiry_{context().timeouts.resend};
};

}  // namespace

std::unique_ptr<CommitMachine> make_coordinator(const TxnContext& context) {
  return make_machine<Coordinator>(context);
}

}  // namespace geocommit::three_phase_commit
