// The mastership machine under an adversary (adversary.h): at most one site may accept writes at any time. And what it
// must do in single situations. (Its parts alone: mastership_parts_test.cpp.)
#include "engine/home/mastership.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "tests/engine/home/adversary.h"

using namespace geocommit;

namespace {

struct Outcomes {
  std::uint64_t two_masters{}, served{}, opened{};
};

Outcomes run(std::size_t regions, const std::vector<HomeRules>& rules, std::uint64_t seeds) {
  Outcomes out;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    Machines machines(seed * 31 + regions, rules);
    for (int i = 0; i < 600; ++i) {
      machines.step();
      const std::size_t masters = machines.masters();
      out.two_masters += masters > 1 ? 1 : 0;
      out.served += masters == 1 ? 1 : 0;
    }
    out.opened += machines.opened;
  }
  return out;
}

}  // namespace

TEST_CASE("mastership: with leases there is never a second master, whatever the network, the clocks and crashes do") {
  for (const std::size_t regions : {2, 3, 4, 5}) {
    const Outcomes out =
        run(regions, std::vector<HomeRules>(regions, {.lease = 200ms, .guard = 20ms, .retry = 30ms}), 1500);
    INFO(regions << " regions");
    CHECK(out.two_masters == 0);
    CHECK(out.served > 1000);  // It was no empty run: leases were held, and masters changed.
    CHECK(out.opened > 100);
  }
}

TEST_CASE(
    "mastership: the same adversary finds two masters without fencing, and where a lease is shorter than believed") {
  CHECK(run(3, std::vector<HomeRules>(3, {.lease = 200ms, .guard = 20ms, .fencing = false, .retry = 30ms}), 50)
            .two_masters > 0);
  std::vector<HomeRules> wrong(3, {.lease = 200ms, .guard = 20ms, .retry = 30ms});
  wrong[0].lease = 600ms;  // The first master believes in more than the others grant.
  CHECK(run(3, wrong, 1500).two_masters > 0);
}

namespace {

/// Forces what waits, and delivers what flies between sites that are connected, until nothing is left; the rest is
/// kept.
void settle(Machines& machines, const std::set<std::pair<std::uint32_t, std::uint32_t>>& cut) {
  for (int round = 0; round < 20; ++round) {
    for (std::size_t i = 0; i < machines.sites.size(); ++i) {
      auto& site = machines.sites[i];
      while (!site.pending.empty()) {
        const auto record = site.pending.front();
        site.pending.pop_front();
        site.durable.push_back(record);
        HomeEffects effects;
        site.machine.forced(machines.now(i), record.first, record.second, effects);
        machines.take(i, effects);
      }
    }
    for (const Machines::Flying& one : std::exchange(machines.flying, {})) {
      const std::size_t to = one.to.value - 1;
      const auto [low, high] = std::minmax(one.from.value, one.to.value);
      HomeEffects effects;
      if (cut.contains({low, high})) {
        machines.flying.push_back(one);
      } else if (one.message.kind == HomeMessageKind::handoff) {
        machines.sites[to].machine.received_handoff(one.from, one.message, true, effects);
      } else {
        machines.sites[to].machine.received(machines.now(to), one.from, one.message, effects);
      }
      machines.take(to, effects);
    }
  }
}

void tick_all(Machines& machines, Duration later) {
  machines.time_ns += later.count();
  for (std::size_t i = 0; i < machines.sites.size(); ++i) {
    HomeEffects effects;
    machines.sites[i].machine.tick(machines.now(i), effects);
    machines.take(i, effects);
  }
}

}  // namespace

