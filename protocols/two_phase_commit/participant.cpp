#include "protocols/machine_base.h"
#include "protocols/two_phase_commit/two_phase_commit.h"

namespace geocommit::two_phase_commit {
namespace {

constexpr std::uint8_t raw(Kind kind) { return static_cast<std::uint8_t>(kind); }
constexpr std::uint8_t raw(Record record) { return static_cast<std::uint8_t>(record); }
constexpr std::uint8_t raw(Timer timer) { return static_cast<std::uint8_t>(timer); }

/// Invariants: YES leaves only after `prepared` is durable, ACK only after `commit` is; a site that voted YES never
/// decides alone; a site that answers "aborted" to a peer without having been told has forced it first.
class Participant final : public MachineBase {
 public:
  /// Inquiries never come rarer than the decision timeout: whoever could answer is back or reachable again at some
  /// moment, and from then on the site stays blocked for at most so long.
  explicit Participant(const TxnContext& context)
      : MachineBase(context), inquiry_(context.timeouts.resend, context.timeouts.decision) {}

  [[nodiscard]] std::string describe() const override {
    switch (state_) {
      case State::initial:
        return "initial";
      case State::executing:
        return "executing";
      case State::preparing:
        return "forcing prepared";
      case State::prepared:
        return "in-doubt inquiries=" + std::to_string(rounds_);
      case State::committing:
        return "forcing commit";
      case State::aborting:
        return "forcing abort";
      case State::committed:
        return "committed";
      case State::aborted:
        return "aborted";
      case State::read_only:
        return "read-only";
    }
    return "?";
  }

