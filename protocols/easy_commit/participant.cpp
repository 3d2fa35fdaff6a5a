#include "protocols/easy_commit/easy_commit.h"
#include "protocols/parts/announcement.h"
#include "protocols/parts/inquiry.h"
#include "protocols/parts/voter.h"

namespace geocommit::easy_commit {
namespace {

/// Invariants: a decision goes to all other sites before this one makes it durable, and takes effect after that; a site
/// that has lived since its YES chooses abort only if nobody who lives has told it otherwise; a restarted one never
/// chooses, and takes a commit only from whom it is durable with: what was sent to its earlier life may have been
/// overtaken by an abort of those who thought its senders dead.
class Participant : public MachineBase {
 public:
  using MachineBase::MachineBase;

 protected:
  [[nodiscard]] Phase phase() const override {
    static constexpr std::array<std::string_view, 4> kDoubts{"in doubt", "in doubt, asking", "restarted in doubt",
                                                             "forcing abort for all"};
    return voter_.is_bound() ? Phase{kDoubts[static_cast<std::size_t>(doubt_)], SiteState::prepared} : voter_.phase();
  }

  void encode(std::string& out) const override { put_all(out, doubt_, voter_, inquiry_); }

  void on_message(const Message& in) override {
    const auto kind = static_cast<Kind>(in.kind);
    const bool repeated = kind == Kind::prepare && voter_.is_bound() && doubt_ != Doubt::waiting;
    // Choosing: everybody hears of it once it is durable.
    const bool too_early = kind == Kind::inquiry && doubt_ == Doubt::choosing;
    if (in.to_role != Role::participant || repeated || too_early) {
      return ignored();
    }
    if (kind == Kind::inquiry && doubt_ == Doubt::restarted) {
      return voter_.asked(effects(), {in.from, raw(Kind::in_doubt), {}}, in.retry);
    }
    if (kind == Kind::answer && in.outcome == Outcome::undecided && in.state == SiteState::working &&
        doubt_ == Doubt::asking) {
      doubt_ = Doubt::waiting;  // The coordinator lives, and will decide.
    } else if (voter_.message(effects(), in)) {
      adopt(in, kind == Kind::decision);
    }
  }

  void on_executed(Vote vote, Reason reason) override { voter_.executed(effects(), vote, reason); }

  void on_forced(std::uint8_t kind) override {
    if (doubt_ == Doubt::choosing && kind == raw(Record::abort)) {
      forward(Outcome::abort, Reason::terminated);
      voter_.take_effect(effects(), Outcome::abort, Reason::terminated);
      forget();
    } else if (voter_.forced(effects(), kind)) {
      inquiry_.wait(effects());
    }
  }

  void on_timer(std::uint8_t timer) override {
    if (!voter_.is_bound()) {
      return ignored();
    }
    if (doubt_ == Doubt::restarted) {
      return inquiry_.timer(effects(), timer);
    }
    if (timer == raw(Timer::decision) && doubt_ == Doubt::waiting) {
      note("entered_termination");
      doubt_ = Doubt::asking;
      return inquiry_.ask(effects(), inquiry_.rounds() > 0);
    }
    if (timer == raw(Timer::decision) && doubt_ == Doubt::asking) {
      note("nobody-alive-has-heard");
      doubt_ = Doubt::choosing;
      return force(make_record(raw(Record::abort), Outcome::abort, Reason::terminated));
    }
    ignored();
  }

  void on_recovered(const std::vector<LogRecord>& durable) override {
    if (voter_.recovered(effects(), durable)) {
      doubt_ = Doubt::restarted;
      inquiry_ = {raw(Kind::inquiry), raw(Timer::inquiry), context().timeouts.resend, context().timeouts.decision};
      inquiry_.ask(effects(), true);
    }
  }

 private:
  /// Of a site that is bound.
  enum class Doubt : std::uint8_t {
    waiting,  ///< Alive since its YES.
    asking,   ///< ... and for so long that it has asked everybody.
    restarted,
    choosing,  ///< `abort` is being forced, then told.
  };

  void adopt(const Message& in, bool decision) {
    if (doubt_ == Doubt::choosing && decision) {
      return in.outcome == Outcome::commit ? note("split-outcome") : ignored();
    }
    if (doubt_ == Doubt::restarted && decision && in.outcome == Outcome::commit) {
      return note("sent-to-an-earlier-life");
    }
    if (doubt_ == Doubt::choosing || (doubt_ == Doubt::restarted && !decision && in.state == SiteState::prepared)) {
      return note("answer-without-use");
    }
    cancel(raw(doubt_ == Doubt::restarted ? Timer::inquiry : Timer::decision));
    forward(in.outcome, in.reason);
    doubt_ = Doubt::waiting;
    voter_.carry_out(effects(), in.outcome, in.reason, Voter::Takes::effect_when_durable);
  }

  /// To all other sites, whether or not they need it: which of them have heard, nobody knows.
  void forward(Outcome outcome, Reason reason) {
    send_decisions(effects(), raw(Kind::decision), others_of(context()), outcome, reason, false,
                   "decision-forwarded-to-one");
  }

  Doubt doubt_{Doubt::waiting};
  Voter voter_{Voter::words<Kind, Record>()};
  Inquiry inquiry_{raw(Kind::inquiry), raw(Timer::decision), context().timeouts.decision, context().timeouts.decision};
};

}  // namespace

std::unique_ptr<CommitMachine> make_participant(const TxnContext& context) {
  return make_machine<Participant>(context);
}

}  // namespace geocommit::easy_commit
