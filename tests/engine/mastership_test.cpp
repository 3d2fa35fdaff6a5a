// The mastership machine under an adversary: messages late, lost, twice and out of order, crashes that lose what was
// not forced, clocks that drift as far as they may. At most one site may accept writes at any time.
#include "engine/home/mastership.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <deque>
#include <random>
#include <set>
#include <utility>

#include "engine/home/home_log.h"

using namespace geocommit;

namespace {

constexpr std::int64_t kStart = 1'000'000'000'000;

struct Machines {
  struct Site {
    Mastership machine;
    std::vector<std::pair<HomeRecordKind, HomeEpoch>> durable;
    std::deque<std::pair<HomeRecordKind, HomeEpoch>> pending;
    double rate{1.0};
    bool up{true};
    std::uint32_t starts{1};
  };
  struct Flying {
    NodeId from, to;
    HomeMessage message;
  };

  Machines(std::uint64_t seed, std::vector<HomeRules> rules_of_site) : random(seed), rules(std::move(rules_of_site)) {
    for (std::uint32_t i = 0; i < rules.size(); ++i) {
      nodes.push_back(NodeId{i + 1});
    }
    for (std::uint32_t i = 0; i < rules.size(); ++i) {
      sites.push_back({Mastership(rules[i], nodes[i], nodes[0], nodes), {}, {}, 1.0, true, 1});
      sites.back().rate = 0.995 + 0.01 * static_cast<double>(random() % 1001) / 1000.0;
      sites.back().machine.start(now(i), Epoch{1});
    }
  }

  Instant now(std::size_t i) const {
    return Instant{
        Duration{static_cast<std::int64_t>(kStart * static_cast<std::int64_t>(i + 1) +
                                           static_cast<std::int64_t>(static_cast<double>(time_ns) * sites[i].rate))}};
  }

  void take(std::size_t i, HomeEffects& effects) {
    for (const HomeEffects::Force& force : effects.force) {
      sites[i].pending.emplace_back(force.kind, force.epoch);
    }
    for (auto& [to, message] : effects.send) {
      flying.push_back({nodes[i], to, message});
    }
    opened += effects.opened ? 1 : 0;
  }

  void deliver(std::size_t at) {
    const Flying one = flying[at];
    if (random() % 10 != 0) {  // Else it stays, and comes once more.
      flying.erase(flying.begin() + static_cast<std::ptrdiff_t>(at));
    }
    const std::size_t i = one.to.value - 1;
    if (!sites[i].up || cut == one.from || cut == one.to) {
      return;
    }
    HomeEffects effects;
    if (one.message.kind == HomeMessageKind::handoff) {
      sites[i].machine.received_handoff(one.from, one.message, true, effects);
    } else {
      sites[i].machine.received(now(i), one.from, one.message, effects);
    }
    take(i, effects);
  }

  void step() {
    const std::uint64_t roll = random() % 100;
    const std::size_t i = random() % sites.size();
    Site& site = sites[i];
    HomeEffects effects;
    if (roll < 40) {
      if (!flying.empty()) {
        deliver(random() % flying.size());
      }
    } else if (roll < 50) {
      if (!flying.empty() && random() % 2 == 0) {
        flying.erase(flying.begin() + static_cast<std::ptrdiff_t>(random() % flying.size()));
      }
    } else if (roll < 75) {
      time_ns += static_cast<std::int64_t>(random() % 40'000'000);
      for (std::size_t s = 0; s < sites.size(); ++s) {
        if (sites[s].up && random() % 3 != 0) {  // A timer may be late.
          HomeEffects ticked;
          sites[s].machine.tick(now(s), ticked);
          take(s, ticked);
        }
      }
    } else if (roll < 88) {
      if (site.up && !site.pending.empty()) {
        const auto record = site.pending.front();
        site.pending.pop_front();
        site.durable.push_back(record);
        site.machine.forced(now(i), record.first, record.second, effects);
        take(i, effects);
      }
    } else if (roll < 91) {
      crash(i);
    } else if (roll < 95) {
      if (!site.up) {
        restart(i);
      }
    } else if (roll < 97) {
      if (site.up) {
        site.machine.take_over(now(i), effects);
        take(i, effects);
      }
    } else if (roll < 98) {
      cut = random() % 2 == 0 ? nodes[i] : NodeId{};
    } else if (roll < 99) {
      if (site.up) {
        site.machine.transfer(now(i), nodes[random() % nodes.size()]);
      }
    } else if (site.up) {
      site.machine.drained(now(i), effects);
      take(i, effects);
    }
    while (flying.size() > 60) {
      flying.pop_front();
    }
  }

  void crash(std::size_t i) {
    sites[i].up = false;
    while (!sites[i].pending.empty()) {  // Any prefix of what was not forced survives.
      if (random() % 2 == 0) {
        sites[i].durable.push_back(sites[i].pending.front());
        sites[i].pending.pop_front();
      } else {
        sites[i].pending.clear();
      }
    }
  }

