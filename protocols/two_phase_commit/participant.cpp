#include "protocols/machine_base.h"
#include "protocols/parts/answers.h"
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
        voter_({raw(Kind::vote), raw(Record::prepared), raw(Record::commit), raw(Record::abort)},
               context.options.on(kReadOnly)),
        inquiry_(raw(Kind::inquiry), raw(Timer::decision), context.timeouts.resend, context.timeouts.decision) {}

  [[nodiscard]] std::unique_ptr<CommitMachine> clone() const override { return std::make_unique<Participant>(*this); }

 protected:
  [[nodiscard]] Phase phase() const override {
    switch (state_) {
      case State::voting:
        return voter_.phase();
      case State::prepared:
        return {"in-doubt", SiteState::prepared, "inquiries", inquiry_.rounds()};
      case State::committing:
        return {"forcing commit", SiteState::committed};
      case State::committed:
        return {"committed", SiteState::committed};
      case State::aborted:
        return {"aborted", SiteState::aborted};
    }
    return {};
  }

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
        return state_ == State::voting || state_ == State::prepared ? voter_.prepare(effects()) : ignored();
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
    send_acknowledgement(effects(), raw(Kind::ack), false);
    forget();
  }

  void on_timer(std::uint8_t timer) override {
    if (timer != raw(Timer::decision) || state_ != State::prepared) {
      return ignored();
    }
    if (inquiry_.rounds() == 0) {
      note("entered_termination");
    }
    inquiry_.ask(effects(), inquiry_.rounds() > 0);
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
        send_acknowledgement(effects(), raw(Kind::ack), true);
        return forget();
      case Outcome::abort:
        state_ = State::aborted;
        decide(Outcome::abort, reason);
        return forget();
      case Outcome::undecided:  // Prepared: the engine has taken the locks again before anything was served.
        state_ = State::prepared;
        voter_.bind();
        note("recovered-in-doubt");
        return inquiry_.ask(effects(), true);
    }
  }

 private:
  enum class State : std::uint8_t {
    voting,      ///< voter_ says how far.
    prepared,    ///< In doubt.
    committing,  ///< Decided; `commit` is being forced.
    committed,
    aborted,
  };

  void go_on(Voter::End end) {
    if (end == Voter::End::prepared) {
      state_ = State::prepared;
      arm(raw(Timer::decision), context().timeouts.decision);
    } else if (end != Voter::End::none) {
      forget();
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

  /// Commit: applied and unlocked at once, acknowledged after the force (README.md, Cost: why it may).
  void adopt(Outcome outcome, Reason reason) {
    if (state_ == State::voting) {
      return go_on(voter_.told(effects(), outcome, reason));
    }
    if (state_ == State::committing && outcome == Outcome::abort) {
      return note("abort-for-committed-transaction");
    }
    if (state_ != State::prepared) {
      return ignored();  // A repetition.
    }
    cancel(raw(Timer::decision));
    voter_.carry_out(effects(), outcome, reason);
    state_ = outcome == Outcome::commit ? State::committing : State::aborted;
    if (state_ == State::aborted) {
      forget();
    }
  }

  void on_inquiry(const Message& in) {
    if (state_ == State::voting) {
      return voter_.asked(effects(), {in.from, raw(Kind::answer), {}});
    }
    // Committing: known from the coordinator, with whom it is durable.
    const Outcome outcome = state_ == State::committing ? Outcome::commit : Outcome::undecided;
    send_answer(effects(), raw(Kind::answer), in.from, site_state(), outcome, in.retry);
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
