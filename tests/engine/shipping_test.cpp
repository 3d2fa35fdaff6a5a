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