  [[nodiscard]] SiteState site_state() const override {
    switch (state_) {
      case State::initial:
      case State::executing:
      case State::preparing:
      case State::aborting:
        return SiteState::working;
      case State::prepared:
        return SiteState::prepared;
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

  [[nodiscard]] std::unique_ptr<CommitMachine> clone() const override { return std::make_unique<Participant>(*this); }

 protected:
  void encode(std::string& out) const override {
    put(out, state_);
    put(out, prepare_seen_ ? 1U : 0U);
    put(out, rounds_ > 0 ? 1U : 0U);
    put(out, static_cast<std::uint32_t>(inquiry_.factor()));
    put(out, askers_);
  }

  void on_message(const Message& in) override {
    if (in.to_role != Role::participant) {
      return ignored();
    }
    switch (static_cast<Kind>(in.kind)) {
      case Kind::prepare:
        return on_prepare();
      case Kind::decision:
        return on_decision(in);
      case Kind::inquiry:
        return on_inquiry(in);
      case Kind::answer:
        return on_answer(in);
      case Kind::vote:
      case Kind::ack:
        return ignored();
    }
    ignored();
  }

  void on_executed(Vote vote, Reason reason) override {
    if (state_ != State::executing) {
      return ignored();  // Aborted meanwhile.
    }
    switch (vote) {
      case Vote::yes: {
        state_ = State::preparing;
        LogRecord record = make_record(raw(Record::prepared));
        record.with_descriptor = true;
        return force(std::move(record));
      }
      case Vote::no:
        state_ = State::aborted;
        append(make_record(raw(Record::abort), Outcome::abort, reason));
        decide(Outcome::abort, reason);
        release();
        send_vote(Vote::no, reason, false);
        return forget();
      case Vote::read_only:
        state_ = State::read_only;
        send_vote(Vote::read_only, Reason::none, false);
        release();
        return forget();
      case Vote::none:
        return ignored();
    }
  }

  void on_forced(std::uint8_t kind) override {
    if (kind == raw(Record::prepared) && state_ == State::preparing) {
      state_ = State::prepared;
      note("vote-forced");
      send_vote(Vote::yes, Reason::none, false);
      return arm(raw(Timer::decision), context().timeouts.decision);
    }
    if (kind == raw(Record::commit) && state_ == State::committing) {
      state_ = State::committed;
      acknowledge(false);
      return forget();
    }
    if (kind == raw(Record::abort) && state_ == State::aborting) {
      return abort_forced();
    }
    ignored();
  }

  void on_timer(std::uint8_t timer) override {
    if (timer != raw(Timer::decision) || state_ != State::prepared) {
      return ignored();
    }
    if (rounds_ == 0) {
      note("entered_termination");
    }
    inquire(rounds_ > 0);
  }

  void on_recovered(const std::vector<LogRecord>& durable) override {
    if (state_ != State::initial || durable.empty()) {
      return ignored();
    }
    Outcome outcome = Outcome::undecided;
    Reason reason = Reason::none;
    for (const LogRecord& record : durable) {
      if (record.outcome != Outcome::undecided) {
        outcome = record.outcome;
        reason = record.reason;
      }
    }
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
      case Outcome::undecided:  // Prepared: the engine has taken the locks again before anything was served.
        state_ = State::prepared;
        note("recovered-in-doubt");
        return inquire(true);
    }
  }

 private:
  enum class State : std::uint8_t {
    initial,
    executing,
    preparing,   ///< `prepared` is being forced.
    prepared,    ///< In doubt.
    committing,  ///< Decided; `commit` is being forced.
    aborting,    ///< Had not voted YES; a peer asked; `abort` is being forced.
    committed,
    aborted,
    read_only,
  };

  void on_prepare() {
    switch (state_) {
      case State::initial:
        state_ = State::executing;
        prepare_seen_ = true;
        note("prepare-received");
        return execute();
      case State::prepared:
        return send_vote(Vote::yes, Reason::none, true);
      case State::aborting:
        prepare_seen_ = true;  // The NO follows the force.
        return ignored();
      case State::executing:
      case State::preparing:
      case State::committing:
      case State::committed:
      case State::aborted:
      case State::read_only:
        return ignored();
    }
  }

  void on_decision(const Message& in) {
    if (in.outcome == Outcome::undecided) {
      return ignored();
    }
    note("decision-received");
    adopt(in.outcome, in.reason);
  }

  void on_answer(const Message& in) {
    if (in.outcome == Outcome::undecided || state_ != State::prepared) {
      return note("answer-without-use");
    }
    adopt(in.outcome, in.reason);
  }

  /// Commit: applied and unlocked at once, acknowledged after the force (DESIGN section 4, "Settled").
  void adopt(Outcome outcome, Reason reason) {
    if (outcome == Outcome::commit) {
      if (state_ != State::prepared) {
        return ignored();  // A repetition; or nonsense, as this site has not voted YES.
      }
      state_ = State::committing;
      cancel(raw(Timer::decision));
      force(make_record(raw(Record::commit), Outcome::commit));
      decide(Outcome::commit);
      return release();
    }
    if (state_ == State::committing) {
      return note("abort-for-committed-transaction");
    }
    if (state_ == State::initial) {
      return ignored();
    }
    if (state_ == State::prepared) {
      cancel(raw(Timer::decision));
    }
    if (state_ != State::aborting) {
      append(make_record(raw(Record::abort), Outcome::abort, reason));
    }
    const bool holds_locks = prepare_seen_ || state_ != State::aborting;
    state_ = State::aborted;
    decide(Outcome::abort, reason);
    if (holds_locks) {
      release();
    }
    answer_askers();  // The decider answers for it now, so these need not wait for the force.
    forget();
  }

  void on_inquiry(const Message& in) {
    switch (state_) {
      case State::initial:
      case State::executing:
      case State::preparing:
        // Has not voted YES, so it may abort alone; durably, before it says so (PROTOCOLS section 1, CTP).
        state_ = State::aborting;
        askers_.push_back(in.from);
        return force(make_record(raw(Record::abort), Outcome::abort, Reason::terminated));
      case State::aborting:
        if (std::find(askers_.begin(), askers_.end(), in.from) == askers_.end()) {
          askers_.push_back(in.from);
        }
        return;
      case State::prepared:
        return send_answer(in.from, SiteState::prepared, Outcome::undecided, in.retry);
      case State::committing:  // Known from the coordinator, with whom it is durable.
        return send_answer(in.from, SiteState::committed, Outcome::commit, in.retry);
      case State::committed:
      case State::aborted:
      case State::read_only:
        return ignored();
    }
  }

  void abort_forced() {
    state_ = State::aborted;
    decide(Outcome::abort, Reason::terminated);
    if (prepare_seen_) {
      release();
      send_vote(Vote::no, Reason::terminated, false);
    }
    answer_askers();
    forget();
  }

  void answer_askers() {
    for (const NodeId asker : askers_) {
      send_answer(asker, SiteState::aborted, Outcome::abort, false);
    }
  }

  void inquire(bool retry) {
    ++rounds_;
    Message inquiry = message(context().coordinator, Role::coordinator, raw(Kind::inquiry));
    inquiry.retry = retry;
    send(inquiry);
    for (const Member& member : context().cohort) {
      if (member.node != context().self) {
        Message to_peer = message(member.node, Role::participant, raw(Kind::inquiry));
        to_peer.to_epoch = member.epoch;
        to_peer.retry = retry;
        send(to_peer);
      }
    }
    arm(raw(Timer::decision), inquiry_.next());
  }

  void send_vote(Vote vote, Reason reason, bool retry) {
    Message m = message(context().coordinator, Role::coordinator, raw(Kind::vote));
    m.vote = vote;
    m.reason = reason;
    m.retry = retry;
    send(m);
  }

  void send_answer(NodeId to, SiteState state, Outcome outcome, bool retry) {
    Message m = message(to, Role::participant, raw(Kind::answer));
    m.state = state;
    m.outcome = outcome;
    m.reason = outcome == Outcome::abort ? Reason::terminated : Reason::none;
    m.retry = retry;
    send(m);
  }

  void acknowledge(bool retry) {
    Message m = message(context().coordinator, Role::coordinator, raw(Kind::ack));
    m.retry = retry;
    send(m);
  }

  State state_{State::initial};
  bool prepare_seen_{};
  std::uint32_t rounds_{};  ///< Of inquiries.
  Backoff inquiry_;
  std::vector<NodeId> askers_;  ///< Aborting: peers to answer after the force.
};

}  // namespace

std::unique_ptr<CommitMachine> make_participant(const TxnContext& context) {
  return std::make_unique<Participant>(context);
}

}  // namespace geocommit::two_phase_commit
