#include "protocols/machine_base.h"
#include "protocols/three_phase_commit/three_phase_commit.h"

namespace geocommit::three_phase_commit {
namespace {

constexpr std::uint8_t raw(Kind kind) { return static_cast<std::uint8_t>(kind); }
constexpr std::uint8_t raw(Record record) { return static_cast<std::uint8_t>(record); }
constexpr std::uint8_t raw(Timer timer) { return static_cast<std::uint8_t>(timer); }

/// The original coordinator: ballot 0. Invariants: no PRECOMMIT before `precommit` is durable, nobody is told commit
/// before `commit` is; after PRECOMMIT it never aborts by itself, it only learns an abort; restarted in doubt, it only
/// learns.
class Coordinator final : public MachineBase {
 public:
  explicit Coordinator(const TxnContext& context)
      : MachineBase(context), votes_(context.cohort.size(), Vote::none), resend_(context.timeouts.resend) {}

  [[nodiscard]] std::string describe() const override {
    switch (state_) {
      case State::initial:
        return "initial";
      case State::collecting:
        return "collecting votes=" + std::to_string(context().cohort.size() - missing());
      case State::forcing_precommit:
        return "forcing precommit";
      case State::precommitting:
        return "precommitting unacknowledged=" + std::to_string(waiting_.size());
      case State::forcing_commit:
        return "forcing commit";
      case State::announcing:
        return "announcing commit unacknowledged=" + std::to_string(waiting_.size());
      case State::uncertain:
        return "restarted in doubt";
      case State::forcing_abort:
        return "forcing abort";
      case State::committed:
        return "committed";
      case State::aborted:
        return "aborted";
    }
    return "?";
  }

  [[nodiscard]] SiteState site_state() const override {
    switch (state_) {
      case State::initial:
      case State::collecting:
      case State::forcing_precommit:
        return SiteState::working;
      case State::precommitting:
      case State::forcing_commit:
      case State::uncertain:
      case State::forcing_abort:
        return SiteState::precommitted;
      case State::announcing:
      case State::committed:
        return SiteState::committed;
      case State::aborted:
        return SiteState::aborted;
    }
    return SiteState::unknown;
  }

  [[nodiscard]] std::unique_ptr<CommitMachine> clone() const override { return std::make_unique<Coordinator>(*this); }

 protected:
  void encode(std::string& out) const override {
    put(out, state_);
    for (const Vote vote : votes_) {
      put(out, vote);
    }
    put(out, voters_);
    put(out, waiting_);
    put(out, in_doubt_);
    put(out, static_cast<std::uint32_t>(resend_.factor()));
  }

  void on_begin() override {
    if (state_ != State::initial) {
      return ignored();
    }
    if (context().cohort.empty()) {
      return abort(Reason::invalid_request);
    }
    state_ = State::collecting;
    arm(raw(Timer::vote), context().timeouts.vote);
    for (const Member& member : context().cohort) {
      Message prepare = message(member.node, Role::participant, raw(Kind::prepare));
      prepare.to_epoch = member.epoch;
      send(prepare);
    }
    note("prepare-sent");
  }

  void on_message(const Message& in) override {
    if (in.to_role != Role::coordinator || !is_member(in.from)) {
      return ignored();
    }
    switch (static_cast<Kind>(in.kind)) {
      case Kind::vote:
        return on_vote(in);
      case Kind::precommit_ack:
        return on_precommit_ack(in);
      case Kind::ack:
        return on_ack(in);
      case Kind::inquiry:
        return on_inquiry(in);
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
    if (timer == raw(Timer::vote) && state_ == State::collecting) {
      return abort(Reason::vote_timeout);
    }
    if (timer == raw(Timer::precommit) && state_ == State::precommitting) {
      note("silent-sites-presumed-dead");
      return choose_commit();
    }
    if (timer == raw(Timer::resend) && state_ == State::announcing) {
      send_to_waiting(Outcome::commit, Reason::none, true);
      return arm(raw(Timer::resend), resend_.next());
    }
    if (timer == raw(Timer::inquiry) && state_ == State::uncertain) {
      return inquire();
    }
    ignored();
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
      state_ = State::aborted;
      decide(Outcome::abort, Reason::terminated);
      waiting_ = voters_;
      send_to_waiting(Outcome::abort, Reason::terminated, true);
      return forget();
    }
    ignored();
  }

  void on_wounded() override {
    if (state_ == State::collecting) {
      return abort(Reason::lock_conflict);
    }
    ignored();  // Too late: PRECOMMIT may have been promised.
  }

  void on_recovered(const std::vector<LogRecord>& durable) override {
    if (state_ != State::initial) {
      return ignored();
    }
    bool committed = false;
    bool aborted = false;
    bool ended = false;
    bool known = false;
    for (const LogRecord& record : durable) {
      known = known || record.kind == raw(Record::precommit_chosen);
      committed = committed || record.kind == raw(Record::commit_chosen);
      aborted = aborted || record.kind == raw(Record::abort_learnt);
      ended = ended || record.kind == raw(Record::end);
      voters_ = record.with_descriptor ? record.sites : voters_;
    }
    if (voters_.empty()) {
      for (const Member& member : context().cohort) {
        voters_.push_back(member.node);
      }
    }
    if (aborted) {
      state_ = State::aborted;
      decide(Outcome::abort, Reason::terminated);
      return forget();
    }
    if (!known || ended) {  // Without a precommit record: presumed abort answers for it.
      state_ = ended ? State::committed : State::aborted;
      return forget();
    }
    if (committed) {
      return announce(true);
    }
    note("recovered-in-doubt");
    state_ = State::uncertain;
    inquire();
  }

