// Comparisons of made-up runs with known answers.
#include "report/compare/compare.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <random>
#include <sstream>

#include "report/report_data.h"

namespace geocommit::compare {
namespace {

Json cell(const std::string& protocol, int repetition, double p50, const std::string& verdict = "pass") {
  return {{"cell", protocol + "-r" + std::to_string(repetition)},
          {"protocol", protocol},
          {"repetition", repetition},
          {"sweep", Json::object()},
          {"verdict", verdict},
          {"expected", false},
          {"transactions", {{"offered", 100}, {"committed", 90}, {"aborted", {{"lock_conflict", 10}}}}},
          {"commit_latency_ms", {{"count", 90}, {"p50", p50}, {"p99", p50 * 1.5}}},
          {"costs_per_commit", {{"messages", 12.0}, {"forced_writes", 7.0}}}};
}

Source run(const std::string& label, const std::vector<double>& p50s, const std::string& protocol = "2pc") {
  Source out{label, "", {{"name", "t"}, {"emulation", "tun"}, {"topology", "aws-3"}, {"seed", 1}}, {}, {}};
  out.summary["cells"] = Json::array();
  int repetition = 0;
  for (const double p50 : p50s) out.summary["cells"].push_back(cell(protocol, ++repetition, p50));
  return out;
}

const Row& row(const Subject& subject, const std::string& metric) {
  for (const Row& one : subject.rows) {
    if (one.metric == metric) return one;
  }
  FAIL("no row " << metric);
  return subject.rows.front();
}

/// Normal numbers from a fixed stream, the same on every platform (std::normal_distribution is not).
class Normal {
 public:
  explicit Normal(std::uint64_t seed) : random_(seed) {}
  double next() {
    const double u = (static_cast<double>(random_() >> 11U) + 0.5) / 9007199254740992.0;
    const double v = static_cast<double>(random_() >> 11U) / 9007199254740992.0;
    return std::sqrt(-2 * std::log(u)) * std::cos(6.283185307179586 * v);
  }
  std::vector<double> some(std::size_t n, double mean, double deviation) {
    std::vector<double> out;
    for (std::size_t i = 0; i < n; ++i) out.push_back(mean + deviation * next());
    return out;
  }

 private:
  std::mt19937_64 random_;
};

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += line + "\n";
  return out;
}

}  // namespace

TEST_CASE("bootstrap: the interval of a mean covers it in about 95 of 100 cases, also for three repetitions") {
  Normal normal(1);
  for (const std::size_t n : {3U, 5U, 12U}) {
    int covered = 0;
    constexpr int kTrials = 600;
    for (int trial = 0; trial < kTrials; ++trial) {
      const Estimate e = bootstrap_mean(normal.some(n, 10, 2), static_cast<std::uint64_t>(trial));
      covered += *e.low <= 10 && 10 <= *e.high ? 1 : 0;
    }
    INFO(n << " repetitions: " << covered << " of " << kTrials);
    CHECK(covered >= kTrials * 92 / 100);
    CHECK(covered <= kTrials * 985 / 1000);
  }
}

TEST_CASE("bootstrap: so does the interval of a difference, of unequal spreads and counts") {
  Normal normal(2);
  int covered = 0;
  constexpr int kTrials = 600;
  for (int trial = 0; trial < kTrials; ++trial) {
    const auto a = normal.some(5, 100, 1);
    const auto b = normal.some(8, 103, 4);
    const Estimate e = bootstrap_difference(a, b, static_cast<std::uint64_t>(trial));
    covered += *e.low <= 3 && 3 <= *e.high ? 1 : 0;
  }
  INFO(covered << " of " << kTrials);
  CHECK(covered >= kTrials * 92 / 100);
  CHECK(covered <= kTrials * 985 / 1000);
}

TEST_CASE("bootstrap: seeded, and silent about one value") {
  const std::vector<double> values{1, 2, 4, 8};
  CHECK(*bootstrap_mean(values, 7).low == *bootstrap_mean(values, 7).low);
  CHECK(bootstrap_mean({3}, 7).mean == 3);
  CHECK_FALSE(bootstrap_mean({3}, 7).known());
  CHECK_FALSE(bootstrap_difference({3}, values, 7).known());
}

TEST_CASE("a mean of what cannot be negative has no interval below zero") {
  CHECK(*bootstrap_mean({0, 0, 0, 0.6}, 7).low == 0);
  CHECK(*bootstrap_mean({-1, 0, 1, 2}, 7).low < 0);
}

