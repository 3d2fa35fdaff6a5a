#include "protocols/machine_base.h"
#include "protocols/parts/announcement.h"
#include "protocols/parts/recovered.h"
#include "protocols/parts/voting.h"
#include "protocols/two_phase_commit/two_phase_commit.h"

namespace geocommit::two_phase_commit {
namespace {

/// Invariants: nothing is told to anybody as committed before `commit` is durable; Forget after a commit only when
/// every YES voter has really acknowledged (pitfall 2). An abort is not logged: without a commit record the answer is
/// abort.
class Coordinator final : public MachineBase {
 public:
  explicit Coordinator(const TxnContext& context)
      : MachineBase(context),
        voting_({raw(Kind::prepare), raw(Kind::decision), raw(Timer::vote)}, context),
        announcement_({raw(Kind::decision), raw(Timer::resend), raw(Record::end)}, context.timeouts.resend) {}

  [[nodiscard]] std::unique_ptr<CommitMachine> clone() const override { return std::make_unique<Coordinator>(*this); }

 protected:
  [[nodiscard]] Phase phase() const override {
    switch (state_) {
      case State::voting:
        return voting_.phase();
      case State::forcing_commit:
        return {"forcing commit", SiteState::working};
      case State::announcing:
        return announcement_.phase();
      case State::committed:
        return {"committed", SiteState::committed};
      case State::aborted:
        return {"aborted", SiteState::aborted};
    }
    return {};
  }

  void encode(std::string& out) const override {
    put(out, state_);
    voting_.encode(out);
    announcement_.encode(out);
  }

  void on_begin() override { go_on(voting_.begin(effects())); }

  void on_message(const Message& in) override {
    if (in.to_role != Role::coordinator || !is_member(in.from)) {
      return ignored();
    }
    switch (static_cast<Kind>(in.kind)) {
      case Kind::vote:
        return go_on(voting_.vote(effects(), in));
      case Kind::ack:
        return announcement_.acknowledged(effects(), in.from) ? end(State::committed) : void();
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
    if (timer == raw(Timer::vote)) {
      return go_on(voting_.late(effects()));
    }
    timer == raw(Timer::resend) ? announcement_.again(effects()) : ignored();
  }

  void on_forced(std::uint8_t kind) override {
    if (kind != raw(Record::commit_chosen) || state_ != State::forcing_commit) {
      return ignored();
    }
    note("decision-forced");
    announce(voting_.yes(context()), false);
  }

  void on_wounded() override { go_on(voting_.wounded(effects())); }

  void on_recovered(const std::vector<LogRecord>& durable) override {
    if (!voting_.close()) {
      return ignored();
    }
    if (!has_record(durable, raw(Record::commit_chosen))) {  // Presumed abort answers for it.
      return end(State::aborted);
    }
    has_record(durable, raw(Record::end)) ? end(State::committed) : announce(sites_in(durable, context()), true);
  }

 private:
  enum class State : std::uint8_t {
    voting,  ///< voting_ says how far.
    forcing_commit,
    announcing,
    committed,
    aborted,
  };

  void go_on(Voting::End end) {
    if (end == Voting::End::yes) {
      state_ = State::forcing_commit;
      force(voting_.record(context(), raw(Record::commit_chosen), Outcome::commit));
    } else if (end != Voting::End::none) {
      forget();
    }
  }

  void announce(std::vector<NodeId> voters, bool retry) {
    state_ = State::announcing;
    decide(Outcome::commit);
    announcement_.begin(effects(), std::move(voters), retry);
  }

  void end(State state) {
    state_ = state;
    forget();
  }

  State state_{State::voting};
  Voting voting_;
  Announcement announcement_;
};

}  // namespace

std::unique_ptr<CommitMachine> make_coordinator(const TxnContext& context) {
  return std::make_unique<Coordinator>(context);
}

}  // namespace geocommit::two_phase_commit