  void restart(std::size_t i) {
    sites[i].machine = Mastership(rules[i], nodes[i], nodes[0], nodes);
    for (const auto& [kind, epoch] : sites[i].durable) {
      sites[i].machine.replay(kind, epoch);
    }
    sites[i].machine.start(now(i), Epoch{++sites[i].starts});
    sites[i].up = true;
  }

  std::size_t masters() const {
    std::size_t count = 0;
    for (std::size_t i = 0; i < sites.size(); ++i) {
      count += sites[i].up && sites[i].machine.may_serve(now(i)) ? 1 : 0;
    }
    return count;
  }

  std::mt19937_64 random;
  std::vector<HomeRules> rules;
  std::vector<NodeId> nodes;
  std::vector<Site> sites;
  std::deque<Flying> flying;
  NodeId cut;  ///< Nothing reaches it, nothing leaves it.
  std::int64_t time_ns{};
  std::uint64_t opened{};
};

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

TEST_CASE("mastership: who has refused backs no master, whatever of its grants was still under way") {
  const std::vector<NodeId> nodes{NodeId{1}, NodeId{2}, NodeId{3}};
  const Instant now{Duration{1h}};
  Mastership master({.lease = 200ms, .guard = 20ms, .retry = 30ms}, nodes[0], nodes[0], nodes);
  master.start(now, Epoch{1});
  HomeEffects renewal;
  master.tick(now, renewal);
  REQUIRE(renewal.send.size() == 2);
  HomeMessage answer = renewal.send[0].second;
  REQUIRE(answer.kind == HomeMessageKind::renew);
  const auto answered = [&](HomeMessageKind kind, HomeEpoch epoch) {
    answer.kind = kind;
    answer.epoch = epoch;
    HomeEffects effects;
    master.received(now, nodes[1], answer, effects);
    return master.is_backed();
  };
  const HomeEpoch own = answer.epoch;
  CHECK(answered(HomeMessageKind::grant, own));
  CHECK_FALSE(answered(HomeMessageKind::refuse, HomeEpoch{own.value + 100}));
  CHECK_FALSE(answered(HomeMessageKind::grant, own));
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

TEST_CASE("home log: what two logs have in common, by their terms") {
  const auto write = [](std::uint64_t sequence) {
    return ShippedWrite{sequence, {NodeId{1001}, Epoch{1}, sequence}, {}};
  };
  HomeLog log(HomeEpoch{3});
  for (std::uint64_t s = 1; s <= 10; ++s) {
    log.append(write(s));
  }
  CHECK(log.common_with({{HomeEpoch{3}, 0}}) == 10);
  CHECK(log.common_with({{HomeEpoch{3}, 0}, {HomeEpoch{7}, 6}}) == 6);
  // Two terms passed it by: the first of them was shorter than the second.
  CHECK(log.common_with({{HomeEpoch{3}, 0}, {HomeEpoch{7}, 6}, {HomeEpoch{11}, 15}}) == 6);
  CHECK(log.common_with({{HomeEpoch{3}, 0}, {HomeEpoch{11}, 15}}) == 10);
  CHECK(log.common_with({{HomeEpoch{3}, 0}}, 4) == 4);  // With a log that is shorter.
  const std::vector<ShippedWrite> cut = log.cut_to(6);
  REQUIRE(cut.size() == 4);
  CHECK(cut.front().sequence == 10);
  log.adopt({{HomeEpoch{3}, 0}, {HomeEpoch{7}, 6}});
  log.append(write(7));
  CHECK(log.epoch_at(6) == HomeEpoch{3});
  CHECK(log.epoch_at(7) == HomeEpoch{7});
  // A term of its own that nobody has heard of.
  log.begin_term(HomeEpoch{8});
  log.append(write(8));
  CHECK(log.common_with({{HomeEpoch{3}, 0}, {HomeEpoch{7}, 6}, {HomeEpoch{10}, 9}}) == 7);
  log.confirm(5);
  CHECK(log.confirmed() == 5);
}

// Who hears of a new master before it has what that one began with holds no more than before: else it would win an
// election against who has it.
TEST_CASE("home log: a term counts once what its master began with is there") {
  HomeLog log(HomeEpoch{3});
  log.append({1, {NodeId{1001}, Epoch{1}, 1}, {}});
  log.set_durable(1);
  log.adopt({{HomeEpoch{3}, 0}, {HomeEpoch{7}, 2}});
  CHECK(log.position() == HomePosition{HomeEpoch{3}, 1});
  SECTION("it comes") {
    log.append({2, {NodeId{1001}, Epoch{1}, 2}, {}});
    CHECK(log.position() == HomePosition{HomeEpoch{3}, 1});
    log.set_durable(2);
    CHECK(log.position() == HomePosition{HomeEpoch{7}, 2});
  }
  SECTION("it does not, and the site is the next master") {
    log.begin_term(HomeEpoch{8});
    CHECK(log.history() == HomeHistory{{HomeEpoch{3}, 0}, {HomeEpoch{8}, 1}});
    HomeLog ahead(HomeEpoch{3});
    ahead.append({1, {NodeId{1001}, Epoch{1}, 1}, {}});
    ahead.append({2, {NodeId{1001}, Epoch{1}, 2}, {}});
    CHECK(ahead.common_with(log.history()) == 1);
  }
}
