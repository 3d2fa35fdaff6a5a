#include "protocols/parts/announcement.h"
#include "protocols/parts/ballot_box.h"
#include "protocols/parts/inquiry.h"
#include "protocols/parts/voter.h"
#include "protocols/paxos_commit/consensus.h"
#include "protocols/paxos_commit/paxos_commit.h"

namespace geocommit::paxos_commit {
namespace {

/// Invariants: YES leaves only after `prepared` is durable, ACK only after `commit` is; a site accepts ballot 0 only
/// with every site's vote, its own durable one among them, and promises and accepts only while it is bound: its
/// acceptor lives from its vote to the outcome, which its log or the engine's memory answers for from then on. In doubt
/// it leads a ballot; it decides what a majority has accepted, or what it is told.
class Participant : public MachineBase {
 public:
  using MachineBase::MachineBase;

 protected:
  [[nodiscard]] Phase phase() const override {
    if (!voter_.is_bound()) {
      return voter_.phase();
    }
    return {concluding_ ? "forcing abort for all" : led_ ? "in doubt, leading" : "in doubt", SiteState::prepared};
  }

  void encode(std::string& out) const override {
    put_all(out, voter_, consensus_, votes_, inquiry_, static_cast<std::uint32_t>(again_.factor()),
            (concluding_ ? 2U : 0U) + (led_ ? 1U : 0U));
  }

  void on_message(const Message& in) override {
    if (in.to_role != Role::participant) {
      return ignored();
    }
    switch (static_cast<Kind>(in.kind)) {
      case Kind::vote:
        return is_member(in.from) && in.vote == Vote::yes ? voted(in.from) : ignored();
      case Kind::lead:
      case Kind::propose:
      case Kind::promise:
      case Kind::accepted:
        return in_ballot(in);
      default:
        break;
    }
    // All is over: it was an abort, for a commit is over only when this site has it durable too.
    const bool over = in.kind == raw(Kind::answer) && in.outcome == Outcome::undecided &&
                      in.state == SiteState::unknown && led_ && !consensus_.acceptors().is_one();
    if (over && voter_.is_bound() && !concluding_) {
      cancel(raw(Timer::decision));
      return voter_.carry_out(effects(), Outcome::abort, Reason::terminated);
    }
    if (!voter_.message(effects(), in)) {
      return;
    }
    if (concluding_) {
      return in.outcome == Outcome::commit ? note("split-outcome") : ignored();
    }
    cancel(raw(Timer::decision));
    voter_.carry_out(effects(), in.outcome, in.reason);
  }

  void on_executed(Vote vote, Reason reason) override { voter_.executed(effects(), vote, reason); }

  void on_forced(std::uint8_t kind) override {
    if (concluding_ && kind == raw(Record::abort)) {
      voter_.take_effect(effects(), Outcome::abort, Reason::terminated);
      tell(Outcome::abort, Reason::terminated);
      forget();
    } else if (voter_.is_bound()) {
      concluding_ ? ignored() : conclude(consensus_.forced(effects(), kind));
    } else if (voter_.forced(effects(), kind)) {
      arm(raw(Timer::decision), context().timeouts.decision);
      send_votes();
      voted(context().self);
    }
  }

  void on_timer(std::uint8_t timer) override {
    if (timer != raw(Timer::decision) || !voter_.is_bound() || concluding_) {
      return ignored();
    }
    if (!led_) {
      note("entered_termination");
    }
    lead(led_);
  }

  void on_recovered(const std::vector<LogRecord>& durable) override {
    if (voter_.recovered(effects(), durable)) {
      consensus_.recovered(durable);
      lead(true);
    }
  }

 private:
  /// Phase 2a of its own instance, besides what the voter has sent to the coordinator.
  void send_votes() {
    for (const Member& member : context().cohort) {
      if (member.node != context().self && consensus_.acceptors().is_first(member.node)) {
        Message vote = message(member.node, Role::participant, raw(Kind::vote));
        vote.vote = Vote::yes;
        vote.to_epoch = member.epoch;
        send(vote);
      }
    }
  }

  void voted(NodeId site) {
    if (!consensus_.acceptors().is_first(context().self)) {
      return;
    }
    if (votes_.count(context(), site, Vote::yes) == BallotBox::Tally::complete) {
      consensus_.all_voted(effects());
    }
  }

  /// Not bound, it aborts alone: its instance can then be chosen Aborted only.
  void in_ballot(const Message& in) {
    const bool asks = in.kind == raw(Kind::lead) || in.kind == raw(Kind::propose);
    if (!voter_.is_bound() && asks) {
      return voter_.asked(effects(), {in.from, raw(Kind::answer), in.ballot}, in.retry);
    }
    if (!voter_.is_bound() || concluding_ || consensus_.acceptors().is_one()) {
      return ignored();
    }
    if (asks) {  // Somebody leads: time for that.
      wait();
    }
    conclude(consensus_.message(effects(), in));
  }

  void lead(bool again) {
    led_ = true;
    if (consensus_.acceptors().is_one()) {
      return inquiry_.ask(effects(), again);
    }
    consensus_.lead(effects());
    wait();
  }

  void wait() { arm(raw(Timer::decision), context().timeouts.decision + again_.next()); }

  void conclude(Outcome outcome) {
    if (outcome == Outcome::undecided) {
      return;
    }
    cancel(raw(Timer::decision));
    if (outcome == Outcome::commit) {
      voter_.carry_out(effects(), Outcome::commit, Reason::none);
      return tell(Outcome::commit, Reason::none);
    }
    concluding_ = true;
    force(make_record(raw(Record::abort), Outcome::abort, Reason::terminated));
  }

  void tell(Outcome outcome, Reason reason) {
    Message decision = message(context().coordinator, Role::coordinator, raw(Kind::decision));
    decision.outcome = outcome;
    decision.reason = reason;
    send(decision);
    send_decisions(effects(), raw(Kind::decision), others_of(context()), outcome, reason, false);
  }

  bool led_{}, concluding_{};
  Voter voter_{Voter::words<Kind, Record>(), false};
  Consensus consensus_{context()};
  BallotBox votes_{context()};
  Backoff again_{context().timeouts.resend};  ///< Leaders that disturb each other must come apart.
  Inquiry inquiry_{raw(Kind::inquiry), raw(Timer::decision), context().timeouts.resend, context().timeouts.decision};
};

}  // namespace

std::unique_ptr<CommitMachine> make_participant(const TxnContext& context) {
  return make_machine<Participant>(context);
}

}  // namespace geocommit::paxos_commit
