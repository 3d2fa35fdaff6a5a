#include "protocols/easy_commit/easy_commit.h"
#include "protocols/parts/announcement.h"
#include "protocols/parts/answers.h"
#include "protocols/parts/inquiry.h"
#include "protocols/parts/recovered.h"
#include "protocols/parts/voting.h"

namespace geocommit::easy_commit {
namespace {

/// Invariants: no decision leaves before `collecting` is durable; the client is told commit after every site has been
/// sent it and `commit` is durable; restarted without an outcome it only learns one, and chooses abort only when every
/// site has said that it knows none and will not choose.
class Coordinator : public MachineBase {
 public:
  using MachineBase::MachineBase;

 protected:
  [[nodiscard]] Phase phase() const override {
    static constexpr std::array<Phase, 7> kPhases{{{"voting", SiteState::working},
                                                   {"forcing collecting", SiteState::working},
                                                   {"transmitted, forcing commit", SiteState::prepared},
                                                   {"announcing commit", SiteState::committed},
                                                   {"restarted in doubt", SiteState::prepared},
                                                   {"restarted, forcing commit", SiteState::prepared},
                                                   {"restarted with commit", SiteState::committed}}};
    return state_ == State::voting ? voting_.phase() : kPhases[static_cast<std::size_t>(state_)];
  }

  void encode(std::string& out) const override {
    put_all(out, state_, collecting_, voting_, announcement_, inquiry_, silent_);
  }

  void on_begin() override { go_on(voting_.begin(effects())); }
  void on_wounded() override { go_on(voting_.wounded(effects())); }

  void on_message(const Message& in) override {
    switch (is_from_site(in) ? static_cast<Kind>(in.kind) : Kind::prepare) {
      case Kind::vote:
        return on_vote(in);
      case Kind::ack:
        return knows(in.from);
      case Kind::inquiry:
        return answer(in.from, in.retry);
      case Kind::answer:
      case Kind::in_doubt:
        return on_answer(in);
      default:
        return ignored();
    }
  }

  void on_timer(std::uint8_t timer) override {
    if (asks()) {
      return inquiry_.timer(effects(), timer);
    }
    voting_.is_open() ? go_on(voting_.timer(effects(), timer)) : announcement_.timer(effects(), timer);
  }

  void on_forced(std::uint8_t kind) override {
    if (kind == raw(Record::collecting) && collecting_ == Durable::forcing) {
      collecting_ = Durable::yes;
      return state_ == State::ready ? transmit() : void();
    }
    if (kind != raw(Record::commit_chosen) || (state_ != State::transmitted && state_ != State::learning)) {
      return ignored();
    }
    note("decision-forced");
    state_ = state_ == State::transmitted ? State::announcing : State::settling;
    decide(Outcome::commit);
    end_if_all_know();
  }

  void on_recovered(const std::vector<LogRecord>& durable) override {
    if (!voting_.close(effects())) {
      return;
    }
    collecting_ = Durable::yes;
    silent_ = sites_in(durable, context());
    const auto [outcome, reason] = outcome_in(durable);
    outcome == Outcome::undecided ? note("recovered-in-doubt") : decide(outcome, reason);
    if (outcome == Outcome::abort || has_record(durable, raw(Record::end))) {
      return forget();
    }
    state_ = outcome == Outcome::commit ? State::settling : State::uncertain;
    inquiry_.ask(effects(), true);
  }

 private:
  enum class State : std::uint8_t {
    voting,       ///< voting_ says how far.
    ready,        ///< All votes are in, `collecting` is not durable.
    transmitted,  ///< All have been sent commit; `commit` is being forced.
    announcing,
    uncertain,  ///< Restarted without an outcome: asks.
    learning,   ///< ... has been told commit, and forces it.
    settling,   ///< Restarted with commit: asks until everybody knows.
  };
  enum class Durable : std::uint8_t { no, forcing, yes };

  [[nodiscard]] bool tells() const { return state_ == State::transmitted || state_ == State::announcing; }
  [[nodiscard]] bool asks() const {
    return state_ == State::uncertain || state_ == State::learning || state_ == State::settling;
  }

