#include "engine/home/shipping.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/engine/world.h"

using namespace geocommit;
using namespace geocommit::test;

TEST_CASE("home region: a write at its home commits without the WAN, and reaches every replica in order") {
  World world({.protocol = "home-region"});
  const RequestId id = world.transfer(0, 0, 3, 5);  // Both entities have region 0 as home.
  world.run_for(10ms);
  CHECK(world.outcome(id) == Outcome::commit);
  CHECK(world.balance(world.agent(0), 0) == 995);
  CHECK(world.balance(world.agent(1), 0) == 1000);  // Not there yet.
  world.run_for(1s);
  CHECK(world.balance(world.agent(1), 0) == 995);
  CHECK(world.balance(world.agent(2), 3) == 1005);
  CHECK(world.quiet());
}

TEST_CASE(
    "home region: a remote client pays the way to the home, a transaction over two homes two-phase commit between "
    "them") {
  World world({.protocol = "home-region"});
  const RequestId remote = world.transfer(1, 0, 3, 5);
  world.run_for(99ms);
  CHECK(world.outcome(remote) == Outcome::undecided);
  world.run_for(20ms);
  CHECK(world.outcome(remote) == Outcome::commit);
  const RequestId both = world.transfer(0, 0, 1, 5);  // Homes 0 and 1.
  world.run_for(3s);
  CHECK(world.outcome(both) == Outcome::commit);
  for (std::uint32_t r = 0; r < 3; ++r) {
    CHECK(world.balance(world.agent(r), 0) == 990);
    CHECK(world.balance(world.agent(r), 1) == 1005);
  }
  CHECK(world.quiet());
}

TEST_CASE("home region: staleness is about a round trip when all is well, and grows in a cut") {
  World world({.protocol = "home-region"});
  world.run_for(2s);
  const Seen& home = world.node(world.agent(0)).seen;
  REQUIRE_FALSE(home.staleness_ages.empty());
  CHECK(home.staleness_ages.back() <= 300ms);
  CHECK(home.staleness_ages.back() >= 100ms);
  world.cut.insert({world.agent(0), world.agent(1)});
  world.run_for(5s);
  const Duration worst = *std::max_element(home.staleness_ages.begin(), home.staleness_ages.end());
  CHECK(worst >= 4900ms);
}

TEST_CASE("home region: what a cut or a crash held back is shipped afterwards, once and in order") {
  World world({.protocol = "home-region"});
  world.cut.insert({world.agent(0), world.agent(1)});
  for (int i = 0; i < 20; ++i) {
    world.transfer(0, 0, 3, 1);
    world.run_for(50ms);
  }
  CHECK(world.balance(world.agent(1), 0) == 1000);
  CHECK(world.engine(world.agent(0)).status().unshipped == 20);
  world.crash(world.agent(0));
  world.start(world.agent(0));
  world.cut.clear();
  world.run_for(1s);
  world.crash(world.agent(1));
  world.start(world.agent(1));
  world.run_for(30s);
  CHECK(world.balance(world.agent(1), 0) == 980);
  CHECK(world.balance(world.agent(2), 3) == 1020);
  CHECK(world.quiet());
}

TEST_CASE("home region: a confirmation of another term counts for nothing in this one") {
  const NodeId home{1};
  const NodeId replica{2};
  const HomeEpoch first = home_region::first_epoch(RegionId{0}, 2);
  HomeLog log(first);
  for (std::uint64_t sequence = 1; sequence <= 3; ++sequence) {
    log.append({sequence, {NodeId{9}, Epoch{1}, sequence}, {}, {}});
  }
  log.set_durable(3);
  const HomeEpoch second = home_region::next_forced(first, RegionId{0}, 2);
  log.begin_term(second);
  ShippingHome sender(home, {replica}, log);
  ShipAck late{3, 0, home, first};  // The replica had three writes of the first term; they need not be these.
  CHECK_FALSE(sender.acknowledged(replica, late, Instant{Duration{1s}}));
  CHECK_FALSE(sender.has_all(replica));
  CHECK(log.retained().size() == 3);
  late.epoch = second;
  CHECK(sender.acknowledged(replica, late, Instant{Duration{1s}}));
  CHECK(sender.has_all(replica));
  CHECK(log.retained().empty());
}

TEST_CASE("home region: what ships writes is called SHIP, and a heartbeat that has none HEARTBEAT") {
  World world({.protocol = "home-region"});
  Seen& home = world.node(world.agent(0)).seen;
  world.run_for(2s);
  CHECK(home.kinds["HEARTBEAT"] > 0);
  CHECK(home.kinds["HEARTBEAT"] == home.messages[Traffic::heartbeat]);
  CHECK(home.kinds["SHIP"] == 0);
  world.transfer(0, 0, 3, 1);
  world.run_for(2s);
  CHECK(home.kinds["SHIP"] == 2);  // One to each replica.
}

namespace {

/// One write of a home's first term, durable there; and what is sent on a tick.
struct OneWrite {
  NodeId replica{2};
  HomeLog log{home_region::first_epoch(RegionId{0}, 2)};
  ShippingHome sender{NodeId{1}, {replica}, log};
  OneWrite() {
    log.append({1, {NodeId{9}, Epoch{1}, 1}, {}, {}});
    log.set_durable(1);
  }
  std::vector<Ship> tick(Duration at, bool heartbeat = false) {
    std::vector<Ship> sent;
    sender.tick(Instant{at}, 100ms, heartbeat, [&](NodeId /*to*/, Ship ship) { sent.push_back(std::move(ship)); });
    return sent;
  }
};

}  // namespace

TEST_CASE("home region: what nobody has confirmed is shipped again after more than the silence, not before") {
  OneWrite home;
  REQUIRE(home.tick(1s).size() == 1);
  CHECK(home.tick(1s + 100ms).empty());  // It may still be confirmed at this very moment.
  const auto again = home.tick(1s + 100ms + 1ns);
  REQUIRE(again.size() == 1);
  CHECK(again.front().writes.size() == 1);
  CHECK(home.tick(1s + 150ms).empty());
}

TEST_CASE("home region: of heartbeats that nobody confirms the newest ten thousand are remembered") {
  const auto age_after = [](std::uint64_t issued, std::uint64_t confirmed) {
    OneWrite home;
    for (std::uint64_t beat = 1; beat <= issued; ++beat) {
      (void)home.tick(1ms * beat, true);
    }
    (void)home.sender.acknowledged(home.replica, {1, confirmed, NodeId{1}, home.log.epoch()}, Instant{1ms * issued});
    std::optional<Duration> age;
    home.sender.ages(Instant{1ms * issued}, [&](NodeId /*replica*/, Duration is) { age = is; });
    return age;
  };
  CHECK(age_after(10'000, 1) == 9'999ms);
  CHECK_FALSE(age_after(10'001, 1).has_value());  // Forgotten: how old it is cannot be said.
  CHECK(age_after(10'001, 2) == 9'999ms);
}
