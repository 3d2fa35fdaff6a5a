// What the controller is made of: who is down and comes back, and which orders hold.
#include <catch2/catch.hpp>
#include <csignal>

#include "runner/faults/held_orders.h"
#include "runner/faults/order_ids.h"
#include "runner/faults/restarts.h"

namespace geocommit {
namespace {

constexpr NodeId kA{1}, kB{2};
constexpr int kGaveUp = kLogFailedStatus << 8;  // As waitpid gives it.
const HeldOrders::Clock::time_point kNow{100s};

FaultOrder order(std::uint32_t id, Duration length, const std::string& on = "") {
  FaultOrder out;
  out.id = id;
  out.length = length;
  out.on = on;
  return out;
}

}  // namespace

TEST_CASE("a crash is expected until its node is started again, and no other end of it") {
  Restarts restarts;
  CHECK(restarts.ended(kA, SIGKILL) == Restarts::End::unexpected);
  REQUIRE(restarts.crash(kA, 0, Tail::lost));
  CHECK(restarts.ended(kA, SIGKILL) == Restarts::End::expected);
  CHECK(restarts.ended(kA, SIGABRT) == Restarts::End::unexpected);
  CHECK(restarts.ended(kB, SIGKILL) == Restarts::End::unexpected);
  CHECK(restarts.crash_over(kA, 0, Tail::lost));
  CHECK(restarts.ended(kA, SIGKILL) == Restarts::End::expected);  // Due, and not started yet.
  const auto due = restarts.take_due();
  REQUIRE(due.size() == 1);
  CHECK(due[0].tail == Tail::lost);
  CHECK(restarts.take_due().empty());
  REQUIRE(restarts.started(kA));
  CHECK(restarts.unready() == std::vector<NodeId>{kA});
  CHECK(restarts.ended(kA, SIGKILL) == Restarts::End::unexpected);
  CHECK(restarts.ready(kA));
  CHECK_FALSE(restarts.ready(kA));
}

TEST_CASE("who crashed twice comes back after both, and loses what either takes away") {
  Restarts restarts;
  REQUIRE(restarts.crash(kA, 0, Tail::kept));
  CHECK_FALSE(restarts.crash(kA, 1, Tail::lost));
  CHECK_FALSE(restarts.crash_over(kA, 0, Tail::kept));
  CHECK(restarts.crash_over(kA, 1, Tail::lost));
  CHECK(restarts.take_due().front().tail == Tail::lost);
  CHECK_FALSE(restarts.crash(kA, 2, Tail::kept));  // Taken up, not started yet: it must be killed then.
  CHECK_FALSE(restarts.started(kA));
  CHECK(restarts.dead(kA));
}

TEST_CASE("a crash under a failing disk: back when both are over") {
  Restarts restarts;
  restarts.disk_fails(kA, 0);
  REQUIRE(restarts.crash(kA, 1, Tail::kept));
  CHECK_FALSE(restarts.crash_over(kA, 1, Tail::kept));
  CHECK(restarts.disk_works(kA, 0));
  REQUIRE(restarts.take_due().size() == 1);
  REQUIRE(restarts.started(kA));
  CHECK(restarts.ended(kA, kGaveUp) == Restarts::End::unexpected);  // The new process had a disk that works.
}

TEST_CASE("a process that ends itself after its disk has failed is due at once, under a failing disk later") {
  Restarts restarts;
  restarts.disk_fails(kA, 0);
  CHECK(restarts.ended(kA, kGaveUp) == Restarts::End::expected);
  CHECK(restarts.disk_works(kA, 0));
  REQUIRE(restarts.started(kA));
  restarts.disk_fails(kA, 1);
  CHECK_FALSE(restarts.disk_works(kA, 1));
  CHECK(restarts.ended(kA, kGaveUp) == Restarts::End::due);
}

TEST_CASE("an order that waited, or whose node was started again, has what is left of its length") {
  HeldOrders held;
  held.hold(kA, order(1, 10s), kNow);
  held.hold(kA, order(2, kForever), kNow);
  held.hold(kA, order(3, 1s, "vote-forced"), kNow);
  CHECK(held.woken(kA, kNow).empty());
  CHECK(held.waits(kA, 1));
  CHECK_FALSE(held.waits(kA, 9));
  CHECK_FALSE(held.waits(kB, 1));
  const auto woken = held.woken(kA, kNow + 4s);
  REQUIRE(woken.size() == 1);
  CHECK(woken[0].length == 6s);
  CHECK(held.woken(kA, kNow + 4s).empty());
  const auto restarted = held.restarted(kA, kNow + 10s);  // The first is over.
  REQUIRE(restarted.size() == 2);
  CHECK(restarted[0].length == kForever);
  CHECK(restarted[1].length == 1s);  // From its point on.
}

TEST_CASE("a point that has come is not waited for again; what waits for its next one is not over") {
  HeldOrders held;
  const std::uint32_t here = order_id(3, 0), there = order_id(4, 0);
  held.hold(kA, order(here, 1s, "vote-forced"), kNow);
  held.hold(kB, order(there, 1s, "vote-forced"), kNow);
  held.hold(kB, order(order_id(3, 1), 1s), kNow);
  CHECK_FALSE(held.over(kB, there));
  held.point_passed(3);
  CHECK(held.over(kB, order_id(3, 1)));
  CHECK_FALSE(held.over(kB, order_id(3, 1)));
  CHECK(held.take() == HeldOrders::Orders{{kB, there}});
  CHECK(held.take().empty());
}

TEST_CASE("who is held by two is held until both have let go") {
  Holders holders;
  holders.add(kA, 0);
  holders.add(kA, 1);
  holders.remove(kA, 0);
  CHECK(holders.any(kA));
  CHECK_FALSE(holders.any(kB));
  CHECK(holders.take() == std::vector<NodeId>{kA});
  CHECK_FALSE(holders.any(kA));
}

}  // namespace geocommit
