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

using namespace geocommit;

namespace {

constexpr NodeId kCoordinator{1000};
constexpr std::uint8_t kPrepare = 1, kVote = 2, kDecision = 3, kAck = 4, kInquiry = 5, kAnswer = 6;
constexpr std::uint8_t kPrepared = 1, kCommit = 2, kAbort = 3, kChosen = 4, kEnd = 5, kTimer = 7;
constexpr Voter::Words kVoter{kVote, kPrepared, kCommit, kAbort};
constexpr Voting::Words kVoting{kPrepare, kDecision, kTimer};
constexpr Announcement::Words kAnnouncement{kDecision, kTimer, kEnd};

/// A participant or coordinator of a transaction of sites 1, 2 and 3.
TxnContext context_of(NodeId self) {
  TxnContext context;
  context.txn = {kCoordinator, Epoch{1}, 1};
  context.self = self;
  context.coordinator = kCoordinator;
  for (std::uint32_t node = 1; node <= 3; ++node) {
    context.cohort.push_back({NodeId{node}, Epoch{node + 10}});
  }
  context.timeouts = {100ms, 100ms, 10ms};
  return context;
}

/// Effects in words, in order.
class Desk {
 public:
  explicit Desk(NodeId self) : context_(context_of(self)) {}
  [[nodiscard]] const TxnContext& context() const { return context_; }
  [[nodiscard]] Effects effects() { return {context_, out_}; }
  [[nodiscard]] std::string take() {
    std::string text;
    for (const Output& output : out_) {
      text += (text.empty() ? "" : ", ") + std::visit([this](const auto& one) { return in_words(one); }, output);
    }
    out_.clear();
    return text;
  }

 private:
  static std::string number(std::uint64_t value) { return std::to_string(value); }
  std::string in_words(const Send& send) const {
    const Message& m = send.message;
    CHECK(m.from == context_.self);
    CHECK(m.txn == context_.txn);
    return number(m.kind) + "->" + number(m.to.value) +
           (m.vote == Vote::none ? "" : " " + std::string(name_of(m.vote))) +
           (m.state == SiteState::unknown ? "" : " " + std::string(name_of(m.state))) +
           (m.outcome == Outcome::undecided ? "" : " " + std::string(name_of(m.outcome))) +
           (m.to_epoch == Epoch{} ? "" : " epoch " + number(m.to_epoch.value)) + (m.retry ? " again" : "");
  }
  static std::string in_words(const ForceLog& force) { return "force " + number(force.record.kind); }
  static std::string in_words(const AppendLog& append) { return "append " + number(append.record.kind); }
  static std::string in_words(const SetTimer& timer) {
    return "timer " + number(timer.timer) + " in " + number(static_cast<std::uint64_t>(timer.after / 1ms));
  }
  static std::string in_words(const CancelTimer& timer) { return "no timer " + number(timer.timer); }
  static std::string in_words(const Execute& /*execute*/) { return "execute"; }
  static std::string in_words(const ReleaseLocks& /*release*/) { return "release"; }
  static std::string in_words(const Decide& decide) { return "decide " + std::string(name_of(decide.outcome)); }
  static std::string in_words(const Forget& /*forget*/) { return "forget"; }
  static std::string in_words(const Note& note) { return std::string(note.event); }

