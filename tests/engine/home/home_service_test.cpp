// Home region at one agent that stands alone: when it ships, what it applies, confirms and takes back, whom it tells
// who is master, what it hands over, and what it makes of what cannot be meant. Every figure is exact.
#include "engine/home/home_service.h"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "tests/engine/alone.h"

using namespace geocommit;
using namespace geocommit::test;

namespace {

const Directory& three_regions() {
  static const Directory kDirectory({"a", "b", "c"}, 1, Placement::replicated, 9);
  return kDirectory;
}
EngineOptions at_a(HomeRules rules = {}) {
  EngineOptions out = options_of_agent(find_protocol("home-region"));
  out.directory = &three_regions();
  out.ship_interval = 10ms;
  out.heartbeat_interval = 100ms;
  out.home = rules;
  return out;
}
constexpr HomeRules kThreeSeconds{.lease = 3s};
constexpr HomeRules kUnfenced{.lease = 3s, .fencing = false};

const NodeId kA = three_regions().agent(RegionId{0}, 0);
const NodeId kB = three_regions().agent(RegionId{1}, 0);
const NodeId kC = three_regions().agent(RegionId{2}, 0);
const HomeEpoch kFirstOfA = home_region::first_epoch(RegionId{0}, 3);
const HomeEpoch kFirstOfB = home_region::first_epoch(RegionId{1}, 3);
/// Home B has failed over to C.
const HomeEpoch kBAtC = home_region::next_forced(kFirstOfB, RegionId{2}, 3);
const std::vector<NodeId> kPeers{kB, kC, three_regions().coordinator(RegionId{0}),
                                 three_regions().coordinator(RegionId{1}), three_regions().coordinator(RegionId{2})};

/// A write of home B: entity 1.
ShippedWrite write_of(std::uint64_t sequence, std::int64_t delta = 1, std::uint64_t entity = 1) {
  return {sequence,
          {NodeId{1002}, Epoch{1}, sequence},
          {adds(entity, delta)},
          {},
          {{NodeId{1002}, Epoch{1}, sequence - 1}}};
}
std::vector<ShippedWrite> writes_of(std::uint64_t first, std::uint64_t last, std::uint64_t entity = 1) {
  std::vector<ShippedWrite> out;
  for (std::uint64_t sequence = first; sequence <= last; ++sequence) {
    out.push_back(write_of(sequence, 1, entity));
  }
  return out;
}
Ship ship_of(NodeId home, std::vector<ShippedWrite> writes, HomeHistory history = {}) {
  Ship ship;
  ship.home = home;
  ship.writes = std::move(writes);
  ship.history = std::move(history);
  return ship;
}
HomeMessage about(NodeId home, HomeMessageKind kind, HomeEpoch epoch) {
  HomeMessage message;
  message.kind = kind;
  message.home = home;
  message.epoch = epoch;
  return message;
}

/// A's agent; time passes with run_for, and its timers fire.
struct AtA : Alone {
  explicit AtA(const EngineOptions& options = at_a()) : Alone(options) { services.push_back(&homes); }
  HomeService homes{context, peers, site};

  void start() {
    homes.replayed();
    homes.start();
  }
  void run_for(Duration length) {
    const Instant end = outside.time + length;
    for (int i = 0; i < 10'000; ++i) {
      const auto due = std::min_element(outside.timers.begin(), outside.timers.end(),
                                        [](const auto& x, const auto& y) { return x.second < y.second; });
      if (due == outside.timers.end() || due->second > end) {
        outside.time = end;
        return;
      }
      const TimerToken token = due->first;
      outside.time = std::max(outside.time, due->second);
      outside.timers.erase(token);
      const auto use = context.take_timer(token);
      REQUIRE(use);
      if (const auto* timer = std::get_if<ServiceTimer>(&*use)) {
        timer->service->on_timer(timer->timer);
      }
    }
    FAIL("its timers never end");
  }
  void hear(NodeId from, PeerPayload payload) { CHECK(homes.receive({from, Epoch{1}, {}, std::move(payload)})); }
  /// What has been sent of a kind since it was last asked; and to whom.
  template <class Payload>
  std::vector<std::pair<NodeId, Payload>> sent() {
    std::vector<std::pair<NodeId, Payload>> all;
    std::size_t& from = asked_[PeerPayload(Payload{}).index()];
    for (; from < outside.sent.size(); ++from) {
      if (const auto* payload = std::get_if<Payload>(&outside.sent[from])) {
        all.emplace_back(outside.sent_to[from], *payload);
      }
    }
    return all;
  }
  std::vector<HomeRecord> home_records() const {
    std::vector<HomeRecord> all;
    for (std::size_t i = 0; i < outside.log.size(); ++i) {
      if (const auto* record = std::get_if<HomeRecord>(&outside.log[i])) {
        CHECK(outside.forced[i]);
        all.push_back(*record);
      }
    }
    return all;
  }
  /// Who has been told that the master of a home is open.
  std::vector<NodeId> told_open(NodeId home, HomeEpoch epoch) {
    std::vector<NodeId> all;
    for (const auto& [to, message] : sent<HomeMessage>()) {
      if (message.kind == HomeMessageKind::open) {
        CHECK(message.home == home);
        CHECK(message.epoch == epoch);
        all.push_back(to);
      }
    }
    return all;
  }
  std::vector<HomeEvent> events(HomeEventKind kind) const {
    std::vector<HomeEvent> all;
    std::copy_if(seen.home_events.begin(), seen.home_events.end(), std::back_inserter(all),
                 [&](const HomeEvent& event) { return event.kind == kind; });
    return all;
  }
  HomeState state_of(NodeId home) const {
    Checkpoint checkpoint;
    homes.add_to(checkpoint);
    for (HomeState& state : checkpoint.homes) {
      if (state.home == home) {
        return state;
      }
    }
    FAIL("it does not keep that home");
    return {};
  }
  EngineStatus homes_status() const {
    EngineStatus out;
    homes.add_to(out);
    return out;
  }
  void restore_home(HomeState state) {
    Checkpoint checkpoint;
    checkpoint.homes.push_back(std::move(state));
    homes.restore(checkpoint);
  }
  void commit(std::uint64_t number, std::vector<Operation> operations) {
    prepare(number, std::move(operations));
    force();
    decide(number, Outcome::commit);
    force();
  }
  std::int64_t balance(std::uint64_t entity) const { return site.resources().balance(Entity{entity}); }

