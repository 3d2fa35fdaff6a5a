// Failovers to a site that lacks what others hold, and failovers that nobody finishes, in virtual time.
#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

#include "tests/engine/homes.h"

using namespace geocommit;
using namespace geocommit::test;

namespace {

std::uint64_t writes_of(const std::vector<HomeEvent>& events) {
  std::uint64_t writes = 0;
  for (const HomeEvent& event : events) {
    writes += event.writes;
  }
  return writes;
}

/// Region 1 is cut off while its home's master writes `writes` times; then the master dies, and the cut ends.
void leave_behind(World& world, int writes) {
  world.run_for(1s);
  isolate(world, 1);
  for (int i = 0; i < writes; ++i) {
    world.transfer(0, 0, 3, 1);
    world.run_for(8ms);
  }
  world.run_for(1s);
  world.crash(world.agent(0));
  world.cut.clear();
}

bool commits_everywhere(World& world) {
  bool all = true;
  for (std::uint32_t region = 0; region < world.directory().region_count(); ++region) {
    const RequestId id = world.transfer(region, 0, 3, 1);
    world.run_for(10s);
    all = all && world.outcome(id) == Outcome::commit;
  }
  return all;
}

}  // namespace

TEST_CASE("home: a failover whose old master can be reached loses nothing, also of what was in flight") {
  for (const std::uint32_t regions : {2U, 3U}) {
    for (int step = 0; step < 12; ++step) {
      WorldOptions leased = options(kLeased);
      leased.regions = regions;
      World world(leased);
      world.run_for(1s);
      std::vector<RequestId> requests;
      for (int i = 0; i < 40; ++i) {
        if (i == 20) {
          order(world, 0, 1, true);
        }
        // Within the home; and over two, coordinated elsewhere: voted on here well before it is decided.
        requests.push_back(i % 2 == 0 ? world.transfer(0, 0, 2 * regions, 1) : world.transfer(1, 0, 1, 1));
        world.run_for(Duration{(3 + step) * 1ms});
      }
      world.run_for(40s);
      INFO(regions << " regions, step " << step);
      std::int64_t committed = 0;
      for (const RequestId id : requests) {
        committed += world.outcome(id) == Outcome::commit ? 1 : 0;
      }
      CHECK(committed >= 20);
      REQUIRE(events(world, 1, HomeEventKind::opened).size() == 1);
      CHECK(events(world, 0, HomeEventKind::writes_lost).empty());
      for (std::uint32_t region = 0; region < regions; ++region) {
        CHECK(world.balance(world.agent(region), 0) == 1000 - committed);
      }
      CHECK(world.quiet());
    }
  }
}

TEST_CASE("home: two sites: what the old master alone holds is lost if it cannot be reached, and only then") {
  WorldOptions leased = options(kLeased);
  leased.regions = 2;
  World world(leased);
  world.run_for(1s);
  isolate(world, 0);
  for (int i = 0; i < 5; ++i) {
    world.transfer(0, 0, 2, 1);
    world.run_for(10ms);
  }
  order(world, 0, 1, true);
  world.run_for(8s);
  REQUIRE(events(world, 1, HomeEventKind::opened).size() == 1);
  world.cut.clear();
  world.run_for(20s);
  CHECK(writes_of(events(world, 0, HomeEventKind::writes_lost)) == 5);
  CHECK(world.balance(world.agent(0), 0) == 1000);
  CHECK(world.balance(world.agent(1), 0) == 1000);
  CHECK(world.quiet());
}

