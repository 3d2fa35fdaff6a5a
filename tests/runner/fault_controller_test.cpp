// The controller against a made-up world: what it does to whom, in which order, and what it undoes. Times are short and
// never decide: each step is waited for.
#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <thread>

#include "runner/faults/controller.h"
#include "runtime/event_loop.h"

namespace geocommit {
namespace {

constexpr NodeId kA{1}, kB{2}, kCoordinator{1001};

/// Writes down what it is told to do.
class MadeUpWorld {
 public:
  FaultHands hands() {
    FaultHands out;
    out.own_processes = true;
    out.listener = "nowhere";
    out.signal = [this](NodeId node, int number) {
      note((number == SIGKILL ? "kill " : number == SIGSTOP ? "stop " : "go on ") + std::to_string(node.value));
      return true;
    };
    out.arm = [this](NodeId node, const FaultOrder& order, bool) {
      const std::lock_guard lock(mutex_);
      orders.emplace_back(node, order);
      return Result<void>{};
    };
    out.end_order = [this](NodeId node, std::uint32_t) { note("end at " + std::to_string(node.value)); };
    out.told = [this](const NamedFault& fault, bool begins) { note((begins ? "+" : "-") + fault.kind); };
    return out;
  }
  void note(std::string what) {
    const std::lock_guard lock(mutex_);
    done_.push_back(std::move(what));
  }
  std::vector<std::string> done() {
    const std::lock_guard lock(mutex_);
    return done_;
  }
  /// Waits for a note.
  bool saw(const std::string& what) {
    for (int i = 0; i < 5000; ++i) {
      const auto all = done();
      if (std::find(all.begin(), all.end(), what) != all.end()) return true;
      std::this_thread::sleep_for(1ms);
    }
    return false;
  }
  std::vector<std::pair<NodeId, FaultOrder>> orders;

