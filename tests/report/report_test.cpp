// The plan and the comparison: what they say, and that they fit the terminal.
#include "report/report.h"

#include <catch2/catch.hpp>
#include <sstream>

#include "experiment/protocol_list.h"
#include "os/console.h"
#include "report/validity.h"

namespace geocommit {
namespace {

Topology three_regions() {
  const std::string text =
      "name: t\nsource: {statistic: p50, date: 2025-01, text: test}\nregions: [us, eu, ap]\n"
      "rtt:\n  us: {eu: 70, ap: 150}\n  eu: {us: 70, ap: 202}\n  ap: {us: 150, eu: 202}\n";
  auto topology = parse_topology(text, "t.yaml");
  INFO((topology ? "" : topology.error().message));
  REQUIRE(topology);
  return *topology;
}

Plan make(const std::string& more) {
  auto experiment = parse_experiment("name: e\ntopology: t\nprotocols: [2pc, 3pc, home-region]\n" + more, "e.yaml");
  INFO((experiment ? "" : experiment.error().message));
  REQUIRE(experiment);
  auto plan = make_plan(*experiment, {three_regions()}, Duration{1300us});
  INFO((plan ? "" : plan.error().message));
  REQUIRE(plan);
  return *plan;
}

CellResult result(const Plan& plan, std::size_t cell) {
  CellResult out;
  out.cell = plan.cells.at(cell);
  out.drained = true;
  out.summary.protocol = out.cell.protocol->name;
  out.summary.verdict.judgement = Judgement::pass;
  out.summary.transactions.offered = 110;
  out.summary.transactions.committed = 100;
  out.summary.transactions.aborted["lock_conflict"] = 10;
  out.summary.load.committed_per_s = 50;
  out.summary.costs_per_commit = CostSummary{12, 8, 900, 700, 7, 3, 0, 2};
  out.summary.prediction.commit_latency = Predicted{150ms, 151ms, 152ms, 151ms};
  for (int i = 0; i < 100; ++i) {
    out.histograms["commit_latency"].record(Duration{150ms} + i * Duration{1ms});
    out.histograms["lock_hold"].record(Duration{151ms});
    out.histograms["lock_hold_all"].record(Duration{151ms});
  }
  return out;
}

}  // namespace

TEST_CASE("a swept topology gives each point its own, and the cells of one WAN come together") {
  const std::string head = "name: e\ntopology: aws-3\nprotocols: [2pc, 3pc]\n";
  const auto read =
      parse_experiment(head + "sweep: {workload.rate: [50/s, 100/s], topology: [aws-3, aws-5]}\n", "x.yaml");
  REQUIRE(read);
  const auto topologies = load_topologies(*read);
  REQUIRE(topologies);
  REQUIRE(topologies->size() == 2);
  const auto plan = make_plan(*read, *topologies, Duration{1ms});
  REQUIRE(plan);
  REQUIRE(plan->wans.size() == 2);
  CHECK(topology_names(*plan) == "aws-3, aws-5");
  CHECK(plan->wans[0].topology.regions().size() == 3);
  CHECK(plan->wans[1].topology.regions().size() == 5);
  CHECK(plan->topology(plan->cells.front()).name() == "aws-3");
  CHECK(plan->topology(plan->cells.back()).name() == "aws-5");
  CHECK(plan->timeouts[0].protocol.vote < plan->timeouts[1].protocol.vote);
  std::size_t changes = 0;
  for (std::size_t i = 1; i < plan->cells.size(); ++i) {
    changes += plan->wan_of[plan->cells[i].point] != plan->wan_of[plan->cells[i - 1].point] ? 1U : 0U;
  }
  CHECK(changes == 1);
  const auto missing = parse_experiment(head + "sweep: {topology: [aws-3, aws-33]}\n", "x.yaml");
  REQUIRE(missing);
  const auto none = load_topologies(*missing);
  REQUIRE_FALSE(none.ok());
  CHECK(none.error().message.find("x.yaml:") == 0);
}

TEST_CASE("a plan has a cell per protocol, point and repetition, and timeouts by the formula") {
  const Plan plan = make(
      "repetitions: 2\nsweep: {workload.rate: [50/s, 100/s]}\ndurability: fsync\n"
      "workload: {origins: [us]}\n");
  REQUIRE(plan.cells.size() == 12);
  CHECK(plan.cells[0].id == "2pc-p1-r1");
  CHECK(plan.cells[11].id == "home-region-p2-r2");
  CHECK(plan.wans.front().nodes.size() == 7);  // three agents, three coordinators, one client
  // 4 x 202 ms + 20 x 2 ms (1.3 ms in whole milliseconds) + 200 ms
  CHECK(plan.timeouts[0].protocol.vote == Duration{1048ms});
  CHECK(plan.forced_write(plan.cells[0]) == Duration{1300us});
  const std::string text = describe(plan);
  CHECK(text.find("vote 1048ms") != std::string::npos);
  CHECK(text.find("  us: agent coordinator client\n") != std::string::npos);
  CHECK(text.find("  eu: agent coordinator\n") != std::string::npos);
}

TEST_CASE("with faults there is a table of before, during and after; what the fault model predicts has a star") {
  const Plan plan = make("");
  std::vector<CellResult> cells{result(plan, 0), result(plan, 1), result(plan, 2)};
  cells[0].summary.blocking.all.count = 12;
  cells[0].summary.blocking.all.max = 9900ms;
  cells[0].summary.blocking.censored = cells[0].summary.blocking.in_doubt_at_end = 1;
  cells[0].summary.lock_hold_all = {100, 160ms, 151ms, 151ms, 151ms, 151ms, 10900ms};
  Verdict& verdict = cells[1].summary.verdict;
  verdict.judgement = Judgement::violation;
  verdict.expected = true;
  verdict.counts[static_cast<std::size_t>(ViolationClass::split_outcome)] = 4;
  verdict.counts[static_cast<std::size_t>(ViolationClass::money_not_conserved)] = 8;
  for (std::uint32_t i = 1; i <= 5; ++i) {
    verdict.examples.push_back({ViolationClass::split_outcome, {NodeId{1001}, Epoch{1}, i}, "both"});
  }
  for (std::size_t i = 0; i < 2; ++i) {
    FaultPhases phases;
    phases.during.by_region["us"].offered = 10;
    phases.during.by_region["us"].availability = 0.25;
    phases.during.by_region["idle"] = {};
    phases.during.commits = {10, 160ms, 160ms, 160ms, 160ms, 160ms, 160ms};
    phases.during.unknown = i == 0 ? 1 : 0;
    if (i == 0) phases.normal_after = 1500ms;
    cells[i].phases = phases;
  }
  for (CellResult& cell : cells) cell.faults.emplace_back();
  cells[2].summary.write_gap["transfer"].max = 150ms;  // Done at once: no phases.
  cells[2].summary.write_gap["failover"].max = 900ms;
  cells[2].summary.verdict.rpo.acknowledged = 1;
  const std::string text = comparison(plan, cells, false);
  INFO(text);
  const auto has = [&](const char* what) { return text.find(what) != std::string::npos; };
  CHECK(has("Before, during and after the faults"));
  CHECK(has(">160/160   "));    // during the faults some were never told
  CHECK(has("151/>10900   "));  // aborted ones too: as long as somebody was blocked, and longer
  CHECK(has("12, >9.90 s  "));  // One was still blocked at the end: a lower bound.
  CHECK(has(" 4 split *\n"));
  CHECK(has("2pc, back to normal: after 1.50 s\n"));
  CHECK_FALSE(has("3pc, back to normal"));
  CHECK(has("* expected:"));
  CHECK(has("available during: us 25.0 %"));
  CHECK_FALSE(has("idle"));
  CHECK(has("split_outcome of 1001.1.3: both"));
  CHECK_FALSE(has("1001.1.4"));
  CHECK(has("and more: "));
  CHECK(has("home-region, transfer: no writes for 150 ms\n"));  // Only a failover leaves any behind.
  CHECK(has("home-region, failover: open 900 ms after the order,\n     1 acknowledged write left behind\n"));
}

TEST_CASE("columns of the fault table stand below one another, however long a label is") {
  const Plan plan = make("");
  std::vector<CellResult> cells{result(plan, 0), result(plan, 1)};
  cells[1].cell.label = "three-phase-commit-as-in-the-paper";
  for (CellResult& cell : cells) {
    cell.faults.emplace_back();
    cell.phases = FaultPhases{};
    cell.summary.lock_hold_all = {1, 2ms, 2ms, 2ms, 2ms, 2ms, 2ms};
  }
  const std::string text = comparison(plan, cells, false);
  INFO(text);
  const auto column = [&](const std::string& line, const std::string& word) {
    const std::size_t begin = text.find("\n" + line) + 1;
    return text.find(word, begin) - begin;
  };
  CHECK(column("three-phase-commit-as-in-the-paper", "2.00/2.00") == column("2pc ", "2.00/2.00"));
  CHECK(column("three-phase-commit-as-in-the-paper", "none") == column("2pc ", "none"));
}

TEST_CASE("the comparison shows what was measured beside what was predicted, within 80 columns") {
  const Plan plan = make("");
  std::vector<CellResult> cells{result(plan, 0), result(plan, 1), result(plan, 2)};
  cells[1].summary.verdict.judgement = Judgement::violation;
  cells[1].summary.verdict.counts[0] = 1;
  cells[1].summary.verdict.examples.push_back(
      {ViolationClass::split_outcome, {}, "agent@us committed, agent@eu aborted"});
  cells[2].drained = false;
  cells[2].left.locks_held = 3;
  const std::string text = comparison(plan, cells, false);
  INFO(text);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    // Messages about what went wrong may be longer; the table and the guide may not.
    if (line.find("-r1: ") == std::string::npos) CHECK(line.size() <= 80);
  }
  CHECK(text.find("commit latency               199 / 248") != std::string::npos);
  CHECK(text.find("  predicted p50              151") != std::string::npos);
  CHECK(text.find("aborted                      9.09 %") != std::string::npos);
  CHECK(text.find("messages per commit          12        ") != std::string::npos);
  CHECK(text.find("VIOLATION") != std::string::npos);
  CHECK(text.find("VIOLATION *") == std::string::npos);
  cells[1].summary.verdict.expected = true;
  CHECK(comparison(plan, cells, false).find("VIOLATION *") != std::string::npos);
  CHECK(text.find("commits measured             ") != std::string::npos);
  CHECK(text.find("3pc-r1: split_outcome: agent@us committed, agent@eu aborted") != std::string::npos);
  CHECK(text.find("home-region-r1: not drained at the end: 0 transactions open, 0 in doubt, 3 locks held") !=
        std::string::npos);
  CHECK(text.find("\033[") == std::string::npos);
  CHECK(comparison(plan, cells, true).find("\033[31m") != std::string::npos);
}

