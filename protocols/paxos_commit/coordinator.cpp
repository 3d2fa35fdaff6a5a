#include "protocols/parts/announcement.h"
#include "protocols/parts/answers.h"
#include "protocols/parts/recovered.h"
#include "protocols/parts/voting.h"
#include "protocols/paxos_commit/consensus.h"
#include "protocols/paxos_commit/paxos_commit.h"

namespace geocommit::paxos_commit {
namespace {

/// Invariants: commit is decided once a majority of acceptors, this one among them, has accepted it, or when it is
/// durable here that another leader has found that; abort when a majority has accepted that, or a site has said that
/// it will never vote YES, and never because something is late. Forget after a commit only when every site has
/// acknowledged it; after an abort only when that is durable, if there is any record of the transaction here: without a
/// record this node has promised nothing and accepted nothing.
class Coordinator : public MachineBase {
 public:
  using MachineBase::MachineBase;

 protected:
  [[nodiscard]] Phase phase() const override {
    switch (state_) {
      case State::voting:
        return consensus_.has_begun() ? Phase{"in a ballot", SiteState::working} : voting_.phase();
      case State::accepting:
        return consensus_.has_begun() ? Phase{"in a ballot", SiteState::prepared}
                                      : Phase{"accepting", SiteState::prepared};
      case State::restarted:
        return {"restarted in doubt", SiteState::prepared};
      case State::forcing_commit:
      case State::learning:
        return {"forcing commit", SiteState::prepared};
      case State::announcing:
        return announcement_.phase();
      case State::forcing_abort:
        return {"forcing abort", SiteState::aborted};
    }
    return {};
  }

  void encode(std::string& out) const override {
    put_all(out, state_, reason_, voting_, consensus_, announcement_, static_cast<std::uint32_t>(again_.factor()));
  }

  void on_begin() override { go_on(voting_.begin(effects())); }

  void on_message(const Message& in) override {
    if (!is_from_site(in)) {
      return ignored();
    }
    switch (static_cast<Kind>(in.kind)) {
      case Kind::vote:
        return state_ == State::voting && in.vote != Vote::read_only ? go_on(voting_.vote(effects(), in)) : ignored();
      case Kind::ack:
        return announcement_.acknowledged(effects(), in.from) ? forget() : void();
      case Kind::inquiry:
        return announcement_.asked(effects(), raw(Kind::answer), in);
      case Kind::decision:
      case Kind::answer:
        return is_undecided() ? told(in) : ignored();
      case Kind::lead:
      case Kind::propose:
        if (state_ == State::announcing || state_ == State::forcing_abort) {
          const Outcome outcome = state_ == State::announcing ? Outcome::commit : Outcome::abort;
          return send_answer(effects(), raw(Kind::answer), in.from, site_state(), outcome, in.retry, in.ballot);
        }
        [[fallthrough]];
      case Kind::promise:
      case Kind::accepted:
        return is_undecided() && !is_alone() ? conclude(consensus_.message(effects(), in)) : ignored();
      case Kind::prepare:
        return ignored();
    }
    ignored();
  }

  void on_timer(std::uint8_t timer) override {
    if (timer == raw(Timer::vote) && is_undecided() && !is_alone()) {
      return lead(Reason::vote_timeout);
    }
    state_ == State::voting ? go_on(voting_.timer(effects(), timer)) : announcement_.timer(effects(), timer);
  }

  void on_forced(std::uint8_t kind) override {
    if (kind == raw(Record::commit_chosen) && (state_ == State::forcing_commit || state_ == State::learning)) {
      note("chosen");
      announce(state_ == State::learning);
    } else if (kind == raw(Record::abort_chosen) && state_ == State::forcing_abort) {
      forget();
    } else {
      is_undecided() && !is_alone() ? conclude(consensus_.forced(effects(), kind)) : ignored();
    }
  }

  void on_wounded() override {
    if (state_ != State::voting || consensus_.has_begun()) {
      return ignored();
    }
    is_alone() || !voting_.is_open() ? go_on(voting_.wounded(effects())) : lead(Reason::lock_conflict);
  }