TEST_CASE("what two runs were told differently is said") {
  std::istringstream yaml(
      "# a comment\nname: x\nemulation: sim   # chosen for auto\nworkload:\n  rate: 10/s\n  keys: uniform\n"
      "faults:\n  - {at: 1s, for: 2s, crash: a}\n  - {at: 3s}\nseed: 3\n");
  Source a = run("A", {150, 151});
  a.settings = read_settings(yaml);
  CHECK(a.settings == std::map<std::string, std::string>{{"name", "x"},
                                                         {"emulation", "sim"},
                                                         {"workload.rate", "10/s"},
                                                         {"workload.keys", "uniform"},
                                                         {"faults.0", "{at: 1s, for: 2s, crash: a}"},
                                                         {"faults.1", "{at: 3s}"},
                                                         {"seed", "3"}});
  Source b = run("B", {150, 151});
  b.settings = a.settings;
  CHECK(differences(a, b).empty());
  b.settings["workload.rate"] = "20/s";
  b.settings.erase("faults.1");
  a.commit = "abc";
  b.commit = "def";
  CHECK(joined(differences(a, b)) ==
        "The runs differ in faults.1: {at: 3s} and (none).\nThe runs differ in workload.rate: 10/s and 20/s.\n"
        "The runs differ in the commit of geocommit: abc and def.\n");
  b.settings.clear();
  b.commit.clear();
  CHECK(differences(a, b).empty());
}

TEST_CASE("effect sizes by hand") {
  // Means 2 and 4, both deviations 1, so d = 2; correction 1 - 3 / (4 * 6 - 9) = 0.8.
  CHECK(*hedges_g({1, 2, 3}, {3, 4, 5}) == Approx(1.6));
  CHECK_FALSE(hedges_g({1}, {2, 3}).has_value());
  CHECK_FALSE(hedges_g({1, 1}, {2, 2}).has_value());
  CHECK(share_larger({1, 2, 3}, {3, 4, 5}) == Approx(8.5 / 9));
  CHECK(share_larger({5}, {1, 2}) == 0);
}

TEST_CASE("what has no noise in it is judged with one repetition: simulations of one seed, and counts all alike") {
  const auto judged = [](const Source& a, const Source& b, const std::string& metric) {
    const auto result = compare({a, b}, 1);
    REQUIRE(result);
    return row(result->subjects.front(), metric).values[1]->judgement;
  };
  Source a = run("A", {150}), b = run("B", {180});
  const std::string latency = "commit latency p50", messages = "messages per commit";
  CHECK(judged(a, b, latency) == Judgement::untold);
  b.summary["cells"][0]["costs_per_commit"]["messages"] = 18;
  CHECK(judged(a, b, messages) == Judgement::differs);
  b.summary["cells"][0]["costs_per_commit"]["messages"] = 18.5;  // Not every commit had as many.
  CHECK(judged(a, b, messages) == Judgement::untold);
  a.summary["emulation"] = "sim";
  CHECK(judged(a, b, latency) == Judgement::untold);
  b.summary["emulation"] = "sim";
  CHECK(judged(a, b, latency) == Judgement::differs);
  b.summary["seed"] = 2;
  CHECK(judged(a, b, latency) == Judgement::untold);
}

TEST_CASE("a summary that no run wrote is an error, and one with one protocol is a table of one") {
  Source broken = run("A", {150});
  broken.summary["cells"][0]["costs_per_commit"] = 7;
  broken.summary["cells"][0]["commit_latency_ms"] = Json::array({1});
  broken.summary["cells"][0]["transactions"] = "many";
  const auto found = tabulate(broken, 1);
  REQUIRE_FALSE(found.ok());
  CHECK(found.error().message.starts_with("summary.json: not as a run writes it"));
  CHECK_FALSE(compare({broken, broken}, 1).ok());
  const auto alone = tabulate(run("A", {150, 152}), 1);
  REQUIRE(alone);
  REQUIRE(alone->subjects.size() == 1);
  CHECK(row(alone->subjects.front(), "commit latency p50").values.front()->mean.mean == Approx(151));
  CHECK(to_markdown(*alone).find("| commit latency p50, ms | 151 \\[") != std::string::npos);
  CHECK(to_latex(*alone).find("Means of 2 repetitions") != std::string::npos);
}