 private:
  std::map<std::size_t, std::size_t> asked_;
};

}  // namespace

// ---- Rounds -------------------------------------------------------------------------------------------------------

TEST_CASE("home service: a master's heartbeats go to every other site at once, and then at their interval") {
  AtA node;
  node.start();
  auto beats = node.sent<Ship>();
  REQUIRE(beats.size() == 2);
  CHECK(beats[0].first == kB);
  CHECK(beats[1].first == kC);
  for (const auto& [to, ship] : beats) {
    CHECK(ship.home == kA);
    CHECK(ship.heartbeat == 1);
    CHECK(ship.writes.empty());
    CHECK(ship.history.empty());
  }
  node.run_for(99ms);
  CHECK(node.sent<Ship>().empty());
  node.run_for(1ms);
  beats = node.sent<Ship>();
  REQUIRE(beats.size() == 2);
  CHECK(beats[0].second.heartbeat == 2);
  CHECK(node.seen.kinds["HEARTBEAT"] == 4);
  // Those of a later start are not taken for these.
  EngineOptions later = at_a();
  later.epoch = Epoch{3};
  AtA again(later);
  again.start();
  CHECK(again.sent<Ship>().at(0).second.heartbeat == (std::uint64_t{2} << 32U) + 1);
}

TEST_CASE("home service: a commit is shipped one interval after it is durable, with what follows it meanwhile") {
  AtA node;
  node.start();
  node.run_for(50ms);
  CHECK(node.sent<Ship>().size() == 2);
  node.prepare(1, {adds(0, -5), adds(1, 5)});  // Of homes A and B: it is master of A only, and refuses.
  CHECK(node.seen.no_votes == std::map<Reason, std::uint64_t>{{Reason::unavailable, 1}});
  node.prepare(2, {adds(0, -5), adds(3, 5)});
  node.force();
  node.decide(2, Outcome::commit);
  node.run_for(20ms);
  CHECK(node.sent<Ship>().empty());  // It is not durable yet.
  node.force();
  node.run_for(4ms);
  node.commit(3, {adds(0, -1), reads(6)});
  node.run_for(5ms);
  CHECK(node.sent<Ship>().empty());
  CHECK(node.homes_status().unshipped == 2);
  node.run_for(1ms);
  const auto ships = node.sent<Ship>();
  REQUIRE(ships.size() == 2);
  CHECK(ships[0].first == kB);
  CHECK(ships[1].first == kC);
  CHECK(ships[0].second.heartbeat == 0);
  REQUIRE(ships[0].second.writes.size() == 2);
  CHECK(ships[0].second.writes[0].sequence == 1);
  CHECK(ships[0].second.writes[0].txn == node.txn(2));
  CHECK(ships[0].second.writes[0].operations == std::vector<Operation>{adds(0, -5), adds(3, 5)});
  CHECK(ships[0].second.writes[1].sequence == 2);
  CHECK(ships[0].second.writes[1].txn == node.txn(3));
  // Nobody has confirmed them: the next round is an interval later, and no later than the heartbeat.
  CHECK(node.outside.pauses.back() == 10ms);
  node.run_for(10ms);
  CHECK(node.outside.pauses.back() == 10ms);
  node.run_for(9ms);
  node.run_for(1ms);
  const auto beats = node.sent<Ship>();
  REQUIRE(beats.size() == 2);
  CHECK(beats[0].second.writes.empty());
  CHECK(beats[0].second.through == 2);
  node.hear(kB, ShipAck{2, 0, kA, kFirstOfA});
  CHECK(node.homes_status().unshipped == 2);
  CHECK(node.state_of(kA).retained.size() == 2);
  node.hear(kC, ShipAck{2, 0, kA, kFirstOfA});
  CHECK(node.homes_status().unshipped == 0);
  CHECK(node.state_of(kA).retained.empty());
  node.run_for(10ms);
  CHECK(node.outside.pauses.back() == 90ms);  // Nothing but heartbeats any more.
}

TEST_CASE("home service: a replica's age is the time since the issue of the newest heartbeat that it has confirmed") {
  AtA node;
  node.start();
  node.run_for(36ms);
  CHECK(node.seen.staleness_ages.empty());
  node.hear(kB, ShipAck{0, 1, kA, kFirstOfA});
  node.run_for(1ms);
  CHECK(node.seen.staleness_ages == std::vector<Duration>{37ms});
  node.run_for(37ms);
  CHECK(node.seen.staleness_ages == std::vector<Duration>{37ms, 74ms});
}