  void on_recovered(const std::vector<LogRecord>& durable) override {
    if (state_ != State::voting || !voting_.close(effects())) {
      return ignored();
    }
    reason_ = Reason::recovery;
    consensus_.recovered(durable);
    switch (has_record(durable, raw(Record::end)) ? Outcome::undecided : outcome_in(durable).outcome) {
      case Outcome::commit:
        return announce(true);
      case Outcome::abort:
        (void)voting_.abort(effects(), reason_);
        return forget();
      case Outcome::undecided:
        break;
    }
    if (has_record(durable, raw(Record::end))) {
      return forget();
    }
    note("recovered-in-doubt");
    state_ = State::restarted;
    lead(Reason::recovery);
  }

 private:
  enum class State : std::uint8_t {
    voting,     ///< voting_ and consensus_ say how far.
    accepting,  ///< All have voted YES.
    restarted,
    forcing_commit,  ///< It is the only acceptor: that record is the decision.
    learning,        ///< Another leader has found that commit is chosen; that is being forced.
    announcing,
    forcing_abort,  ///< Decided and told; its own promises must not outlive it.
  };

  [[nodiscard]] bool is_alone() const { return consensus_.acceptors().is_one(); }
  [[nodiscard]] bool is_undecided() const {
    return state_ == State::voting || state_ == State::accepting || state_ == State::restarted;
  }

  void go_on(Voting::End end) {
    if (end == Voting::End::yes && is_alone()) {
      state_ = State::forcing_commit;
      force(voting_.record(context(), raw(Record::commit_chosen), Outcome::commit));
    } else if (end == Voting::End::yes) {
      state_ = State::accepting;
      arm(raw(Timer::vote), context().timeouts.vote);
      consensus_.all_voted(effects());
    } else if (end == Voting::End::aborted) {  // Who votes NO will never vote YES: no other outcome can be chosen.
      settle_abort();
    }
  }

  /// The only thing that may follow from silence.
  void lead(Reason reason) {
    reason_ = reason_ == Reason::none ? reason : reason_;
    consensus_.lead(effects());
    arm(raw(Timer::vote), context().timeouts.vote + again_.next());
  }

  /// That all is over (Kind::answer, orphans): it was a commit, for an abort would be in this log.
  void told(const Message& in) {
    const bool over = in.outcome == Outcome::undecided && in.state == SiteState::unknown;
    if (over && state_ != State::restarted) {
      return ignored();
    }
    if (in.outcome == Outcome::commit || over) {
      cancel(raw(Timer::vote));
      state_ = State::learning;
      LogRecord record = make_record(raw(Record::commit_chosen), Outcome::commit);
      record.with_descriptor = !consensus_.has_records();
      force(std::move(record));
    } else {
      reason_ = reason_ == Reason::none ? in.reason : reason_;
      conclude(in.outcome);
    }
  }

  void conclude(Outcome outcome) {
    if (outcome == Outcome::undecided) {
      return;
    }
    cancel(raw(Timer::vote));
    if (outcome == Outcome::commit) {
      append(make_record(raw(Record::commit_chosen), Outcome::commit));
      return announce(state_ == State::restarted);
    }
    (void)voting_.abort(effects(), reason_ == Reason::none ? Reason::terminated : reason_);
    settle_abort();
  }

  void settle_abort() {
    if (!consensus_.has_records()) {
      return forget();
    }
    state_ = State::forcing_abort;
    force(make_record(raw(Record::abort_chosen), Outcome::abort, voting_.reason()));
  }

  void announce(bool retry) {
    state_ = State::announcing;
    decide(Outcome::commit);
    announcement_.begin(effects(), sites_in({}, context()), retry);
  }

  State state_{State::voting};
  Reason reason_{Reason::none};  ///< Why it began to lead.
  Voting voting_{Voting::words<Kind, Timer>(), context()};
  Consensus consensus_{context()};
  Backoff again_{context().timeouts.resend};  ///< Leaders that disturb each other must come apart.
  Announcement announcement_{Announcement::words<Kind, Timer, Record>(), context().timeouts.resend};
};

}  // namespace

std::unique_ptr<CommitMachine> make_coordinator(const TxnContext& context) {
  return make_machine<Coordinator>(context);
}

}  // namespace geocommit::paxos_commit