  TxnContext context_;
  Outbox out_;
};

Message vote_from(std::uint32_t node, Vote vote, Reason reason = Reason::none) {
  Message m;
  m.from = NodeId{node};
  m.vote = vote;
  m.reason = reason;
  return m;
}

template <class Part>
std::string bytes_of(const Part& part) {
  std::string out;
  part.encode(out);
  return out;
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
  CHECK(voting.late(desk.effects()) == End::none);
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
  CHECK(voting.late(desk.effects()) == End::none);
  CHECK(voting.wounded(desk.effects()) == End::none);
  CHECK(desk.take() == "ignored, ignored, ignored");
  CHECK_FALSE(voting.close());
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
  CHECK(late.late(desk.effects()) == Voting::End::aborted);
  CHECK(desk.take() == aborts + "3->2 abort, 3->3 abort");
  CHECK_FALSE(late.is_open());
  Voting wounded = begun(desk);
  CHECK(wounded.wounded(desk.effects()) == Voting::End::aborted);
  CHECK(desk.take() == aborts + "3->2 abort, 3->3 abort");
  Voting restarted(kVoting, desk.context());
  CHECK(restarted.close());
  CHECK_FALSE(restarted.close());
  CHECK(restarted.begin(desk.effects()) == Voting::End::none);
  CHECK(desk.take() == "ignored");
  CHECK(restarted.abort(desk.effects(), Reason::recovery) == Voting::End::aborted);
  CHECK(desk.take() == "decide abort, 3->1 abort again, 3->2 abort again, 3->3 abort again");
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
  announcement.again(desk.effects());
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
    announcement.again(desk.effects());
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
  inquiry.ask(desk.effects(), true);
  CHECK(bytes_of(inquiry) == before);
}

TEST_CASE("voter: YES after its record is durable, NO and read-only at once") {
  using End = Voter::End;
  Desk desk(NodeId{2});
  Voter yes(kVoter);
  yes.prepare(desk.effects());
  CHECK(desk.take() == "prepare-received, execute");
  yes.prepare(desk.effects());
  CHECK(desk.take() == "ignored");
  CHECK(yes.executed(desk.effects(), Vote::yes, Reason::none) == End::none);
  CHECK(desk.take() == "force 1");
  CHECK(yes.forced(desk.effects(), kAbort) == End::none);
  CHECK(desk.take() == "ignored");
  CHECK(yes.forced(desk.effects(), kPrepared) == End::prepared);
  CHECK(desk.take() == "vote-forced, 2->1000 yes");
  yes.prepare(desk.effects());
  CHECK(desk.take() == "2->1000 yes again");

  Voter no(kVoter);
  no.prepare(desk.effects());
  (void)desk.take();
  CHECK(no.executed(desk.effects(), Vote::no, Reason::constraint) == End::aborted);
  CHECK(desk.take() == "append 3, decide abort, release, 2->1000 no");

  Voter reader(kVoter);
  reader.prepare(desk.effects());
  (void)desk.take();
  CHECK(reader.executed(desk.effects(), Vote::read_only, Reason::none) == End::read_only);
  CHECK(desk.take() == "2->1000 read_only, release");
  CHECK(reader.phase().name == "read-only");
}

TEST_CASE("voter: asked before it is bound, it aborts durably before it says so, once") {
  for (const bool prepared : {false, true}) {
    Desk desk(NodeId{2});
    Voter voter(kVoter);
    if (prepared) {
      voter.prepare(desk.effects());
      (void)desk.take();
    }
    voter.asked(desk.effects(), {NodeId{3}, kAnswer, {}});
    CHECK(desk.take() == "force 3");
    voter.asked(desk.effects(), {NodeId{3}, kAnswer, {}});
    voter.asked(desk.effects(), {NodeId{1}, kAnswer, {}});
    CHECK(desk.take().empty());
    CHECK(voter.executed(desk.effects(), Vote::yes, Reason::none) == Voter::End::none);
    CHECK(desk.take() == "ignored");
    CHECK(voter.forced(desk.effects(), kAbort) == Voter::End::aborted);
    CHECK(desk.take() == std::string(prepared ? "decide abort, release, 2->1000 no" : "decide abort") +
                             ", 6->3 aborted abort, 6->1 aborted abort");
    CHECK(voter.phase().seen == SiteState::aborted);
  }
}

TEST_CASE("voter: told abort, it drops what it has, and writes it down once") {
  Desk desk(NodeId{2});
  using End = Voter::End;
  Voter unheard(kVoter);
  CHECK(unheard.told(desk.effects(), Outcome::abort, Reason::vote_timeout) == End::none);
  CHECK(desk.take() == "ignored");
  Voter executing(kVoter);
  executing.prepare(desk.effects());
  (void)desk.take();
  CHECK(executing.told(desk.effects(), Outcome::commit, Reason::none) == End::none);
  CHECK(desk.take() == "ignored");
  CHECK(executing.told(desk.effects(), Outcome::abort, Reason::vote_timeout) == End::aborted);
  CHECK(desk.take() == "append 3, decide abort, release");
  Voter aborting(kVoter);
  aborting.asked(desk.effects(), {NodeId{3}, kAnswer, {}});
  (void)desk.take();
  CHECK(aborting.told(desk.effects(), Outcome::abort, Reason::vote_timeout) == End::aborted);
  CHECK(desk.take() == "decide abort, 6->3 aborted abort");
}

TEST_CASE("voter: bound, it carries out what it is told; restarted, it is bound") {
  Desk desk(NodeId{2});
  Voter voter(kVoter);
  voter.bind();
  voter.prepare(desk.effects());
  CHECK(desk.take() == "2->1000 yes again");
  voter.carry_out(desk.effects(), Outcome::commit, Reason::none);
  CHECK(desk.take() == "force 2, decide commit, release");
  voter.carry_out(desk.effects(), Outcome::abort, Reason::constraint);
  CHECK(desk.take() == "append 3, decide abort, release");
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
  CHECK(closed.close());
  CHECK(bytes_of(open) != bytes_of(closed));
  Announcement early(kAnnouncement, 10ms), late(kAnnouncement, 10ms);
  Announcement nobody(kAnnouncement, Duration{0}), silent(kAnnouncement, Duration{0});
  nobody.begin(desk.effects(), {}, false);
  CHECK(bytes_of(nobody) != bytes_of(silent));
  early.begin(desk.effects(), {NodeId{1}}, false);
  late.begin(desk.effects(), {NodeId{1}}, false);
  late.again(desk.effects());
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

TEST_CASE("rows: the words are the same under any number") {
  enum class Kind : std::uint8_t { vote = 9 };
  enum class Record : std::uint8_t { prepared = 3, end = 7 };
  CHECK(rows::vote(Kind::vote).number == 9);
  CHECK(rows::vote(Kind::vote).after == Meaning::yes);
  CHECK(rows::prepared(Record::prepared).meaning == Meaning::yes);
  CHECK(rows::end(Record::end).number == 7);
}
