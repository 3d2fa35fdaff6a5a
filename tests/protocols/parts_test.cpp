// The parts that machines are composed of, each by itself: what it asks for, in which order, and what it remembers.
#include <catch2/catch.hpp>
#include <string>

#include "protocols/parts/announcement.h"
#include "protocols/parts/answers.h"
#include "protocols/parts/ballot_box.h"
#include "protocols/parts/inquiry.h"
#include "protocols/parts/recovered.h"
#include "protocols/parts/rows.h"
#include "protocols/parts/voter.h"
#include "protocols/parts/voting.h"
#include "tests/protocols/desk.h"

using namespace geocommit;
using namespace geocommit::parts_test;

namespace {

Message vote_from(std::uint32_t node, Vote vote, Reason reason = Reason::none) {
  Message m;
  m.from = NodeId{node};
  m.vote = vote;
  m.reason = reason;
  return m;
}

}  // namespace

TEST_CASE("ballot box: a YES stays, a NO ends it, and whom an outcome concerns") {
  const TxnContext context = context_of(kCoordinator);
  using Tally = BallotBox::Tally;
  BallotBox votes(context);
  CHECK(votes.missing() == 3);
  CHECK(votes.yes_or_silent(context) == std::vector{NodeId{1}, NodeId{2}, NodeId{3}});
  CHECK(votes.count(context, NodeId{1}, Vote::none) == Tally::ignored);
  CHECK(votes.count(context, NodeId{2}, Vote::read_only) == Tally::counted);
  CHECK(votes.count(context, NodeId{2}, Vote::read_only) == Tally::ignored);
  CHECK(votes.count(context, NodeId{1}, Vote::yes) == Tally::counted);
  const std::string before = bytes_of(votes);
  CHECK(votes.count(context, NodeId{1}, Vote::read_only) == Tally::ignored);
  CHECK(bytes_of(votes) == before);
  CHECK(votes.yes_or_silent(context) == std::vector{NodeId{1}, NodeId{3}});
  CHECK(votes.count(context, NodeId{3}, Vote::yes) == Tally::complete);
  CHECK(votes.yes(context) == std::vector{NodeId{1}, NodeId{3}});
  CHECK(votes.count(context, NodeId{2}, Vote::yes) == Tally::complete);  // It holds a prepared record after all.
  CHECK(votes.yes(context).size() == 3);
  CHECK(votes.count(context, NodeId{3}, Vote::no) == Tally::refused);
  CHECK(votes.yes_or_silent(context) == std::vector{NodeId{1}, NodeId{2}});
}

TEST_CASE("prepares go to the starts that the cohort names") {
  Desk desk(kCoordinator);
  send_prepares(desk.effects(), 1);
  CHECK(desk.take() == "1->1 epoch 11, 1->2 epoch 12, 1->3 epoch 13");
}

TEST_CASE("voting: PREPARE to all, and YES from all in time") {
  using End = Voting::End;
  Desk desk(kCoordinator);
  Voting voting(kVoting, desk.context());
  CHECK(voting.vote(desk.effects(), vote_from(1, Vote::yes)) == End::none);
  CHECK(voting.timer(desk.effects(), kTimer) == End::none);
  CHECK(voting.wounded(desk.effects()) == End::none);
  CHECK(desk.take() == "ignored, ignored, ignored");
  CHECK(voting.begin(desk.effects()) == End::none);
  CHECK(desk.take() == "timer 7 in 100, 1->1 epoch 11, 1->2 epoch 12, 1->3 epoch 13, prepare-sent");
  CHECK(voting.begin(desk.effects()) == End::none);
  CHECK(voting.vote(desk.effects(), vote_from(1, Vote::none)) == End::none);
  CHECK(desk.take() == "ignored, ignored");
  CHECK(voting.vote(desk.effects(), vote_from(3, Vote::yes)) == End::none);
  CHECK(voting.vote(desk.effects(), vote_from(1, Vote::read_only)) == End::none);
  CHECK(desk.take().empty());
  CHECK(voting.phase().name == "collecting");
  CHECK(voting.phase().count == 2);
  CHECK(voting.vote(desk.effects(), vote_from(2, Vote::yes)) == End::yes);
  CHECK(desk.take() == "votes-collected, no timer 7");
  CHECK(voting.yes(desk.context()) == std::vector{NodeId{2}, NodeId{3}});
  const LogRecord record = voting.record(desk.context(), kChosen, Outcome::commit);
  CHECK(record.with_descriptor);
  CHECK(record.outcome == Outcome::commit);
  CHECK(record.sites == voting.yes(desk.context()));
  CHECK(voting.vote(desk.effects(), vote_from(2, Vote::no)) == End::none);  // Too late for all that.
  CHECK(voting.timer(desk.effects(), kTimer) == End::none);
  CHECK(voting.wounded(desk.effects()) == End::none);
  CHECK(desk.take() == "ignored, ignored, ignored");
  CHECK_FALSE(voting.close(desk.effects()));
  CHECK(desk.take() == "ignored");
}

