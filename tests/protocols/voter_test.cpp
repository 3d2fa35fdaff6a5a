// A participant's part, by itself: how it votes, is bound, aborts alone, and carries out what it has been told.
#include <catch2/catch.hpp>
#include <string>

#include "tests/protocols/desk.h"

namespace geocommit::parts_test {
namespace {

Message message_of(std::uint8_t kind, NodeId from, Outcome outcome) {
  Message m;
  m.kind = kind;
  m.from = from;
  m.outcome = outcome;
  return m;
}

/// A message that is the voter's own affair.
void hear(Desk& desk, Voter& voter, std::uint8_t kind, NodeId from = kCoordinator,
          Outcome outcome = Outcome::undecided) {
  CHECK_FALSE(voter.message(desk.effects(), message_of(kind, from, outcome)));
}

Voter bound(Desk& desk) {
  Voter voter(kVoter);
  CHECK(voter.recovered(desk.effects(), {make_first_record(kPrepared)}));
  (void)desk.take();
  return voter;
}

}  // namespace

TEST_CASE("voter: YES after its record is durable, NO and read-only at once") {
  Desk desk(NodeId{2});
  Voter yes(kVoter);
  hear(desk, yes, kPrepare);
  CHECK(desk.take() == "prepare-received, execute");
  hear(desk, yes, kPrepare);
  CHECK(desk.take() == "ignored");
  yes.executed(desk.effects(), Vote::yes, Reason::none);
  CHECK(desk.take() == "force 1");
  CHECK_FALSE(yes.forced(desk.effects(), kAbort));
  CHECK(desk.take() == "ignored");
  CHECK_FALSE(yes.is_bound());
  CHECK(yes.forced(desk.effects(), kPrepared));
  CHECK(yes.is_bound());
  CHECK(desk.take() == "vote-forced, 2->1000 yes");
  hear(desk, yes, kPrepare);
  CHECK(desk.take() == "2->1000 yes again");

  Voter no(kVoter);
  hear(desk, no, kPrepare);
  (void)desk.take();
  no.executed(desk.effects(), Vote::no, Reason::constraint);
  CHECK(desk.take() == "append 3, decide abort, release, 2->1000 no, forget");

  Voter reader(kVoter);
  hear(desk, reader, kPrepare);
  (void)desk.take();
  reader.executed(desk.effects(), Vote::read_only, Reason::none);
  CHECK(desk.take() == "2->1000 read_only, release, forget");
  CHECK(reader.phase().name == "read-only");
}

TEST_CASE("voter: asked before it is bound, it aborts durably before it says so, once") {
  for (const bool prepared : {false, true}) {
    Desk desk(NodeId{2});
    Voter voter(kVoter);
    if (prepared) {
      hear(desk, voter, kPrepare);
      (void)desk.take();
    }
    hear(desk, voter, kInquiry, NodeId{3});
    CHECK(desk.take() == "force 3");
    hear(desk, voter, kInquiry, NodeId{3});
    voter.asked(desk.effects(), {NodeId{1}, kAnswer, {}}, true);
    CHECK(desk.take().empty());
    voter.executed(desk.effects(), Vote::yes, Reason::none);
    CHECK(desk.take() == "ignored");
    CHECK_FALSE(voter.forced(desk.effects(), kAbort));
    CHECK(desk.take() == std::string(prepared ? "decide abort, release, 2->1000 no" : "decide abort") +
                             ", 6->3 aborted abort, 6->1 aborted abort, forget");
    CHECK(voter.phase().seen == SiteState::aborted);
  }
}

TEST_CASE("voter: a PREPARE that comes while it aborts is answered by NO, after the force") {
  Desk desk(NodeId{2});
  Voter voter(kVoter);
  hear(desk, voter, kInquiry, NodeId{3});
  hear(desk, voter, kPrepare);
  CHECK(desk.take() == "force 3, ignored");
  CHECK_FALSE(voter.forced(desk.effects(), kAbort));
  CHECK(desk.take() == "decide abort, release, 2->1000 no, 6->3 aborted abort, forget");
}

TEST_CASE("voter: told abort, it drops what it has, and writes it down once") {
  Desk desk(NodeId{2});
  Voter unheard(kVoter);
  hear(desk, unheard, kDecision, kCoordinator, Outcome::abort);
  CHECK(desk.take() == "decision-received, ignored");
  Voter executing(kVoter);
  hear(desk, executing, kPrepare);
  (void)desk.take();
  hear(desk, executing, kDecision, kCoordinator, Outcome::commit);
  hear(desk, executing, kDecision);
  hear(desk, executing, kAnswer, NodeId{3}, Outcome::abort);
  hear(desk, executing, kAck);
  CHECK(desk.take() == "decision-received, ignored, ignored, answer-without-use, ignored");
  hear(desk, executing, kDecision, kCoordinator, Outcome::abort);
  CHECK(desk.take() == "decision-received, append 3, decide abort, release, forget");
  Voter aborting(kVoter);
  hear(desk, aborting, kInquiry, NodeId{3});
  (void)desk.take();
  hear(desk, aborting, kDecision, kCoordinator, Outcome::abort);
  CHECK(desk.take() == "decision-received, decide abort, 6->3 aborted abort, forget");
}

TEST_CASE("voter: bound, it leaves to its machine what an outcome that it is told means") {
  Desk desk(NodeId{2});
  Voter voter(kVoter);
  CHECK(voter.recovered(desk.effects(), {make_first_record(kPrepared)}));
  CHECK(voter.is_bound());
  CHECK(desk.take() == "recovered-in-doubt");
  hear(desk, voter, kPrepare);
  CHECK(desk.take() == "2->1000 yes again");
  hear(desk, voter, kInquiry, NodeId{3});
  CHECK(desk.take() == "6->3 prepared");
  hear(desk, voter, kAnswer, NodeId{3});
  CHECK(desk.take() == "answer-without-use");
  hear(desk, voter, kDecision);
  CHECK(desk.take() == "ignored");
  CHECK(voter.message(desk.effects(), message_of(kDecision, kCoordinator, Outcome::commit)));
  CHECK(desk.take() == "decision-received");
  CHECK(voter.message(desk.effects(), message_of(kAnswer, NodeId{3}, Outcome::abort)));
  CHECK(desk.take().empty());
  CHECK_FALSE(voter.recovered(desk.effects(), {make_first_record(kPrepared)}));  // It has begun.
  CHECK(desk.take() == "ignored");
}

TEST_CASE("voter: a commit takes effect at once and is acknowledged when it is durable, or waits with both") {
  using Takes = Voter::Takes;
  for (const bool at_once : {true, false}) {
    Desk desk(NodeId{2});
    Voter voter = bound(desk);
    CHECK_FALSE(voter.is_committing());
    voter.carry_out(desk.effects(), Outcome::commit, Reason::none,
                    at_once ? Takes::effect_at_once : Takes::effect_when_durable);
    CHECK(desk.take() == (at_once ? "force 2, decide commit, release" : "force 2"));
    CHECK(voter.is_committing());
    CHECK_FALSE(voter.is_bound());
    CHECK(voter.phase().seen == (at_once ? SiteState::committed : SiteState::prepared));
    const std::string before = bytes_of(voter);
    hear(desk, voter, kPrepare);
    hear(desk, voter, kDecision, kCoordinator, Outcome::commit);
    hear(desk, voter, kDecision, kCoordinator, Outcome::abort);
    CHECK(desk.take() == "ignored, decision-received, ignored, decision-received, split-outcome");
    hear(desk, voter, kInquiry, NodeId{3});
    CHECK(desk.take() == (at_once ? "6->3 committed commit" : "6->3 prepared commit"));
    CHECK(bytes_of(voter) == before);
    CHECK_FALSE(voter.forced(desk.effects(), kPrepared));
    CHECK_FALSE(voter.forced(desk.effects(), kCommit));
    CHECK(desk.take() == std::string("ignored, ") + (at_once ? "" : "decide commit, release, ") + "4->1000, forget");
    CHECK(voter.phase().seen == SiteState::committed);
  }
  Desk desk(NodeId{2});
  Voter aborts = bound(desk), concludes = bound(desk);
  aborts.carry_out(desk.effects(), Outcome::abort, Reason::constraint);
  CHECK(desk.take() == "append 3, decide abort, release, forget");
  concludes.take_effect(desk.effects(), Outcome::abort, Reason::terminated);  // Durable by its machine.
  CHECK(desk.take() == "decide abort, release");
  CHECK(concludes.phase().seen == SiteState::aborted);
}

TEST_CASE("voter: what its log says after a crash") {
  Desk desk(NodeId{2});
  const LogRecord prepared = make_first_record(kPrepared);
  Voter nothing(kVoter), commit(kVoter), abort(kVoter);
  CHECK_FALSE(nothing.recovered(desk.effects(), {}));
  CHECK(desk.take() == "ignored");
  CHECK_FALSE(commit.recovered(desk.effects(), {prepared, make_record(kCommit, Outcome::commit)}));
  CHECK(desk.take() == "decide commit, 4->1000 again, forget");
  CHECK_FALSE(abort.recovered(desk.effects(), {prepared, make_record(kAbort, Outcome::abort, Reason::terminated)}));
  CHECK(desk.take() == "decide abort, forget");
}

TEST_CASE("voter: where an abort is acknowledged, it is forced first, whoever tells it, and whenever") {
  Voter::Words words = kVoter;
  words.ack_abort = 30;
  Desk desk(NodeId{2});
  Voter doubtful(words);
  CHECK(doubtful.recovered(desk.effects(), {make_first_record(kPrepared)}));
  (void)desk.take();
  doubtful.carry_out(desk.effects(), Outcome::abort, Reason::terminated);
  CHECK(desk.take() == "force 3, decide abort, release");
  CHECK_FALSE(doubtful.is_bound());
  CHECK(doubtful.phase().seen == SiteState::aborted);
  hear(desk, doubtful, kDecision, kCoordinator, Outcome::abort);  // Told again meanwhile.
  CHECK(desk.take() == "decision-received, ignored");
  hear(desk, doubtful, kPrepare);
  CHECK(desk.take() == "ignored");
  hear(desk, doubtful, kInquiry, NodeId{3});  // Answered when it is durable.
  CHECK(desk.take().empty());
  CHECK_FALSE(doubtful.forced(desk.effects(), kAbort));
  CHECK(desk.take() == "30->1000, 6->3 aborted abort, forget");

  Voter working(words);
  hear(desk, working, kPrepare);
  (void)desk.take();
  hear(desk, working, kDecision, kCoordinator, Outcome::abort);
  CHECK(desk.take() == "decision-received, force 3, decide abort, release");
  CHECK_FALSE(working.forced(desk.effects(), kAbort));
  CHECK(desk.take() == "30->1000, forget");

  Voter asked(words);
  hear(desk, asked, kPrepare);
  hear(desk, asked, kInquiry, NodeId{3});
  (void)desk.take();
  hear(desk, asked, kDecision, kCoordinator, Outcome::abort);  // The record is on its way already.
  CHECK(desk.take() == "decision-received, decide abort, release");
  CHECK_FALSE(asked.forced(desk.effects(), kAbort));
  CHECK(desk.take() == "30->1000, 6->3 aborted abort, forget");
}

TEST_CASE("voter: a commit that nobody waits for is noted") {
  Voter::Words words = kVoter;
  words.ack = 0;
  Desk desk(NodeId{2});
  Voter voter(words);
  CHECK(voter.recovered(desk.effects(), {make_first_record(kPrepared)}));
  (void)desk.take();
  voter.carry_out(desk.effects(), Outcome::commit, Reason::none);
  CHECK(desk.take() == "append 2, decide commit, release, forget");
  Voter again(words);
  CHECK_FALSE(again.recovered(desk.effects(), {make_first_record(kPrepared), make_record(kCommit, Outcome::commit)}));
  CHECK(desk.take() == "decide commit, forget");
}

}  // namespace geocommit::parts_test