TEST_CASE("home service: how far all sites are is written down once in a thousand writes, and is not forgotten") {
  AtA node;
  node.restore_home({kA, {}, 2500, writes_of(1, 2500, 0), {}, {}, {}});
  node.start();
  const auto marks = [&] {
    std::vector<std::uint64_t> all;
    for (std::size_t i = 0; i < node.outside.log.size(); ++i) {
      if (const auto* acked = std::get_if<ShipAckedRecord>(&node.outside.log[i])) {
        CHECK(acked->home == kA);
        CHECK_FALSE(node.outside.forced[i]);
        all.push_back(acked->sequence);
      }
    }
    return all;
  };
  node.hear(kB, ShipAck{2500, 0, kA, kFirstOfA});
  node.hear(kC, ShipAck{999, 0, kA, kFirstOfA});
  CHECK(marks().empty());
  node.hear(kC, ShipAck{1000, 0, kA, kFirstOfA});
  CHECK(marks() == std::vector<std::uint64_t>{1000});
  node.hear(kC, ShipAck{1999, 0, kA, kFirstOfA});
  node.hear(kC, ShipAck{2000, 0, kA, kFirstOfA});
  CHECK(marks() == std::vector<std::uint64_t>{1000, 2000});
  AtA again;
  again.restore_home({kA, {}, 2500, writes_of(1, 2500, 0), {}, {}, {}});
  again.homes.replay(ShipAckedRecord{1500, NodeId{}});  // As one home's logs had it: its own.
  CHECK(again.state_of(kA).retained.size() == 1000);
  CHECK(again.state_of(kA).last == 2500);
  again.homes.replay(ShipAckedRecord{2000, kA});
  CHECK(again.state_of(kA).retained.size() == 500);
  CHECK(again.state_of(kA).retained.front().sequence == 2001);
  again.start();
  again.hear(kB, ShipAck{2500, 0, kA, kFirstOfA});
  again.hear(kC, ShipAck{2500, 0, kA, kFirstOfA});
  CHECK(again.outside.log.empty());  // Only 500 more than it had written down.
}

// ---- A replica ----------------------------------------------------------------------------------------------------

TEST_CASE("home service: a replica applies what is next, forces the last of it, and confirms what is durable") {
  AtA node;
  node.start();
  node.hear(kB, ship_of(kB, writes_of(1, 3)));
  CHECK(node.balance(1) == 1003);
  REQUIRE(node.outside.log.size() == 3);
  CHECK(node.outside.forced == std::vector<bool>{false, false, true});
  CHECK(std::get<ShippedRecord>(node.outside.log[2]).write.sequence == 3);
  CHECK(std::get<ShippedRecord>(node.outside.log[2]).home == kB);
  CHECK(node.sent<ShipAck>().empty());
  node.hear(kB, ship_of(kB, writes_of(1, 3)));  // Again, before it is durable: nothing of it is confirmed.
  auto acks = node.sent<ShipAck>();
  REQUIRE(acks.size() == 1);
  CHECK(acks[0].second.applied == 0);
  node.force();
  acks = node.sent<ShipAck>();
  REQUIRE(acks.size() == 1);
  CHECK(acks[0].first == kB);
  CHECK(acks[0].second.applied == 3);
  CHECK(acks[0].second.home == kB);
  CHECK(acks[0].second.epoch == kFirstOfB);
  Ship gap = ship_of(kB, writes_of(5, 6));
  gap.confirmed = 2;
  node.hear(kB, gap);
  CHECK(node.balance(1) == 1003);
  CHECK(node.outside.log.size() == 3);
  acks = node.sent<ShipAck>();
  REQUIRE(acks.size() == 1);
  CHECK(acks[0].second.applied == 3);
  CHECK(node.state_of(kB).retained.size() == 1);  // The others have been confirmed by all.
  Ship ahead = ship_of(kB, writes_of(4, 4));
  ahead.confirmed = 4;  // Its own part is not durable: it may be shipped again.
  node.hear(kB, ahead);
  CHECK(node.state_of(kB).retained.size() == 1);
  CHECK(node.homes_status().unshipped == 0);
  // What is read back is as it was.
  AtA again;
  for (const DurableRecord& record : node.outside.log) {
    again.homes.replay(record);
    again.homes.replay(record);
  }
  CHECK(again.balance(1) == 1004);
  again.start();
  again.hear(kB, ship_of(kB, {}));
  REQUIRE(again.sent<ShipAck>().size() == 1);
  CHECK(again.state_of(kB).last == 4);
}