TEST_CASE("voting: a record names no sites if the outcome concerns all; it concerns nobody if all have only read") {
  Desk desk(kCoordinator);
  Voting all(kVoting, desk.context()), readers(kVoting, desk.context());
  (void)all.begin(desk.effects());
  (void)readers.begin(desk.effects());
  for (const std::uint32_t node : {1U, 2U}) {
    (void)all.vote(desk.effects(), vote_from(node, Vote::yes));
    (void)readers.vote(desk.effects(), vote_from(node, Vote::read_only));
  }
  (void)desk.take();
  CHECK(all.vote(desk.effects(), vote_from(3, Vote::yes)) == Voting::End::yes);
  CHECK(all.record(desk.context(), kChosen).sites.empty());
  (void)desk.take();
  CHECK(readers.vote(desk.effects(), vote_from(3, Vote::read_only)) == Voting::End::read_only);
  CHECK(desk.take() == "votes-collected, no timer 7, decide commit");
  CHECK(readers.phase().seen == SiteState::committed);
}

TEST_CASE("voting: a NO, the timer or a wound aborts, and whoever may have voted YES is told") {
  const auto begun = [](Desk& desk) {
    Voting voting(kVoting, desk.context());
    (void)voting.begin(desk.effects());
    (void)voting.vote(desk.effects(), vote_from(1, Vote::read_only));
    (void)desk.take();
    return voting;
  };
  const std::string aborts = "no timer 7, decide abort, ";
  Desk desk(kCoordinator);
  Voting refused = begun(desk);
  CHECK(refused.vote(desk.effects(), vote_from(3, Vote::no, Reason::lock_timeout)) == Voting::End::aborted);
  CHECK(desk.take() == aborts + "3->2 abort");
  CHECK(refused.phase().seen == SiteState::aborted);
  CHECK(refused.reason() == Reason::lock_timeout);
  Voting late = begun(desk);
  CHECK(late.timer(desk.effects(), kTimer + 1) == Voting::End::none);  // Somebody else's.
  CHECK(desk.take() == "ignored");
  CHECK(late.timer(desk.effects(), kTimer) == Voting::End::aborted);
  CHECK(desk.take() == aborts + "3->2 abort, 3->3 abort");
  CHECK_FALSE(late.is_open());
  Voting wounded = begun(desk);
  CHECK(wounded.wounded(desk.effects()) == Voting::End::aborted);
  CHECK(desk.take() == aborts + "3->2 abort, 3->3 abort");
  Voting restarted(kVoting, desk.context());
  CHECK(restarted.close(desk.effects()));
  CHECK(desk.take().empty());
  CHECK_FALSE(restarted.close(desk.effects()));
  CHECK(restarted.begin(desk.effects()) == Voting::End::none);
  CHECK(desk.take() == "ignored, ignored");
  CHECK(restarted.abort(desk.effects(), Reason::recovery) == Voting::End::aborted);
  CHECK(desk.take() == "decide abort, 3->1 abort again, 3->2 abort again, 3->3 abort again");
}

