#include "protocols/machine_base.h"
#include "protocols/parts/announcement.h"
#include "protocols/parts/recovered.h"
#include "protocols/parts/voting.h"
#include "protocols/two_phase_commit/two_phase_commit.h"

namespace geocommit::two_phase_commit {
namespace {

/// Invariants: nothing is told to anybody as committed before `commit` is durable; Forget after a commit only when
/// every YES voter has really acknowledged (pitfall 2). Where an abort is presumed it is not logged: without a commit
/// record the answer is abort.
class Coordinator : public MachineBase {
 public:
  Coordinator(const TxnContext& context, const Rules& rules) : MachineBase(context), rules_(rules) {}

 protected:
  [[nodiscard]] Phase phase() const override {
    switch (state_) {
      case State::beginning:
        return {"forcing collecting", SiteState::working};
      case State::voting:
        return voting_.phase();
      case State::forcing_commit:
        return {"forcing commit", SiteState::working};
      case State::forcing_abort:
        return {"forcing abort", SiteState::working};
      case State::announcing:
        return announcement_.phase();
    }
    return {};
  }

  void encode(std::string& out) const override { put_all(out, state_, voting_, announcement_); }

  void on_begin() override {
    if (!rules_.begins() || state_ != State::voting || !voting_.is_new() || context().cohort.empty()) {
      return go_on(voting_.begin(effects()));
    }
    state_ = State::beginning;
    force(make_first_record(raw(Record::collecting)));
  }

  void on_message(const Message& in) override {
    if (!is_from_site(in)) {
      return ignored();
    }
    switch (static_cast<Kind>(in.kind)) {
      case Kind::vote:
        return go_on(voting_.vote(effects(), in));
      case Kind::ack:
        return acknowledged(in.from, Outcome::commit);
      case Kind::ack_abort:
        return acknowledged(in.from, Outcome::abort);
      case Kind::inquiry:
        return announcement_.asked(effects(), raw(Kind::answer), in);
      case Kind::prepare:
      case Kind::decision:
      case Kind::answer:
        return ignored();
    }
    ignored();
  }

  void on_timer(std::uint8_t timer) override {
    voting_.is_open() ? go_on(voting_.timer(effects(), timer)) : announcement_.timer(effects(), timer);
  }

  void on_forced(std::uint8_t kind) override {
    if (kind == raw(Record::collecting) && state_ == State::beginning) {
      state_ = State::voting;
      go_on(voting_.begin(effects()));
    } else if (kind == raw(Record::commit_chosen) && state_ == State::forcing_commit) {
      note("decision-forced");
      committed();
    } else if (kind == raw(Record::abort_chosen) && state_ == State::forcing_abort) {
      note("decision-forced");
      announce(Outcome::abort, voting_.reason(), voting_.yes_or_silent(context()), false);
    } else {
      ignored();
    }
  }

  void on_wounded() override { go_on(voting_.wounded(effects())); }

  void on_recovered(const std::vector<LogRecord>& durable) override {
    if (!voting_.close(effects())) {
      return;
    }
    auto [outcome, reason] = outcome_in(durable);
    if (has_record(durable, raw(Record::end))) {
      return forget();
    }
    if (outcome == Outcome::undecided && has_record(durable, raw(Record::collecting))) {
      outcome = Outcome::abort;
      reason = Reason::recovery;
      append(make_record(raw(Record::abort_chosen), outcome, reason));
    }
    if (rules_.acknowledged(outcome) && outcome != Outcome::undecided) {
      return announce(outcome, reason, sites_in(durable, context()), true);
    }
    if (outcome == Outcome::commit) {
      decide(outcome);
    }
    forget();  // What is presumed answers for it.
  }

 private:
  enum class State : std::uint8_t {
    beginning,  ///< `collecting` is being forced.
    voting,     ///< voting_ says how far.
    forcing_commit,
    forcing_abort,
    announcing,
  };

  void go_on(Voting::End end) {
    switch (end) {
      case Voting::End::none:
        return;
      case Voting::End::yes:
        return force_commit();
      case Voting::End::read_only:
        if (rules_.begins()) {  // Behind `collecting`, nothing would be an abort.
          return force_commit();
        }
        if (ends() == Voting::Ends::with_machine) {
          decide(Outcome::commit);
        }
        return forget();
      case Voting::End::aborted:
        return ends() == Voting::Ends::with_machine ? abort(voting_.reason()) : forget();
    }
  }

  void force_commit() {
    state_ = State::forcing_commit;
    force(rules_.begins() ? make_record(raw(Record::commit_chosen), Outcome::commit)
                          : voting_.record(context(), raw(Record::commit_chosen), Outcome::commit));
  }

  void committed() {
    if (rules_.acknowledged(Outcome::commit)) {
      return announce(Outcome::commit, Reason::none, voting_.yes(context()), false);
    }
    decide(Outcome::commit);
    send_decisions(effects(), raw(Kind::decision), voting_.yes(context()), Outcome::commit, Reason::none, false,
                   "decision-sent-to-one");
    forget();
  }

  /// Told to whoever may be prepared, until all have acknowledged it.
  void abort(Reason reason) {
    std::vector<NodeId> sites = voting_.yes_or_silent(context());
    if (!rules_.forces_abort()) {
      append(make_record(raw(Record::abort_chosen), Outcome::abort, reason));
    }
    if (sites.empty()) {  // All who could be in doubt have refused, or only read.
      decide(Outcome::abort, reason);
      if (!rules_.forces_abort()) {
        append(make_record(raw(Record::end)));
      }
      return forget();
    }
    if (!rules_.forces_abort()) {
      return announce(Outcome::abort, reason, std::move(sites), false);
    }
    LogRecord record = make_first_record(raw(Record::abort_chosen), Outcome::abort);
    record.reason = reason;
    if (sites.size() < context().cohort.size()) {
      record.sites = std::move(sites);
    }
    state_ = State::forcing_abort;
    force(record);
  }

  void announce(Outcome outcome, Reason reason, std::vector<NodeId> sites, bool retry) {
    state_ = State::announcing;
    decide(outcome, reason);
    announcement_.begin(effects(), std::move(sites), retry, outcome, reason);
  }

  void acknowledged(NodeId site, Outcome outcome) {
    if (outcome != announcement_.outcome()) {
      return ignored();
    }
    if (announcement_.acknowledged(effects(), site)) {
      forget();
    }
  }

  /// What is acknowledged, the machine tells, again and again.
  [[nodiscard]] Voting::Ends ends() const {
    return rules_.acknowledged(Outcome::abort) ? Voting::Ends::with_machine : Voting::Ends::here;
  }

  Rules rules_;
  State state_{State::voting};
  Voting voting_{Voting::words<Kind, Timer>(), context(), ends()};
  Announcement announcement_{Announcement::words<Kind, Timer, Record>(), context().timeouts.resend};
};

}  // namespace

std::unique_ptr<CommitMachine> make_coordinator(const Rules& rules, const TxnContext& context) {
  return make_machine<Coordinator>(context, rules);
}

}  // namespace geocommit::two_phase_commit