TEST_CASE("home service: who follows another master takes back what that one never had, and tells the old one") {
  AtA node;
  node.start();
  node.hear(kB, ship_of(kB, writes_of(1, 3)));
  const int before = node.seen.forced;
  node.hear(kC, ship_of(kB, {write_of(2, 100), write_of(3, 100)}, {{kFirstOfB, 0}, {kBAtC, 1}}));
  CHECK(node.balance(1) == 1000 + 1 + 200);
  CHECK(node.seen.forced == before + 1);
  REQUIRE(node.home_records().size() == 1);
  const HomeRecord adopted = node.home_records().at(0);
  CHECK(adopted.kind == HomeRecordKind::adopted);
  CHECK(adopted.home == kB);
  CHECK(adopted.epoch == kBAtC);
  CHECK(adopted.keep == 1);
  CHECK(adopted.history == HomeHistory{{kFirstOfB, 0}, {kBAtC, 1}});
  REQUIRE(adopted.lost.size() == 2);
  CHECK(adopted.lost[0].sequence == 3);
  Ship heartbeat = ship_of(kB, {}, {{kFirstOfB, 0}, {kBAtC, 1}});
  heartbeat.heartbeat = heartbeat.through = 1;
  node.hear(kC, heartbeat);
  CHECK(node.sent<ShipAck>().empty());  // That it follows C is not durable yet.
  REQUIRE(node.events(HomeEventKind::writes_undone).size() == 1);
  CHECK(node.events(HomeEventKind::writes_undone)[0].writes == 2);
  CHECK(node.events(HomeEventKind::writes_lost).empty());
  node.force();  // First what B shipped: nobody is told of that any more.
  const auto acks = node.sent<ShipAck>();
  REQUIRE(acks.size() == 2);
  for (const auto& [to, ack] : acks) {
    CHECK(to == kC);
    CHECK(ack.epoch == kBAtC);
  }
  CHECK(acks[0].second.applied == 1);
  CHECK(acks[1].second.applied == 3);
  node.hear(kC, heartbeat);
  CHECK(node.sent<ShipAck>().size() == 1);
  (void)node.sent<HomeMessage>();
  node.hear(kB, ship_of(kB, writes_of(4, 4)));                                // It does not know yet.
  node.hear(kA, ship_of(kB, writes_of(4, 4), {{kFirstOfB, 0}, {kBAtC, 1}}));  // Not the master of that term.
  CHECK(node.told_open(kB, kBAtC) == std::vector<NodeId>{kB, kA});
  CHECK(node.sent<ShipAck>().empty());
  CHECK(node.balance(1) == 1201);
  CHECK(node.state_of(kB).history.size() == 2);
  CHECK(node.state_of(kB).epoch == kBAtC);
  AtA again;
  for (const DurableRecord& record : node.outside.log) {
    again.homes.replay(record);
  }
  CHECK(again.balance(1) == 1201);
  CHECK(again.state_of(kB).epoch == kBAtC);
  CHECK(again.state_of(kB).history == node.state_of(kB).history);
}

TEST_CASE("home service: a deposed master takes back its own writes, and says over what time they were accepted") {
  AtA node;
  node.start();
  const HomeEpoch at_c = home_region::next_forced(kFirstOfA, RegionId{2}, 3);
  for (std::uint64_t number = 1; number <= 3; ++number) {
    node.commit(number, {adds(0, 1)});
    node.run_for(7ms);
  }
  node.hear(kB, ShipAck{1, 0, kA, kFirstOfA});
  node.hear(kC, ShipAck{1, 0, kA, kFirstOfA});
  node.hear(kC, ship_of(kA, {}, {{kFirstOfA, 0}, {at_c, 1}}));
  CHECK(node.balance(0) == 1001);
  REQUIRE(node.events(HomeEventKind::deposed).size() == 1);
  REQUIRE(node.events(HomeEventKind::writes_lost).size() == 1);
  CHECK(node.events(HomeEventKind::writes_lost)[0].writes == 2);
  CHECK(node.events(HomeEventKind::writes_lost)[0].gap == 7ms);
  CHECK(node.events(HomeEventKind::writes_lost)[0].home == kA);
  CHECK(node.events(HomeEventKind::writes_lost)[0].round == home_region::round_of(at_c, 3));
  CHECK(node.events(HomeEventKind::writes_undone).empty());
  (void)node.sent<Ship>();
  node.force();
  node.run_for(1s);
  CHECK(node.sent<Ship>().empty());  // It ships nothing any more.
  CHECK(node.homes_status().unshipped == 0);
  // What asks it now is refused, and its coordinator hears who is master.
  (void)node.sent<HomeMessage>();
  node.prepare(9, {reads(0)});
  CHECK(node.seen.no_votes[Reason::unavailable] == 1);
  CHECK(node.told_open(kA, at_c) == std::vector<NodeId>{node.coordinator});
}

// ---- Failovers ----------------------------------------------------------------------------------------------------

TEST_CASE("home service: the successor of a failover is shipped what it lacks, five hundred writes at a time") {
  AtA node(at_a(kThreeSeconds));
  node.restore_home({kB, {}, 501, writes_of(1, 501), {}, {}, {}});
  node.start();
  (void)node.sent<Ship>();
  HomeMessage fetch = about(kB, HomeMessageKind::fetch, kBAtC);
  fetch.history = {{kFirstOfB, 0}};
  fetch.log = {kFirstOfB, 0};
  node.hear(kC, fetch);
  CHECK(node.sent<Ship>().empty());  // It has promised nothing.
  node.hear(kC, about(kB, HomeMessageKind::claim, kBAtC));
  REQUIRE(node.home_records().size() == 1);
  CHECK(node.home_records()[0].kind == HomeRecordKind::promised);
  node.hear(kC, fetch);
  CHECK(node.sent<Ship>().empty());  // ... durably.
  (void)node.sent<HomeMessage>();
  node.force();
  const auto promises = node.sent<HomeMessage>();
  REQUIRE(promises.size() == 1);
  CHECK(promises[0].first == kC);
  CHECK(promises[0].second.kind == HomeMessageKind::promise);
  CHECK(promises[0].second.log == HomePosition{kFirstOfB, 501});
  CHECK(promises[0].second.remaining == surely(3s));
  node.hear(kB, ship_of(kB, writes_of(502, 502)));  // Not durable: not to be promised to anybody.
  node.hear(kC, fetch);
  fetch.log.end = 500;
  node.hear(kC, fetch);
  fetch.log.end = 501;
  node.hear(kC, fetch);
  const auto ships = node.sent<Ship>();
  REQUIRE(ships.size() == 3);
  for (const auto& [to, ship] : ships) {
    CHECK(to == kC);
    CHECK(ship.home == kB);
    CHECK(ship.claim == kBAtC);
    CHECK(ship.history == HomeHistory{{kFirstOfB, 0}});
  }
  CHECK(ships[0].second.writes.size() == 500);
  CHECK(ships[0].second.writes.front().sequence == 1);
  REQUIRE(ships[1].second.writes.size() == 1);
  CHECK(ships[1].second.writes[0].sequence == 501);
  CHECK(ships[2].second.writes.empty());
  node.hear(kB, fetch);  // It has not claimed.
  CHECK(node.sent<Ship>().empty());
  // A restart knows what was promised.
  AtA again(at_a(kThreeSeconds));
  again.restore_home(node.state_of(kB));
  again.start();
  (void)again.sent<Ship>();
  fetch.log.end = 0;
  again.hear(kC, fetch);
  REQUIRE(again.sent<Ship>().size() == 1);
}