TEST_CASE("voting: an end that its machine decides, it only says") {
  Desk desk(kCoordinator);
  Voting readers(kVoting, desk.context(), Voting::Ends::with_machine);
  CHECK(readers.is_new());
  (void)readers.begin(desk.effects());
  CHECK_FALSE(readers.is_new());
  (void)readers.vote(desk.effects(), vote_from(1, Vote::read_only));
  (void)readers.vote(desk.effects(), vote_from(2, Vote::read_only));
  (void)desk.take();
  CHECK(readers.vote(desk.effects(), vote_from(3, Vote::read_only)) == Voting::End::read_only);
  CHECK(desk.take() == "votes-collected, no timer 7");
  Voting refused(kVoting, desk.context(), Voting::Ends::with_machine);
  (void)refused.begin(desk.effects());
  (void)desk.take();
  CHECK(refused.vote(desk.effects(), vote_from(1, Vote::no, Reason::constraint)) == Voting::End::aborted);
  CHECK(desk.take() == "no timer 7");
  CHECK(refused.reason() == Reason::constraint);
  CHECK(refused.yes_or_silent(desk.context()) == std::vector{NodeId{2}, NodeId{3}});
}

TEST_CASE("voting: nobody to ask is an invalid request") {
  TxnContext nobody = context_of(kCoordinator);
  nobody.cohort.clear();
  Outbox out;
  Voting voting(kVoting, nobody);
  CHECK(voting.begin({nobody, out}) == Voting::End::aborted);
  REQUIRE(out.size() == 1);
  CHECK(std::get<Decide>(out[0]).reason == Reason::invalid_request);
}

TEST_CASE("announcement: the first alone before its point, then again at growing intervals to who is silent") {
  Desk desk(kCoordinator);
  Announcement announcement(kAnnouncement, 10ms);
  Message question;
  question.from = NodeId{3};
  announcement.asked(desk.effects(), kAnswer, question);
  announcement.timer(desk.effects(), kTimer);
  CHECK(desk.take() == "inquiry-before-decision, ignored");
  announcement.begin(desk.effects(), {NodeId{1}, NodeId{3}}, false);
  CHECK(desk.take() == "3->1 commit, decision-sent-to-one, 3->3 commit, timer 7 in 10");
  CHECK_FALSE(announcement.acknowledged(desk.effects(), NodeId{2}));
  CHECK(desk.take() == "ignored");
  CHECK_FALSE(announcement.acknowledged(desk.effects(), NodeId{1}));
  CHECK(desk.take().empty());
  CHECK_FALSE(announcement.acknowledged(desk.effects(), NodeId{1}));
  CHECK(desk.take() == "ignored");
  for (const char* interval : {"20", "40", "80", "160", "160"}) {
    announcement.timer(desk.effects(), kTimer + 1);
    CHECK(desk.take() == "ignored");
    announcement.timer(desk.effects(), kTimer);
    CHECK(desk.take() == std::string("3->3 commit again, timer 7 in ") + interval);
  }
  question.retry = true;
  announcement.asked(desk.effects(), kAnswer, question);
  CHECK(desk.take() == "6->3 committed commit again");
  CHECK(announcement.phase().count == 1);
  CHECK(announcement.waits_for(NodeId{3}));
  CHECK_FALSE(announcement.waits_for(NodeId{1}));
  CHECK(announcement.acknowledged(desk.effects(), NodeId{3}));
  CHECK(desk.take() == "no timer 7, append 5");
}

TEST_CASE("announcement: an abort is told, told again and answered for as a commit is") {
  Desk desk(kCoordinator);
  Announcement announcement(kAnnouncement, 10ms);
  announcement.begin(desk.effects(), {NodeId{1}, NodeId{3}}, true, Outcome::abort, Reason::constraint);
  CHECK(desk.take() == "3->1 abort again, decision-sent-to-one, 3->3 abort again, timer 7 in 10");
  CHECK(announcement.outcome() == Outcome::abort);
  CHECK(announcement.phase().seen == SiteState::aborted);
  CHECK_FALSE(announcement.acknowledged(desk.effects(), NodeId{3}));
  announcement.timer(desk.effects(), kTimer);
  CHECK(desk.take() == "3->1 abort again, timer 7 in 20");
  Message question;
  question.from = NodeId{1};
  announcement.asked(desk.effects(), kAnswer, question);
  CHECK(desk.take() == "6->1 aborted abort");
}

