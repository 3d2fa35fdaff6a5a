// The rules for messages about transactions without a machine, as a table: who may say what from memory alone.
#include <catch2/catch.hpp>

#include "protocols/parts/orphans.h"
#include "protocols/three_phase_commit/three_phase_commit.h"
#include "protocols/two_phase_commit/two_phase_commit.h"

namespace geocommit {
namespace {

struct Memory {
  SiteState state{SiteState::unknown};
  bool read_only{}, below{}, same_epoch{true}, own{};
  [[nodiscard]] Remembered remembered() const { return {state, read_only, below, same_epoch, own}; }
};

constexpr NodeId kCoordinator{1000};
constexpr std::uint8_t kVote = 2, kAck = 4, kAnswer = 6;

const Memory kNothing{};
const Memory kCommitted{SiteState::committed};
const Memory kAborted{SiteState::aborted};
const Memory kReadOnly{SiteState::unknown, true};
const Memory kBelow{SiteState::unknown, false, true};
const Memory kRestarted{SiteState::unknown, false, false, false};
const Memory kOwn{SiteState::unknown, false, false, true, true};
const Memory kOwnCommitted{SiteState::committed, false, false, true, true};

OrphanRule ask(const Protocol& row, std::string_view kind, Role to_role, const Memory& memory,
               Outcome outcome = Outcome::undecided, NodeId from = NodeId{1001}) {
  Message message;
  message.txn.coordinator = NodeId{1001};
  message.from = from;
  message.to_role = to_role;
  message.outcome = outcome;
  message.ballot = Ballot{7};
  for (std::uint8_t k = 1; k < 32; ++k) {
    if (row.kind_name(k) == kind) {
      message.kind = k;
    }
  }
  REQUIRE(message.kind != 0);
  return row.orphan(message, memory.remembered());
}

std::string reply(const Protocol& row, const OrphanRule& rule) {
  switch (rule.action) {
    case OrphanAction::ignore:
      return rule.note.empty() ? "ignore" : "alarm";
    case OrphanAction::keep_for_prepare:
      return "keep for PREPARE";
    case OrphanAction::make_machine:
      return "machine";
    case OrphanAction::reply:
      break;
  }
  std::string text(row.kind_name(rule.reply.kind));
  CHECK(rule.reply.retry);
  if (rule.reply.vote != Vote::none) {
    text += " " + std::string(name_of(rule.reply.vote));
  }
  if (rule.reply.outcome != Outcome::undecided) {
    text += " " + std::string(name_of(rule.reply.outcome));
  }
  return text;
}

}  // namespace

TEST_CASE("PREPARE without a machine") {
  for (const char* name : {"2pc", "3pc"}) {
    const Protocol& row = *find_protocol(name);
    CAPTURE(name);
    const auto prepare = [&](const Memory& m) { return reply(row, ask(row, "PREPARE", Role::participant, m)); };
    CHECK(prepare(kNothing) == "machine");
    CHECK(prepare(kAborted) == "VOTE no");    // pitfalls 4, 5
    CHECK(prepare(kRestarted) == "VOTE no");  // pitfall 34
    CHECK(prepare(kReadOnly) == "VOTE read_only");
    CHECK(prepare(kCommitted) == "ignore");
    CHECK(prepare(kBelow) == "ignore");
    CHECK(reply(row, ask(row, "PREPARE", Role::coordinator, kNothing)) == "ignore");
  }
}

TEST_CASE("DECISION without a machine is acknowledged only by a site that knows of the commit") {
  for (const char* name : {"2pc", "3pc"}) {
    const Protocol& row = *find_protocol(name);
    CAPTURE(name);
    const auto commit = [&](const Memory& m) {
      return reply(row, ask(row, "DECISION", Role::participant, m, Outcome::commit));
    };
    CHECK(commit(kCommitted) == "ACK");
    CHECK(commit(kBelow) == "ACK");
    CHECK(commit(kReadOnly) == "ACK");
    CHECK(commit(kNothing) == "alarm");  // pitfall 3
    CHECK(commit(kRestarted) == "alarm");
    CHECK(commit(kAborted) == (row.wire_id == two_phase_commit::kWireId ? "alarm" : "ANSWER abort"));
    const auto abort = [&](const Memory& m) {
      return reply(row, ask(row, "DECISION", Role::participant, m, Outcome::abort));
    };
    CHECK(abort(kNothing) == "ignore");
    CHECK(abort(kAborted) == "ignore");
    CHECK(abort(kCommitted) == "alarm");
  }
}

TEST_CASE("INQUIRY without a machine") {
  for (const char* name : {"2pc", "3pc"}) {
    const Protocol& row = *find_protocol(name);
    CAPTURE(name);
    const auto coordinator = [&](const Memory& m) {
      return reply(row, ask(row, "INQUIRY", Role::coordinator, m, Outcome::undecided, NodeId{1}));
    };
    CHECK(coordinator(kOwn) == "ANSWER abort");  // Presumed.
    CHECK(coordinator(kOwnCommitted) == "ANSWER commit");
    CHECK(coordinator(kNothing) == "ignore");  // Somebody else's transaction.
    const auto peer = [&](const Memory& m) {
      return reply(row, ask(row, "INQUIRY", Role::participant, m, Outcome::undecided, NodeId{1}));
    };
    CHECK(peer(kCommitted) == "ANSWER commit");
    CHECK(peer(kAborted) == "ANSWER abort");
    CHECK(peer(kNothing) == "machine");  // Aborts durably before it answers.
    CHECK(peer(kRestarted) == "ANSWER");
    CHECK(peer(kReadOnly) == "ANSWER");
    CHECK(peer(kBelow) == "ANSWER");
  }
}

TEST_CASE("what is presumed of a transaction without a machine, and what is acknowledged, goes by the variant") {
  const Protocol& nothing = *find_protocol("2pc-presumed-nothing");
  const Protocol& commit = *find_protocol("2pc-presumed-commit");
  for (const Protocol* row : {&nothing, &commit}) {
    CAPTURE(row->name);
    const auto told = [&](Outcome outcome, const Memory& m, NodeId from = NodeId{1001}) {
      return reply(*row, ask(*row, "DECISION", Role::participant, m, outcome, from));
    };
    for (const Memory& m : {kNothing, kAborted, kReadOnly, kBelow, kRestarted}) {
      CHECK(told(Outcome::abort, m) == "ACK_ABORT");
    }
    CHECK(told(Outcome::abort, kCommitted) == "alarm");
    CHECK(told(Outcome::abort, kNothing, NodeId{2}) == "ignore");  // Not its coordinator.
    const bool acknowledged = row == &nothing;
    for (const Memory& m : {kCommitted, kReadOnly, kBelow}) {
      CHECK(told(Outcome::commit, m) == (acknowledged ? "ACK" : "ignore"));
    }
    CHECK(told(Outcome::commit, kNothing) == "alarm");
    CHECK(told(Outcome::commit, kAborted) == "alarm");
    const auto asked = [&](const Memory& m) {
      return reply(*row, ask(*row, "INQUIRY", Role::coordinator, m, Outcome::undecided, NodeId{1}));
    };
    CHECK(asked(kOwn) == (acknowledged ? "ANSWER abort" : "ANSWER commit"));
    CHECK(asked(kNothing) == "ignore");  // Somebody else's transaction.
    CHECK(reply(*row, ask(*row, "INQUIRY", Role::participant, kNothing, Outcome::undecided, NodeId{1})) == "machine");
    CHECK(reply(*row, ask(*row, "ACK_ABORT", Role::coordinator, kOwn)) == "ignore");
  }
}

TEST_CASE("answers, votes and acknowledgements without a machine are ignored") {
  for (const char* name : {"2pc", "3pc"}) {
    const Protocol& row = *find_protocol(name);
    for (const char* kind : {"VOTE", "ACK", "ANSWER"}) {
      for (const Role role : {Role::coordinator, Role::participant}) {
        CHECK(reply(row, ask(row, kind, role, kOwn, Outcome::commit)) == "ignore");
      }
    }
  }
}

TEST_CASE("3PC: STATE_REQUEST and PRECOMMIT without a machine") {
  const Protocol& row = *find_protocol("3pc");
  const auto state = [&](const Memory& m) {
    return ask(row, "STATE_REQUEST", Role::participant, m, Outcome::undecided, NodeId{2});
  };
  CHECK(reply(row, state(kCommitted)) == "STATE_ANSWER commit");
  CHECK(reply(row, state(kAborted)) == "STATE_ANSWER abort");
  CHECK(reply(row, state(kRestarted)) == "STATE_ANSWER");
  CHECK(reply(row, state(kReadOnly)) == "STATE_ANSWER");
  CHECK(reply(row, state(kNothing)) == "machine");
  CHECK(state(kCommitted).reply.ballot == Ballot{7});
  CHECK(state(kCommitted).reply.to_role == Role::participant);

  const auto precommit = [&](const Memory& m) { return ask(row, "PRECOMMIT", Role::participant, m); };
  CHECK(reply(row, precommit(kAborted)) == "ANSWER abort");
  CHECK(reply(row, precommit(kCommitted)) == "ANSWER commit");
  CHECK(reply(row, precommit(kNothing)) == "alarm");
  CHECK(precommit(kAborted).reply.to_role == Role::coordinator);
  // A leader's DECISION wants no acknowledgement.
  CHECK(reply(row, ask(row, "DECISION", Role::participant, kCommitted, Outcome::commit, NodeId{2})) == "ignore");
}

// The rules that protocols share (protocols/parts/orphans.h), each by itself.

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

TEST_CASE("orphans: a decision is acknowledged to the coordinator, never behind an abort") {
  Message decision;
  decision.txn = {kCoordinator, Epoch{1}, 1};
  decision.from = kCoordinator;
  decision.outcome = Outcome::commit;
  Remembered nothing, committed, aborted;
  committed.state = SiteState::committed;
  aborted.state = SiteState::aborted;
  const auto rule = [&](const Remembered& remembered, std::uint8_t refusal = kAnswer) {
    return orphans::decision(decision, remembered, kAck, refusal);
  };
  CHECK(rule(committed).reply.kind == kAck);
  CHECK(rule(nothing).action == OrphanAction::ignore);
  CHECK(rule(nothing).note == "decision-for-unknown-transaction");
  CHECK(rule(aborted).reply.outcome == Outcome::abort);
  CHECK(rule(aborted).note == "commit-for-aborted-transaction");
  CHECK(rule(aborted, 0).action == OrphanAction::ignore);
  decision.from = NodeId{3};  // A peer waits for nothing.
  CHECK(rule(committed).action == OrphanAction::ignore);
  CHECK(rule(aborted).action == OrphanAction::ignore);
  CHECK(rule(aborted).note == "commit-for-aborted-transaction");
  decision.outcome = Outcome::abort;
  CHECK(rule(aborted).note.empty());
  CHECK(rule(committed).note == "abort-for-committed-transaction");
}

TEST_CASE("orphans: who is asked says what it remembers; who never voted makes sure that it never will") {
  Message question;
  question.txn = {kCoordinator, Epoch{1}, 1};
  question.from = NodeId{3};
  question.ballot = Ballot{2};
  Remembered fresh;
  fresh.same_epoch = true;
  const auto rule = [&](const Remembered& remembered) { return orphans::question(question, remembered, kAnswer); };
  CHECK(rule(fresh).action == OrphanAction::make_machine);
  CHECK(rule({}).reply.state == SiteState::unknown);  // Restarted since.
  CHECK(rule({}).reply.outcome == Outcome::undecided);
  Remembered known = fresh;
  known.state = SiteState::aborted;
  CHECK(rule(known).reply.outcome == Outcome::abort);
  CHECK(rule(known).reply.reason == Reason::terminated);
  CHECK(rule(known).reply.ballot == Ballot{2});
  CHECK(rule(known).reply.to_role == Role::participant);
  question.to_role = Role::coordinator;
  CHECK(rule(fresh).action == OrphanAction::ignore);  // Of somebody else's transaction.
  fresh.own_transaction = true;
  CHECK(rule(fresh).reply.outcome == Outcome::abort);
  fresh.state = SiteState::committed;
  CHECK(rule(fresh).reply.outcome == Outcome::commit);
}

TEST_CASE("orphans: each rule for its kind and role; a kind that the protocol has not is named") {
  constexpr orphans::Words kWords{1, kVote, 3, kAck, 5, kAnswer, 6};
  Remembered fresh;
  fresh.same_epoch = true;
  const auto rule = [&](std::uint8_t kind, Role to_role, std::uint8_t refusal = kAnswer) {
    Message message;
    message.txn = {kCoordinator, Epoch{1}, 1};
    message.from = kCoordinator;
    message.kind = kind;
    message.to_role = to_role;
    message.outcome = Outcome::commit;
    return orphans::usual(message, fresh, kWords, refusal);
  };
  CHECK(rule(1, Role::participant).action == OrphanAction::make_machine);
  CHECK(rule(1, Role::coordinator).action == OrphanAction::ignore);
  CHECK(rule(3, Role::participant).note == "decision-for-unknown-transaction");
  CHECK(rule(3, Role::coordinator).note.empty());
  CHECK(rule(5, Role::participant).action == OrphanAction::make_machine);
  CHECK(rule(kVote, Role::participant).note.empty());
  CHECK(rule(6, Role::participant).note.empty());
  CHECK(rule(0, Role::participant).note == "unknown-kind");
  CHECK(rule(7, Role::participant).note == "unknown-kind");
  fresh.state = SiteState::committed;
  CHECK(rule(3, Role::participant).reply.kind == kAck);
  fresh.state = SiteState::aborted;
  CHECK(rule(3, Role::participant).reply.kind == kAnswer);
  CHECK(rule(3, Role::participant, 0).action == OrphanAction::ignore);
}

}  // namespace geocommit
