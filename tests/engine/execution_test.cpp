// A participant's site that stands alone: what it reads, waits for, is wounded by, writes down, and tells its observer.
// Every figure is exact.
#include "engine/execution.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <utility>

#include "protocols/two_phase_commit/two_phase_commit.h"
#include "tests/engine/alone.h"

using namespace geocommit;
using namespace geocommit::test;

TEST_CASE("a site tells with its vote what it has read, and not what it will write") {
  Alone node;
  node.prepare(1, {reads(3), adds(4, 5)});
  node.force();
  REQUIRE(node.votes().size() == 1);
  CHECK(node.votes()[0].reads == std::vector<ReadValue>{{node.context.self(), Entity{3}, {}, 1000}});
}

TEST_CASE("a site that is in doubt again tells what it had read only where nothing has been written over it since") {
  Alone first;
  first.prepare(1, {reads(3), reads(4), adds(5, 1)});
  REQUIRE(first.outside.log.size() == 1);
  auto prepared = std::get<MachineRecord>(first.outside.log[0]);
  REQUIRE(prepared.versions == std::vector<TxnId>{{}, {}, {}});
  Checkpoint checkpoint;
  first.site.add_to(checkpoint);
  checkpoint.open.clear();
  checkpoint.writers[4] = first.txn(9);  // Another master's write, which asked for no lock here.
  checkpoint.balances[4] = 7;
  Alone again;
  again.site.restore(checkpoint);
  again.site.replay(prepared);
  again.site.replayed();
  again.site.start();
  again.site.drain();
  CHECK(again.status().locks_held == 3);
  again.prepare(1, {reads(3), reads(4), adds(5, 1)});  // Its vote was lost: it is said again.
  REQUIRE(again.votes().size() == 1);
  CHECK(again.votes()[0].reads == std::vector<ReadValue>{{again.context.self(), Entity{3}, {}, 1000}});
}

TEST_CASE("who waits for locks says behind whom; granted, it has waited, and its timer is gone") {
  Alone node;
  node.prepare(1, {adds(0, 1), adds(1, 1)});
  node.force();
  CHECK(node.seen.granted == std::vector<std::pair<TxnId, bool>>{{node.txn(1), false}});
  CHECK(node.seen.awaited.empty());
  REQUIRE(node.outside.timers.size() == 1);  // Of its decision.
  node.outside.time += 3ms;
  node.prepare(2, {adds(1, 1), adds(2, 1)});
  CHECK(node.seen.awaited == std::vector<std::pair<TxnId, TxnId>>{{node.txn(2), node.txn(1)}});
  CHECK(node.outside.pauses.back() == node.context.options().lock_wait);
  CHECK(node.outside.timers.size() == 2);
  CHECK(node.status().lock_waiters == 1);
  CHECK(node.status().locks_held == 3);
  node.outside.time += 7ms;
  node.decide(1, Outcome::commit);
  CHECK(node.seen.released == std::vector<Watched::Released>{{node.txn(1), Outcome::commit, 10ms, 20ms, false}});
  CHECK(node.seen.granted.back() == std::pair{node.txn(2), true});
  CHECK(node.outside.timers.empty());
  CHECK(node.status().lock_waiters == 0);
  node.force();
  CHECK(node.outside.timers.size() == 1);  // Of the second one's decision.
  node.outside.time += 5ms;
  node.decide(2, Outcome::abort);
  CHECK(node.seen.released.back() == Watched::Released{node.txn(2), Outcome::abort, 12ms, 12ms + 5ms, true});
  node.force();
  CHECK(node.outside.timers.empty());
  CHECK(node.status().open() + node.status().locks_held == 0);
  CHECK(node.site.resources().balance(Entity{1}) == 1001);
}

