#include "protocols/easy_commit/easy_commit.h"
#include "protocols/parts/announcement.h"
#include "protocols/parts/answers.h"
#include "protocols/parts/inquiry.h"
#include "protocols/parts/recovered.h"
#include "protocols/parts/voter.h"

namespace geocommit::easy_commit {
namespace {

/// Invariants: a decision goes to all other sites before this one makes it durable, and takes effect after that; a site
/// that has lived since its YES chooses abort only if nobody who lives has told it otherwise; a restarted one never
/// chooses, and takes a commit only from whom it is durable with: what was sent to its earlier life may have been
/// overtaken by an abort of those who thought its senders dead.
class Participant final : public MachineBase {
 public:
  explicit Participant(const TxnContext& context)
      : MachineBase(context),
        voter_({raw(Kind::vote), raw(Record::prepared), raw(Record::commit), raw(Record::abort)}),
        inquiry_(raw(Kind::inquiry), raw(Timer::decision), context.timeouts.decision, context.timeouts.decision) {}

  [[nodiscard]] std::unique_ptr<CommitMachine> clone() const override { return std::make_unique<Participant>(*this); }

 protected:
  [[nodiscard]] Phase phase() const override {
    static constexpr std::array<Phase, 8> kPhases{{{"voting", SiteState::working},
                                                   {"in doubt", SiteState::prepared},
                                                   {"in doubt, asking", SiteState::prepared},
                                                   {"restarted in doubt", SiteState::prepared},
                                                   {"forcing abort for all", SiteState::prepared},
                                                   {"transmitted, forcing commit", SiteState::prepared},
                                                   {"committed", SiteState::committed},
                                                   {"aborted", SiteState::aborted}}};
    return state_ == State::voting ? voter_.phase() : kPhases[static_cast<std::size_t>(state_)];
  }

  void encode(std::string& out) const override {
    put(out, state_);
    voter_.encode(out);
    inquiry_.encode(out);
  }

  void on_message(const Message& in) override {
    switch (in.to_role == Role::participant ? static_cast<Kind>(in.kind) : Kind::vote) {
      case Kind::prepare:
        return state_ == State::voting || state_ == State::prepared ? voter_.prepare(effects()) : ignored();
      case Kind::decision:
        note("decision-received");
        return state_ == State::restarted && in.outcome == Outcome::commit ? note("sent-to-an-earlier-life")
                                                                           : adopt(in.outcome, in.reason);
      case Kind::inquiry:
        return on_inquiry(in);
      case Kind::answer:
        return on_answer(in);
      default:
        return ignored();
    }
  }

  void on_executed(Vote vote, Reason reason) override { go_on(voter_.executed(effects(), vote, reason)); }

  void on_forced(std::uint8_t kind) override {
    if (state_ == State::voting) {
      return go_on(voter_.forced(effects(), kind));
    }
    if (kind == raw(Record::commit) && state_ == State::committing) {
      state_ = State::committed;
      decide(Outcome::commit);
      release();
      send_acknowledgement(effects(), raw(Kind::ack), false);
      return forget();
    }
    if (kind == raw(Record::abort) && state_ == State::choosing) {
      forward(Outcome::abort, Reason::terminated);
      state_ = State::aborted;
      decide(Outcome::abort, Reason::terminated);
      release();
      return forget();
    }
    ignored();
  }

  void on_timer(std::uint8_t timer) override {
    if (timer == raw(Timer::inquiry) && state_ == State::restarted) {
      return inquiry_.ask(effects(), true);
    }
    if (timer == raw(Timer::decision) && state_ == State::prepared) {
      note("entered_termination");
      state_ = State::asking;
      return inquiry_.ask(effects(), inquiry_.rounds() > 0);
    }
    if (timer == raw(Timer::decision) && state_ == State::asking) {
      note("nobody-alive-has-heard");
      state_ = State::choosing;
      return force(make_record(raw(Record::abort), Outcome::abort, Reason::terminated));
    }
    ignored();
  }

  /// In doubt: the engine has taken the locks again before anything was served.
  void on_recovered(const std::vector<LogRecord>& durable) override {
    if (state_ != State::voting || durable.empty()) {
      return ignored();
    }
    note("recovered-in-doubt");
    state_ = State::restarted;
    inquiry_ = {raw(Kind::inquiry), raw(Timer::inquiry), context().timeouts.resend, context().timeouts.decision};
    inquiry_.ask(effects(), true);
  }

 private:
  enum class State : std::uint8_t {
    voting,    ///< voter_ says how far.
    prepared,  ///< In doubt, alive since its YES.
    asking,    ///< ... and for so long that it has asked everybody.
    restarted,
    choosing,    ///< `abort` is being forced, then told.
    committing,  ///< All others have been sent commit; it is being forced.
    committed,
    aborted,
  };

  void go_on(Voter::End end) {
    if (end == Voter::End::prepared) {
      state_ = State::prepared;
      inquiry_.wait(effects());
    } else if (end != Voter::End::none) {
      forget();
    }
  }

  void on_answer(const Message& in) {
    if (in.outcome == Outcome::undecided && in.state == SiteState::working && state_ == State::asking) {
      state_ = State::prepared;  // The coordinator lives, and will decide.
      return;
    }
    const bool usable =
        in.outcome != Outcome::undecided && (state_ != State::restarted || in.state != SiteState::prepared);
    usable&& in_doubt() ? adopt(in.outcome, in.reason) : note("answer-without-use");
  }

  [[nodiscard]] bool in_doubt() const {
    return state_ == State::prepared || state_ == State::asking || state_ == State::restarted;
  }

  void adopt(Outcome outcome, Reason reason) {
    const bool commit = outcome == Outcome::commit;
    if (state_ == State::voting) {
      return go_on(voter_.told(effects(), outcome, reason));
    }
    if (!in_doubt() || outcome == Outcome::undecided) {
      return state_ == (commit ? State::choosing : State::committing) ? note("split-outcome") : ignored();
    }
    cancel(raw(state_ == State::restarted ? Timer::inquiry : Timer::decision));
    forward(outcome, reason);
    if (commit) {
      state_ = State::committing;
      return force(make_record(raw(Record::commit), Outcome::commit));
    }
    state_ = State::aborted;
    voter_.carry_out(effects(), outcome, reason);
    forget();
  }

  /// To all other sites, whether or not they need it: which of them have heard, nobody knows.
  void forward(Outcome outcome, Reason reason) {
    std::vector<NodeId> others = sites_in({}, context());
    std::erase(others, context().self);
    send_decisions(effects(), raw(Kind::decision), others, outcome, reason, false, "decision-forwarded-to-one");
  }

  void on_inquiry(const Message& in) {
    if (state_ == State::voting) {
      return voter_.asked(effects(), {in.from, raw(Kind::answer), {}});
    }
    if (state_ == State::choosing) {
      return ignored();  // Everybody hears of it once it is durable.
    }
    send_answer(effects(), raw(state_ == State::restarted ? Kind::in_doubt : Kind::answer), in.from, site_state(),
                state_ == State::committing ? Outcome::commit : Outcome::undecided, in.retry);
  }

  State state_{State::voting};
  Voter voter_;
  Inquiry inquiry_;
};

}  // namespace

std::unique_ptr<CommitMachine> make_participant(const TxnContext& context) {
  return std::make_unique<Participant>(context);
}

}  // namespace geocommit::easy_commit