TEST_CASE("home service: a site that takes a home over tells everybody at once, and again, and ships from then on") {
  AtA node(at_a(kUnfenced));
  node.start();
  (void)node.sent<Ship>();
  const HomeEpoch mine = home_region::next_forced(kFirstOfB, RegionId{0}, 3);
  node.homes.order(RegionId{1}, RegionId{2}, true);   // To another site.
  node.homes.order(RegionId{1}, RegionId{0}, false);  // Not its to give.
  CHECK(node.home_records().empty());
  node.hear(kB, ship_of(kB, writes_of(1, 2)));
  node.force();
  node.run_for(30ms);
  const int before = node.seen.forced;
  node.homes.order(RegionId{1}, RegionId{0}, true);
  REQUIRE(node.home_records().size() == 1);
  const HomeRecord opened = node.home_records()[0];
  CHECK(opened.kind == HomeRecordKind::opened);
  CHECK(opened.epoch == mine);
  CHECK(opened.opening == HomeOpening::unfenced);
  CHECK(opened.history == HomeHistory{{kFirstOfB, 0}, {mine, 2}});
  CHECK(opened.written == node.outside.time);
  CHECK(node.seen.forced == before + 1);
  CHECK(node.homes_status().unshipped == 1);  // A change under way.
  CHECK(node.events(HomeEventKind::opened).empty());
  node.run_for(5ms);
  (void)node.sent<HomeMessage>();
  (void)node.sent<Ship>();
  node.force();
  CHECK(node.told_open(kB, mine) == kPeers);
  REQUIRE(node.events(HomeEventKind::opened).size() == 1);
  CHECK(node.events(HomeEventKind::opened)[0].gap == 5ms);
  CHECK(node.events(HomeEventKind::opened)[0].home == kB);
  node.run_for(0ms);
  const auto ships = node.sent<Ship>();  // Both homes' heartbeats, at once.
  REQUIRE(ships.size() == 4);
  CHECK(std::count_if(ships.begin(), ships.end(), [](const auto& one) {
          return one.second.home == kB && one.second.history.size() == 2 && one.second.heartbeat != 0;
        }) == 2);
  node.run_for(499ms);
  CHECK(node.told_open(kB, mine).empty());
  node.run_for(1ms);
  CHECK(node.told_open(kB, mine) == kPeers);
  node.run_for(500ms);
  CHECK(node.told_open(kB, mine) == kPeers);
  node.homes.greeted(kC);
  CHECK(node.told_open(kB, mine) == std::vector<NodeId>{kC});
  // After a restart too; where nothing has moved nobody is told anything.
  AtA again(at_a(kUnfenced));
  for (const DurableRecord& record : node.outside.log) {
    again.homes.replay(record);
  }
  again.start();
  CHECK(again.told_open(kB, mine) == kPeers);
  CHECK(again.sent<Ship>().size() == 4);
  AtA unmoved(at_a(kUnfenced));
  unmoved.start();
  unmoved.homes.greeted(kC);
  CHECK(unmoved.sent<HomeMessage>().empty());
}

TEST_CASE("home service: who is quiesced takes up no change of masters that nobody finishes") {
  for (const bool quiesced : {false, true}) {
    INFO(quiesced);
    AtA node(at_a(kThreeSeconds));
    node.start();
    node.hear(kC, about(kB, HomeMessageKind::claim, kBAtC));
    node.force();
    if (quiesced) {
      node.homes.quiesce();
    }
    node.run_for(60s);
    std::size_t probes = 0;
    for (const auto& [to, message] : node.sent<HomeMessage>()) {
      probes += message.kind == HomeMessageKind::probe ? 1U : 0U;
    }
    CHECK((probes == 0) == quiesced);
    CHECK(node.homes_status().unshipped > 0);  // It awaits a master, and says so.
  }
}

TEST_CASE("home service: a request goes where its home is now, once anything has moved") {
  AtA node;
  node.start();
  Request request;
  request.id = {three_regions().client(RegionId{0}), 1};
  request.origin = RegionId{0};
  request.operations = {adds(1, 1)};
  CHECK_FALSE(node.homes.route(request));
  node.hear(kC, about(kB, HomeMessageKind::open, kBAtC));
  const auto route = node.homes.route(request);
  REQUIRE(route);
  CHECK(route->coordinator_region == RegionId{2});
}