TEST_CASE("a decision told once: its point behind the first, and none without a name or with nobody to tell") {
  Desk desk(NodeId{2});
  const std::vector<NodeId> others{NodeId{1}, NodeId{3}};
  send_decisions(desk.effects(), kDecision, others, Outcome::commit, Reason::none, false, "to-one");
  CHECK(desk.take() == "3->1 commit, to-one, 3->3 commit");
  send_decisions(desk.effects(), kDecision, others, Outcome::commit, Reason::none, true);
  CHECK(desk.take() == "3->1 commit again, 3->3 commit again");
  send_decisions(desk.effects(), kDecision, {}, Outcome::commit, Reason::none, false, "to-one");
  CHECK(desk.take().empty());
}

TEST_CASE("answers: to a peer or to the coordinator, and an acknowledgement to the coordinator alone") {
  Desk desk(NodeId{2});
  send_answer(desk.effects(), kAnswer, NodeId{3}, SiteState::prepared, Outcome::undecided, true);
  CHECK(desk.take() == "6->3 prepared again");
  const TxnContext context = context_of(NodeId{2});
  Outbox out;
  send_answer({context, out}, kAnswer, kCoordinator, SiteState::aborted, Outcome::abort, false, Ballot{4});
  send_answer({context, out}, kAnswer, NodeId{1}, SiteState::committed, Outcome::commit, false);
  const Message refusal = std::get<Send>(out.at(0)).message, commit = std::get<Send>(out.at(1)).message;
  CHECK(refusal.to_role == Role::coordinator);
  CHECK(refusal.reason == Reason::terminated);
  CHECK(refusal.ballot == Ballot{4});
  CHECK(commit.to_role == Role::participant);
  CHECK(commit.reason == Reason::none);
  send_acknowledgement(desk.effects(), kAck, false);
  send_acknowledgement(desk.effects(), kAck, true);
  CHECK(desk.take() == "4->1000, 4->1000 again");
}

TEST_CASE("inquiry: a coordinator does not ask itself") {
  Desk desk(kCoordinator);
  Inquiry(kInquiry, kTimer, 10ms).ask(desk.effects(), true);
  CHECK(desk.take() == "5->1 epoch 11 again, 5->2 epoch 12 again, 5->3 epoch 13 again, timer 7 in 10");
}

TEST_CASE("inquiry: everybody but oneself, never rarer than the bound; a round counts once in its state") {
  Desk desk(NodeId{2});
  Inquiry inquiry(kInquiry, kTimer, 10ms, 30ms);
  inquiry.ask(desk.effects(), false);
  CHECK(desk.take() == "5->1000, 5->1 epoch 11, 5->3 epoch 13, timer 7 in 10");
  inquiry.ask(desk.effects(), true);
  CHECK(desk.take() == "5->1000 again, 5->1 epoch 11 again, 5->3 epoch 13 again, timer 7 in 20");
  inquiry.wait(desk.effects());
  CHECK(desk.take() == "timer 7 in 30");
  const std::string before = bytes_of(inquiry);
  inquiry.timer(desk.effects(), kTimer);
  CHECK(bytes_of(inquiry) == before);
  CHECK(desk.take() == "5->1000 again, 5->1 epoch 11 again, 5->3 epoch 13 again, timer 7 in 30");
  inquiry.timer(desk.effects(), kTimer + 1);
  CHECK(desk.take() == "ignored");
}

