// metrics.series: what is written is read back, sample by sample; and what damaged files do.
#include "report/series/metrics_log.h"

#include <catch2/catch.hpp>
#include <sstream>

#include "report/series/openmetrics.h"
#include "report/series/run_metrics.h"
#include "runner/http_proxy.h"
#include "runner/prometheus/server.h"

namespace geocommit {
namespace {

const MetricsLogReader::Series* find(const MetricsLogReader& reader, const std::string& name, const std::string& node) {
  for (const auto& series : reader.series()) {
    if (series.name == name && reader.sources()[series.source].node == node) return &series;
  }
  return nullptr;
}

}  // namespace

TEST_CASE("metrics.series holds what was shown, also after a restart at zero") {
  MetricsLogWriter writer;
  std::string text = MetricsLogWriter::header();
  MetricSet a;
  a.counter("c_total", {{"reason", "no space = none"}, {"empty", ""}}) = 7;
  a.gauge("g") = -1.5;
  a.histogram("h_seconds").record(3ms, 2);
  MetricSet b;
  b.counter("c_total", {{"reason", "none"}}) = 0;
  text += writer.sample(1000, {{"cell 1", "agent@a", &a}, {"cell 1", "agent@b", &b}});
  a.histogram("h_seconds").record(100s);
  text += writer.sample(2000, {{"cell 1", "agent@a", &a}});
  MetricSet restarted;
  restarted.counter("c_total", {{"reason", "no space = none"}, {"empty", ""}}) = 1;
  restarted.histogram("h_seconds").record(5ms);
  text += writer.sample(3000, {{"cell 1", "agent@a", &restarted}, {"", "runner", &b}});

  std::istringstream in(text);
  MetricsLogReader reader(in);
  REQUIRE(*reader.next());
  CHECK(reader.unix_ms() == 1000);
  REQUIRE(reader.sources().size() == 2);
  CHECK(reader.sources()[0].cell == "cell 1");
  CHECK(reader.sources()[1].present);
  REQUIRE(find(reader, "c_total", "agent@a") != nullptr);
  CHECK(find(reader, "c_total", "agent@a")->labels == Labels{{"reason", "no space = none"}, {"empty", ""}});
  CHECK(find(reader, "c_total", "agent@a")->value == 7);
  CHECK(find(reader, "c_total", "agent@b")->value == 0);
  CHECK(find(reader, "g", "agent@a")->value == -1.5);
  CHECK(find(reader, "h_seconds", "agent@a")->count == 2);
  CHECK(find(reader, "h_seconds", "agent@a")->value == Approx(0.006));

  REQUIRE(*reader.next());
  CHECK_FALSE(reader.sources()[1].present);
  CHECK(find(reader, "h_seconds", "agent@a")->count == 3);
  CHECK(find(reader, "h_seconds", "agent@a")->buckets.back() == 1);  // past the last bound

  REQUIRE(*reader.next());
  CHECK(find(reader, "c_total", "agent@a")->value == 1);
  CHECK(find(reader, "h_seconds", "agent@a")->count == 1);
  CHECK(find(reader, "h_seconds", "agent@a")->buckets.back() == 0);
  CHECK(reader.sources()[2].cell.empty());
  CHECK_FALSE(*reader.next());
}

TEST_CASE("only changes are written") {
  MetricsLogWriter writer;
  MetricSet a;
  a.counter("c_total") = 1;
  (void)writer.sample(1, {{"x", "n", &a}});
  CHECK(writer.sample(2, {{"x", "n", &a}}) == "at 2 0\n");
}

TEST_CASE("buckets are those of /metrics") {
  Histogram histogram;
  for (const Duration value :
       {Duration{0}, Duration{99us}, Duration{100us}, Duration{101us}, Duration{7ms}, Duration{64s}, Duration{400s}}) {
    histogram.record(value);
  }
  std::vector<std::uint64_t> counts(prometheus_bounds().size() + 1);
  for (const auto& [index, count] : histogram.buckets()) counts[prometheus_bucket(index)] += count;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < prometheus_bounds().size(); ++i) {
    sum += counts[i];
    CHECK(sum == histogram.count_at_or_below(prometheus_bounds()[i]));
  }
  CHECK(sum + counts.back() == histogram.count());
}

