// 3PC's leader, by itself: whom it asks, what it makes of the answers, and who is moved to PC.
#include "protocols/three_phase_commit/leading.h"

#include <catch2/catch.hpp>
#include <string>

#include "protocols/three_phase_commit/three_phase_commit.h"
#include "tests/protocols/desk.h"

namespace geocommit::parts_test {
namespace {

using three_phase_commit::Kind;
using three_phase_commit::Leading;
using End = Leading::End;

constexpr Ballot kBallot{3};

Message answer_from(std::uint32_t node, SiteState state, Kind kind = Kind::state_answer, Ballot ballot = kBallot) {
  Message m;
  m.from = NodeId{node};
  m.kind = raw(kind);
  m.state = state;
  m.ballot = ballot;
  return m;
}

/// Of a site in W that has asked the two others.
Leading asking(Desk& desk) {
  Leading leading;
  CHECK_FALSE(leading.leads());
  CHECK(leading.collect(desk.effects(), kBallot, false) == End::none);
  CHECK(desk.take() == "7->1 epoch 11, 7->3 epoch 13, timer 5 in 100");
  CHECK(leading.leads());
  CHECK(leading.collects());
  return leading;
}

}  // namespace

TEST_CASE("leading: an outcome that a live site knows, or will never vote for, ends it") {
  Desk desk(NodeId{2});
  for (const auto& [state, end] : {std::pair{SiteState::committed, End::commit},
                                   {SiteState::aborted, End::abort},
                                   {SiteState::working, End::abort}}) {
    Leading leading = asking(desk);
    CHECK(leading.answered(desk.effects(), answer_from(3, state), kBallot) == end);
  }
  Leading leading = asking(desk);
  CHECK(leading.answered(desk.effects(), answer_from(3, SiteState::committed), Ballot{2}) == End::none);
  CHECK(leading.answered(desk.effects(), answer_from(2, SiteState::committed), kBallot) == End::none);
  leading.stop();
  CHECK(leading.answered(desk.effects(), answer_from(3, SiteState::committed), kBallot) == End::none);
  CHECK(desk.take() == "ignored, ignored, ignored");
}

TEST_CASE("leading: once all have answered, those in W are moved to PC; a restarted site counts for nothing") {
  Desk desk(NodeId{2});
  Leading leading = asking(desk);
  CHECK(leading.answered(desk.effects(), answer_from(1, SiteState::prepared), kBallot) == End::none);
  CHECK(leading.answered(desk.effects(), answer_from(1, SiteState::prepared), kBallot) == End::none);
  CHECK(desk.take() == "ignored");
  const std::string before = bytes_of(leading);
  CHECK(leading.answered(desk.effects(), answer_from(3, SiteState::precommitted, Kind::in_doubt), kBallot) == End::all);
  CHECK_FALSE(leading.precommit_seen());
  CHECK(bytes_of(leading) != before);
  CHECK(leading.acknowledged(desk.effects(), answer_from(1, SiteState::unknown), kBallot) == End::none);  // Too early.
  CHECK(desk.take() == "ignored");
  leading.move(desk.effects());
  CHECK_FALSE(leading.collects());
  CHECK(leading.precommit(desk.effects(), kBallot) == End::none);
  CHECK(desk.take() == "no timer 5, 3->1, timer 5 in 100");
  CHECK(leading.acknowledged(desk.effects(), answer_from(3, SiteState::unknown), kBallot) == End::none);
  CHECK(leading.acknowledged(desk.effects(), answer_from(1, SiteState::unknown), Ballot{2}) == End::none);
  CHECK(desk.take() == "ignored, ignored");
  CHECK(leading.acknowledged(desk.effects(), answer_from(1, SiteState::unknown), kBallot) == End::all);
}

TEST_CASE("leading: one live site in PC is enough; with nobody in W there is nobody to move") {
  Desk desk(NodeId{2});
  Leading leading = asking(desk);
  CHECK(leading.answered(desk.effects(), answer_from(3, SiteState::precommitted), kBallot) == End::none);
  CHECK(leading.answered(desk.effects(), answer_from(1, SiteState::precommitted), kBallot) == End::all);
  CHECK(leading.precommit_seen());
  leading.move(desk.effects());
  CHECK(leading.precommit(desk.effects(), kBallot) == End::all);
  CHECK(desk.take() == "no timer 5");
  TxnContext alone = context_of(NodeId{2});
  alone.cohort = {{NodeId{2}, Epoch{12}}};
  Outbox out;
  Leading by_itself;
  CHECK(by_itself.collect({alone, out}, kBallot, true) == End::all);
  CHECK(by_itself.precommit_seen());
  CHECK(out.empty());
}

}  // namespace geocommit::parts_test