  void on_vote(const Message& in) {
    const Voting::End end = voting_.vote(effects(), in);
    if (in.vote == Vote::yes && collecting_ == Durable::no && (voting_.is_open() || end == Voting::End::yes)) {
      collecting_ = Durable::forcing;
      force(make_first_record(raw(Record::collecting)));
    }
    go_on(end);
  }

  /// What follows `collecting` is lazy: without it this coordinator asks, and nobody knows a commit.
  void go_on(Voting::End end) {
    if (end == Voting::End::yes) {
      state_ = State::ready;
      return collecting_ == Durable::yes ? transmit() : void();
    }
    if (end == Voting::End::aborted && collecting_ != Durable::no) {
      append(make_record(raw(Record::abort_chosen), Outcome::abort, voting_.reason()));
    }
    if (end != Voting::End::none) {
      forget();
    }
  }

  /// First transmit, then commit.
  void transmit() {
    announcement_.begin(effects(), voting_.yes(context()), false);
    make_durable(State::transmitted);
  }

  void make_durable(State forcing) {
    state_ = forcing;
    force(make_record(raw(Record::commit_chosen), Outcome::commit));
  }

  /// It has the commit on stable storage, or has no use for it.
  void knows(NodeId site) {
    if (tells()) {
      announcement_.acknowledged(effects(), site) ? end_if_all_know() : void();
    } else if (asks()) {
      if (state_ == State::uncertain) {
        silent_ = sites_in({}, context());
        make_durable(State::learning);
      }
      std::erase(silent_, site);
      end_if_all_know();
    } else {
      ignored();
    }
  }

  void end_if_all_know() {
    if (state_ == State::settling && silent_.empty()) {
      cancel(raw(Timer::inquiry));
      append(make_record(raw(Record::end)));
    } else if (state_ != State::announcing || announcement_.unacknowledged() > 0) {
      return;
    }
    forget();
  }

  void answer(NodeId to, bool retry) {
    const Outcome outcome = tells() || state_ == State::settling ? Outcome::commit : Outcome::undecided;
    send_answer(effects(), raw(Kind::answer), to, site_state(), outcome, retry);
  }

  /// Restarted, it asks. Who is restarted and in doubt, or knows nothing, will never choose, nor take what an earlier
  /// life of this coordinator sent.
  void on_answer(const Message& in) {
    const bool restarted = static_cast<Kind>(in.kind) == Kind::in_doubt;
    const bool needs_it = restarted || in.state == SiteState::prepared;
    if (in.outcome == Outcome::abort && state_ != State::uncertain) {
      note("split-outcome");  // Beyond the fault model: the site has aborted for good, whatever it is told.
      return knows(in.from);
    }
    if (state_ == State::settling && needs_it) {
      return answer(in.from, true);
    }
    if (!asks() || (needs_it && (state_ == State::learning || !restarted))) {
      return ignored();  // Uncertain: it hears the decision, or chooses.
    }
    if (state_ != State::uncertain || in.state == SiteState::committed) {
      return knows(in.from);
    }
    std::erase(silent_, in.from);
    if (in.outcome == Outcome::abort || silent_.empty()) {
      cancel(raw(Timer::inquiry));
      go_on(voting_.abort(effects(), in.outcome == Outcome::abort ? in.reason : Reason::recovery));
    }
  }

  State state_{State::voting};
  Durable collecting_{Durable::no};
  Voting voting_{Voting::words<Kind, Timer>(), context()};
  Announcement announcement_{Announcement::words<Kind, Timer, Record>(), context().timeouts.resend};
  Inquiry inquiry_{raw(Kind::inquiry), raw(Timer::inquiry), context().timeouts.resend};
  std::vector<NodeId> silent_;  ///< Restarted: who has not said what it knows.
};

}  // namespace

std::unique_ptr<CommitMachine> make_coordinator(const TxnContext& context) {
  return make_machine<Coordinator>(context);
}

}  // namespace geocommit::easy_commit