TEST_CASE("who waits too long for a lock votes NO for that reason, lets go of the others, and is not asked twice") {
  Alone node;
  node.prepare(1, {adds(0, 1)});
  node.force();
  node.prepare(2, {adds(0, 1), adds(1, 1)});
  CHECK(node.status().locks_held == 2);
  node.site.timer_fired(LockTimer{node.txn(1)});  // It does not wait.
  node.site.timer_fired(LockTimer{node.txn(7)});  // Nobody's.
  node.site.drain();
  CHECK(node.votes().size() == 1);
  node.lock_timers_fire();
  CHECK(node.seen.no_votes == std::map<Reason, std::uint64_t>{{Reason::lock_timeout, 1}});
  REQUIRE(node.votes().size() == 2);
  CHECK(node.votes()[1].message.vote == Vote::no);
  CHECK(node.votes()[1].message.reason == Reason::lock_timeout);
  CHECK(node.votes()[1].reads.empty());
  CHECK(node.status().locks_held == 1);
  CHECK(node.status().lock_waiters == 0);
  node.prepare(3, {adds(1, 1)});
  CHECK(node.seen.granted.back() == std::pair{node.txn(3), false});
}

TEST_CASE("an older transaction wounds a younger one once: what waits is refused here, what has voted is asked for") {
  Alone node;
  node.prepare(5, {adds(0, 1)});
  node.force();
  node.prepare(6, {adds(0, 1)});
  CHECK(node.status().lock_waiters == 1);
  const auto wounds = [&] {
    return std::count_if(node.outside.sent.begin(), node.outside.sent.end(),
                         [](const PeerPayload& payload) { return std::holds_alternative<Wound>(payload); });
  };
  CHECK(wounds() == 0);
  node.prepare(2, {adds(0, 1)});
  CHECK(node.seen.no_votes == std::map<Reason, std::uint64_t>{{Reason::lock_conflict, 1}});
  CHECK(node.status().lock_waiters == 1);
  CHECK(node.outside.timers.size() == 2);  // Of the first one's decision and the third one's lock.
  CHECK(wounds() == 1);
  CHECK(node.seen.kinds["WOUND"] == 1);
  CHECK(node.seen.messages[Traffic::wound] == 1);
  const auto wound = std::find_if(node.outside.sent.begin(), node.outside.sent.end(),
                                  [](const PeerPayload& payload) { return std::holds_alternative<Wound>(payload); });
  CHECK(std::get<Wound>(*wound).txn == node.txn(5));
  CHECK(node.outside.sent_to[static_cast<std::size_t>(wound - node.outside.sent.begin())] == node.coordinator);
  node.prepare(1, {adds(0, 1)});  // Wounds both that are in its way; the one has been asked for already.
  CHECK(wounds() == 1);
  CHECK(node.seen.no_votes == std::map<Reason, std::uint64_t>{{Reason::lock_conflict, 2}});
  node.decide(5, Outcome::commit);  // It may be too late for the wound.
  CHECK(node.seen.granted.back() == std::pair{node.txn(1), true});
}

TEST_CASE("no-wait: who meets a blocked transaction's lock is refused at once, and says what held it up") {
  EngineOptions options = options_of_agent(find_protocol("2pc"));
  options.locking = LockingPolicy::no_wait;
  Alone node(options);
  node.prepare(1, {adds(0, 1)});
  node.force();
  node.prepare(2, {adds(0, 1)});
  CHECK(node.seen.no_votes == std::map<Reason, std::uint64_t>{{Reason::lock_conflict, 1}});
  CHECK(node.seen.held_up.empty());
  CHECK(node.seen.released.empty());
  node.outside.time += 1500ms;  // The decision timeout is a second.
  node.prepare(3, {adds(0, 1)});
  CHECK(node.seen.held_up == std::map<std::string, std::uint64_t>{{"lock_conflict", 1}});
  CHECK(node.status().blocked == 1);
  CHECK(node.status().oldest_blocked == 500ms);
  node.decide(1, Outcome::commit);
  REQUIRE(node.seen.blocking.size() == 1);
  CHECK(node.seen.blocking[0].aborted == 1);
  CHECK(node.seen.blocking[0].lock_time == 500ms);
  CHECK(node.seen.in_doubt == std::vector<Duration>{1500ms});
  CHECK(node.seen.blocked == std::vector<Duration>{500ms});
}

