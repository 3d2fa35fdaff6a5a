// From summary.json to sentences.
#include "report/findings.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <sstream>

#include "report/html_report.h"
#include "report/report_data.h"

namespace geocommit {
namespace {

Json cell(const std::string& protocol, double p50) {
  return {{"cell", protocol + "-r1"},
          {"protocol", protocol},
          {"repetition", 1},
          {"sweep", Json::object()},
          {"verdict", "pass"},
          {"expected", false},
          {"valid", true},
          {"reasons", Json::array()},
          {"violations", Json::object()},
          {"verdict_detail", {{"committed", 500}, {"unknown_reasons", Json::array()}}},
          {"transactions", {{"offered", 500}, {"committed", 500}, {"unknown", 0}, {"shed", 0}}},
          {"commit_latency_ms", {{"count", 500}, {"p50", p50}}},
          {"lock_hold_ms", {{"count", 500}, {"p50", p50}}},
          {"blocking_ms", {{"count", 0}, {"max", 0.0}, {"censored", 0}, {"censored_lower_bound_max", 0.0}}},
          {"timeouts_ms", {{"decision", 1000.0}}}};
}

Json summary(std::vector<Json> cells) {
  Json out{{"schema", "geocommit/summary/1"}, {"name", "t"}};
  out["cells"] = Json(std::move(cells));
  return out;
}

Json partition() { return {{"kind", "partition"}, {"target", "us-east-1 | eu-west-1, ap-northeast-1"}}; }

std::vector<std::string> texts(const Json& of) {
  std::vector<std::string> out;
  for (const Finding& one : find(of)) out.push_back(one.text);
  return out;
}

bool says(const Json& of, const std::string& sentence) {
  const auto all = texts(of);
  std::string joined;
  for (const std::string& text : all) joined += text + "\n";
  INFO(joined);
  const bool found = std::find(all.begin(), all.end(), sentence) != all.end();
  CHECK(found);
  return found;
}

}  // namespace

TEST_CASE("findings: the first threshold that is not kept, and how many more") {
  Json two = cell("2pc", 150);
  two["thresholds"] = {
      {{"threshold", "blocked == 0"}, {"of", "all"}, {"value", 0}, {"kept", true}, {"why", nullptr}},
      {{"threshold", "commit_p50_ms < 100"}, {"of", "2pc"}, {"value", 150}, {"kept", false}, {"why", "is 150"}}};
  says(summary({two}), "2pc-r1 does not keep its threshold commit_p50_ms < 100: is 150.");
  Json three = cell("3pc", 300);
  three["thresholds"] = two["thresholds"];
  says(summary({two, three}), "2pc-r1 does not keep its threshold commit_p50_ms < 100: is 150; 1 more is not kept.");
  two["thresholds"].erase(1);
  for (const std::string& text : texts(summary({two}))) CHECK(text.find("threshold") == std::string::npos);
}

TEST_CASE("findings: a clean run compares its protocols") {
  const Json clean = summary({cell("2pc", 150), cell("3pc", 300), cell("home-region", 2.5)});
  says(clean,
       "At p50 2pc commits in 150 ms, 3pc in 300 ms (2.00 times as long) and home-region in 2.50 ms (60.0 times "
       "faster).");
  says(clean,
       "By their lock hold times, one hot key can take this many commits a second: 2pc 6.67, 3pc 3.33 and home-region "
       "400.");
  says(clean,
       "Every cell passed: of 1500 committed transactions in the durable logs, every outcome agreed, nothing "
       "acknowledged "
       "was lost, and money was conserved.");
  CHECK(texts(clean).size() == 3);
}

TEST_CASE("findings: what did not come to its end is not called every cell") {
  Json two = cell("2pc", 150);
  const std::string rest =
      " committed transactions in the durable logs, every outcome agreed, nothing acknowledged was lost, and money was "
      "conserved.";
  Json one_of_three = summary({two});
  one_of_three["cells_planned"] = 3;
  says(one_of_three, "1 of 3 cells came to their end. What there is passed: of 500" + rest);
  two["interrupted"] = true;
  Json interrupted = summary({cell("3pc", 300), two});
  interrupted["cells_planned"] = 3;
  says(interrupted, "1 of 3 cells came to their end. What there is passed: of 1000" + rest);
  for (const Json& run : {one_of_three, interrupted}) {
    for (const std::string& text : texts(run)) CHECK(text.find("Every cell") == std::string::npos);
  }
  Json whole = summary({cell("2pc", 150)});
  whole["cells_planned"] = 1;
  says(whole, "Every cell passed: of 500" + rest);
}

TEST_CASE("findings: who held locks while what was wrong, and who split") {
  Json two = cell("2pc", 150);
  two["faults"] = Json::array({partition()});
  two["blocking_ms"] = {{"count", 7}, {"max", 9200.0}, {"censored", 0}, {"censored_lower_bound_max", 0.0}};
  Json three = cell("3pc", 300);
  three["faults"] = Json::array({partition()});
  three["verdict"] = "violation";
  three["expected"] = true;
  three["violations"] = {{"split_outcome", 14}};
  const Json both = summary({two, three});
  says(both,
       "2pc blocked 7 participants for up to 9.20 s past their decision timeout while us-east-1 was cut off; 3pc "
       "committed 14 transactions on one side and aborted them on the other, as its fault model predicts.");
  says(both,
       "Passed: 2pc. There, of 500 committed transactions in the durable logs, every outcome agreed, nothing "
       "acknowledged was lost, and money was conserved.");
  CHECK(find(both).front().kind == FindingKind::expected);

  three["expected"] = false;
  three["violations"] = {{"split_outcome", 1}, {"money_not_conserved", 2}};
  three["faults"] = Json::array({{{"kind", "crash"}, {"target", "coordinator@us-east-1"}}});
  says(summary({three}),
       "3pc committed 1 transaction on one side and aborted it on the other and left 2 sums of money off, while "
       "coordinator@us-east-1 was down.");
  CHECK(find(summary({three})).front().kind == FindingKind::violation);
}

TEST_CASE("findings: what is still open is at least so long, and many faults are counted") {
  Json two = cell("2pc", 150);
  two["blocking_ms"] = {{"count", 1}, {"max", 500.0}, {"censored", 2}, {"censored_lower_bound_max", 4000.0}};
  two["faults"] = Json::array({partition(),
                               {{"kind", "pause"}, {"target", "agent@eu-west-1"}},
                               {{"kind", "crash"}, {"target", "agent@eu-west-1"}}});
  says(summary({two}),
       "2pc blocked 3 participants for at least 4.00 s past their decision timeout (2 still at the end) while 3 faults "
       "happened.");
}

TEST_CASE("findings: a fault that did not happen is not told as if it had") {
  Json two = cell("2pc", 150);
  two["blocking_ms"] = {{"count", 1}, {"max", 500.0}, {"censored", 0}};
  two["faults"] = Json::array({partition()});
  two["faults"][0]["triggered"] = 1;
  Json home = cell("home-region", 2.5);
  home["faults"] = two["faults"];
  says(summary({home, two}),
       "2pc blocked 1 participant for up to 500 ms past its decision timeout while us-east-1 was cut off, and "
       "home-region blocked nobody.");
  Json three = cell("3pc", 300);
  three["faults"] = Json::array({partition()});
  three["faults"][0]["triggered"] = 0;
  says(summary({two, three}),
       "2pc blocked 1 participant for up to 500 ms past its decision timeout while us-east-1 was cut off. 3pc met no "
       "fault.");
  says(summary({three}), "3pc met no fault.");
  // What two met is said once, though a third did not.
  Json split = cell("x", 300);
  split["faults"] = two["faults"];
  split["blocking_ms"] = two["blocking_ms"];
  split["verdict"] = "violation";
  split["expected"] = true;
  split["violations"] = {{"split_outcome", 5}};
  says(summary({three, two, split}),
       "2pc blocked 1 participant for up to 500 ms past its decision timeout while us-east-1 was cut off, and x 1 for "
       "up to 500 ms; x committed 5 transactions on one side and aborted them on the other, as its fault model "
       "predicts. "
       "3pc met no fault.");
}

TEST_CASE("findings: who went on meanwhile, how far replicas were behind, and what a change of masters took") {
  Json two = cell("2pc", 150);
  Json home = cell("home-region", 2.5);
  for (Json* one : {&two, &home}) (*one)["faults"] = Json::array({partition()});
  two["phases"] = {{"during", {{"availability", 0.0293}}}};
  home["phases"] = {{"during", {{"availability", 0.8178}}}};
  home["staleness_ms"] = {{"count", 9}, {"max", 4345.0}};
  says(
      summary({two, home}),
      "Nobody was blocked while us-east-1 was cut off. Answered within 1 s meanwhile: 2pc 2.9 % and home-region 82 %.");
  says(
      summary({home}),
      "home-region blocked nobody while us-east-1 was cut off. Answered within 1 s meanwhile: home-region 82 %. As far "
      "as homes knew, replicas of home-region were up to 4.34 s behind.");
  home["faults"] = Json::array({{{"kind", "transfer"}, {"target", "us-east-1 -> eu-west-1"}}});
  home["write_gap_ms"] = {{"transfer", {{"count", 1}, {"max", 152.0}}}, {"failover", {{"count", 1}, {"max", 1060.0}}}};
  home["verdict_detail"]["rpo"] = {{"acknowledged", 28}};
  const Json moved = summary({home});
  says(moved, "home-region handed a home over as planned: 152 ms without writes to it.");
  says(moved,
       "home-region failed a home over: 1.06 s after the order it took writes again, and 28 acknowledged transactions "
       "were left behind (its recovery point, RPO; not a violation).");
}

TEST_CASE("findings: what may not be used, was lost or could not be judged") {
  Json bad = cell("2pc", 150);
  bad["valid"] = false;
  bad["reasons"] = {"the router delivered late"};
  bad["transactions"]["shed"] = 3;
  bad["transactions"]["unknown"] = 1;
  bad["verdict_detail"]["rpo"] = {{"acknowledged", 2}};
  bad["verdict"] = "unknown";
  bad["verdict_detail"]["unknown_reasons"] = {"a log is missing"};
  const Json one = summary({bad});
  says(one, "The latencies of 2pc-r1 may not be used: the router delivered late.");
  says(one, "2pc was offered more than it could take: 3 transactions were shed.");
  says(one,
       "2pc failed a home over and 2 acknowledged transactions were left behind (its recovery point, RPO; not a "
       "violation).");
  says(one, "2pc: clients never learned the outcome of 1 transaction, so that its client latencies are lower bounds.");
  says(one, "2pc-r1 could not be judged: a log is missing.");
  for (const std::string& text : texts(one)) CHECK(text.find("passed") == std::string::npos);
}

TEST_CASE("findings: theory, near and far, with the range of a step") {
  const auto with = [](double measured, double low, double middle, double high) {
    Json one = cell("2pc", measured);
    one["prediction_ms"] = {{"detail", {{"commit_latency", {{"p45", low}, {"p50", middle}, {"p55", high}}}}}};
    return summary({one});
  };
  says(with(152, 150, 150, 150), "The commit latency of 2pc is within 5 % of theory at p50.");
  says(with(180, 149, 150, 151),
       "The commit latency of 2pc at p50, 180 ms, is 20.0 % above what theory says without load.");
  says(with(120, 149, 150, 151),
       "The commit latency of 2pc at p50, 120 ms, is 20.0 % below what theory says without load.");
  // Where a range holds the median, that is all there is to say: it is not near theory.
  says(with(40, 1.14, 1.14, 70.3),
       "The commit latency of 2pc at p50, 40.0 ms, is inside the range that theory gives, 1.14 to 70.3 ms, which says "
       "no more than that.");
  says(with(77, 2, 70, 70),
       "The commit latency of 2pc at p50, 77.0 ms, is 10.0 % above the range that theory gives without load, 2.00 to "
       "70.0 ms.");
  says(with(1.5, 2, 2, 70),
       "The commit latency of 2pc at p50, 1.50 ms, is 25.0 % below the range that theory gives without load, 2.00 to "
       "70.0 ms.");
}

TEST_CASE("findings: a load that was more than was done") {
  Json two = cell("2pc", 150);
  two["load"] = {{"offered_per_s", 30.2}, {"done_per_s", 6.6}, {"overloaded", true}};
  two["valid"] = false;
  two["reasons"] = {"overloaded: offered 30.2/s, done 6.60/s"};
  const Json one = summary({two});
  says(one, "2pc was overloaded: offered 30.2/s, done 6.60/s. Its latencies are those of a queue that grew.");
  says(one, "At p50 2pc commits in 150 ms (overloaded).");
  for (const std::string& text : texts(one)) CHECK(text.find("may not be used") == std::string::npos);
  two["reasons"].push_back("the router delivered late");
  says(summary({two}), "The latencies of 2pc-r1 may not be used: overloaded: offered 30.2/s, done 6.60/s.");
}

TEST_CASE("findings: a sweep is compared at its ends, and repetitions are one") {
  std::vector<Json> cells;
  for (const char* rate : {"50/s", "100/s", "200/s"}) {
    for (int repetition = 1; repetition <= 3; ++repetition) {
      Json one = cell("2pc", 100 + repetition);
      one["sweep"] = {{"workload.rate", rate}};
      cells.push_back(std::move(one));
    }
  }
  const Json sweep = summary(cells);
  says(sweep, "At every point, at p50, 2pc commits in 102 ms.");
  CHECK(group_cells(sweep).size() == 3);
  for (std::size_t i = 6; i < 9; ++i) cells[i]["commit_latency_ms"]["p50"] = 110;
  const Json bends = summary(std::move(cells));
  says(bends, "At workload.rate=50/s, at p50, 2pc commits in 102 ms.");
  says(bends, "At workload.rate=200/s, at p50, 2pc commits in 110 ms.");
}

TEST_CASE("findings: a scenario has one sentence, of its worst point, and a link is not the world") {
  std::vector<Json> cells;
  for (const int point : {1, 2, 3}) {
    Json one = cell("2pc", 100);
    one["sweep"] = {{"scenario", "cut"}, {"topology", "t" + std::to_string(point)}};
    one["by_region"] = {{"a", 1}, {"b", 1}, {"c", 1}};
    one["faults"] = Json::array({{{"kind", "partition"}, {"target", "a | b"}}});
    one["blocking_ms"] = {{"count", point}, {"max", 1000.0 * point}, {"censored", 0}};
    cells.push_back(std::move(one));
  }
  const Json all = summary(std::move(cells));
  says(
      all,
      "cut, t3 (the worst of 3): 2pc blocked 3 participants for up to 3.00 s past their decision timeout while a and b "
      "were cut off from each other.");
  CHECK(texts(all).size() == 3);
}

TEST_CASE("findings: a sweep of many scenarios, with something wrong in each cell, stays short") {
  std::vector<Json> cells;
  for (int scenario = 1; scenario <= 12; ++scenario) {
    for (const char* protocol : {"2pc", "3pc"}) {
      Json one = cell(protocol, 100 + scenario);
      one["sweep"] = {{"scenario", "s" + std::to_string(scenario)}};
      one["faults"] = Json::array({partition()});
      one["blocking_ms"] = {{"count", scenario}, {"max", 1000.0 * scenario}, {"censored", 0}};
      one["verdict"] = "unknown";
      one["valid"] = false;
      one["transactions"]["shed"] = one["transactions"]["unknown"] = scenario;
      one["prediction_ms"] = {{"detail", {{"commit_latency", {{"p45", 50}, {"p50", 50}, {"p55", 50}}}}}};
      cells.push_back(std::move(one));
    }
  }
  const Json all = summary(std::move(cells));
  CHECK(texts(all).size() <= 22);
  says(all, "Less happened in 6 more scenarios.");
  says(all, "21 more cells could not be judged.");
  says(all, "The latencies of 2pc-r1 may not be used; nor those of 23 more cells.");
  says(all, "2pc (s12) was offered more than it could take: 12 transactions were shed; the worst of 12 points.");
}

TEST_CASE("findings: fields may be missing") {
  CHECK(find(summary({})).size() == 1);
  CHECK_FALSE(find(summary({Json{{"cell", "x"}, {"protocol", "2pc"}}})).empty());
}

TEST_CASE("findings: printed lines keep their width") {
  const Json clean = summary({cell("2pc", 150), cell("3pc", 300)});
  const std::string text = print(find(clean), 60, false);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) CHECK(line.size() <= 60);
  CHECK(text.rfind("- Every cell passed", 0) == 0);
}

TEST_CASE("the page holds data without a single markup character of its own") {
  const std::string evil = "</script><b>{{js}}";
  const Json data{{"summary", {{"name", evil}}}, {"findings", Json::array({{{"kind", "pass"}, {"text", evil}}})}};
  const std::string page = html_page(evil, data);
  const auto begin = page.find("id=\"data\">") + 10;
  const std::string block = page.substr(begin, page.find("</script>", begin) - begin);
  CHECK(Json::parse(block) == data);
  CHECK(block.find('<') == std::string::npos);
  CHECK(page.find("<title>&lt;/script&gt;&lt;b&gt;{{js}}</title>") != std::string::npos);
  CHECK(page.find("<b>") == std::string::npos);
}

}  // namespace geocommit
