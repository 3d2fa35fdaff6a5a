#include "protocols/machine_base.h"
#include "protocols/parts/announcement.h"
#include "protocols/parts/ballot_box.h"
#include "protocols/parts/recovered.h"
#include "protocols/two_phase_commit/two_phase_commit.h"

namespace geocommit::two_phase_commit {
namespace {

/// Invariants: nothing is told to anybody as committed before `commit` is durable; Forget after a commit only when
/// every YES voter has really acknowledged (pitfall 2).
class Coordinator final : public MachineBase {
 public:
  explicit Coordinator(const TxnContext& context)
      : MachineBase(context),
        votes_(context),
        announcement_(raw(Kind::decision), raw(Timer::resend), context.timeouts.resend) {}

  [[nodiscard]] std::string describe() const override {
    switch (state_) {
      case State::initial:
        return "initial";
      case State::collecting:
        return "collecting votes=" + std::to_string(votes_.counted());
      case State::forcing_commit:
        return "forcing commit";
      case State::announcing:
        return "announcing commit unacknowledged=" + std::to_string(announcement_.unacknowledged());
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
    votes_.encode(out);
    announcement_.encode(out);
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
    send_prepares(effects(), raw(Kind::prepare));
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
      return announcement_.again(effects());
    }
    ignored();
  }

  void on_forced(std::uint8_t kind) override {
    if (kind != raw(Record::commit_chosen) || state_ != State::forcing_commit) {
      return ignored();
    }
    note("decision-forced");
    announce(votes_.yes(context()), false);
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
    if (!has_record(durable, raw(Record::commit_chosen))) {  // Presumed abort answers for it.
      state_ = State::aborted;
      return forget();
    }
    if (has_record(durable, raw(Record::end))) {
      state_ = State::committed;
      return forget();
    }
    announce(sites_in(durable, context()), true);
  }

 private:
  enum class State : std::uint8_t { initial, collecting, forcing_commit, announcing, committed, aborted };

  void on_vote(const Message& in) {
    if (state_ != State::collecting) {
      return ignored();
    }
    switch (votes_.count(context(), in.from, in.vote)) {
      case BallotBox::Tally::ignored:
        return ignored();
      case BallotBox::Tally::counted:
        return;
      case BallotBox::Tally::complete:
        return all_votes_in();
      case BallotBox::Tally::refused:
        return abort(in.reason == Reason::none ? Reason::constraint : in.reason);
    }
  }

  void all_votes_in() {
    note("votes-collected");
    cancel(raw(Timer::vote));
    std::vector<NodeId> voters = votes_.yes(context());
    if (voters.empty()) {  // All read-only: nothing to make durable, nobody to tell.
      state_ = State::committed;
      decide(Outcome::commit);
      return forget();
    }
    state_ = State::forcing_commit;
    LogRecord record = make_record(raw(Record::commit_chosen), Outcome::commit);
    record.with_descriptor = true;
    if (voters.size() < context().cohort.size()) {
      record.sites = std::move(voters);
    }
    force(std::move(record));
  }

  void announce(std::vector<NodeId> voters, bool retry) {
    state_ = State::announcing;
    decide(Outcome::commit);
    announcement_.begin(effects(), std::move(voters), Outcome::commit, "decision-sent-to-one", retry);
  }

  void on_ack(const Message& in) {
    if (state_ != State::announcing || !announcement_.acknowledged(in.from)) {
      return ignored();
    }
    if (announcement_.is_over()) {
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
    send_decisions(effects(), raw(Kind::decision), votes_.yes_or_silent(context()), Outcome::abort, reason, false);
    forget();
  }

  State state_{State::initial};
  BallotBox votes_;
  Announcement announcement_;
};

}  // namespace

std::unique_ptr<CommitMachine> make_coordinator(const TxnContext& context) {
  return std::make_unique<Coordinator>(context);
}

}  // namespace geocommit::two_phase_commit