// ---- Planned transfers --------------------------------------------------------------------------------------------

TEST_CASE("home service: a home is handed over once nothing of it is in flight, also what only reads") {
  for (const bool writes : {true, false}) {
    AtA node;
    node.start();
    node.commit(1, {adds(0, 1)});
    node.prepare(2, {writes ? adds(0, 1) : reads(0), adds(3, 1)});
    node.force();
    node.run_for(3ms);
    node.homes.order(RegionId{0}, RegionId{1}, false);
    node.run_for(1ms);
    node.prepare(3, {reads(6)});  // It accepts nothing more, and refuses in a way that is tried again.
    CHECK(node.seen.no_votes == std::map<Reason, std::uint64_t>{{Reason::unavailable, 1}});
    node.hear(kB, ShipAck{1, 0, kA, kFirstOfA});
    CHECK(node.home_records().empty());
    node.run_for(2ms);
    const Instant decided = node.outside.time;
    node.decide(2, Outcome::commit);
    node.force();
    node.hear(kB, ShipAck{1, 0, kA, kFirstOfA});
    CHECK(node.home_records().empty());  // B lacks that one.
    node.run_for(10ms);
    CHECK_FALSE(node.sent<Ship>().empty());
    node.hear(kC, ShipAck{2, 0, kA, kFirstOfA});
    CHECK(node.home_records().empty());
    const int before = node.seen.forced;
    node.hear(kB, ShipAck{2, 0, kA, kFirstOfA});
    CHECK(node.seen.forced == before + 1);
    REQUIRE(node.home_records().size() == 1);
    const HomeEpoch next = home_region::next_planned(kFirstOfA, RegionId{1}, 3);
    CHECK(node.home_records()[0].kind == HomeRecordKind::handed_over);
    CHECK(node.home_records()[0].epoch == next);
    CHECK(node.sent<HomeMessage>().empty());
    node.force();
    auto messages = node.sent<HomeMessage>();
    REQUIRE(messages.size() == 1);
    CHECK(messages[0].first == kB);
    CHECK(messages[0].second.kind == HomeMessageKind::handoff);
    CHECK(messages[0].second.epoch == next);
    CHECK(messages[0].second.base == kFirstOfA);
    CHECK(messages[0].second.history == HomeHistory{{kFirstOfA, 0}, {next, 2}});
    node.run_for(99ms);
    CHECK(node.sent<HomeMessage>().empty());
    node.run_for(1ms);
    CHECK(node.sent<HomeMessage>().size() == 1);  // It may have been lost.
    CHECK(node.homes_status().unshipped > 0);
    node.hear(kB, about(kA, HomeMessageKind::open, next));
    REQUIRE(node.events(HomeEventKind::transferred).size() == 1);
    CHECK(node.events(HomeEventKind::transferred)[0].gap == node.outside.time - decided);
    CHECK(node.events(HomeEventKind::deposed).empty());
    CHECK(node.homes_status().unshipped == 0);
    // A restart in the middle of it hands over again.
    AtA again;
    again.restore_home({kA, {}, 2, {}, kFirstOfA, next, next});
    again.start();
    messages = again.sent<HomeMessage>();
    REQUIRE(messages.size() == 1);
    CHECK(messages[0].second.kind == HomeMessageKind::handoff);
    CHECK(messages[0].second.history == HomeHistory{{kFirstOfA, 0}, {next, 2}});
    again.prepare(3, {reads(6)});
    CHECK(again.seen.no_votes == std::map<Reason, std::uint64_t>{{Reason::unavailable, 1}});
  }
}

TEST_CASE("home service: a transaction of another home does not keep this one, and an abort lets it go") {
  AtA node(at_a(kUnfenced));
  node.start();
  node.homes.order(RegionId{1}, RegionId{0}, true);  // Master of two homes.
  node.force();
  const std::size_t before = node.home_records().size();
  node.hear(kB, ShipAck{0, 0, kA, kFirstOfA});
  node.prepare(1, {adds(1, 1)});
  node.prepare(2, {adds(0, 1)});
  node.force();
  node.homes.order(RegionId{0}, RegionId{1}, false);
  CHECK(node.home_records().size() == before);
  node.decide(2, Outcome::abort);
  node.force();
  REQUIRE(node.home_records().size() == before + 1);
  CHECK(node.home_records().back().home == kA);
}

TEST_CASE("home service: what is handed over is taken once everything of it is durable here, and in one history") {
  const HomeEpoch next = home_region::next_planned(kFirstOfB, RegionId{0}, 3);
  HomeMessage handoff = about(kB, HomeMessageKind::handoff, next);
  handoff.base = kFirstOfB;
  handoff.history = {{kFirstOfB, 0}, {next, 2}};
  const auto opens = [&](const HomeMessage& message, std::uint64_t writes, bool durable) {
    AtA node;
    node.start();
    node.hear(kB, ship_of(kB, writes_of(1, writes)));
    if (durable) {
      node.force();
    }
    node.hear(kB, message);
    const auto records = node.home_records();
    CHECK((records.empty() || records.back().opening == HomeOpening::planned));
    return !records.empty();
  };
  CHECK(opens(handoff, 2, true));
  CHECK_FALSE(opens(handoff, 2, false));
  CHECK_FALSE(opens(handoff, 1, true));
  CHECK_FALSE(opens(handoff, 3, true));
  HomeMessage other = handoff;
  other.history = {{next, 2}};
  CHECK_FALSE(opens(other, 2, true));
  other.history = {{kFirstOfB, 0}, {kBAtC, 2}};
  CHECK_FALSE(opens(other, 2, true));
  other.history = {{kBAtC, 0}, {next, 2}};
  CHECK_FALSE(opens(other, 2, true));
}

