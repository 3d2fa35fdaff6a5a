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
class Coordinator : public MachineBase {
 public:
  using MachineBase::MachineBase;

 protected:
  [[nodiscard]] Phase phase() const override {
    switch (state_) {
      case State::voting:
        return voting_.phase();
      case State::forcing_commit:
        return {"forcing commit", SiteState::working};
      case State::announcing:
        return announcement_.phase();
    }
    return {};
  }

  void encode(std::string& out) const override { put_all(out, state_, voting_, announcement_); }

  void on_begin() override { go_on(voting_.begin(effects())); }

  void on_message(const Message& in) override {
    if (!is_from_site(in)) {
      return ignored();
    }
    switch (static_cast<Kind>(in.kind)) {
      case Kind::vote:
        return go_on(voting_.vote(effects(), in));
      case Kind::ack:
        return announcement_.acknowledged(effects(), in.from) ? forget() : void();
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
    if (kind != raw(Record::commit_chosen) || state_ != State::forcing_commit) {
      return ignored();
    }
    note("decision-forced");
    announce(voting_.yes(context()), false);
  }

  void on_wounded() override { go_on(voting_.wounded(effects())); }

  void on_recovered(const std::vector<LogRecord>& durable) override {
    if (!voting_.close(effects())) {
      return;
    }
    if (!has_record(durable, raw(Record::commit_chosen))) {  // Presumed abort answers for it.
      return forget();
    }
    has_record(durable, raw(Record::end)) ? forget() : announce(sites_in(durable, context()), true);
  }

 private:
  enum class State : std::uint8_t {
    voting,  ///< voting_ says how far.
    forcing_commit,
    announcing,
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

  State state_{State::voting};
  Voting voting_{Voting::words<Kind, Timer>(), context()};
  Announcement announcement_{Announcement::words<Kind, Timer, Record>(), context().timeouts.resend};
};

}  // namespace

std::unique_ptr<CommitMachine> make_coordinator(const TxnContext& context) {
  return make_machine<Coordinator>(context);
}

}  // namespace geocommit::two_phase_commit