TEST_CASE("the comparison marks what is a lower bound, what was lost, and what was more than a protocol did") {
  const Plan plan = make("");
  std::vector<CellResult> cells{result(plan, 0), result(plan, 1)};
  for (CellResult& cell : cells) cell.histograms["client_latency"].record(160ms, 100);
  const std::string clean = comparison(plan, cells, false);
  INFO(clean);
  for (const char* mark : {"offered / done", "aborted too", ">160", "~12"}) {
    CHECK(clean.substr(0, clean.find("How to read it")).find(mark) == std::string::npos);
  }

  CellSummary& s = cells[0].summary;
  s.load = {30, 6.6, 6, true};
  s.transactions.unknown = 3;
  s.costs_incomplete = true;
  s.blocking.censored = s.blocking.in_doubt_at_end = 1;
  s.blocking.all = {2, 2s, 1s, 2700ms, 2700ms, 2700ms, 2700ms};
  s.blocking.lower_bound_max = 2700ms;
  s.blocking.open.push_back({RegionId{0}, 3700ms, 2700ms, {}, {}, {}, false});
  s.lock_hold_all = {101, 160ms, 151ms, 151ms, 151ms, 151ms, 3700ms};
  cells[0].histograms["lock_hold_all"].record(3700ms);
  cells[0].invalid_reasons = against_load(s);
  const std::string text = comparison(plan, cells, false);
  INFO(text);
  const auto has = [&](const char* what) { return text.find(what) != std::string::npos; };
  CHECK(has("client latency               >160 / >160      160 / 160"));
  CHECK(has("lock hold, commits           151 / 151        151 / 151"));
  CHECK(has("  aborted too                >151 / >151      151 / 151"));
  CHECK(has("  longest                    >3700            "));
  CHECK(has("  longest                    >2700            -"));
  CHECK(has("  offered / done             30.0 / 6.60      0.00 / 0.00"));
  CHECK(has("messages per commit          ~12              12"));
  CHECK(has("latencies valid              no: overloaded   yes"));
  CHECK(has("2pc-r1: not valid: overloaded: offered 30.0/s, done 6.60/s\n"));
}

