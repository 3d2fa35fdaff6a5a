#include "protocols/machine_base.h"
#include "protocols/two_phase_commit/two_phase_commit.h"

namespace geocommit::two_phase_commit {
namespace {

constexpr std::uint8_t raw(Kind kind) { return static_cast<std::uint8_t>(kind); }
constexpr std::uint8_t raw(Record record) { return static_cast<std::uint8_t>(record); }
constexpr std::uint8_t raw(Timer timer) { return static_cast<std::uint8_t>(timer); }

/// Invariants: nothing is told to anybody as committed before `commit` is durable; Forget after a commit only when
/// every YES voter has really acknowledged (PITFALLS 2).
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
      case State::forcing_commit:
        return "forcing commit";
      case State::announcing:
        return "announcing commit unacknowledged=" + std::to_string(waiting_.size());
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
      case State::forcing_commit:
        return SiteState::working;
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
    put(out, waiting_);
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
      case Kind::ack:
        return on_ack(in);
      case Kind::inquiry:
        return on_inquiry(in);
      case Kind::prepare:
      case Kind::decision:
      case Kind::answer:
        return ignored();
    }
    ignored();
  }

  void on_timer(std::uint8_t timer) override {
    if (timer == raw(Timer::vote) && state_ == State::collecting) {
      return abort(Reason::vote_timeout);
    }
    if (timer == raw(Timer::resend) && state_ == State::announcing) {
      for (const NodeId site : waiting_) {
        send_decision(site, Outcome::commit, Reason::none, true);
      }
      return arm(raw(Timer::resend), resend_.next());
    }
    ignored();
  }

  void on_forced(std::uint8_t kind) override {
    if (kind != raw(Record::commit_chosen) || state_ != State::forcing_commit) {
      return ignored();
    }
    note("decision-forced");
    announce(false);
  }

  void on_wounded() override {
    if (state_ == State::collecting) {
      return abort(Reason::lock_conflict);
    }
    ignored();  // Too late: commit may be durable already.
  }

  void on_recovered(const std::vector<LogRecord>& durable) override {
    if (state_ != State::initial) {
      return ignored();
    }
    const LogRecord* commit = nullptr;
    bool ended = false;
    for (const LogRecord& record : durable) {
      commit = record.kind == raw(Record::commit_chosen) ? &record : commit;
      ended = ended || record.kind == raw(Record::end);
    }
    if (commit == nullptr) {  // Nothing that says commit: presumed abort answers for it.
      state_ = State::aborted;
      return forget();
    }
    if (ended) {
      state_ = State::committed;
      return forget();
    }
    waiting_ = commit->sites;
    if (waiting_.empty()) {
      for (const Member& member : context().cohort) {
        waiting_.push_back(member.node);
      }
    }
    announce(true);
  }

 private:
  enum class State : std::uint8_t { initial, collecting, forcing_commit, announcing, committed, aborted };

  [[nodiscard]] std::size_t missing() const {
    return static_cast<std::size_t>(std::count(votes_.begin(), votes_.end(), Vote::none));
  }

  void on_vote(const Message& in) {
    if (state_ != State::collecting || in.vote == Vote::none) {
      return ignored();
    }
    if (in.vote == Vote::no) {
      vote_of(in.from) = Vote::no;
      return abort(in.reason == Reason::none ? Reason::constraint : in.reason);
    }
    Vote& vote = vote_of(in.from);
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
        waiting_.push_back(context().cohort[i].node);
      }
    }
    if (waiting_.empty()) {  // All read-only: nothing to make durable, nobody to tell.
      state_ = State::committed;
      decide(Outcome::commit);
      return forget();
    }
    state_ = State::forcing_commit;
    LogRecord record = make_record(raw(Record::commit_chosen), Outcome::commit);
    record.with_descriptor = true;
    if (waiting_.size() < votes_.size()) {
      record.sites = waiting_;
    }
    force(std::move(record));
  }

  void announce(bool retry) {
    state_ = State::announcing;
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
    if (state_ != State::announcing || std::erase(waiting_, in.from) == 0) {
      return ignored();
    }
    if (waiting_.empty()) {
      state_ = State::committed;
      cancel(raw(Timer::resend));
      append(make_record(raw(Record::end)));
      forget();
    }
  }

  void on_inquiry(const Message& in) {
    if (state_ != State::announcing) {
      return note("inquiry-before-decision");  // Volatile state promises nothing: the decision itself will come.
    }
    Message answer = message(in.from, Role::participant, raw(Kind::answer));
    answer.outcome = Outcome::commit;
    answer.state = SiteState::committed;
    answer.retry = in.retry;
    send(answer);
  }

  /// Nothing is logged: without a commit record the answer is abort.
  void abort(Reason reason) {
    if (state_ == State::collecting) {
      cancel(raw(Timer::vote));
    }
    state_ = State::aborted;
    decide(Outcome::abort, reason);
    for (std::size_t i = 0; i < votes_.size(); ++i) {
      if (votes_[i] == Vote::yes || votes_[i] == Vote::none) {
        send_decision(context().cohort[i].node, Outcome::abort, reason, false);
      }
    }
    forget();
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
  std::vector<Vote> votes_;      ///< By place in the cohort.
  std::vector<NodeId> waiting_;  ///< Announcing: YES voters that have not acknowledged.
  Backoff resend_;
};

}  // namespace

std::unique_ptr<CommitMachine> make_coordinator(const TxnContext& context) {
  return std::make_unique<Coordinator>(context);
}

}  // namespace geocommit::two_phase_commit
