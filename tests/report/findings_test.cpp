// From summary.json to sentences.
#include "runner/findings.h"

#include <catch2/catch.hpp>
#include <sstream>

#include "runner/html_report.h"
#include "runner/report_data.h"

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

TEST_CASE("findings: a clean run compares its protocols") {
  const Json clean = summary({cell("2pc", 150), cell("3pc", 300), cell("home-region", 2.5)});
  says(clean,
       "At p50 2pc commits in 150 ms, 3pc in 300 ms (2.00 times that) and home-region in 2.50 ms (1/60.0 of that).");
  says(clean,
       "By their lock hold times, one hot key can take this many commits a second: 2pc 6.67, 3pc 3.33 and home-region "
       "400.");
  says(clean,
       "Every cell passed: of 1500 committed transactions in the durable logs, every outcome agreed, nothing "
       "acknowledged "
       "was lost, and money was conserved.");
  CHECK(texts(clean).size() == 3);
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
  says(both, "2pc held locks in doubt for up to 10.2 s while us-east-1 was cut off: 7 participants were blocked.");
  says(both,
       "3pc committed 14 transactions on one side and aborted them on the other while us-east-1 was cut off, as its "
       "fault "
       "model predicts.");
  says(both, "3pc blocked nobody while us-east-1 was cut off.");
  CHECK(find(both).front().kind == FindingKind::expected);

  three["expected"] = false;
  three["violations"] = {{"split_outcome", 1}};
  three["faults"] = Json::array({{{"kind", "crash"}, {"target", "coordinator@us-east-1"}}});
  says(summary({three}),
       "3pc committed 1 transaction on one side and aborted it on the other while coordinator@us-east-1 was down.");
  CHECK(find(summary({three})).front().kind == FindingKind::violation);
}

TEST_CASE("findings: what is still open is at least so long, and many faults are counted") {
  Json two = cell("2pc", 150);
  two["blocking_ms"] = {{"count", 1}, {"max", 500.0}, {"censored", 2}, {"censored_lower_bound_max", 4000.0}};
  two["faults"] = Json::array({partition(),
                               {{"kind", "pause"}, {"target", "agent@eu-west-1"}},
                               {{"kind", "crash"}, {"target", "agent@eu-west-1"}}});
  says(summary({two}),
       "2pc held locks in doubt for at least 5.00 s under the 3 faults of this run: 3 participants were blocked, 2 of "
       "them "
       "still at the end.");
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
  says(one, "2pc left 2 acknowledged writes behind when a home was failed over: its recovery point, not a violation.");
  says(one, "2pc: clients never learned the outcome of 1 transaction.");
  says(one, "2pc-r1 could not be judged: a log is missing.");
  for (const std::string& text : texts(one)) CHECK(text.find("passed") == std::string::npos);
}

TEST_CASE("findings: theory, near and far, with the range of a step") {
  const auto with = [](double measured, double low, double high) {
    Json one = cell("2pc", measured);
    one["prediction_ms"] = {{"detail", {{"commit_latency", {{"p45", low}, {"p50", low}, {"p55", high}}}}}};
    return summary({one});
  };
  says(with(152, 150, 150), "The commit latency of 2pc is within 5 % of theory at p50.");
  says(with(40, 2, 70), "The commit latency of 2pc is within 5 % of theory at p50.");
  says(with(180, 150, 150), "The commit latency of 2pc is 20.0 % above what theory says without load, at p50.");
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
  const Json sweep = summary(std::move(cells));
  says(sweep, "At workload.rate=50/s, at p50, 2pc commits in 102 ms.");
  says(sweep, "At workload.rate=200/s, at p50, 2pc commits in 102 ms.");
  CHECK(group_cells(sweep).size() == 3);
}

TEST_CASE("findings: with many points the worst of a protocol stands for all, and a link is not the world") {
  std::vector<Json> cells;
  for (const int point : {1, 2, 3}) {
    Json one = cell("2pc", 100);
    one["sweep"] = {{"scenario", "s" + std::to_string(point)}};
    one["by_region"] = {{"a", 1}, {"b", 1}, {"c", 1}};
    one["faults"] = Json::array({{{"kind", "partition"}, {"target", "a | b"}}});
    one["blocking_ms"] = {{"count", point}, {"max", 1000.0 * point}, {"censored", 0}};
    cells.push_back(std::move(one));
  }
  const Json all = summary(std::move(cells));
  says(all,
       "2pc at scenario s3 held locks in doubt for up to 4.00 s while a and b were cut off from each other: 3 "
       "participants "
       "were blocked; the worst of 3 points.");
  std::size_t blocked = 0;
  for (const Finding& one : find(all)) blocked += one.kind == FindingKind::blocking ? 1 : 0;
  CHECK(blocked == 1);
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
