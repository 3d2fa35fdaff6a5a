#include "protocols/machine_base.h"
#include "protocols/parts/inquiry.h"
#include "protocols/parts/recovered.h"
#include "protocols/parts/voter.h"
#include "protocols/two_phase_commit/two_phase_commit.h"

namespace geocommit::two_phase_commit {
namespace {

/// Invariants: YES leaves only after `prepared` is durable, ACK only after `commit` is; a site that voted YES never
/// decides alone; a site that answers "aborted" to a peer without having been told has forced it first.
class Participant final : public MachineBase {
 public:
  /// Inquiries never come rarer than the decision timeout: whoever could answer is back or reachable again at some
  /// moment, and from then on the site stays blocked for at most so long.
  explicit Participant(const TxnContext& context)
      : MachineBase(context),
        voter_({raw(Kind::vote), raw(Record::prepared), raw(Record::abort)}),
        inquiry_(raw(Kind::inquiry), raw(Timer::decision), context.timeouts.resend, context.timeouts.decision) {}

  [[nodiscard]] std::string describe() const override {
    switch (state_) {
      case State::voting:
        return std::string(voter_.describe());
      case State::prepared:
        return "in-doubt inquiries=" + std::to_string(inquiry_.rounds());
      case State::committing:
        return "forcing commit";
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
      case State::voting:
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
    voter_.encode(out);
    inquiry_.encode(out);
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

  void on_executed(Vote vote, Reason reason) override { go_on(voter_.executed(effects(), vote, reason)); }

  void on_forced(std::uint8_t kind) override {
    if (state_ == State::voting) {
      return go_on(voter_.forced(effects(), kind));
    }
    if (kind != raw(Record::commit) || state_ != State::committing) {
      return ignored();
    }
    state_ = State::committed;
    acknowledge(false);
    forget();
  }

  void on_timer(std::uint8_t timer) override {
    if (timer != raw(Timer::decision) || state_ != State::prepared) {
      return ignored();
    }
    if (inquiry_.rounds() == 0) {
      note("entered_termination");
    }
    inquire(inquiry_.rounds() > 0);
  }

  void on_recovered(const std::vector<LogRecord>& durable) override {
    if (state_ != State::voting || durable.empty()) {
      return ignored();
    }
    const auto [outcome, reason] = outcome_in(durable);
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
    voting,      ///< voter_ says how far.
    prepared,    ///< In doubt.
    committing,  ///< Decided; `commit` is being forced.
    committed,
    aborted,
    read_only,
  };

  void go_on(Voter::End end) {
    switch (end) {
      case Voter::End::none:
        return;
      case Voter::End::prepared:
        state_ = State::prepared;
        return arm(raw(Timer::decision), context().timeouts.decision);
      case Voter::End::aborted:
        return end_aborted();
      case Voter::End::read_only:
        state_ = State::read_only;
        return forget();
    }
  }

  /// The decider, or this site's log, answers for it now.
  void end_aborted() {
    state_ = State::aborted;
    for (const Asker& asker : voter_.askers()) {
      send_answer(asker.node, SiteState::aborted, Outcome::abort, false);
    }
    forget();
  }

  void on_prepare() {
    if (state_ == State::voting) {
      return voter_.prepare(effects());
    }
    if (state_ == State::prepared) {
      return voter_.send_vote(effects(), Vote::yes, Reason::none, true);
    }
    ignored();
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

  /// Commit: applied and unlocked at once, acknowledged after the force (README.md, Cost: why it may).
  void adopt(Outcome outcome, Reason reason) {
    if (state_ == State::voting) {  // A commit is nonsense: this site has not voted YES.
      if (outcome == Outcome::commit) {
        return ignored();
      }
      return voter_.told_abort(effects(), reason) ? end_aborted() : void();
    }
    if (state_ == State::committing && outcome == Outcome::abort) {
      return note("abort-for-committed-transaction");
    }
    if (state_ != State::prepared) {
      return ignored();  // A repetition.
    }
    cancel(raw(Timer::decision));
    if (outcome == Outcome::commit) {
      state_ = State::committing;
      force(make_record(raw(Record::commit), Outcome::commit));
      decide(Outcome::commit);
      return release();
    }
    append(make_record(raw(Record::abort), Outcome::abort, reason));
    decide(Outcome::abort, reason);
    release();
    end_aborted();
  }

  void on_inquiry(const Message& in) {
    switch (state_) {
      case State::voting:
        return voter_.asked(effects(), {in.from, in.kind, {}});
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

  void inquire(bool retry) { inquiry_.ask(effects(), retry); }

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

  State state_{State::voting};
  Voter voter_;
  Inquiry inquiry_;
};

}  // namespace

std::unique_ptr<CommitMachine> make_participant(const TxnContext& context) {
  return std::make_unique<Participant>(context);
}

}  // namespace geocommit::two_phase_commit