TEST_CASE("a balance may be spent to the last, and no further") {
  Alone node;
  node.prepare(1, {adds(0, -1000)});
  node.force();
  CHECK(node.votes().back().message.vote == Vote::yes);
  node.decide(1, Outcome::commit);
  node.prepare(2, {adds(0, -1)});
  CHECK(node.votes().back().message.reason == Reason::constraint);
  node.prepare(3, {adds(1, -1001)});
  CHECK(node.votes().back().message.reason == Reason::constraint);
  CHECK(node.status().locks_held == 0);
}

TEST_CASE("a site alone that only reads lets go with its vote, unless another site takes part or the option is off") {
  const auto vote_of = [](bool option, bool alone, bool writes) {
    EngineOptions options = options_of_agent(find_protocol("2pc"));
    options.protocol_options.set(two_phase_commit::kReadOnly, option ? 1 : 0);
    Alone node(options);
    ProtocolMessage wire = node.prepare_of(1, {writes ? adds(0, 1) : reads(0)});
    if (alone) {
      wire.descriptor->cohort.pop_back();
    }
    node.receive(wire);
    CHECK(node.status().locks_held == (option && alone && !writes ? 0 : 1));
    node.force();
    REQUIRE(node.votes().size() == 1);
    CHECK(node.votes()[0].reads.size() == (writes ? 0 : 1));
    return node.votes()[0].message.vote;
  };
  CHECK(vote_of(true, true, false) == Vote::read_only);
  CHECK(vote_of(true, true, true) == Vote::yes);
  CHECK(vote_of(true, false, false) == Vote::yes);
  CHECK(vote_of(false, true, false) == Vote::yes);
}

TEST_CASE("a record says when it was written, by which clock, and what its transaction is and saw") {
  EngineOptions options = options_of_agent(find_protocol("2pc"));
  options.clock = 7;
  Alone node(options);
  ProtocolMessage wire = node.prepare_of(1, {adds(0, 3), reads(1)});
  wire.descriptor->request = {two_regions().client(RegionId{0}), 12};
  wire.descriptor->measured = true;
  node.receive(wire);
  node.outside.time += 4ms;
  node.force();
  node.decide(1, Outcome::commit);
  REQUIRE(node.outside.log.size() == 2);
  const auto& prepared = std::get<MachineRecord>(node.outside.log[0]);
  const auto& commit = std::get<MachineRecord>(node.outside.log[1]);
  CHECK(prepared.written == Instant{1s});
  CHECK(prepared.clock == 7);
  CHECK(prepared.versions.size() == 2);
  REQUIRE(prepared.descriptor);
  CHECK(prepared.descriptor->measured);
  CHECK(prepared.descriptor->request == wire.descriptor->request);
  CHECK(prepared.descriptor->operations == wire.descriptor->operations);
  CHECK(commit.written == Instant{1s + 4ms});
  CHECK(commit.clock == 7);
  CHECK_FALSE(commit.descriptor);
  CHECK(node.seen.forced == 2);
  CHECK(node.seen.lazy == 0);
  // Its vote went to the region next door, where its coordinator is.
  CHECK(node.seen.wan == std::vector<bool>{false});
  Checkpoint checkpoint;
  node.site.add_to(checkpoint);
  REQUIRE(checkpoint.open.size() == 2);
  CHECK(checkpoint.open[0].descriptor);
  CHECK_FALSE(checkpoint.open[1].descriptor);
  CHECK(checkpoint.open[1].record.outcome == Outcome::commit);
  CHECK(checkpoint.balances[0] == 1003);
  // Read back, the change is not made a second time; nor where the same commit is read twice after it.
  Alone behind;
  behind.site.restore(checkpoint);
  behind.site.replay(commit);
  behind.site.replayed();
  CHECK(behind.site.resources().balance(Entity{0}) == 1003);
  CHECK(behind.status().finished_remembered == 1);
  Alone twice;
  for (const MachineRecord& record : {prepared, commit, commit}) {
    twice.site.replay(record);
  }
  twice.site.replayed();
  CHECK(twice.site.resources().balance(Entity{0}) == 1003);
  CHECK(twice.site.resources().versions({adds(0, 0)}) == std::vector<TxnId>{node.txn(1)});
  CHECK(twice.status().open() == 0);
}

