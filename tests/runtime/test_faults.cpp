// Faults in real daemons, at the point where they are ordered: what had been sent has left, what had not never does.
#include <atomic>
#include <mutex>

#include "runtime/faults/listener.h"
#include "tests/runtime/processes.h"

namespace geocommit {
namespace {

const NodeId kFirst{1}, kSecond{2}, kCoordinator{1001};
const std::vector<NodeId> kAgents{kFirst, kSecond};

/// The runner's ear, and what it heard.
struct Ear {
  std::mutex mutex;
  std::vector<FaultReport> reports;  // guarded by mutex
  std::function<void(const FaultReport&)> then;
  std::unique_ptr<FaultListener> listener = FaultListener::open("tcp://127.0.0.1:*", [this](const FaultReport& report) {
                                              {
                                                const std::lock_guard lock{mutex};
                                                reports.push_back(report);
                                              }
                                              if (then) {
                                                then(report);
                                              }
                                            }).value();
  std::vector<FaultReport> heard() {
    const std::lock_guard lock{mutex};
    return reports;
  }
};

struct Cell {
  Processes nodes;
  ProcessClient client;
  Ear ear;

  explicit Cell(const std::string& protocol, DurabilityKind durability = DurabilityKind::none)
      : nodes(protocol, durability, {"us"}, 2, Placement::partitioned), client(nodes.config) {
    nodes.start_all();
    REQUIRE(nodes.wait_ready(nodes.daemons()));
    REQUIRE(client.connect(kCoordinator));
  }
  FaultOrder order(FaultKind kind, const std::string& on) const {
    FaultOrder result;
    result.id = 1;
    result.kind = kind;
    result.on = on;
    result.listener = ear.listener->address();
    return result;
  }
  void arm(NodeId node, const FaultOrder& order) {
    const Result<void> armed = nodes.control.arm(node, order, 5s);
    INFO((armed ? "" : armed.error().message));
    REQUIRE(armed.ok());
  }
  /// Moves 5 from the first agent's entity 2n to the second's 2n + 1.
  void transfer(std::uint64_t n) {
    client.ask(kCoordinator,
               {{client.self, n}, RegionId{0}, true, {{Entity{2 * n}, -5, false}, {Entity{2 * n + 1}, 5, false}}});
  }
  bool wait_in_doubt(std::uint64_t many) {
    return nodes.wait_status(kAgents, [many](const std::vector<NodeStatus>& all) {
      return all[0].engine.in_doubt + all[1].engine.in_doubt == many;
    });
  }
  std::int64_t first_balance() { return nodes.status(kFirst).engine.balance_total; }
};

struct CrashCase {
  const char* protocol;
  const char* point;
  NodeId node;
  const char* record;        // "": none may be there; else this one is in the node's log, and no later one
  std::uint64_t in_doubt;    // agents that stay in doubt while the node is down
  std::uint64_t precommits;  // agents with a precommit record
  bool commits;              // in the end
};

void crash_at(const CrashCase& c) {
  INFO(c.protocol << " " << c.point);
  Cell cell(c.protocol);
  cell.arm(c.node, cell.order(FaultKind::crash, c.point));
  cell.transfer(3);
  const std::optional<int> end = cell.nodes.wait_end(c.node);
  REQUIRE(end.has_value());
  REQUIRE(WIFSIGNALED(*end));
  CHECK(WTERMSIG(*end) == SIGKILL);
  const std::vector<FaultReport> heard = cell.ear.heard();
  REQUIRE(heard.size() == 1);
  CHECK(heard[0].node == c.node);
  CHECK_FALSE(heard[0].ended);
  CHECK(heard[0].fault.id == 1);
  CHECK(heard[0].fault.occurrence == 1);
  CHECK(heard[0].fault.txn.coordinator == kCoordinator);
  CHECK(heard[0].fault.at <= steady_now());
  if (c.node == kCoordinator) {
    CHECK(cell.wait_in_doubt(c.in_doubt));
    const auto has_precommit = [&] {
      return cell.nodes.records(kFirst, "precommit") + cell.nodes.records(kSecond, "precommit");
    };
    for (int tries = 0; tries < 500 && has_precommit() < c.precommits; ++tries) {
      std::this_thread::sleep_for(2ms);
    }
    CHECK(has_precommit() == c.precommits);
  }
  for (const char* record : {"prepared", "commit", "precommit"}) {
    CHECK(cell.nodes.records(c.node, record) == (std::string_view{record} == c.record ? 1U : 0U));
  }
  cell.nodes.start(c.node);
  REQUIRE(cell.nodes.wait_quiet());
  CHECK(cell.first_balance() == 100 * 1000 - (c.commits ? 5 : 0));
  CHECK(cell.nodes.status(kSecond).engine.balance_total == 100 * 1000 + (c.commits ? 5 : 0));
}

TEST_CASE("2PC, a crash at a point: nothing of the step leaves, what was sent before it does") {
  crash_at({"2pc", "votes-collected", kCoordinator, "", 2, 0, false});
  crash_at({"2pc", "decision-forced", kCoordinator, "commit", 2, 0, true});
  for (int again = 0; again < 3; ++again) {  // one send has to leave, the next must not: neither once in a while
    crash_at({"2pc", "decision-sent-to-one", kCoordinator, "commit", 1, 0, true});
  }
  crash_at({"2pc", "vote-forced", kFirst, "prepared", 0, 0, false});
}

TEST_CASE("3PC, a crash at a point: up to precommit-forced all abort, from precommit-sent-to-one on all commit") {
  crash_at({"3pc", "votes-collected", kCoordinator, "", 2, 0, false});
  crash_at({"3pc", "precommit-forced", kCoordinator, "precommit", 2, 0, false});
  crash_at({"3pc", "precommit-sent-to-one", kCoordinator, "precommit", 2, 1, true});
  crash_at({"3pc", "vote-forced", kFirst, "prepared", 0, 0, false});
}

TEST_CASE("a fault that is the runner's: the node stands at the point until the callback has done it") {
  Cell cell("2pc");
  std::atomic<std::uint64_t> in_doubt_meanwhile{};
  ControlClient second;  // a client of the listener's own thread
  for (const NodeId node : kAgents) {
    second.add(node, cell.nodes.config.addresses.at(node).control);
  }
  cell.ear.then = [&](const FaultReport& report) {
    if (report.ended) {
      return;
    }
    std::this_thread::sleep_for(200ms);
    for (const Result<NodeStatus>& status : second.status(kAgents, 1s)) {
      in_doubt_meanwhile += status ? status.value().engine.in_doubt : 0;
    }
  };
  FaultOrder order = cell.order(FaultKind::cut, "decision-forced");
  order.occurrence = 2;
  cell.arm(kCoordinator, order);
  cell.transfer(1);
  REQUIRE(cell.client.run_until([&] { return cell.client.replies.contains(1); }));
  CHECK(cell.ear.heard().empty());
  cell.transfer(2);
  REQUIRE(cell.client.run_until([&] { return cell.client.replies.contains(2); }));
  REQUIRE(cell.ear.heard().size() == 1);
  CHECK(in_doubt_meanwhile == 2);
  const NodeStatus status = cell.nodes.status(kCoordinator);
  REQUIRE(status.faults.size() == 1);
  CHECK(status.faults[0].heard);
  CHECK(status.faults[0].occurrence == 2);
}

TEST_CASE("nobody listens: the node goes on, and says so") {
  Cell cell("2pc");
  FaultOrder order = cell.order(FaultKind::cut, "votes-collected");
  order.listener = "tcp://" + own_port();
  cell.arm(kCoordinator, order);
  cell.transfer(1);
  REQUIRE(cell.client.run_until([&] { return cell.client.replies.contains(1); }));
  CHECK_FALSE(cell.nodes.status(kCoordinator).faults.at(0).heard);
  CHECK(cell.nodes.last_line(kCoordinator).find("did not answer within 6 s") != std::string::npos);
}

TEST_CASE("a pause ends by itself, with nobody to send SIGCONT") {
  Cell cell("2pc");
  FaultOrder order = cell.order(FaultKind::pause, "votes-collected");
  order.length = 300ms;
  cell.arm(kCoordinator, order);
  cell.transfer(1);
  REQUIRE(cell.client.run_until([&] { return cell.client.replies.contains(1); }));
  const FiredFault fired = cell.nodes.status(kCoordinator).faults.at(0);
  CHECK(fired.ended - fired.at >= 300ms);
}

TEST_CASE("a drop of decisions to one site blocks that site alone, until it is over") {
  Cell cell("2pc");
  FaultOrder order = cell.order(FaultKind::drop, "");
  order.to = {kSecond};
  order.classes = 1U << static_cast<std::uint32_t>(MessageClass::decision);
  cell.arm(kCoordinator, order);
  cell.transfer(1);
  REQUIRE(cell.client.run_until([&] { return cell.client.replies.contains(1); }));
  REQUIRE(cell.wait_in_doubt(1));
  CHECK(cell.nodes.status(kSecond).engine.in_doubt == 1);
  const auto report = cell.nodes.control.report({kCoordinator}, 5s);
  CHECK(report.front().value().live.total("geocommit_transport_dropped_total", {{"cause", "fault"}}) >= 1);
  REQUIRE(cell.nodes.control.end_fault({kCoordinator}, 1, 5s).front().ok());
  REQUIRE(cell.nodes.wait_quiet());
  CHECK(cell.first_balance() == 100 * 1000 - 5);
  CHECK(cell.nodes.status(kCoordinator).faults.at(0).ended > Instant{});
}

TEST_CASE("a stalled disk holds back forced writes and nothing else, in every kind of durability") {
  for (const DurabilityKind durability : {DurabilityKind::fsync, DurabilityKind::none, DurabilityKind::fixed}) {
    Cell cell("2pc", durability);
    FaultOrder order = cell.order(FaultKind::disk_stall, "");
    order.length = 600ms;  // within the vote timeout
    cell.arm(kFirst, order);
    const Instant asked = steady_now();
    cell.transfer(1);
    (void)cell.nodes.status(kFirst);  // it serves
    REQUIRE(cell.nodes.wait_status(
        {kFirst}, [](const auto& all) { return all[0].engine.locks_held == 1; }, 500ms));
    REQUIRE(cell.client.run_until([&] { return cell.client.replies.contains(1); }));
    const FiredFault fired = cell.nodes.status(kFirst).faults.at(0);
    CHECK(fired.ended > fired.at);
    CHECK(steady_now() >= fired.ended);
    CHECK(asked < fired.ended);
    REQUIRE(cell.nodes.wait_quiet());
  }
}

TEST_CASE("a failed sync, or a full disk: the site never votes YES on it, and ends itself with a clear last line") {
  for (const DurabilityKind durability : {DurabilityKind::fsync, DurabilityKind::fixed}) {
    for (const FaultKind kind : {FaultKind::disk_fail_sync, FaultKind::disk_full}) {
      Cell cell("2pc", durability);
      cell.arm(kFirst, cell.order(kind, "prepare-received"));
      cell.transfer(1);
      const std::optional<int> end = cell.nodes.wait_end(kFirst);
      REQUIRE(end.has_value());
      REQUIRE(WIFEXITED(*end));
      CHECK(WEXITSTATUS(*end) == kLogFailedStatus);
      const std::string last = cell.nodes.last_line(kFirst);
      CHECK(last.find("the log cannot be written") != std::string::npos);
      CHECK(last.find(kind == FaultKind::disk_full ? "No space left on device" : "Input/output error") !=
            std::string::npos);
      REQUIRE(cell.client.run_until([&] { return cell.client.replies.contains(1); }));
      CHECK(cell.client.replies.at(1).outcome == Outcome::abort);
      CHECK(cell.client.replies.at(1).reason == Reason::vote_timeout);
      cell.nodes.start(kFirst);
      REQUIRE(cell.nodes.wait_quiet());
      CHECK(cell.first_balance() == 100 * 1000);
    }
  }
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("the wall clock of an agent jumps by an hour, the coordinator's back by one: nothing else happens") {
  Cell cell("2pc");
  FaultOrder ahead = cell.order(FaultKind::clock_step, "vote-forced");
  ahead.extra = 1h;
  cell.arm(kFirst, ahead);
  FaultOrder back = cell.order(FaultKind::clock_step, "votes-collected");
  back.extra = -1h;
  cell.arm(kCoordinator, back);
  for (std::uint64_t n = 1; n <= 20; ++n) {
    cell.transfer(n);
    REQUIRE(cell.client.run_until([&] { return cell.client.replies.contains(n); }));
    CHECK(cell.client.replies.at(n).outcome == Outcome::commit);
  }
  // The lines of the log are stamped with what the process takes for the time of day.
  const auto minute_of = [&](NodeId node) {
    const std::string line = cell.nodes.last_line(node);
    return std::stoi(line.substr(11, 2)) * 60 + std::stoi(line.substr(14, 2));
  };
  const auto apart = [&] { return (minute_of(kFirst) - minute_of(kCoordinator) + 24 * 60) % (24 * 60); };
  CHECK(apart() >= 119);
  CHECK(apart() <= 121);
  REQUIRE(cell.nodes.wait_quiet());
  for (const Result<NodeReport>& report : cell.nodes.control.report(cell.nodes.daemons(), 5s)) {
    REQUIRE(report.ok());
    for (const auto& [name, family] : report.value().live.histograms()) {
      for (const auto& [labels, histogram] : family) {
        INFO(name);
        CHECK(histogram.max() < 60s);
      }
    }
  }
  // It heals: the next line of the log has the right hour again.
  REQUIRE(cell.nodes.control.end_fault({kFirst}, 0, 5s).front().ok());
  FaultOrder mark = cell.order(FaultKind::drop, "");
  mark.probability = 0.0;
  cell.arm(kFirst, mark);
  CHECK(apart() >= 59);
  CHECK(apart() <= 65);
}
#endif

TEST_CASE(
    "an order that makes no sense is refused with a reason; one from the configuration is armed before recovery") {
  Cell cell("2pc");
  const auto refusal = [&](const FaultOrder& order) {
    const Result<void> armed = cell.nodes.control.arm(kFirst, order, 5s);
    REQUIRE_FALSE(armed.ok());
    return armed.error().message;
  };
  CHECK(refusal(cell.order(FaultKind::crash, "votes-colected")).find("votes-colected") != std::string::npos);
  CHECK(refusal(cell.order(FaultKind::cut, "")).find("protocol point") != std::string::npos);
  FaultOrder drop = cell.order(FaultKind::drop, "");
  drop.to = {NodeId{77}};
  CHECK(refusal(drop).find("77") != std::string::npos);

  // A second crash, during recovery: in doubt, killed, and killed again at recovered-in-doubt.
  cell.arm(kFirst, cell.order(FaultKind::crash, "vote-forced"));
  cell.transfer(1);
  REQUIRE(cell.nodes.wait_end(kFirst).has_value());
  cell.nodes.start(kFirst, {cell.order(FaultKind::crash, "recovered-in-doubt")});
  const std::optional<int> again = cell.nodes.wait_end(kFirst);
  REQUIRE(again.has_value());
  INFO(cell.nodes.last_line(kFirst));
  CHECK(WIFSIGNALED(*again));
  cell.nodes.start(kFirst);
  REQUIRE(cell.nodes.wait_quiet());
  CHECK(cell.first_balance() == 100 * 1000);
}

}  // namespace
}  // namespace geocommit