 private:
  enum class State : std::uint8_t {
    initial,
    collecting,
    forcing_precommit,
    precommitting,
    forcing_commit,
    announcing,
    uncertain,  ///< Restarted with `precommit` alone: the participants may have terminated either way.
    forcing_abort,
    committed,
    aborted,
  };

  [[nodiscard]] std::size_t missing() const {
    return static_cast<std::size_t>(std::count(votes_.begin(), votes_.end(), Vote::none));
  }

  void on_vote(const Message& in) {
    if (state_ != State::collecting || in.vote == Vote::none) {
      return ignored();
    }
    Vote& vote = vote_of(in.from);
    if (in.vote == Vote::no) {
      vote = Vote::no;
      return abort(in.reason == Reason::none ? Reason::constraint : in.reason);
    }
    if (vote == in.vote || vote == Vote::yes) {
      return ignored();  // A duplicate. YES after read-only counts as YES: that site holds a prepared record.
    }
    vote = in.vote;
    if (missing() == 0) {
      all_votes_in();
    }
  }

  void all_votes_in() {
    note("votes-collected");
    cancel(raw(Timer::vote));
    for (std::size_t i = 0; i < votes_.size(); ++i) {
      if (votes_[i] == Vote::yes) {
        voters_.push_back(context().cohort[i].node);
      }
    }
    if (voters_.empty()) {  // All read-only: nothing to make durable, nobody to tell.
      state_ = State::committed;
      decide(Outcome::commit);
      return forget();
    }
    state_ = State::forcing_precommit;
    LogRecord record = make_record(raw(Record::precommit_chosen));
    record.with_descriptor = true;
    if (voters_.size() < votes_.size()) {
      record.sites = voters_;
    }
    force(std::move(record));
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
    waiting_ = voters_;
    resend_ = Backoff(context().timeouts.resend);
    decide(Outcome::commit);
    for (std::size_t i = 0; i < waiting_.size(); ++i) {
      send_decision(waiting_[i], Outcome::commit, Reason::none, retry);
      if (i == 0) {
        note("decision-sent-to-one");
      }
    }
    arm(raw(Timer::resend), resend_.next());
  }

  void on_ack(const Message& in) {
    if (state_ == State::precommitting || state_ == State::uncertain) {
      return learn(Outcome::commit);  // From a site that a leader told.
    }
    if (state_ != State::announcing || std::erase(waiting_, in.from) == 0) {
      return ignored();
    }
    finish_if_all_know();
  }

  void on_answer(const Message& in) {
    if (in.outcome == Outcome::undecided) {
      return ignored();
    }
    if (state_ == State::precommitting || state_ == State::uncertain) {
      return learn(in.outcome);
    }
    if (state_ == State::collecting && in.outcome == Outcome::abort) {
      return abort(Reason::terminated);
    }
    if (state_ == State::forcing_precommit && in.outcome == Outcome::abort) {
      return learn_abort();  // No PRECOMMIT has left.
    }
    if (state_ == State::announcing && in.outcome == Outcome::abort) {
      note("split-outcome");  // Beyond the fault model: the site has aborted for good; asking again changes nothing.
      if (std::erase(waiting_, in.from) > 0) {
        finish_if_all_know();
      }
      return;
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

  void finish_if_all_know() {
    if (waiting_.empty()) {
      state_ = State::committed;
      cancel(raw(Timer::resend));
      append(make_record(raw(Record::end)));
      forget();
    }
  }

  void on_inquiry(const Message& in) {
    if (state_ != State::announcing) {
      return note("inquiry-before-decision");
    }
    Message answer = message(in.from, Role::participant, raw(Kind::answer));
    answer.outcome = Outcome::commit;
    answer.state = SiteState::committed;
    answer.retry = in.retry;
    send(answer);
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
    arm(raw(Timer::inquiry), resend_.next());
  }

  /// Only while collecting: no site can be in PC. Nothing is logged.
  void abort(Reason reason) {
    if (state_ == State::collecting) {
      cancel(raw(Timer::vote));
    }
    state_ = State::aborted;
    decide(Outcome::abort, reason);
    for (std::size_t i = 0; i < votes_.size(); ++i) {
      if (votes_[i] == Vote::yes || votes_[i] == Vote::none) {
        waiting_.push_back(context().cohort[i].node);
      }
    }
    send_to_waiting(Outcome::abort, reason, false);
    forget();
  }

  void send_to_waiting(Outcome outcome, Reason reason, bool retry) {
    for (const NodeId site : waiting_) {
      send_decision(site, outcome, reason, retry);
    }
  }

  void send_decision(NodeId site, Outcome outcome, Reason reason, bool retry) {
    Message decision = message(site, Role::participant, raw(Kind::decision));
    decision.outcome = outcome;
    decision.reason = reason;
    decision.retry = retry;
    send(decision);
  }

  Vote& vote_of(NodeId site) {
    const auto& cohort = context().cohort;
    const auto found = std::find_if(cohort.begin(), cohort.end(), [&](const Member& m) { return m.node == site; });
    return votes_[static_cast<std::size_t>(found - cohort.begin())];
  }

  State state_{State::initial};
  std::vector<Vote> votes_;       ///< By place in the cohort.
  std::vector<NodeId> voters_;    ///< YES voters; known once all votes are in.
  std::vector<NodeId> waiting_;   ///< Voters that have not acknowledged the current phase.
  std::vector<NodeId> in_doubt_;  ///< Uncertain: voters known to have restarted in doubt.
  Backoff resend_;                ///< Also of inquiries.
};

}  // namespace

std::unique_ptr<CommitMachine> make_coordinator(const TxnContext& context) {
  return std::make_unique<Coordinator>(context);
}

}  // namespace geocommit::three_phase_commit