TEST_CASE("a record without its descriptor is an alarm, and makes no machine") {
  Alone first;
  first.prepare(1, {adds(0, 3)});
  auto prepared = std::get<MachineRecord>(first.outside.log.at(0));
  prepared.descriptor.reset();
  Alone node;
  node.site.replay(prepared);
  node.site.replayed();
  node.site.start();
  node.site.drain();
  CHECK(node.seen.alarms == std::map<std::string, std::uint64_t>{{"a record without the descriptor that it needs", 1}});
  CHECK(node.status().open() == 0);
}

TEST_CASE("a PREPARE that cannot be meant is an alarm: no vote, no lock, no machine") {
  Alone node;
  const std::string of_the_past = "a PREPARE from the past, or without a descriptor";
  const auto refused = [&](const ProtocolMessage& wire, const std::string& alarm) {
    const std::uint64_t before = node.seen.alarms[alarm];
    const std::size_t sent = node.outside.sent.size();
    node.receive(wire);
    CHECK(node.seen.alarms[alarm] == before + 1);
    CHECK(node.status().open() == 0);
    CHECK(node.outside.sent.size() == sent);
  };
  ProtocolMessage wire = node.prepare_of(1, {adds(0, 1)});
  wire.descriptor.reset();
  refused(wire, of_the_past);
  wire = node.prepare_of(1, {adds(0, 1)});
  wire.message.to_role = Role::coordinator;
  refused(wire, of_the_past);
  wire = node.prepare_of(1, {adds(0, 1)});
  wire.descriptor->txn.counter = 2;
  refused(wire, of_the_past);
  const std::string not_kept = "a PREPARE for an entity that is not kept here";
  refused(node.prepare_of(1, {adds(two_regions().entity_count(), 1)}), not_kept);
  const std::string not_for_it = "a protocol message that is not for this node, or of no protocol";
  wire = node.prepare_of(1, {adds(0, 1)});
  wire.message.protocol = 222;
  refused(wire, not_for_it);
  wire.message.protocol = find_protocol("home-region")->wire_id;  // Which only says where to.
  refused(wire, not_for_it);
  wire = node.prepare_of(1, {adds(0, 1)});
  wire.message.from = two_regions().coordinator(RegionId{1});
  refused(wire, not_for_it);
  wire = node.prepare_of(1, {adds(0, 1)});
  wire.message.to = two_regions().agent(RegionId{1}, 0);
  refused(wire, not_for_it);
  // The last entity is kept.
  node.prepare(1, {adds(two_regions().entity_count() - 1, 1)});
  node.force();
  CHECK(node.votes().size() == 1);
  node.decide(1, Outcome::commit);
  node.force();
  refused(node.prepare_of(1, {adds(0, 1)}), of_the_past);  // It has committed.
  node.site.raise(node.coordinator, {Epoch{1}, 5});
  refused(node.prepare_of(4, {adds(0, 1)}), of_the_past);
  CHECK(node.status().finished_remembered == 0);
  node.prepare(5, {adds(0, 1)});
  CHECK(node.status().open() == 1);
}

TEST_CASE("an ABORT for what a site has never heard of is remembered, a decision of nobody's is not") {
  Alone node;
  node.decide(1, Outcome::abort);
  CHECK(node.status().finished_remembered == 1);
  node.prepare(1, {adds(0, 1)});
  CHECK(node.status().open() == 0);
  REQUIRE(node.votes().size() == 1);
  CHECK(node.votes()[0].message.vote == Vote::no);
  CHECK(node.votes()[0].message.depth == 1);
  CHECK(node.seen.messages[Traffic::retry] == 1);
  CHECK(node.seen.messages[Traffic::protocol] == 0);
  node.decide(2, Outcome::commit);
  CHECK(node.status().finished_remembered == 1);
}