// ---- Transactions -------------------------------------------------------------------------------------------------

TEST_CASE("home service: a transaction's writes to two homes have a place in each, and each is shipped its own") {
  AtA node(at_a(kUnfenced));
  node.start();
  const HomeEpoch mine = home_region::next_forced(kFirstOfB, RegionId{0}, 3);
  node.homes.order(RegionId{1}, RegionId{0}, true);
  node.force();
  node.run_for(1ms);
  (void)node.sent<Ship>();
  node.outside.log.clear();
  node.prepare(1, {adds(0, -2), adds(1, 1), adds(3, 1), reads(4)});
  REQUIRE(node.outside.log.size() == 1);
  const std::vector<ShipPlace> promised{{kA, kFirstOfA, 0}, {kB, mine, 0}};
  // One of its homes is not in its first term: the record of its YES says in which terms it was accepted.
  CHECK(std::get<MachineRecord>(node.outside.log[0]).ships == promised);
  node.force();
  node.decide(1, Outcome::commit);
  const std::vector<ShipPlace> given{{kA, kFirstOfA, 1}, {kB, mine, 1}};
  CHECK(std::get<MachineRecord>(node.outside.log[1]).ships == given);
  node.force();
  node.run_for(10ms);
  const auto ships = node.sent<Ship>();
  REQUIRE(ships.size() == 4);
  for (const auto& [to, ship] : ships) {
    REQUIRE(ship.writes.size() == 1);
    CHECK(ship.writes[0].operations == (ship.home == kA ? std::vector<Operation>{adds(0, -2), adds(3, 1)}
                                                        : std::vector<Operation>{adds(1, 1), reads(4)}));
    CHECK(ship.writes[0].versions.size() == ship.writes[0].operations.size());
    CHECK(ship.writes[0].committed == node.outside.time - 10ms);
  }
}

TEST_CASE("home service: in a home's first term a prepared record says nothing of places, and a restart knows them") {
  AtA first;
  first.start();
  first.prepare(1, {adds(0, 1), adds(3, 1), reads(6)});
  REQUIRE(first.outside.log.size() == 1);
  CHECK(std::get<MachineRecord>(first.outside.log[0]).ships.empty());
  AtA node;
  node.site.replay(std::get<MachineRecord>(first.outside.log[0]));
  node.site.replayed();
  node.start();
  node.site.start();
  node.site.drain();
  node.decide(1, Outcome::commit);
  REQUIRE(node.outside.log.size() == 1);
  CHECK(std::get<MachineRecord>(node.outside.log[0]).ships == std::vector<ShipPlace>{{kA, kFirstOfA, 1}});
  CHECK(node.state_of(kA).last == 1);
  // And once more: the write has its place again.
  AtA again;
  again.site.replay(std::get<MachineRecord>(first.outside.log[0]));
  again.site.replay(std::get<MachineRecord>(node.outside.log[0]));
  again.site.replayed();
  again.start();
  CHECK(again.state_of(kA).last == 1);
  REQUIRE(again.state_of(kA).retained.size() == 1);
  CHECK(again.state_of(kA).retained[0].operations == std::vector<Operation>{adds(0, 1), adds(3, 1), reads(6)});
  const auto ships = again.sent<Ship>();
  REQUIRE(ships.size() == 2);
  CHECK(ships[0].second.writes.size() == 1);
}

TEST_CASE("home service: what commits at a site that is no master of its home any more is not applied there") {
  AtA node;
  node.start();
  const HomeEpoch at_c = home_region::next_forced(kFirstOfA, RegionId{2}, 3);
  node.prepare(1, {adds(0, 1)});
  node.force();
  node.hear(kC, ship_of(kA, {}, {{kFirstOfA, 0}, {at_c, 0}}));
  node.force();
  node.decide(1, Outcome::commit);
  node.force();
  CHECK(node.balance(0) == 1000);
  REQUIRE(node.events(HomeEventKind::writes_lost).size() == 1);
  CHECK(node.events(HomeEventKind::writes_lost)[0].writes == 1);
  CHECK(node.state_of(kA).last == 0);
  const auto& commit = std::get<MachineRecord>(node.outside.log.back());
  CHECK(commit.ships == std::vector<ShipPlace>{{kA, kFirstOfA, 0}});
}

TEST_CASE("home service: a home that some site has not confirmed takes no more than it may keep, until half is") {
  EngineOptions options = at_a();
  options.retained_max = 4;
  AtA node(options);
  node.start();
  std::uint64_t number = 0;
  for (int i = 0; i < 4; ++i) {
    node.commit(++number, {adds(0, 1)});
  }
  CHECK(node.seen.no_votes.empty());
  node.hear(kB, ShipAck{4, 0, kA, kFirstOfA});
  node.prepare(++number, {adds(0, 1)});
  CHECK(node.seen.no_votes == std::map<Reason, std::uint64_t>{{Reason::replica_away, 1}});
  REQUIRE(node.seen.alarms.size() == 1);
  CHECK(node.seen.alarms.begin()->first.starts_with(
      "agent@c is away: 4 writes of home agent@a are kept for it, and no more may be (home_retained_max)"));
  node.prepare(++number, {reads(0)});  // It may be read.
  CHECK(node.seen.no_votes[Reason::replica_away] == 1);
  node.decide(number, Outcome::abort);
  node.hear(kC, ShipAck{1, 0, kA, kFirstOfA});
  node.prepare(++number, {adds(0, 1)});
  CHECK(node.seen.no_votes[Reason::replica_away] == 2);
  node.hear(kC, ShipAck{2, 0, kA, kFirstOfA});
  node.prepare(++number, {adds(0, 1)});
  CHECK(node.seen.no_votes[Reason::replica_away] == 2);
  CHECK(node.seen.alarms.begin()->second == 1);  // Said once.
}