TEST_CASE("a file that was cut short ends early; one that is not ours is refused, with its line") {
  MetricsLogWriter writer;
  MetricSet a;
  a.counter("c_total") = 1;
  const std::string good = MetricsLogWriter::header() + writer.sample(1000, {{"x", "n", &a}});
  const auto outcome = [](const std::string& text) {
    std::istringstream in(text);
    MetricsLogReader reader(in);
    std::string out;
    for (int i = 0; i < 100; ++i) {
      const auto more = reader.next();
      if (!more) return out + more.error().message;
      if (!*more) return out + "end";
      out += std::to_string(reader.unix_ms()) + " ";
    }
    return out;
  };
  CHECK(outcome(good) == "1000 end");
  CHECK(outcome(good + "at 2000 0\n0 5") == "1000 2000 end");
  CHECK(outcome("") == "the first line is not \"geocommit/metrics/1\"");
  CHECK(outcome(good + "at 900 0\n") == "1000 line 6 is not understood");
  for (const char* bad : {"9 1\n", "0 x\n", "source 7 a b\n", "series 1 9 counter n\n", "series 1 0 shape n\n",
                          "at 2000 5\n", "nonsense\n"}) {
    CHECK_THAT(outcome(good + bad + "at 3000 0\n"), Catch::Contains("is not understood"));
  }
}

TEST_CASE("the runner's own metrics, as a scrape sees them") {
  RunMetrics own;
  own.cell_runs("2pc-r1", "2pc", true);
  own.fault("2pc-r1", "2pc", "cut", "a \"b\"\\", true);
  Verdict verdict;
  verdict.judgement = Judgement::violation;
  verdict.counts[0] = 3;
  own.cell_judged("2pc-r1", "2pc", verdict, true);
  const std::string text = exposition(own.snapshot());
  CHECK_THAT(text, Catch::Contains("geocommit_cell_running{cell=\"2pc-r1\",protocol=\"2pc\"} 1\n"));
  CHECK_THAT(text, Catch::Contains("target=\"a \\\"b\\\"\\\\\"} 1\n"));
  CHECK_THAT(text, Catch::Contains("verdict=\"violation\"} 1\n"));
  CHECK_THAT(text, Catch::Contains("class=\"split_outcome\",expected=\"false\",protocol=\"2pc\"} 3\n"));
}

TEST_CASE("a scrape configuration, through the proxy and directly") {
  const std::vector<ScrapeTarget> targets{{"agent@a", "127.0.0.1:7003"}};
  const std::string direct = prometheus_config("run \"1\"", targets, std::nullopt, "/rules/*.yaml");
  CHECK_THAT(direct,
             Catch::Contains("{targets: [\"127.0.0.1:7003\"], labels: {run: \"run \\\"1\\\"\", node: \"agent@a\"}}"));
  CHECK_THAT(direct, !Catch::Contains("relabel"));
  const std::string proxied = prometheus_config("r", targets, 4000, "/rules/*.yaml");
  CHECK_THAT(proxied, Catch::Contains("targets: [\"agent@a\"]"));
  CHECK_THAT(proxied, Catch::Contains("127.0.0.1:4000"));
}

TEST_CASE("a node that stands still does not hold up the scrape of another; scrapes are counted") {
  auto still = HttpProxy::listen();  // takes connections and never answers
  auto node = HttpProxy::listen();
  auto proxy = HttpProxy::listen();
  REQUIRE((still && node && proxy));
  node->set_own([] { return std::string("up 1\n"); });
  REQUIRE(node->serve({}));
  const auto at = [](const HttpProxy& one) { return "127.0.0.1:" + std::to_string(one.port()); };
  proxy->set_own([] { return std::string("own 1\n"); });
  REQUIRE(proxy->serve({{"agent@still", at(*still)}, {"agent@a", at(*node)}}));
  std::optional<std::string> from_still;
  std::thread waits([&] { from_still = http_get(at(*proxy), "/nodes/agent@still/metrics", 10s); });
  for (int i = 0; i < 3; ++i) {
    const auto answer = http_get(at(*proxy), "/nodes/agent@a/metrics", 10s);
    REQUIRE(answer);
    CHECK_THAT(*answer, Catch::EndsWith("up 1\n"));
  }
  CHECK(proxy->answered("agent@a") == 3);
  CHECK(proxy->answered("agent@still") == 0);
  CHECK_THAT(http_get(at(*proxy), "/metrics", 10s).value_or(""), Catch::EndsWith("own 1\n"));
  CHECK(proxy->answered("runner") == 1);
  waits.join();
  REQUIRE(from_still);
  CHECK_THAT(*from_still, Catch::StartsWith("HTTP/1.1 502"));
}

}  // namespace geocommit