TEST_CASE("a clear difference, noise, and what one repetition cannot tell") {
  const auto of = [](const std::vector<double>& a, const std::vector<double>& b) {
    auto result = compare({run("A", a), run("B", b)}, 1);
    REQUIRE(result);
    REQUIRE(result->subjects.size() == 1);
    return result->subjects.front();
  };
  const Subject clear = of({150, 151, 152, 151, 150}, {180, 181, 182, 180, 181});
  CHECK(row(clear, "commit latency p50").values[1]->judgement == Judgement::differs);
  CHECK(joined(clear.findings).find("commit latency p50: B is 19.9 % above A (95 %: ") != std::string::npos);
  CHECK(row(clear, "messages per commit").values[1]->judgement == Judgement::same);
  CHECK(clear.findings.front().find("more than noise") != std::string::npos);

  const Subject noise = of({150, 155, 145, 152, 148}, {151, 154, 147, 153, 149});
  CHECK(row(noise, "commit latency p50").values[1]->judgement == Judgement::noise);
  CHECK(joined(noise.findings) ==
        "No difference beyond noise between A and B in: commit latency p50, commit latency p99.\n");

  const Subject once = of({150}, {180});
  CHECK(row(once, "commit latency p50").values[1]->judgement == Judgement::untold);
  CHECK(joined(once.findings).find("Cannot tell with one repetition: 2 figures of B") != std::string::npos);

  CHECK(of({150, 150}, {150, 150}).findings == std::vector<std::string>{"Every figure is the same."});
}

TEST_CASE("nothing is called a difference more often than one time in twenty when there is none") {
  Normal normal(3);
  int alarms = 0;
  constexpr int kTrials = 300;
  for (int trial = 0; trial < kTrials; ++trial) {
    auto result = compare({run("A", normal.some(5, 150, 3)), run("B", normal.some(5, 150, 3))}, 1);
    REQUIRE(result);
    alarms += row(result->subjects.front(), "commit latency p50").values[1]->judgement == Judgement::differs ? 1 : 0;
  }
  INFO(alarms << " of " << kTrials);
  CHECK(alarms <= kTrials * 8 / 100);
}

TEST_CASE("a regression is a figure that is worse beyond noise, by what worse means of it, or a worse verdict") {
  const auto found = [](Source before, Source after) {
    before.label = "before";
    after.label = "after";
    const auto compared = compare({before, after}, 1);
    INFO((compared ? "" : compared.error().message));
    REQUIRE(compared);
    return joined(regressions(*compared));
  };
  const Source before = run("before", {100, 101, 99, 100, 101});
  CHECK(found(before, before).empty());
  CHECK(found(before, run("after", {150, 151, 149, 150, 151})) ==
        "2pc, after: commit latency p50, ms 150.2 instead of 100.2\n"
        "2pc, after: commit latency p99, ms 225.3 instead of 150.3\n");
  CHECK(found(before, run("after", {50, 51, 49, 50, 51})).empty());      // Better.
  CHECK(found(before, run("after", {100, 102, 98, 101, 100})).empty());  // Noise.
  CHECK(found(run("before", {100}), run("after", {150})).empty());       // Nobody can tell.
  const auto with_rate = [](Source source, double rate) {
    double more = 0;
    for (auto& cell : source.summary["cells"]) cell["goodput_per_s"] = rate + ++more / 100;
    return source;
  };
  CHECK(
      found(with_rate(before, 50), with_rate(run("after", {100, 101, 99, 100, 101}), 40)).find("commits per second") !=
      std::string::npos);
  CHECK(found(with_rate(before, 50), with_rate(run("after", {100, 101, 99, 100, 101}), 60)).empty());
  // What is not there any more, or not whole; and what had not ended.
  const auto changed = [&](const std::function<void(Json&)>& change) {
    Source out = before;
    for (auto& cell : out.summary["cells"]) change(cell);
    return out;
  };
  const Source nothing = changed([](Json& cell) { cell.erase("commit_latency_ms"); });
  CHECK(found(before, nothing) ==
        "2pc, after: commit latency p50, ms: nothing was recorded instead of 100.2\n"
        "2pc, after: commit latency p99, ms: nothing was recorded instead of 150.3\n");
  CHECK(found(nothing, before).empty());
  const auto blocking = [&](int ended, int open) {
    return changed([&](Json& cell) {
      cell["blocking_ms"] = {{"count", ended}, {"censored", open}, {"max", ended + open == 0 ? 0 : 900}};
    });
  };
  CHECK(found(blocking(0, 0), blocking(0, 5)).find("blocked participants 5 instead of 0") != std::string::npos);
  CHECK(found(blocking(5, 0), blocking(0, 5)).empty());
  CHECK(found(blocking(5, 0), blocking(0, 0)).empty());
  Source two = before;
  two.summary["cells"].push_back(cell("3pc", 1, 200));
  CHECK(found(two, before) == "3pc: in before, and not in every other run\n");
  CHECK(found(before, two).empty());
  Source planned = before;
  planned.summary["cells_planned"] = 5U;
  CHECK(found(before, planned).empty());
  planned.summary["cells_planned"] = 6U;
  CHECK(found(before, planned) == "after: 5 of 6 cells were run\n");
  CHECK(found(before, changed([](Json& cell) { cell["interrupted"] = cell["repetition"] == 5; })) ==
        "after: 2pc-r5 was interrupted\n");
  CHECK(found(before, changed([](Json& cell) { cell["failure"] = cell["repetition"] == 1 ? Json("died") : Json(); })) ==
        "after: 2pc-r1 failed\n");
  const auto told = [&](Source after) {
    after.label = "after";
    return !nothing_told(*compare({before, after}, 1));
  };
  CHECK(told(before));
  CHECK(told(run("after", {150, 151, 149, 150, 151})));
  CHECK(nothing_told(*compare({run("before", {100}), run("after", {150})}, 1)));
  const auto with_verdict = [&](const std::string& verdict, bool expected) {
    Source out = before;
    out.summary["cells"][2]["verdict"] = verdict;
    out.summary["cells"][2]["expected"] = expected;
    return out;
  };
  CHECK(found(before, with_verdict("unknown", false)) == "2pc, after: verdict unknown instead of pass\n");
  CHECK(found(with_verdict("unknown", false), before).empty());
  CHECK(found(with_verdict("unknown", false), with_verdict("violation", true)) ==
        "2pc, after: verdict violation (expected) instead of unknown\n");
  CHECK(found(with_verdict("violation", true), with_verdict("violation", false)) ==
        "2pc, after: verdict violation instead of violation (expected)\n");
}