// ---- What cannot be meant -----------------------------------------------------------------------------------------

TEST_CASE("home service: a checkpoint gives back who is master, what was promised and what was handed over") {
  const HomeEpoch promised = home_region::next_forced(kBAtC, RegionId{1}, 3);
  AtA node(at_a(kThreeSeconds));
  node.restore_home({kB, {{kFirstOfB, 0}, {kBAtC, 1}}, 3, writes_of(2, 3), kBAtC, promised, {}});
  const HomeState state = node.state_of(kB);
  CHECK(state.epoch == kBAtC);
  CHECK(state.promised == promised);
  CHECK(state.handoff == HomeEpoch{});
  CHECK(state.last == 3);
  CHECK(state.retained.size() == 2);
  CHECK(state.history.size() == 2);
  AtA behind;  // The log is of a later term than the checkpoint says: so much was open.
  behind.restore_home({kB, {{kFirstOfB, 0}, {kBAtC, 1}}, 3, writes_of(2, 3), kFirstOfB, {}, {}});
  CHECK(behind.state_of(kB).epoch == kBAtC);
  AtA first;
  first.restore_home({kB, {}, 3, writes_of(2, 3), kFirstOfB, kFirstOfB, {}});
  CHECK(first.state_of(kB).epoch == kFirstOfB);
  CHECK(first.state_of(kB).promised == kFirstOfB);
}

TEST_CASE("home service: homes that are not kept, and messages about what is no home, are alarms and nothing else") {
  const NodeId nobody = three_regions().coordinator(RegionId{1});
  AtA node;
  node.start();
  const std::size_t sent = node.outside.sent.size();
  node.hear(kB, ship_of(nobody, writes_of(1, 1)));
  CHECK(node.seen.alarms["a shipped write reached a node that is not a replica"] == 1);
  const std::string no_home = "a message about the mastership of what is no home";
  node.hear(kB, about(nobody, HomeMessageKind::open, kBAtC));
  CHECK(node.seen.alarms[no_home] == 1);
  node.hear(kB, about(NodeId{777}, HomeMessageKind::open, kBAtC));
  CHECK(node.seen.alarms[no_home] == 2);
  node.hear(kB, about(kB, HomeMessageKind::open, HomeEpoch{2}));  // Of round 0.
  CHECK(node.seen.alarms[no_home] == 3);
  node.hear(kB, ShipAck{1, 0, nobody, kFirstOfB});
  CHECK_FALSE(node.homes.receive({kB, Epoch{1}, {}, Wound{}}));
  HomeRecord record;
  record.home = nobody;
  node.homes.replay(record);
  CHECK(node.seen.alarms["a record of a home that is not kept here"] == 1);
  node.homes.replay(ShippedRecord{nobody, write_of(1)});
  node.restore_home({nobody, {}, 1, {}, {}, {}, {}});
  CHECK(node.seen.alarms["a checkpoint of a home that is not kept here"] == 1);
  CHECK(node.outside.sent.size() == sent);
  CHECK(node.outside.log.empty());
  CHECK(node.balance(1) == 1000);
  // A home of another site is none of this one's.
  static const Directory kTwoSites({"a", "b"}, 2, Placement::replicated, 9);
  EngineOptions options = at_a();
  options.directory = &kTwoSites;
  AtA of_two(options);
  of_two.start();
  of_two.hear(kTwoSites.agent(RegionId{1}, 1), ship_of(kTwoSites.agent(RegionId{1}, 1), writes_of(1, 1)));
  CHECK(of_two.seen.alarms["a shipped write reached a node that is not a replica"] == 1);
  of_two.hear(kTwoSites.agent(RegionId{1}, 0), ship_of(kTwoSites.agent(RegionId{1}, 0), {}));
  CHECK(of_two.sent<ShipAck>().size() == 1);
  for (const auto& [to, ship] : of_two.sent<Ship>()) {
    CHECK(to == kTwoSites.agent(RegionId{1}, 0));
  }
}

TEST_CASE("home service: where there are no copies elsewhere nothing is kept, sent or ordered") {
  static const Directory kAlone({"a"}, 1, Placement::replicated, 9);
  static const Directory kPartitioned({"a", "b"}, 1, Placement::partitioned, 9);
  for (const Directory* directory : {&kAlone, &kPartitioned}) {
    EngineOptions options = at_a();
    options.directory = directory;
    AtA node(options);
    node.start();
    node.homes.order(RegionId{0}, RegionId{0}, true);
    node.run_for(1s);
    CHECK(node.outside.sent.empty());
    CHECK(node.outside.timers.empty());
    Checkpoint checkpoint;
    node.homes.add_to(checkpoint);
    CHECK(checkpoint.homes.empty());
    node.prepare(1, {adds(0, 1)});
    node.force();
    CHECK(node.votes().size() == 1);
    CHECK(node.seen.no_votes.empty());
  }
}