TEST_CASE("latencies are not valid with a late router, full queues, a late client, or more load than was done") {
  RouterStats router;
  router.has_lateness = true;
  router.lateness_p50_us = 900;
  router.lateness_p99_us = 1000;
  router.lateness_max_us = 90'000;
  CHECK(against_emulation(router).empty());
  router.lateness_p50_us = 10;
  router.lateness_p99_us = 1100;  // one in a hundred is enough
  REQUIRE(against_emulation(router).size() == 1);
  CHECK(against_emulation(router)[0].find("the router delivered late: p99 1.10 ms") == 0);
  router.queue_full = 7;
  REQUIRE(against_emulation(router).size() == 2);
  CHECK(against_emulation(router)[1].find("7 packets were dropped because a queue") == 0);
  router.has_lateness = false;  // netem
  CHECK(against_emulation(router).size() == 1);

  CellSummary cell;
  cell.client_latency.p50 = 2ms;
  cell.client_latency.p99 = 200ms;
  cell.send_lateness.p50 = 1ms;
  cell.send_lateness.p99 = 10ms;  // 5 % of what it is in
  CHECK(against_load(cell).empty());
  cell.send_lateness.p99 = 11ms;
  REQUIRE(against_load(cell).size() == 1);
  CHECK(against_load(cell)[0].find("the load generator sent late: p99 11.0 ms after the intended start") == 0);
  cell.send_lateness.p50 = 1100us;
  REQUIRE(against_load(cell).size() == 1);
  CHECK(against_load(cell)[0].find("the load generator sent late: p50 1.10 ms after the intended start") == 0);
  cell.send_lateness = {};
  cell.client_latency.p99 = 2ms;
  cell.send_lateness.p99 = 900us;
  CHECK(against_load(cell).empty());
  cell.load = {30, 6.6, 6, true};
  REQUIRE(against_load(cell).size() == 1);
  CHECK(against_load(cell)[0] == "overloaded: offered 30.0/s, done 6.60/s");
}

