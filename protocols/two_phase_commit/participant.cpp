#include "protocols/machine_base.h"
#include "protocols/parts/inquiry.h"
#include "protocols/parts/voter.h"
#include "protocols/two_phase_commit/two_phase_commit.h"

namespace geocommit::two_phase_commit {
namespace {

Voter::Words words_by(const Rules& rules) {
  Voter::Words words = Voter::words<Kind, Record>();
  words.ack = rules.acknowledged(Outcome::commit) ? words.ack : std::uint8_t{0};
  words.ack_abort = rules.acknowledged(Outcome::abort) ? raw(Kind::ack_abort) : std::uint8_t{0};
  return words;
}

/// Invariants: YES leaves only after `prepared` is durable, ACK only after `commit` is; a site that voted YES never
/// decides alone; a site that answers "aborted" to a peer without having been told has forced it first.
class Participant : public MachineBase {
 public:
  Participant(const TxnContext& context, const Rules& rules)
      : MachineBase(context), voter_(words_by(rules), context.options.on(kReadOnly)) {}

 protected:
  [[nodiscard]] Phase phase() const override {
    return voter_.is_bound() ? Phase{"in-doubt", SiteState::prepared, "inquiries", inquiry_.rounds()} : voter_.phase();
  }

  void encode(std::string& out) const override { put_all(out, voter_, inquiry_); }

  /// Commit: applied and unlocked at once, acknowledged after the force (README.md, Cost: why it may).
  void on_message(const Message& in) override {
    if (in.to_role != Role::participant) {
      return ignored();
    }
    if (voter_.message(effects(), in)) {
      cancel(raw(Timer::decision));
      voter_.carry_out(effects(), in.outcome, in.reason);
    }
  }

  void on_executed(Vote vote, Reason reason) override { voter_.executed(effects(), vote, reason); }

  void on_forced(std::uint8_t kind) override {
    if (voter_.forced(effects(), kind)) {
      arm(raw(Timer::decision), context().timeouts.decision);
    }
  }

  void on_timer(std::uint8_t timer) override {
    if (timer != raw(Timer::decision) || !voter_.is_bound()) {
      return ignored();
    }
    if (inquiry_.rounds() == 0) {
      note("entered_termination");
    }
    inquiry_.ask(effects(), inquiry_.rounds() > 0);
  }

  void on_recovered(const std::vector<LogRecord>& durable) override {
    if (voter_.recovered(effects(), durable)) {
      inquiry_.ask(effects(), true);
    }
  }

 private:
  Voter voter_;
  /// Never asked rarer than the decision timeout: whoever could answer is back or reachable again at some moment, and
  /// from then on the site stays blocked for at most so long.
  Inquiry inquiry_{raw(Kind::inquiry), raw(Timer::decision), context().timeouts.resend, context().timeouts.decision};
};

}  // namespace

std::unique_ptr<CommitMachine> make_participant(const Rules& rules, const TxnContext& context) {
  return make_machine<Participant>(context, rules);
}

}  // namespace geocommit::two_phase_commit