TEST_CASE("home: a successor fetches what another site holds, batch by batch, also where messages are lost") {
  World world(options(kLeased));
  std::uint64_t fetched = 0;
  std::uint64_t asked = 0;
  world.filter = [&](NodeId, NodeId, const PeerPayload& payload) {
    const auto* ship = std::get_if<Ship>(&payload);
    const auto* message = std::get_if<HomeMessage>(&payload);
    if (ship != nullptr && ship->claim != HomeEpoch{}) {
      return ++fetched % 2 == 0;
    }
    return message == nullptr || message->kind != HomeMessageKind::fetch || ++asked % 2 == 0;
  };
  leave_behind(world, 900);
  order(world, 0, 1, true);
  world.run_for(15s);
  REQUIRE(events(world, 1, HomeEventKind::opened).size() == 1);
  CHECK(events(world, 1, HomeEventKind::left_behind).empty());
  CHECK(fetched >= 4);
  CHECK(world.balance(world.agent(1), 0) == 1000 - 900);
  world.crash(world.agent(1));  // What it fetched it had forced.
  world.start(world.agent(1));
  world.run_for(5s);
  CHECK(world.balance(world.agent(1), 0) == 1000 - 900);
  world.filter = nullptr;
  world.start(world.agent(0));
  world.run_for(20s);
  CHECK(events(world, 0, HomeEventKind::writes_lost).empty());
  CHECK(copies_equal(world));
  CHECK(world.quiet());
}

TEST_CASE("home: a source that dies while it is fetched from is given up after a lease, and what is missing is said") {
  World world(options(kLeased));
  std::uint64_t batches = 0;
  world.filter = [&](NodeId, NodeId, const PeerPayload& payload) {
    const auto* ship = std::get_if<Ship>(&payload);
    return ship == nullptr || ship->claim == HomeEpoch{} || ++batches == 1;
  };
  leave_behind(world, 800);
  order(world, 0, 1, true);
  world.run_for(15s);
  REQUIRE(events(world, 1, HomeEventKind::opened).size() == 1);
  REQUIRE(events(world, 1, HomeEventKind::left_behind).size() == 1);
  CHECK(events(world, 1, HomeEventKind::left_behind)[0].writes == 300);
  CHECK(world.balance(world.agent(1), 0) == 1000 - 500);
  world.filter = nullptr;
  world.start(world.agent(0));
  world.run_for(20s);
  CHECK(writes_of(events(world, 0, HomeEventKind::writes_lost)) == 300);
  CHECK(writes_of(events(world, 2, HomeEventKind::writes_undone)) == 300);
  CHECK(copies_equal(world));
  CHECK(world.quiet());
}

TEST_CASE("home: a failover whose successor dies before it opens is finished by another site, in bounded time") {
  for (const bool master_dies : {false, true}) {
    for (int step = 0; step < 10; ++step) {
      World world(options(kLeased));
      world.run_for(1s);
      if (master_dies) {
        world.crash(world.agent(0));
      }
      order(world, 0, 1, true);
      world.run_for(step * 30ms);
      world.crash(world.agent(1));
      INFO("step " << step << " master dies " << master_dies);
      if (master_dies && events(world, 1, HomeEventKind::opened).empty()) {
        world.run_for(1s);
        world.start(world.agent(0));  // A majority is up.
      }
      // Two leases of patience, two of rank, one until nobody helps the last master, one until its lease is surely
      // over.
      world.run_for(6 * 3s + 3s);
      CHECK(commits_everywhere(world));
      world.start(world.agent(1));
      world.run_for(40s);
      CHECK(commits_everywhere(world));
      CHECK(copies_equal(world));
      CHECK(world.quiet());
    }
  }
}

TEST_CASE("home: a hand-over whose successor dies is taken back by the old master, without a loss") {
  World world(options(kLeased));
  for (int i = 0; i < 5; ++i) {
    world.transfer(0, 0, 3, 1);
    world.run_for(10ms);
  }
  world.filter = [](NodeId, NodeId, const PeerPayload& payload) {
    const auto* message = std::get_if<HomeMessage>(&payload);
    return message == nullptr || message->kind != HomeMessageKind::handoff;
  };
  order(world, 0, 1, false);
  world.run_for(1s);
  world.crash(world.agent(1));
  world.run_for(21s);
  CHECK(events(world, 0, HomeEventKind::resumed).size() == 1);
  CHECK(events(world, 0, HomeEventKind::opened).size() == 1);
  CHECK(commits_everywhere(world));
  world.filter = nullptr;
  world.start(world.agent(1));
  world.run_for(20s);
  CHECK(world.balance(world.agent(1), 0) == 1000 - 5 - 3);
  CHECK(copies_equal(world));
  CHECK(world.quiet());
}

