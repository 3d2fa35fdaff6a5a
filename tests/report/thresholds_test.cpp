// What a cell has to keep: each figure at its bound, what cannot be shown, and how it is told: exit status, table,
// JUnit.
#include "report/thresholds.h"

#include <catch2/catch.hpp>
#include <map>

#include "os/exit_status.h"
#include "report/junit.h"
#include "report/report.h"

namespace geocommit {
namespace {

Plan plan_of(const std::string& thresholds) {
  const auto topology = parse_topology(
      "name: t\nsource: {statistic: p50, date: 2025-01, text: test}\nregions: [us, eu]\nrtt: {us: {eu: 70}}\n",
      "t.yaml");
  REQUIRE(topology);
  const auto experiment =
      parse_experiment("name: e\ntopology: t\nprotocols: [2pc, 3pc]\nthresholds: " + thresholds + "\n", "e.yaml");
  INFO((experiment ? "" : experiment.error().message));
  REQUIRE(experiment);
  const auto plan = make_plan(*experiment, {*topology}, Duration{1ms});
  REQUIRE(plan);
  return *plan;
}

LatencySummary latencies(Duration base) { return {1000, base, base, base + 1ms, base + 2ms, base + 3ms, base + 4ms}; }

CellResult cell_of(const Plan& plan, std::size_t index = 0) {
  CellResult out;
  out.cell = plan.cells.at(index);
  CellSummary& s = out.summary;
  s.verdict.judgement = Judgement::pass;
  s.transactions.offered = 1000;
  s.transactions.committed = 900;
  s.transactions.aborted["lock_conflict"] = 100;
  s.client_latency = latencies(100ms);
  s.commit_latency = latencies(200ms);
  s.lock_hold = latencies(300ms);
  s.lock_hold_all = latencies(400ms);
  s.staleness = latencies(500ms);
  s.load.committed_per_s = 60;
  s.availability = 0.75;
  s.costs_per_commit = CostSummary{12, 8, 900, 700, 7, 3, 0, 2};
  return out;
}

/// Whether a cell keeps one threshold; and why not.
std::string why_not(const std::string& figure, const std::string& bound,
                    const std::function<void(CellResult&)>& change = {}) {
  const Plan plan = plan_of("{all: {" + figure + ": \"" + bound + "\"}}");
  CellResult cell = cell_of(plan);
  if (change) change(cell);
  const auto results = judge_thresholds(plan.experiment.thresholds, cell);
  REQUIRE(results.size() == 1);
  CHECK(to_text(results[0].threshold) == figure + " " + bound);
  CHECK(results[0].kept == results[0].why.empty());
  return results[0].why;
}

void holds_exactly(const std::string& figure, const std::string& value) {
  INFO(figure);
  CHECK(why_not(figure, "== " + value).empty());
  CHECK(why_not(figure, "<= " + value).empty());
  CHECK(why_not(figure, ">= " + value).empty());
  CHECK_FALSE(why_not(figure, "< " + value).empty());
  CHECK_FALSE(why_not(figure, "> " + value).empty());
}

}  // namespace

TEST_CASE("thresholds: each figure is the cell's own, and each relation is held at its bound") {
  const std::map<std::string, std::string> values{{"client_p50_ms", "100"},
                                                  {"client_p99_ms", "102"},
                                                  {"client_p999_ms", "103"},
                                                  {"commit_p50_ms", "200"},
                                                  {"commit_p99_ms", "202"},
                                                  {"lock_hold_p50_ms", "300"},
                                                  {"lock_hold_p99_ms", "302"},
                                                  {"longest_lock_hold_ms", "404"},
                                                  {"commits_per_s", "60"},
                                                  {"availability", "0.75"},
                                                  {"aborted_share", "0.1"},
                                                  {"unknown", "0"},
                                                  {"blocked", "0"},
                                                  {"longest_blocked_ms", "0"},
                                                  {"violations", "0"},
                                                  {"lost", "0"},
                                                  {"messages_per_commit", "12"},
                                                  {"forced_writes_per_commit", "7"},
                                                  {"staleness_p99_ms", "502"}};
  CHECK(values.size() == kThresholdFigures.size());
  for (const auto& [figure, value] : values) holds_exactly(figure, value);
  const auto counts = [](CellResult& cell) {
    cell.summary.transactions.unknown = 3;
    cell.summary.blocking.ended.count = 4;
    cell.summary.blocking.censored = 1;
    cell.summary.blocking.all.max = 70ms;
    cell.summary.verdict.counts[0] = 5;
    cell.summary.verdict.counts[1] = 6;
    cell.summary.verdict.rpo.acknowledged = 9;
  };
  CHECK(why_not("unknown", "== 3", counts).empty());
  CHECK(why_not("blocked", "> 4", counts).empty());
  CHECK(why_not("violations", "< 11", counts) == "is 11");
  CHECK(why_not("lost", "== 0", counts) == "is 9");
  CHECK(why_not("longest_blocked_ms", ">= 70", counts).empty());
}

TEST_CASE("thresholds: what is compared is what is shown, to the microsecond") {
  const auto just_over = [](CellResult& cell) { cell.summary.client_latency.p99 = 400ms + 400us; };
  CHECK(why_not("client_p99_ms", "<= 400", just_over) == "is 400.4");
  const auto hardly_over = [](CellResult& cell) { cell.summary.client_latency.p99 = 400ms + 400ns; };
  CHECK(why_not("client_p99_ms", "<= 400", hardly_over).empty());
  CHECK(why_not("availability", ">= 0.9999", [](CellResult& cell) { cell.summary.availability = 0.99985; }) ==
        "is 0.99985");
}

TEST_CASE("thresholds: what cannot be shown is not kept") {
  const auto unknown = [](CellResult& cell) { cell.summary.transactions.unknown = 1; };
  CHECK(why_not("client_p99_ms", "< 400", unknown) == "is at least 102, and may be more");
  CHECK(why_not("client_p99_ms", "== 102", unknown) == "is at least 102, and may be more");
  CHECK(why_not("client_p99_ms", "< 50", unknown) == "is at least 102");
  CHECK(why_not("client_p99_ms", ">= 100", unknown).empty());
  CHECK(why_not("commit_p99_ms", "< 400", unknown).empty());  // The coordinators' own.
  CHECK(why_not("aborted_share", "< 0.5", unknown) == "is at least 0.1, and may be more");
  const auto open = [](CellResult& cell) {
    cell.summary.blocking.censored = cell.summary.blocking.in_doubt_at_end = 1;
    cell.summary.blocking.all.max = 70ms;
  };
  CHECK(why_not("longest_blocked_ms", "< 100", open) == "is at least 70, and may be more");
  CHECK(why_not("longest_lock_hold_ms", "< 1000", open) == "is at least 404, and may be more");
  const auto died = [](CellResult& cell) { cell.summary.costs_incomplete = true; };
  for (const char* bound : {"<= 12", "== 12", ">= 1"}) {
    CHECK(why_not("messages_per_commit", bound, died) ==
          "is 12, more or less: a process died with what it had counted");
  }
  const auto nothing = [](CellResult& cell) {
    cell.summary.client_latency = cell.summary.staleness = {};
    cell.summary.costs_per_commit.reset();
    cell.summary.availability.reset();
    cell.summary.transactions.offered = 0;
  };
  for (const char* figure :
       {"client_p50_ms", "staleness_p99_ms", "messages_per_commit", "availability", "aborted_share"}) {
    CHECK(why_not(figure, "< 1000", nothing) == "nothing was recorded");
  }
  const auto few = [](CellResult& cell) { cell.summary.client_latency.count = 999; };
  CHECK(why_not("client_p999_ms", "< 1000", few) == "there were fewer than 1000 commits");
  CHECK(why_not("client_p99_ms", "< 1000", few).empty());
  const auto invalid = [](CellResult& cell) { cell.invalid_reasons = {"the router was late"}; };
  CHECK(why_not("client_p99_ms", "< 1000", invalid) == "is 102, which is not valid: the router was late");
  CHECK(why_not("blocked", "== 0", invalid).empty());
  const auto no_evidence = [](CellResult& cell) { cell.summary.verdict.judgement = Judgement::unknown; };
  CHECK(why_not("violations", "== 0", no_evidence) == "is at least 0, and may be more");
  CHECK(why_not("lost", "== 0", no_evidence) == "is at least 0, and may be more");
  const auto some_evidence = [](CellResult& cell) {
    cell.summary.verdict.judgement = Judgement::violation;
    cell.summary.verdict.counts[0] = 1;
    cell.summary.verdict.unknown_reasons = {"no log of agent@us"};
  };
  CHECK(why_not("violations", "<= 1", some_evidence) == "is at least 1, and may be more");
  CHECK(why_not("lost", "== 0", some_evidence) == "is at least 0, and may be more");
  CHECK(why_not("blocked", "== 0", [](CellResult& cell) { cell.failure = "agent@us died"; }) ==
        "the cell failed: agent@us died");
  CHECK(why_not("blocked", "== 0", [](CellResult& cell) { cell.interrupted = true; }) == "the cell was interrupted");
}

TEST_CASE("thresholds: of one protocol, or of all; the table, the sentences and the exit status say which are broken") {
  const Plan plan = plan_of("{2pc: {client_p99_ms: \"< 100\", blocked: \"== 0\"}, all: {violations: \"== 0\"}}");
  const std::vector<Threshold>& thresholds = plan.experiment.thresholds;
  std::vector<CellResult> cells{cell_of(plan, 0), cell_of(plan, 1)};
  CHECK(judge_thresholds(thresholds, cells[0]).size() == 3);
  CHECK(judge_thresholds(thresholds, cells[1]).size() == 1);
  CHECK_FALSE(all_kept(thresholds, cells));
  CHECK(exit_status(cells, thresholds, false) == kThreshold);
  const std::string text = comparison(plan, cells, false);
  INFO(text);
  CHECK(text.find("thresholds                   1 of 3 BROKEN    1 kept\n") != std::string::npos);
  CHECK(text.find("2pc-r1: threshold client_p99_ms < 100: is 102\n") != std::string::npos);
  cells[1].summary.verdict.judgement = Judgement::unknown;
  CHECK(exit_status(cells, thresholds, false) == kUnknown);
  cells[1].summary.verdict.judgement = Judgement::violation;
  CHECK(exit_status(cells, thresholds, false) == kViolation);
  cells = {cell_of(plan, 1)};
  CHECK(all_kept(thresholds, cells));
  CHECK(exit_status(cells, thresholds, false) == kPass);
  CHECK(comparison(plan_of("{}"), cells, false).find("thresholds") == std::string::npos);
}

TEST_CASE("junit: a test of each verdict and threshold; what has not been run is skipped") {
  const Plan plan = plan_of("{all: {client_p99_ms: \"< 100\", blocked: \"== 0\"}}");
  CHECK(to_junit(plan, {}, {}, false) ==
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
        "  <testsuite name=\"e\" tests=\"2\" failures=\"0\" errors=\"0\" skipped=\"2\">\n"
        "    <testcase classname=\"e.2pc-r1\" name=\"verdict\" time=\"0.000\">\n"
        "      <skipped message=\"it has not been run\"/>\n    </testcase>\n"
        "    <testcase classname=\"e.3pc-r1\" name=\"verdict\" time=\"0.000\">\n"
        "      <skipped message=\"it has not been run\"/>\n    </testcase>\n  </testsuite>\n</testsuites>\n");
  std::vector<CellResult> cells{cell_of(plan, 0), cell_of(plan, 1)};
  cells[0].started = 1s;
  cells[0].loaded = 20s;
  cells[0].drain = 300ms;
  Verdict& verdict = cells[1].summary.verdict;
  verdict.judgement = Judgement::violation;
  verdict.expected = true;
  verdict.examples = {{ViolationClass::split_outcome, {NodeId{1001}, Epoch{1}, 1}, "a < b & \"c\"\n\x01"}};
  const std::string text = to_junit(plan, cells, {}, false);
  INFO(text);
  CHECK(text.find("tests=\"6\" failures=\"3\" errors=\"0\" skipped=\"0\"") != std::string::npos);
  CHECK(text.find("classname=\"e.2pc-r1\" name=\"verdict\" time=\"21.300\"/>") != std::string::npos);
  CHECK(text.find("name=\"client_p99_ms &lt; 100\" time=\"0.000\">\n      <failure message=\"is 102\"/>") !=
        std::string::npos);
  CHECK(text.find("name=\"blocked == 0\" time=\"0.000\"/>") != std::string::npos);
  CHECK(text.find("<failure message=\"split_outcome: a &lt; b &amp; &quot;c&quot;&#10; \"/>") != std::string::npos);
  CHECK(to_junit(plan, cells, {}, true).find("failures=\"2\" errors=\"0\"") != std::string::npos);
  verdict.judgement = Judgement::unknown;
  verdict.unknown_reasons = {"no log of agent@us"};
  cells[0].failure = "agent@eu died";
  const std::string errors = to_junit(plan, cells, {}, true);
  INFO(errors);
  CHECK(errors.find("errors=\"2\"") != std::string::npos);
  CHECK(errors.find("<error message=\"the verdict is unknown: no log of agent@us\"/>") != std::string::npos);
  CHECK(errors.find("<error message=\"agent@eu died\"/>") != std::string::npos);
  const std::string stopped = to_junit(plan, {}, {"2pc-r1: no port is free \xff"}, true);
  INFO(stopped);
  CHECK(stopped.find("tests=\"3\" failures=\"0\" errors=\"1\" skipped=\"2\"") != std::string::npos);
  CHECK(stopped.find("<error message=\"2pc-r1: no port is free ") != std::string::npos);
  CHECK(stopped.find('\xff') == std::string::npos);
}

TEST_CASE("thresholds: a file is read strictly, and written back as what it says") {
  const auto refusal = [](const std::string& thresholds) {
    const auto read = parse_experiment(
        "name: e\ntopology: t\nprotocols: [2pc, {2pc: {read_only: false, label: full}}]\nthresholds: " + thresholds +
            "\n",
        "e.yaml");
    REQUIRE_FALSE(read.ok());
    return read.error().message;
  };
  CHECK(refusal("{2cp: {blocked: \"== 0\"}}") ==
        "e.yaml:4:14: thresholds.2cp: expected all, a protocol, or a label of this experiment, did you mean \"2pc\"?");
  CHECK(refusal("{all: {blokked: \"== 0\"}}").find("thresholds.all.blokked: unknown key, did you mean \"blocked\"?") !=
        std::string::npos);
  for (const char* wrong :
       {"\"\"", "\"<\"", "400", "\"= 4\"", "\"< 4ms\"", "\"< 4 \"", "\"< nan\"", "\"< inf\"", "[1]", "\"<> 4\""}) {
    const std::string message = refusal("{all: {blocked: " + std::string(wrong) + "}}");
    INFO(message);
    CHECK(message.find("e.yaml:4:29: thresholds.all.blocked: expected <, <=, ==, >= or > and a number, in quotes") ==
          0);
  }
  CHECK(refusal("[]").find("expected a map such as") != std::string::npos);
  CHECK(refusal("{all: 3}").find("thresholds.all: expected a map such as {client_p99_ms:") != std::string::npos);
  // Of a protocol that is left out this time, and of none where those cannot be read.
  CHECK(
      parse_experiment("name: e\ntopology: t\nprotocols: [2pc]\nthresholds: {3pc: {blocked: == 0}}\n", "e.yaml").ok());
  const auto typo =
      parse_experiment("name: e\ntopology: t\nprotocols: [3cp]\nthresholds: {mine: {blocked: == 0}}\n", "e.yaml");
  REQUIRE_FALSE(typo.ok());
  CHECK(typo.error().message.find("thresholds") == std::string::npos);
  const auto read = parse_experiment(
      "name: e\ntopology: t\nprotocols: [2pc, {2pc: {read_only: false, label: full}}]\n"
      "thresholds:\n  full: {lost: '<=2.5', client_p50_ms: \"> -1e5\", client_p99_ms: \"< 1e-7\"}\n  all:\n    "
      "blocked: == 0\n",
      "e.yaml");
  INFO((read ? "" : read.error().message));
  REQUIRE(read);
  CHECK(
      to_yaml(read->thresholds) ==
      "{\"full\": {client_p50_ms: \"> -100000\", client_p99_ms: \"< 0.0000001\", lost: \"<= 2.5\"}, \"all\": {blocked: "
      "\"== 0\"}}");
  const auto again = parse_experiment(to_yaml(*read, EmulationKind::sim, {}), "again.yaml");
  INFO((again ? "" : again.error().message));
  REQUIRE(again);
  CHECK(to_yaml(again->thresholds) == to_yaml(read->thresholds));
}

}  // namespace geocommit