TEST_CASE("one run compares its protocols, several the same protocol; selectors choose; verdicts count") {
  Source one = run("A", {150, 151, 152});
  for (int r = 1; r <= 3; ++r) one.summary["cells"].push_back(cell("3pc", r, 300 + r, r == 2 ? "violation" : "pass"));
  const auto alone = compare({one}, 1);
  REQUIRE(alone);
  REQUIRE(alone->subjects.size() == 1);
  CHECK(alone->subjects.front().sides == std::vector<std::string>{"2pc", "3pc"});
  CHECK(joined(alone->subjects.front().findings).find("The verdicts differ: 2pc: pass; 3pc: violation.") !=
        std::string::npos);

  Source left = one;
  left.label = "A:2pc";
  left.selector = "2pc";
  Source right = one;
  right.label = "A:3pc";
  right.selector = "3pc-r1";
  const auto chosen = compare({left, right}, 1);
  REQUIRE(chosen);
  CHECK(chosen->subjects.front().sides == std::vector<std::string>{"A:2pc", "A:3pc"});

  const auto apart = compare({run("A", {1, 2}), run("B", {1, 2}, "3pc")}, 1);
  REQUIRE_FALSE(apart);
  CHECK(apart.error().message.find("nothing to compare") == 0);
}

TEST_CASE("comparisons printed, as CSV and as a page") {
  Source b = run("B<script>", {160, 161, 162});
  b.summary["emulation"] = "sim";
  const auto result = compare({run("A", {150, 151, 152}), b}, 1);
  REQUIRE(result);
  CHECK(result->notes.front() == "The runs differ in emulation: tun and sim.");
  const std::string text = print(*result, false);
  INFO(text);
  CHECK(text.find("commit latency p50, ms     151 [148, 154]") != std::string::npos);
  CHECK(text.find("\033[") == std::string::npos);
  const std::string table = to_csv(*result);
  CHECK(table.find("2pc,commit latency p50,ms,A,3,151,") != std::string::npos);
  CHECK(table.find(",A,10,") != std::string::npos);
  const std::string page = to_html(*result);
  CHECK(page.find("<script") == std::string::npos);
  CHECK(page.find("B&lt;script&gt;") != std::string::npos);
}

}  // namespace geocommit::compare
