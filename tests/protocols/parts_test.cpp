// The parts that machines are composed of, each by itself: what it asks for, in which order, and what it remembers.
#include <catch2/catch.hpp>
#include <string>

#include "protocols/parts/announcement.h"
#include "protocols/parts/ballot_box.h"
#include "protocols/parts/inquiry.h"
#include "protocols/parts/orphans.h"
#include "protocols/parts/recovered.h"
#include "protocols/parts/voter.h"

using namespace geocommit;

namespace {

constexpr NodeId kCoordinator{1000};
constexpr std::uint8_t kVote = 2, kDecision = 3, kInquiry = 5, kPrepared = 1, kAbort = 3, kTimer = 7;

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

TEST_CASE("announcement: the first alone before its point, then again at growing intervals to who is silent") {
  Desk desk(kCoordinator);
  Announcement announcement(kDecision, kTimer, 10ms);
  announcement.begin(desk.effects(), {NodeId{1}, NodeId{3}}, Outcome::commit, "to-one", false);
  CHECK(desk.take() == "3->1 commit, to-one, 3->3 commit, timer 7 in 10");
  CHECK_FALSE(announcement.acknowledged(NodeId{2}));
  CHECK(announcement.acknowledged(NodeId{1}));
  CHECK_FALSE(announcement.acknowledged(NodeId{1}));
  for (const char* interval : {"20", "40", "80", "160", "160"}) {
    announcement.again(desk.effects());
    CHECK(desk.take() == std::string("3->3 commit again, timer 7 in ") + interval);
  }
  CHECK_FALSE(announcement.is_over());
  CHECK(announcement.acknowledged(NodeId{3}));
  CHECK(announcement.is_over());
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
  const Voter::Words words{kVote, kPrepared, kAbort};
  Desk desk(NodeId{2});
  Voter yes(words);
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

  Voter no(words);
  no.prepare(desk.effects());
  (void)desk.take();
  CHECK(no.executed(desk.effects(), Vote::no, Reason::constraint) == End::aborted);
  CHECK(desk.take() == "append 3, decide abort, release, 2->1000 no");

  Voter reader(words);
  reader.prepare(desk.effects());
  (void)desk.take();
  CHECK(reader.executed(desk.effects(), Vote::read_only, Reason::none) == End::read_only);
  CHECK(desk.take() == "2->1000 read_only, release");
}

TEST_CASE("voter: asked before it is bound, it aborts durably before it says so, once") {
  const Voter::Words words{kVote, kPrepared, kAbort};
  for (const bool prepared : {false, true}) {
    Desk desk(NodeId{2});
    Voter voter(words);
    if (prepared) {
      voter.prepare(desk.effects());
      (void)desk.take();
    }
    voter.asked(desk.effects(), {NodeId{3}, kInquiry, {}});
    CHECK(desk.take() == "force 3");
    voter.asked(desk.effects(), {NodeId{3}, kInquiry, {}});
    voter.asked(desk.effects(), {NodeId{1}, kInquiry, {}});
    CHECK(desk.take().empty());
    CHECK(voter.executed(desk.effects(), Vote::yes, Reason::none) == Voter::End::none);
    CHECK(desk.take() == "ignored");
    CHECK(voter.forced(desk.effects(), kAbort) == Voter::End::aborted);
    CHECK(desk.take() == (prepared ? "decide abort, release, 2->1000 no" : "decide abort"));
    CHECK(voter.askers().size() == 2);
  }
}

TEST_CASE("voter: told abort, it drops what it has, and writes it down once") {
  const Voter::Words words{kVote, kPrepared, kAbort};
  Desk desk(NodeId{2});
  Voter unheard(words);
  CHECK_FALSE(unheard.told_abort(desk.effects(), Reason::vote_timeout));
  CHECK(desk.take() == "ignored");
  Voter executing(words);
  executing.prepare(desk.effects());
  (void)desk.take();
  CHECK(executing.told_abort(desk.effects(), Reason::vote_timeout));
  CHECK(desk.take() == "append 3, decide abort, release");
  Voter aborting(words);
  aborting.asked(desk.effects(), {NodeId{3}, kInquiry, {}});
  (void)desk.take();
  CHECK(aborting.told_abort(desk.effects(), Reason::vote_timeout));
  CHECK(desk.take() == "decide abort");
}

TEST_CASE("parts: equal states have equal bytes, others have not") {
  const Voter::Words words{kVote, kPrepared, kAbort};
  Desk desk(NodeId{2});
  Voter one(words), other(words);
  CHECK(bytes_of(one) == bytes_of(other));
  one.asked(desk.effects(), {NodeId{3}, kInquiry, {}});
  CHECK(bytes_of(one) != bytes_of(other));
  other.asked(desk.effects(), {NodeId{1}, kInquiry, {}});
  CHECK(bytes_of(one) != bytes_of(other));
  Announcement early(kDecision, kTimer, 10ms), late(kDecision, kTimer, 10ms);
  early.begin(desk.effects(), {NodeId{1}}, Outcome::commit, "to-one", false);
  late.begin(desk.effects(), {NodeId{1}}, Outcome::commit, "to-one", false);
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

TEST_CASE("orphans: a late PREPARE never resurrects") {
  Remembered nothing;
  nothing.same_epoch = true;
  CHECK(orphans::prepare(nothing, kVote).action == OrphanAction::make_machine);
  Remembered aborted = nothing;
  aborted.state = SiteState::aborted;
  CHECK(orphans::prepare(aborted, kVote).reply.vote == Vote::no);
  Remembered committed = nothing;
  committed.state = SiteState::committed;
  CHECK(orphans::prepare(committed, kVote).action == OrphanAction::ignore);
  Remembered restarted;
  CHECK(orphans::prepare(restarted, kVote).reply.reason == Reason::stale_epoch);
  Remembered reader = nothing;
  reader.voted_read_only = true;
  const OrphanRule again = orphans::prepare(reader, kVote);
  CHECK(again.reply.vote == Vote::read_only);
  CHECK(again.reply.retry);
  reader.below_watermark = true;
  CHECK(orphans::prepare(reader, kVote).action == OrphanAction::ignore);
}
