// Blocking as docs/GLOSSARY.md defines it, in virtual time, with every figure exact: one way 50 ms (250 us within a
// region), a force 2 ms, decision timeout 1 s.
#include <catch2/catch.hpp>

#include "tests/engine/world.h"

using namespace geocommit;
using namespace geocommit::test;

namespace {

/// A transfer whose coordinator dies with all votes on their way: PREPARE arrives at 50 ms, the YES is durable at 52
/// ms.
struct Stuck {
  explicit Stuck(WorldOptions options = {}) : world(std::move(options)) {
    request = world.transfer(0, 0, 1);
    world.run_for(60ms);
    world.crash(world.coordinator(0));
  }
  [[nodiscard]] NodeId participant() const { return world.agent(1); }
  [[nodiscard]] OpenInDoubt open() {
    const auto all = world.engine(participant()).open_in_doubt();
    REQUIRE(all.size() == 1);
    return all.front();
  }
  World world;
  RequestId request;
};

}  // namespace

TEST_CASE("blocking is the part of in-doubt time past the decision timeout") {
  Stuck stuck;
  World& world = stuck.world;
  world.run_for(992ms);  // 1052 ms after the request: the timeout itself.
  CHECK(stuck.open().in_doubt == 1s);
  CHECK(stuck.open().blocked == 0ms);
  CHECK(world.engine(stuck.participant()).status().blocked == 0);
  world.run_for(48ms);
  CHECK(stuck.open().in_doubt == 1048ms);
  CHECK(stuck.open().blocked == 48ms);
  CHECK(stuck.open().cost.keys == 2);
  CHECK(stuck.open().cost.lock_time == 96ms);
  const EngineStatus status = world.engine(stuck.participant()).status();
  CHECK(status.blocked == 1);
  CHECK(status.oldest_blocked == 48ms);
}

TEST_CASE("a transaction that is decided within the timeout is not blocked at all") {
  World world({});
  world.transfer(0, 0, 1);
  world.run_for(5s);
  const Seen& seen = world.node(world.agent(1)).seen;
  REQUIRE(seen.in_doubt == std::vector<Duration>{102ms});  // Vote and decision, 50 ms each, and the decision's force.
  CHECK(seen.blocked == std::vector<Duration>{0ms});
  CHECK(seen.blocking.empty());
}

TEST_CASE("in-doubt time goes on across a crash of the participant: no reset at recovery") {
  Stuck stuck;
  World& world = stuck.world;
  world.run_for(440ms);  // 500 ms after the request.
  world.crash(stuck.participant());
  world.run_for(1500ms);
  world.start(stuck.participant());
  // From 50 ms, when the record was written: its force counts too, for it is not known after a crash when it ended.
  CHECK(stuck.open().in_doubt == 1950ms);
  CHECK(stuck.open().blocked == 950ms);
  CHECK(stuck.open().cost.lock_time == 1900ms);
  world.start(world.coordinator(0));
  world.run_for(30s);
  const Seen& seen = world.node(stuck.participant()).seen;
  REQUIRE(seen.in_doubt.size() == 1);
  CHECK(seen.in_doubt.front() > 1950ms);
  CHECK(seen.blocked.front() == seen.in_doubt.front() - 1s);
  REQUIRE(seen.blocking.size() == 1);
  CHECK(seen.blocking.front().lock_time == 2 * seen.blocked.front());
  CHECK(world.quiet());
}

TEST_CASE("and across a crash behind a checkpoint, and a second one") {
  Stuck stuck(WorldOptions{.checkpoint_bytes = 100});
  World& world = stuck.world;
  REQUIRE(world.node(stuck.participant()).checkpoint);
  for (int i = 0; i < 2; ++i) {
    world.crash(stuck.participant());
    world.run_for(1s);
    world.start(stuck.participant());
  }
  CHECK(stuck.open().in_doubt == 2010ms);
}

TEST_CASE("after a reboot the clock is another one: in-doubt time counts from recovery, a lower bound") {
  Stuck stuck;
  World& world = stuck.world;
  world.crash(stuck.participant());
  world.reboot();
  world.run_for(5s);
  world.start(stuck.participant());
  world.run_for(100ms);
  CHECK(stuck.open().in_doubt == 100ms);
  CHECK(stuck.open().blocked == 0ms);
}

TEST_CASE("waiters pile up behind a blocked transaction's locks, and are counted with their cause") {
  Stuck stuck(WorldOptions{.timeouts = {60s, 1s, 100ms}, .lock_wait = 2s});
  World& world = stuck.world;
  // From another region: younger, so they wait for entity 0 at the stuck participant, and behind each other.
  const RequestId in_vain = world.transfer(1, 0, 2);
  world.run_for(1500ms);
  const RequestId in_time = world.transfer(1, 0, 3);
  const RequestId elsewhere = world.transfer(1, 8, 9);
  world.run_for(1000ms);  // 2560 ms after the request; the first waiter gave up at 2060 ms, after the timeout.
  CHECK(stuck.open().cost.aborted == 1);
  CHECK(stuck.open().cost.waited == 1);
  CHECK(world.outcome(elsewhere) == Outcome::commit);
  world.start(world.coordinator(0));
  world.run_for(30s);
  const Seen& seen = world.node(stuck.participant()).seen;
  REQUIRE_FALSE(seen.blocking.empty());
  CHECK(seen.blocking.front().aborted == 1);
  CHECK(seen.blocking.front().waited == 1);
  CHECK(seen.held_up == std::map<std::string, std::uint64_t>{{"lock_timeout", 1}, {"waited", 1}});
  CHECK(world.outcome(in_vain) == Outcome::abort);
  CHECK(world.outcome(in_time) == Outcome::commit);
  CHECK(world.quiet());
}

TEST_CASE("3PC ends its own in-doubt time without the coordinator; 2PC's grows with the outage") {
  for (const auto outage : {2s, 5s, 10s}) {
    std::map<std::string, Duration> blocked;
    for (const char* protocol : {"2pc", "3pc"}) {
      Stuck stuck(WorldOptions{.protocol = protocol});
      stuck.world.run_for(outage);
      stuck.world.start(stuck.world.coordinator(0));
      stuck.world.run_for(60s);
      REQUIRE(stuck.world.quiet());
      const Seen& seen = stuck.world.node(stuck.participant()).seen;
      REQUIRE(seen.blocked.size() == 1);
      blocked[protocol] = seen.blocked.front();
    }
    CHECK(blocked.at("2pc") >= outage - 1s);
    CHECK(blocked.at("3pc") < 1s);
  }
}