TEST_CASE("home: a master that a dead successor's claim has cost its majority takes an order to fail over to itself") {
  World world(options(kLeased));
  world.run_for(1s);
  world.filter = [&](NodeId from, NodeId to, const PeerPayload& payload) {
    const auto* message = std::get_if<HomeMessage>(&payload);
    return message == nullptr || message->kind != HomeMessageKind::claim || from != world.agent(1) ||
           to != world.agent(0);
  };
  order(world, 0, 1, true);
  world.run_for(200ms);
  world.crash(world.agent(1));
  world.run_for(4s);
  REQUIRE(events(world, 0, HomeEventKind::lease_expired).size() == 1);
  REQUIRE(events(world, 0, HomeEventKind::deposed).empty());
  const RequestId waiting = world.transfer(0, 0, 3, 1);
  order(world, 0, 0, true);
  world.run_for(5s);
  CHECK(events(world, 0, HomeEventKind::opened).size() == 1);
  CHECK(world.outcome(waiting) == Outcome::commit);
  order(world, 0, 0, true);  // And one that serves ignores it.
  world.run_for(5s);
  CHECK(events(world, 0, HomeEventKind::opened).size() == 1);
}

// Mutant keeps-without-bound: a home that never refuses writes for a site that is away. Caught by: how much it keeps.
TEST_CASE(
    "home: what is kept for a site that is away is bounded: writes are refused, said once, until it has caught up") {
  WorldOptions small = options();
  small.retained_max = 20;
  World world(small);
  world.run_for(1s);
  world.cut.insert({world.agent(0), world.agent(1)});
  const auto alarms = [&](std::uint32_t region) {
    std::uint64_t count = 0;
    for (const auto& [what, times] : world.node(world.agent(region)).seen.alarms) {
      const bool names = what.rfind(world.directory().find(world.agent(1))->name + " is away: 20 writes of home " +
                                        world.directory().find(world.agent(0))->name,
                                    0) == 0;
      count += names ? times : 0;
    }
    return count;
  };
  RequestId last;
  for (int i = 0; i < 40; ++i) {
    CHECK(alarms(0) == (i <= 20 ? 0U : 1U));
    last = world.transfer(0, 0, 3, 1);
    world.run_for(10ms);
    CHECK(world.outcome(last) == (i < 20 ? Outcome::commit : Outcome::abort));
    CHECK(world.engine(world.agent(0)).status().unshipped == std::min<std::uint64_t>(i + 1, 20));
  }
  CHECK(world.replies.at(last).reason == Reason::replica_away);
  const RequestId read = world.request(0, {{Entity{0}, 0, true}});
  const RequestId of_another_home = world.transfer(1, 1, 4, 1);
  world.run_for(1s);
  CHECK(world.outcome(read) == Outcome::commit);
  CHECK(world.outcome(of_another_home) == Outcome::commit);
  world.cut.clear();
  world.run_for(5s);
  CHECK(world.engine(world.agent(0)).status().unshipped == 0);
  const RequestId again = world.transfer(0, 0, 3, 1);
  world.run_for(1s);
  CHECK(world.outcome(again) == Outcome::commit);
  CHECK(alarms(0) == 1);
  CHECK(alarms(2) == 0);  // A replica keeps no more than its master, which says it.
  world.cut.insert({world.agent(0), world.agent(1)});
  for (int i = 0; i < 40; ++i) {
    world.transfer(0, 0, 3, 1);
    world.run_for(10ms);
  }
  CHECK(alarms(0) == 2);  // Another time, said again.
  World unbounded(options());
  unbounded.run_for(1s);
  unbounded.cut.insert({unbounded.agent(0), unbounded.agent(1)});
  for (int i = 0; i < 40; ++i) {
    unbounded.transfer(0, 0, 3, 1);
    unbounded.run_for(10ms);
  }
  CHECK(unbounded.engine(unbounded.agent(0)).status().unshipped == 40);
}