 private:
  std::mutex mutex_;
  std::vector<std::string> done_;
};

NamedFault at_node(FaultKind kind, const std::string& name, NodeId node, Duration at, Duration length) {
  Fault fault;
  fault.kind = kind;
  fault.node = node;
  fault.at = at;
  fault.length = length;
  return {name, "n", 0, {fault}};
}

/// ... when `trigger` (0: the node itself) comes to a protocol point.
NamedFault at_point(FaultKind kind, const std::string& name, NodeId node, const std::string& point, Duration length,
                    NodeId trigger = {}) {
  NamedFault out = at_node(kind, name, node, {}, length);
  out.parts[0].on = point;
  out.parts[0].trigger = trigger;
  return out;
}

/// That the coordinator stands at the point of an order, now.
FaultReport report_of(const FaultOrder& order) {
  FaultReport out;
  out.fault.at = steady_now();
  out.node = kCoordinator;
  out.fault.id = order.id;
  return out;
}

std::vector<FaultController::Restart> restarts(FaultController& controller) {
  for (int i = 0; i < 5000; ++i) {
    if (auto due = controller.due_restarts(); !due.empty()) return due;
    std::this_thread::sleep_for(1ms);
  }
  return {};
}

const std::vector<NodeId> kNodes{kA, kB, kCoordinator};
constexpr int kGaveUp = kLogFailedStatus << 8;  // As waitpid gives it.

}  // namespace

TEST_CASE("a crash kills, is no failure, and comes back when its time is over") {
  MadeUpWorld world;
  NamedFault fault = at_node(FaultKind::crash, "crash", kA, Duration{0}, 20ms);
  fault.parts[0].tail = Tail::lost;
  FaultController controller({fault}, kNodes, world.hands());
  CHECK(controller.refusal().empty());
  REQUIRE(controller.prepare());
  CHECK_FALSE(controller.node_ended(kB, SIGKILL));  // nobody's plan
  controller.begin();
  REQUIRE(world.saw("kill 1"));
  CHECK(controller.node_ended(kA, SIGKILL));
  CHECK(controller.dead(kA));
  CHECK(controller.silent(kA));
  const auto due = restarts(controller);
  REQUIRE(due.size() == 1);
  CHECK(due[0].node == kA);
  CHECK(due[0].tail == Tail::lost);
  controller.node_started(kA);
  CHECK(controller.unready() == std::vector<NodeId>{kA});
  controller.node_ready(kA);
  controller.stop();
  const auto records = controller.records();
  REQUIRE(records[0].times.size() == 1);
  CHECK(records[0].times[0].end);
  CHECK(records[0].times[0].ready);
  CHECK(records[0].problem.empty());
}

TEST_CASE("two crashes of one node overlap: killed once, started again after the longer") {
  MadeUpWorld world;
  FaultController controller({at_node(FaultKind::crash, "crash", kA, Duration{0}, 20ms),
                              at_node(FaultKind::crash, "longer", kA, 5ms, kForever)},
                             kNodes, world.hands());
  controller.begin();
  REQUIRE(world.saw("-crash"));
  CHECK(controller.due_restarts().empty());
  CHECK(controller.dead(kA));
  CHECK(controller.forever());
  const auto done = world.done();
  CHECK(std::count(done.begin(), done.end(), "kill 1") == 1);
  controller.stop();
  CHECK_FALSE(controller.records()[1].times[0].end);
}

TEST_CASE("a node that crashed is not started again on a disk that fails still") {
  MadeUpWorld world;
  FaultController controller({at_node(FaultKind::disk_fail_sync, "disk-fail-sync", kA, Duration{0}, kForever),
                              at_node(FaultKind::crash, "crash", kA, 5ms, 20ms)},
                             kNodes, world.hands());
  controller.begin();
  REQUIRE(world.saw("kill 1"));
  CHECK(controller.node_ended(kA, SIGKILL));
  REQUIRE(world.saw("-crash"));
  CHECK(controller.due_restarts().empty());
  CHECK(controller.dead(kA));
  controller.stop();
}

TEST_CASE("a pause goes on; an order for the node that stands still waits for it") {
  MadeUpWorld world;
  FaultController controller({at_node(FaultKind::pause, "pause", kA, Duration{0}, 60ms),
                              at_node(FaultKind::disk_stall, "disk-stall", kA, 10ms, 10s)},
                             kNodes, world.hands());
  controller.begin();
  REQUIRE(world.saw("+disk-stall"));
  CHECK(controller.silent(kA));
  REQUIRE(world.saw("-pause"));
  controller.stop();
  const auto done = world.done();
  CHECK(std::find(done.begin(), done.end(), "stop 1") < std::find(done.begin(), done.end(), "go on 1"));
  REQUIRE(world.orders.size() == 1);
  CHECK(world.orders[0].second.length < 10s);
  CHECK(world.orders[0].second.length > 5s);
}

TEST_CASE("stop wakes what stands still and heals what is in force") {
  MadeUpWorld world;
  FaultController controller({at_node(FaultKind::pause, "pause", kA, Duration{0}, kForever),
                              at_node(FaultKind::disk_stall, "disk-stall", kB, Duration{0}, kForever)},
                             kNodes, world.hands());
  controller.begin();
  REQUIRE(world.saw("+pause"));
  REQUIRE(world.saw("+disk-stall"));
  controller.stop();
  CHECK(world.saw("go on 1"));
  CHECK(world.saw("end at 2"));
  CHECK(controller.active().empty());
}

TEST_CASE("a point of the victim itself is its own affair; another victim is the runner's") {
  MadeUpWorld world;
  const NamedFault own = at_point(FaultKind::crash, "own", kCoordinator, "votes-collected", 20ms);
  const NamedFault other = at_point(FaultKind::crash, "other", kA, "votes-collected", 20ms, kCoordinator);
  FaultController controller({own, other}, kNodes, world.hands());
  REQUIRE(controller.prepare());
  REQUIRE(world.orders.size() == 2);
  CHECK(world.orders[0].first == kCoordinator);
  CHECK(world.orders[0].second.kind == FaultKind::crash);
  CHECK_FALSE(world.orders[0].second.by_runner);
  CHECK(world.orders[1].first == kCoordinator);
  CHECK(world.orders[1].second.by_runner);
  CHECK(world.orders[1].second.listener == "nowhere");
  controller.begin();

  controller.on_report(report_of(world.orders[1].second));  // in force when this returns
  CHECK(world.done().front() == "kill 1");
  controller.on_report(report_of(world.orders[0].second));
  const auto done = world.done();
  CHECK(std::find(done.begin(), done.end(), "kill 1001") == done.end());
  CHECK(controller.node_ended(kCoordinator, SIGKILL));
  const auto due = restarts(controller);
  REQUIRE_FALSE(due.empty());
  CHECK(due[0].orders.empty());  // the first has come; it is not armed again
  controller.stop();
}

TEST_CASE("a node that dies before it has taken an order gets it when it is started again") {
  MadeUpWorld world;
  const NamedFault own = at_point(FaultKind::crash, "own", kCoordinator, "votes-collected", 20ms);
  const NamedFault other = at_point(FaultKind::crash, "other", kA, "votes-collected", 20ms, kCoordinator);
  FaultController* running = nullptr;
  FaultHands hands = world.hands();
  hands.arm = [&](NodeId node, const FaultOrder& order, bool) -> Result<void> {
    world.orders.emplace_back(node, order);
    if (!order.by_runner) return {};
    // It has come to the point of its own crash meanwhile, and never answers.
    running->on_report(report_of(world.orders.front().second));
    return Error{"did not answer"};
  };
  FaultController controller({own, other}, kNodes, std::move(hands));
  running = &controller;
  REQUIRE(controller.prepare());
  controller.begin();
  const auto due = restarts(controller);
  REQUIRE(due.size() == 1);
  REQUIRE(due[0].orders.size() == 1);
  CHECK(due[0].orders[0].id == world.orders.back().second.id);
  controller.stop();
  CHECK(controller.records()[1].problem.empty());
}

TEST_CASE("an order that a node has not taken when it is stopped waits for it; no answer without reason is a problem") {
  const bool stops = GENERATE(true, false);
  MadeUpWorld world;
  const NamedFault stall = at_point(FaultKind::disk_stall, "disk-stall", kA, "vote-forced", 10s);
  const NamedFault pause = at_point(FaultKind::pause, "pause", kA, "votes-collected", 30ms, kCoordinator);
  FaultController* running = nullptr;
  FaultHands hands = world.hands();
  hands.arm = [&](NodeId node, const FaultOrder& order, bool) -> Result<void> {
    world.orders.emplace_back(node, order);
    if (world.orders.size() != 2) return {};
    if (stops) running->on_report(report_of(world.orders.front().second));
    return Error{"did not answer"};
  };
  FaultController controller({pause, stall}, kNodes, std::move(hands));
  running = &controller;
  CHECK(controller.prepare().ok() == stops);
  controller.begin();
  if (stops) REQUIRE(world.saw("-pause"));
  controller.stop();
  CHECK(controller.records()[1].problem == (stops ? "" : "did not answer"));
  if (stops) CHECK(world.orders.at(2).second.id == world.orders[1].second.id);
}

TEST_CASE("a crash that begins when another ends keeps the node down, even while it is being started") {
  MadeUpWorld world;
  NamedFault second = at_node(FaultKind::crash, "again", kA, 20ms, 60ms);
  second.parts[0].tail = Tail::lost;
  FaultController controller({at_node(FaultKind::crash, "crash", kA, Duration{0}, 20ms), second}, kNodes,
                             world.hands());
  controller.begin();
  REQUIRE(world.saw("+again"));
  CHECK(controller.node_ended(kA, SIGKILL));
  // Whether the restart was due for a moment or not: whoever took it up finds that it has died again.
  if (!controller.due_restarts().empty()) {
    controller.node_started(kA);
    CHECK(controller.node_ended(kA, SIGKILL));
  }
  CHECK(controller.dead(kA));
  CHECK_FALSE(controller.node_ended(kA, SIGABRT));
  const auto due = restarts(controller);
  REQUIRE(due.size() == 1);
  CHECK(due[0].tail == Tail::lost);
  controller.node_started(kA);
  CHECK(controller.unready() == std::vector<NodeId>{kA});
  controller.stop();
}

TEST_CASE("every occurrence is armed again in a node that comes back") {
  MadeUpWorld world;
  NamedFault fault = at_point(FaultKind::crash, "crash", kCoordinator, "votes-collected", 10ms);
  fault.parts[0].occurrence = 0;
  FaultController controller({fault}, kNodes, world.hands());
  REQUIRE(controller.prepare());
  controller.begin();
  controller.on_report(report_of(world.orders[0].second));
  const auto due = restarts(controller);
  REQUIRE(due.size() == 1);
  REQUIRE(due[0].orders.size() == 1);
  CHECK(due[0].orders[0].on == "votes-collected");
  controller.stop();
}

TEST_CASE("without links a cut is an order to every sender, at a point also to the one that waits there") {
  MadeUpWorld world;
  Fault cut;
  cut.kind = FaultKind::cut;
  cut.from = {kA, kCoordinator};
  cut.to = {kB};
  cut.both_ways = true;
  cut.length = 10s;
  NamedFault scheduled{"partition", "a | b", 0, {cut}};
  {
    FaultController controller({scheduled}, kNodes, world.hands());
    controller.begin();
    REQUIRE(world.saw("+partition"));
    REQUIRE(world.orders.size() == 3);
    for (const auto& [node, order] : world.orders) {
      CHECK(order.kind == FaultKind::drop);
      CHECK(order.classes == 0);
      CHECK(order.to == (node == kB ? std::vector<NodeId>{kA, kCoordinator} : std::vector<NodeId>{kB}));
    }
    controller.stop();
  }
  world.orders.clear();
  scheduled.parts[0].on = "decision-forced";
  scheduled.parts[0].trigger = kCoordinator;
  FaultController controller({scheduled}, kNodes, world.hands());
  REQUIRE(controller.prepare());
  REQUIRE(world.orders.size() == 2);  // its own part, and the report
  CHECK(world.orders[0].second.kind == FaultKind::drop);
  CHECK(world.orders[0].second.on == "decision-forced");
  CHECK(world.orders[1].second.by_runner);
  CHECK(world.orders[1].second.id < world.orders[0].second.id);  // the report comes first
  controller.begin();
  controller.on_report(report_of(world.orders[1].second));
  REQUIRE(world.orders.size() == 4);
  CHECK(world.orders[2].first == kA);
  CHECK(world.orders[3].first == kB);
  controller.stop();
}

namespace {

/// The disk of agent A fails for a moment.
struct FailingDisk {
  MadeUpWorld world;
  FaultController controller{
      {at_node(FaultKind::disk_fail_sync, "disk-fail-sync", kA, Duration{0}, 30ms)}, kNodes, world.hands()};
  FailingDisk() { controller.begin(); }
  ~FailingDisk() { controller.stop(); }
};

}  // namespace

TEST_CASE("a disk that failed may end its node, however late, until that is started again") {
  FailingDisk failing;
  FaultController& controller = failing.controller;
  REQUIRE(failing.world.saw("-disk-fail-sync"));
  CHECK_FALSE(controller.node_ended(kA, 1 << 8));  // Another error.
  CHECK(controller.node_ended(kA, kGaveUp));
  REQUIRE(restarts(controller).size() == 1);
  controller.node_started(kA);
  CHECK_FALSE(controller.node_ended(kA, kGaveUp));
}

TEST_CASE("a disk that fails may end its node, and no other") {
  FailingDisk failing;
  FaultController& controller = failing.controller;
  REQUIRE(failing.world.saw("+disk-fail-sync"));
  CHECK_FALSE(controller.node_ended(kA, SIGABRT));  // A broken invariant is no disk's fault.
  CHECK(controller.node_ended(kA, kGaveUp));
  CHECK_FALSE(controller.node_ended(kB, kGaveUp));
  const auto due = restarts(controller);
  REQUIRE(due.size() == 1);
  CHECK(due[0].orders.empty());
  controller.node_started(kA);
}

TEST_CASE("what this world cannot do is refused before it starts") {
  MadeUpWorld world;
  Fault link;
  link.kind = FaultKind::link;
  link.length = 1s;
  CHECK_THAT(FaultController({{"link", "a <-> b", 0, {link}}}, kNodes, world.hands()).refusal(),
             Catch::Contains("there are no links to change here"));
  FaultHands deployed = world.hands();
  deployed.own_processes = false;
  CHECK_THAT(FaultController({at_node(FaultKind::crash, "crash", kA, {}, 1s)}, kNodes, deployed).refusal(),
             Catch::Contains("deployed daemons are not the runner's to start again"));
}

TEST_CASE("after the load nothing on the schedule begins") {
  MadeUpWorld world;
  FaultController* running = nullptr;
  FaultHands hands = world.hands();
  const auto told = hands.told;
  hands.told = [&](const NamedFault& fault, bool begins) {
    told(fault, begins);
    if (begins) running->load_over();
  };
  FaultController controller(
      {at_node(FaultKind::pause, "pause", kA, 20ms, 10ms), at_node(FaultKind::crash, "crash", kB, Duration{0}, 40ms)},
      kNodes, std::move(hands));
  running = &controller;
  controller.begin();
  REQUIRE(world.saw("-crash"));  // what is in force ends in its time
  controller.stop();
  CHECK(controller.records()[0].times.empty());
}

TEST_CASE("faults on one link add up, and a cut wins") {
  LinkSpec base;
  base.delay = 10ms;
  base.loss = 0.5;
  Fault slow;
  slow.kind = FaultKind::link;
  slow.extra = 5ms;
  slow.probability = 0.5;
  slow.rate = 1'000'000;
  Fault slower = slow;
  slower.rate = 500'000;
  slower.jitter = 3ms;
  const LinkSpec both = combined(base, {slow, slower});
  CHECK(both.delay == 20ms);
  CHECK(both.loss == Approx(0.875));
  CHECK(both.rate_bits_per_second == 500'000);
  CHECK(both.jitter == 3ms);
  CHECK(both.up);
  Fault cut;
  cut.kind = FaultKind::cut;
  CHECK_FALSE(combined(base, {slow, cut}).up);
  CHECK(combined(base, {}) == base);
}

}  // namespace geocommit