TEST_CASE("repetitions are merged, not averaged") {
  const Plan plan = make("repetitions: 2\n");
  std::vector<CellResult> cells{result(plan, 0), result(plan, 3)};
  REQUIRE(cells[1].cell.protocol == cells[0].cell.protocol);
  cells[1].histograms["commit_latency"] = Histogram{};
  cells[1].histograms["commit_latency"].record(1ms, 900);  // nine tenths of all are fast
  const std::string text = comparison(plan, cells, false);
  INFO(text);
  CHECK(text.find("commit latency               1.00 / ") != std::string::npos);
}

TEST_CASE("the exit status is the worst verdict's: a violation before unknown, and what is expected only by leave") {
  const Plan plan = make("");
  const std::vector<CellResult> pass{result(plan, 0), result(plan, 1)};
  CHECK(exit_status(pass, {}, false) == 0);
  auto unknown = pass;
  unknown[0].summary.verdict.judgement = Judgement::unknown;
  CHECK(exit_status(unknown, {}, false) == 3);
  auto violation = unknown;
  violation[1].summary.verdict.judgement = Judgement::violation;
  CHECK(exit_status(violation, {}, false) == 2);
  CHECK(exit_status(violation, {}, true) == 2);
  auto expected = violation;
  expected[1].summary.verdict.expected = true;
  CHECK(exit_status(expected, {}, false) == 2);
  CHECK(exit_status(expected, {}, true) == 3);
  expected[0].summary.verdict.judgement = Judgement::pass;
  CHECK(exit_status(expected, {}, true) == 0);
}

TEST_CASE("the list of protocols gives costs in N") {
  const auto list = print_protocols("");
  REQUIRE(list);
  INFO(*list);
  CHECK(list->find("4N messages, 2N+1 forced writes, 2 delays") != std::string::npos);
  CHECK(list->find("6N messages, 3N+2 forced writes, 4 delays") != std::string::npos);
  CHECK(list->find("N²+3N messages, 2N+2 forced writes, 2 delays") != std::string::npos);
  const auto one = print_protocols("3pc");
  REQUIRE(one);
  CHECK(one->find("never splits under  crashes\n") != std::string::npos);
  const auto wrong = print_protocols("3cp");
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().message == "unknown protocol \"3cp\", did you mean \"3pc\"?");
}

TEST_CASE("figures have three significant digits") {
  CHECK(figure(0.3412) == "0.34");
  CHECK(figure(12.34) == "12.3");
  CHECK(figure(203.4) == "203");
  CHECK(left("ab", 4) == "ab  ");
  CHECK(right("ab", 4) == "  ab");
}

}  // namespace geocommit