TEST_CASE("mastership: a hand-over that a failover has overtaken opens nobody") {
  Machines machines(1, std::vector<HomeRules>(3, {.lease = 200ms, .guard = 20ms, .retry = 30ms}));
  const auto machine = [&](std::uint32_t site) -> Mastership& { return machines.sites[site - 1].machine; };
  HomeEffects effects;
  machine(1).transfer(machines.now(0), NodeId{3});
  machine(1).drained(machines.now(0), effects);
  machines.take(0, effects);
  settle(machines, {{1, 2}, {1, 3}});  // The old master is cut off: HANDOFF is on its way.
  HomeEffects ordered;
  machine(2).take_over(machines.now(1), ordered);
  machines.take(1, ordered);
  settle(machines, {{1, 2}, {1, 3}});
  tick_all(machines, 300ms);
  settle(machines, {{1, 2}, {1, 3}});
  REQUIRE(machine(2).may_serve(machines.now(1)));            // With site 3's help.
  REQUIRE(machine(1).handoff_epoch() < machine(2).epoch());  // Whatever region each is of.
  settle(machines, {{1, 2}});                                // HANDOFF arrives.
  CHECK(machine(3).role() == HomeRole::replica);
  CHECK(machines.masters() == 1);
}

TEST_CASE("mastership: a site helps one master at a time, unless the other has handed over") {
  Machines machines(1, std::vector<HomeRules>(5, {.lease = 200ms, .guard = 20ms, .retry = 30ms}));
  Mastership& site = machines.sites[3].machine;
  const auto asks = [&](HomeEpoch epoch, HomeEpoch base) {
    HomeMessage renewal;
    renewal.kind = HomeMessageKind::renew;
    renewal.home = NodeId{1};
    renewal.epoch = epoch;
    renewal.base = base;
    HomeEffects effects;
    site.received(machines.now(3), NodeId{home_region::master_of(epoch, 5).value + 1}, renewal, effects);
    REQUIRE(effects.send.size() <= 1);
    return !effects.send.empty() && effects.send[0].second.kind == HomeMessageKind::grant;
  };
  const HomeEpoch first = home_region::first_epoch(RegionId{0}, 5);
  const HomeEpoch forced = home_region::next_forced(first, RegionId{2}, 5);
  const HomeEpoch planned = home_region::next_planned(forced, RegionId{4}, 5);
  machines.time_ns += Duration{1s}.count();
  CHECK(asks(first, {}));
  CHECK_FALSE(asks(forced, {}));  // The first master's lease is not over.
  machines.time_ns += Duration{250ms}.count();
  CHECK(asks(forced, {}));
  CHECK_FALSE(asks(planned, first));  // The first has handed over; but the lease is another's by now.
  CHECK_FALSE(asks(planned, {}));
  machines.time_ns += Duration{250ms}.count();
  CHECK(asks(planned, first));
  CHECK(asks(home_region::next_planned(planned, RegionId{1}, 5), planned));  // At once.
}

TEST_CASE("mastership: a promise is sent once it is durable, and not before") {
  Machines machines(1, std::vector<HomeRules>(3, {.lease = 200ms, .guard = 20ms, .retry = 30ms}));
  Mastership& site = machines.sites[2].machine;
  HomeMessage claim;
  claim.kind = HomeMessageKind::claim;
  claim.home = NodeId{1};
  claim.epoch = home_region::next_forced(site.epoch(), RegionId{1}, 3);
  site.set_log({site.epoch(), 7});
  for (int times = 0; times < 2; ++times) {  // However often it is asked.
    HomeEffects effects;
    site.received(machines.now(2), NodeId{2}, claim, effects);
    CHECK(effects.send.empty());
    CHECK(effects.force.size() == (times == 0 ? 1U : 0U));
  }
  HomeEffects effects;
  site.forced(machines.now(2), HomeRecordKind::promised, claim.epoch, effects);
  REQUIRE(effects.send.size() == 1);
  CHECK(effects.send[0].first == NodeId{2});
  CHECK(effects.send[0].second.kind == HomeMessageKind::promise);
  CHECK(effects.send[0].second.log == HomePosition{site.epoch(), 7});
  CHECK(site.has_promised(NodeId{2}, claim.epoch));
}