TEST_CASE("a machine forgets last, and is deaf then; a copy goes on by itself") {
  class Forgetful : public MachineBase {
   public:
    using MachineBase::MachineBase;

   protected:
    [[nodiscard]] Phase phase() const override { return {"counting", SiteState::working, "timers", timers_}; }
    void encode(std::string& out) const override { put_all(out, timers_, others_of(context())); }
    void on_timer(std::uint8_t /*timer*/) override { ++timers_; }
    void on_begin() override {
      forget();
      note("something more");
    }

   private:
    std::uint32_t timers_{};
  };
  const auto step = [](CommitMachine& machine, const Input& input) {
    Outbox out{Forget{}};  // Of somebody else's step.
    machine.step({}, input, out);
    return Outbox(out.begin() + 1, out.end());
  };
  const auto machine = make_machine<Forgetful>(context_of(NodeId{2}));
  CHECK(step(*machine, TimerFired{kTimer}).empty());
  const auto copy = machine->clone();
  CHECK(step(*copy, TimerFired{kTimer}).empty());
  CHECK(machine->describe() == "counting timers=1");
  CHECK(copy->describe() == "counting timers=2");
  const Outbox out = step(*copy, Begin{});
  REQUIRE(out.size() == 2);
  CHECK(std::get<Note>(out[0]).event == "something more");
  CHECK(std::holds_alternative<Forget>(out[1]));
  const Outbox deaf = step(*copy, TimerFired{kTimer});
  REQUIRE(deaf.size() == 1);
  CHECK(std::get<Note>(deaf[0]).event == "ignored");
  CHECK(step(*machine, Wounded{}).size() == 1);  // It has not forgotten.
  CHECK(step(*machine, TimerFired{kTimer}).empty());
}

TEST_CASE("parts: equal states have equal bytes, others have not") {
  Desk desk(NodeId{2});
  Voter one(kVoter), other(kVoter);
  CHECK(bytes_of(one) == bytes_of(other));
  one.asked(desk.effects(), {NodeId{3}, kAnswer, {}});
  CHECK(bytes_of(one) != bytes_of(other));
  other.asked(desk.effects(), {NodeId{1}, kAnswer, {}});
  CHECK(bytes_of(one) != bytes_of(other));
  Voting open(kVoting, desk.context()), closed(kVoting, desk.context());
  CHECK(bytes_of(open) == bytes_of(closed));
  CHECK(closed.close(desk.effects()));
  CHECK(bytes_of(open) != bytes_of(closed));
  Announcement early(kAnnouncement, 10ms), late(kAnnouncement, 10ms);
  Announcement nobody(kAnnouncement, Duration{0}), silent(kAnnouncement, Duration{0});
  nobody.begin(desk.effects(), {}, false);
  CHECK(bytes_of(nobody) != bytes_of(silent));
  early.begin(desk.effects(), {NodeId{1}}, false);
  late.begin(desk.effects(), {NodeId{1}}, false);
  late.timer(desk.effects(), kTimer);
  CHECK(bytes_of(early) != bytes_of(late));
}

TEST_CASE("records: the outcome, and whom phase two concerns") {
  const TxnContext context = context_of(kCoordinator);
  CHECK(outcome_in({}).outcome == Outcome::undecided);
  LogRecord chosen = make_record(4, Outcome::commit);
  chosen.with_descriptor = true;
  CHECK(sites_in({chosen}, context).size() == 3);
  chosen.sites = {NodeId{2}};
  CHECK(sites_in({chosen, make_record(5)}, context) == std::vector{NodeId{2}});
  CHECK(has_record({chosen}, 4));
  CHECK_FALSE(has_record({chosen}, 5));
  const RecoveredOutcome aborted = outcome_in({make_record(1), make_record(3, Outcome::abort, Reason::terminated)});
  CHECK(aborted.outcome == Outcome::abort);
  CHECK(aborted.reason == Reason::terminated);
}

TEST_CASE("the first record carries the descriptor; the others are all participants but oneself") {
  CHECK(make_first_record(kChosen, Outcome::commit).with_descriptor);
  CHECK(make_first_record(kChosen, Outcome::commit).outcome == Outcome::commit);
  CHECK_FALSE(make_record(kChosen).with_descriptor);
  CHECK(others_of(context_of(NodeId{2})) == std::vector{NodeId{1}, NodeId{3}});
  CHECK(others_of(context_of(kCoordinator)).size() == 3);
}

TEST_CASE("rows: the words are the same under any number") {
  enum class Kind : std::uint8_t { vote = 9 };
  enum class Record : std::uint8_t { prepared = 3, end = 7 };
  CHECK(rows::vote(Kind::vote).number == 9);
  CHECK(rows::vote(Kind::vote).after == Meaning::yes);
  CHECK(rows::prepared(Record::prepared).meaning == Meaning::yes);
  CHECK(rows::end(Record::end).number == 7);
  CHECK(rows::record(Record::end, "staging").name == "staging");
  CHECK(rows::record(Record::end, "staging").meaning == Meaning::none);
}
