// What the controller is made of: who is down and comes back, which orders hold and who gets them, what was in force
// when, and the schedule.
#include <catch2/catch.hpp>
#include <csignal>
#include <future>

#include "runner/faults/fault_book.h"
#include "runner/faults/held_orders.h"
#include "runner/faults/order_ids.h"
#include "runner/faults/part_orders.h"
#include "runner/faults/restarts.h"
#include "runner/faults/schedule.h"

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

namespace {

NamedFault named(FaultKind kind, Duration at, Duration length) {
  Fault fault;
  fault.kind = kind;
  fault.node = kA;
  fault.at = at;
  fault.length = length;
  return {"kind", "target", 0, {fault}};
}

}  // namespace

TEST_CASE("a fault by the plan ends by the plan, one at a point its length after it began") {
  NamedFault at_point = named(FaultKind::pause, Duration{0}, 5s);
  at_point.parts[0].on = "voted";
  FaultBook book({named(FaultKind::pause, 1s, 2s), at_point, named(FaultKind::crash, 1s, kForever)});
  CHECK(book.since_load(kNow) == Duration{0});
  book.load_begins(kNow);
  REQUIRE(book.begin(0, kNow + 1'300ms));  // It took a moment.
  CHECK_FALSE(book.begin(0, kNow + 2s));
  CHECK(book.ends(0) == kNow + 3s);
  REQUIRE(book.begin(1, kNow + 2s));
  CHECK(book.ends(1) == kNow + 7s);
  CHECK(book.until_healed(kNow + 2s) == 5s);
  CHECK_FALSE(book.forever());
  REQUIRE(book.begin(2, kNow + 2s));
  CHECK(book.forever());
  CHECK_FALSE(book.ends(2));
  CHECK(book.end(0, kNow + 3s));
  CHECK_FALSE(book.end(0, kNow + 4s));
  const std::vector<FaultRecord> records = book.records();
  REQUIRE(records[0].times.size() == 1);
  CHECK(records[0].times[0].begin == 1'300ms);
  CHECK(records[0].times[0].end == 3s);
  CHECK(book.cut_short() == std::vector<std::size_t>{1, 2});
  CHECK(book.cut_short().empty());
  CHECK_FALSE(book.records()[1].times[0].end);
  CHECK(book.until_healed(kNow + 4s) == Duration{0});
}

TEST_CASE("an order is over when it has begun, a wall clock's step is none that lasts") {
  FaultBook book({named(FaultKind::transfer, 1s, Duration{0}), named(FaultKind::clock_step, 1s, kForever)});
  book.load_begins(kNow);
  REQUIRE(book.begin(0, kNow + 1s));
  CHECK_FALSE(book.ends(0));
  CHECK_FALSE(book.end(0, kNow + 2s));
  REQUIRE(book.begin(0, kNow + 2s));
  CHECK(book.records()[0].times.size() == 2);
  CHECK(book.records()[0].times[1].end == 2s);
  REQUIRE(book.begin(1, kNow + 1s));
  CHECK_FALSE(book.forever());
}

TEST_CASE("what was in force since the last question is told once more") {
  FaultBook book({named(FaultKind::pause, 1s, 1s)});
  book.load_begins(kNow);
  CHECK(book.active(kNow + 500ms).empty());
  REQUIRE(book.begin(0, kNow + 1s));
  REQUIRE(book.end(0, kNow + 2s));
  CHECK(book.active(kNow + 3s).size() == 1);
  CHECK(book.active(kNow + 4s).empty());
}

TEST_CASE("a node that serves again ends the wait of the fault that had ended it, and of no other") {
  FaultBook book({named(FaultKind::crash, 1s, 1s), named(FaultKind::pause, 1s, 1s), named(FaultKind::crash, 5s, 1s)});
  book.load_begins(kNow);
  REQUIRE(book.begin(0, kNow + 1s));
  REQUIRE(book.begin(1, kNow + 1s));
  book.node_ready(kA, kNow + 1'500ms);
  CHECK_FALSE(book.records()[0].times[0].ready);  // It is down still.
  REQUIRE(book.end(0, kNow + 2s));
  REQUIRE(book.end(1, kNow + 2s));
  book.node_ready(kB, kNow + 2'500ms);
  CHECK_FALSE(book.records()[0].times[0].ready);
  book.node_ready(kA, kNow + 3s);
  book.node_ready(kA, kNow + 4s);
  CHECK(book.records()[0].times[0].ready == 3s);
  CHECK_FALSE(book.records()[1].times[0].ready);
  CHECK(book.records()[2].times.empty());
  book.problem(0, "first");
  book.problem(0, "second");
  CHECK(book.records()[0].problem == "first");
  CHECK(book.problem(1).empty());
}

TEST_CASE("a cut without links is an order to drop at every sender that there is, each with a number of its own") {
  NamedFault cut = named(FaultKind::cut, 1s, 1s);
  cut.parts[0].from = {kA, NodeId{9}};
  cut.parts[0].to = {kB};
  cut.parts[0].both_ways = true;
  CHECK(by_node(cut.first(), false));
  CHECK_FALSE(by_node(cut.first(), true));
  CHECK_FALSE(native(cut));
  const auto orders = orders_of(cut, 3, 0, {kA, kB});
  REQUIRE(orders.size() == 2);
  CHECK(orders[0].first == kA);
  CHECK(orders[0].second.kind == FaultKind::drop);
  CHECK(orders[0].second.to == std::vector<NodeId>{kB});
  CHECK(orders[1].first == kB);
  CHECK(orders[1].second.to == std::vector<NodeId>{kA, NodeId{9}});
  CHECK(orders[0].second.id != orders[1].second.id);
  CHECK(fault_of_order(orders[0].second.id) == 3);
  CHECK_FALSE(is_watch(orders[0].second.id));
}

TEST_CASE("a node does by itself what happens to itself at its own point") {
  NamedFault stall = named(FaultKind::disk_stall, 1s, 1s);
  stall.parts[0].on = "voted";
  CHECK(by_node(stall.first(), true));
  CHECK(native(stall));
  stall.parts[0].trigger = kB;
  CHECK_FALSE(native(stall));
  NamedFault drop = named(FaultKind::drop, 1s, 1s);
  drop.parts[0].from = {kA};
  CHECK(native(drop));
  drop.parts[0].from = {kA, kB};
  CHECK_FALSE(native(drop));
  NamedFault two = named(FaultKind::pause, 1s, 1s);
  two.parts.push_back(two.parts[0]);
  CHECK_FALSE(native(two));
}

TEST_CASE("a schedule does what ends before what begins at the same time, and nothing once it is closed") {
  FaultSchedule schedule;
  const auto now = FaultSchedule::Clock::now();
  std::vector<int> done;
  std::promise<void> all;
  schedule.at(now + 1ms, FaultSchedule::Turn::begin, [&] { done.push_back(2); });
  schedule.at(now + 1ms, FaultSchedule::Turn::end, [&] { done.push_back(1); });
  schedule.at(now, FaultSchedule::Turn::begin, [&] {
    done.push_back(0);
    schedule.at(now + 2ms, FaultSchedule::Turn::begin, [&] {
      done.push_back(3);
      all.set_value();
    });
  });
  schedule.at(now + 1h, FaultSchedule::Turn::begin, [&] { done.push_back(4); });
  schedule.start();
  REQUIRE(all.get_future().wait_for(60s) == std::future_status::ready);
  schedule.close();
  schedule.at(now, FaultSchedule::Turn::begin, [&] { done.push_back(5); });
  schedule.join();
  CHECK(done == std::vector<int>{0, 1, 2, 3});
}

}  // namespace geocommit