TEST_CASE("mastership: a master that hears a claim promises once what it voted on is decided, or could be") {
  for (const bool decided : {true, false}) {
    Machines machines(1, std::vector<HomeRules>(3, {.lease = 200ms, .guard = 20ms, .retry = 30ms}));
    Mastership& master = machines.sites[0].machine;
    HomeMessage claim;
    claim.kind = HomeMessageKind::claim;
    claim.home = NodeId{1};
    claim.epoch = home_region::next_forced(master.epoch(), RegionId{1}, 3);
    HomeEffects heard;
    master.received(machines.now(0), NodeId{2}, claim, heard);
    CHECK(heard.deposed);
    CHECK(heard.force.empty());
    CHECK(master.role() == HomeRole::yielding);
    CHECK(master.keeps_term());
    HomeEffects over;
    if (decided) {
      master.drained(machines.now(0), over);
    } else {
      machines.time_ns += Duration{19ms}.count();
      master.tick(machines.now(0), over);
      CHECK(over.force.empty());
      machines.time_ns += Duration{2ms}.count();
      master.tick(machines.now(0), over);
    }
    REQUIRE(over.force.size() == 1);
    CHECK(over.force[0].kind == HomeRecordKind::promised);
    CHECK_FALSE(master.keeps_term());
  }
}

TEST_CASE(
    "mastership: of two claimants that hear of each other one gives way; whose claimant may be gone is passed by") {
  const std::vector<NodeId> nodes{NodeId{1}, NodeId{2}, NodeId{3}};
  for (const bool there : {true, false}) {
    const Instant now{Duration{1h}};
    Mastership site({.lease = 200ms, .guard = 20ms, .retry = 30ms}, nodes[1], nodes[0], nodes);
    site.start(now, Epoch{1});
    HomeEffects claims;
    site.take_over(now, claims);
    REQUIRE(site.role() == HomeRole::claiming);
    site.forced(now, HomeRecordKind::promised, claims.force.at(0).epoch, claims);
    Mastership other({.lease = 200ms, .guard = 20ms, .retry = 30ms}, nodes[2], nodes[0], nodes);
    other.start(now, Epoch{1});
    HomeEffects higher;
    other.take_over(now, higher);
    HomeMessage claim;
    claim.kind = HomeMessageKind::claim;
    claim.home = nodes[0];
    claim.epoch = claims.force[0].epoch;
    HomeEffects refusal;
    other.received(now, nodes[1], claim, refusal);
    REQUIRE(refusal.send.size() == 1);
    HomeMessage refused = refusal.send[0].second;
    REQUIRE(refused.kind == HomeMessageKind::refuse);
    CHECK(refused.base == refused.epoch);
    refused.base = there ? refused.base : HomeEpoch{};  // Of a third site, which has promised that claim.
    HomeEffects after;
    site.received(now, there ? nodes[2] : nodes[0], refused, after);
    CHECK(site.role() == (there ? HomeRole::replica : HomeRole::claiming));
    CHECK(after.force.size() == (there ? 0 : 1));
    CHECK(site.deadline().has_value());  // It takes the home up again if the other does not.
  }
}

TEST_CASE("mastership: who hears a claim waits for its claimant, longer the later its own turn comes after that one") {
  const std::vector<NodeId> nodes{NodeId{1}, NodeId{2}, NodeId{3}};
  const HomeRules rules{.lease = 200ms, .guard = 20ms, .retry = 30ms};
  const Instant now{Duration{1h}};
  Mastership claimant(rules, nodes[1], nodes[0], nodes);
  claimant.start(now, Epoch{1});
  HomeEffects claims;
  claimant.take_over(now, claims);
  HomeMessage claim;
  claim.kind = HomeMessageKind::claim;
  claim.home = nodes[0];
  claim.epoch = claims.force.at(0).epoch;
  Mastership next(rules, nodes[2], nodes[0], nodes);
  next.start(now, Epoch{1});
  HomeEffects heard;
  next.received(now + 10ms, nodes[1], claim, heard);
  // Two leases of patience, and one as the next after the claimant: two if it went by the master before.
  CHECK(next.deadline() == now + 10ms + 3 * rules.lease);
}
