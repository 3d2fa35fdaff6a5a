#include "measure/metric_set.h"

#include <catch2/catch.hpp>

using namespace geocommit;

TEST_CASE("metric sets add up over nodes, by name and labels") {
  MetricSet a;
  MetricSet b;
  a.counter("t", {{"outcome", "commit"}, {"region", "us"}}) = 3;
  b.counter("t", {{"outcome", "commit"}, {"region", "us"}}) = 4;
  b.counter("t", {{"outcome", "abort"}, {"region", "eu"}}) = 5;
  a.gauge("g") = 1.5;
  b.gauge("g") = 2;
  a.histogram("h", {{"region", "us"}}).record(10ms);
  b.histogram("h", {{"region", "eu"}}).record(30ms);
  a.merge(b);
  CHECK(a.total("t") == 12);
  CHECK(a.total("t", {{"outcome", "commit"}}) == 7);
  CHECK(a.total("t", {{"outcome", "commit"}, {"region", "eu"}}) == 0);
  CHECK(a.total("none") == 0);
  CHECK(a.totals_by("t", "outcome") == std::map<std::string, std::uint64_t>{{"abort", 5}, {"commit", 7}});
  CHECK(a.totals_by("t", "region", {{"outcome", "abort"}}) == std::map<std::string, std::uint64_t>{{"eu", 5}});
  CHECK(a.totals_by("t", "missing").empty());
  CHECK(a.gauges().at("g").at({}) == 3.5);
  CHECK(a.merged("h").count() == 2);
  CHECK(a.merged("h", {{"region", "eu"}}).max() == Duration{30ms});
  CHECK(a.merged("none").count() == 0);
}

TEST_CASE("references into a metric set stay valid while it grows") {
  MetricSet set;
  auto& first = set.counter("c", {{"n", "0"}});
  auto& histogram = set.histogram("h", {{"n", "0"}});
  for (int i = 1; i < 1000; ++i) {
    ++set.counter("c", {{"n", std::to_string(i)}});
    set.histogram("h", {{"n", std::to_string(i)}}).record(1ms);
  }
  first += 7;
  histogram.record(2ms);
  CHECK(set.total("c", {{"n", "0"}}) == 7);
  CHECK(set.merged("h", {{"n", "0"}}).count() == 1);
}

TEST_CASE("Prometheus buckets grow by 1.25 from 0.1 ms to at least 65 s") {
  const auto& bounds = prometheus_bounds();
  REQUIRE(bounds.front() == from_ms(0.1));
  CHECK(bounds.back() >= 65s);
  CHECK(bounds[bounds.size() - 2] < 65s);
  for (std::size_t i = 1; i < bounds.size(); ++i) {
    CHECK(to_ms(bounds[i]) / to_ms(bounds[i - 1]) == Approx(1.25).epsilon(1e-4));
  }
}

TEST_CASE("gauges add up over nodes, maxima do not") {
  MetricSet a, b;
  a.gauge("geocommit_locks_held") = 3;
  b.gauge("geocommit_locks_held") = 4;
  a.gauge("geocommit_blast_radius_max") = 3;
  b.gauge("geocommit_blast_radius_max") = 4;
  b.gauge("geocommit_blast_radius_max", {{"region", "eu"}}) = 9;
  a.merge(b);
  CHECK(a.gauge("geocommit_locks_held") == 7);
  CHECK(a.gauge("geocommit_blast_radius_max") == 4);
  CHECK(a.largest("geocommit_blast_radius_max") == 9);
  CHECK(a.largest("geocommit_blast_radius_max", {{"region", "us"}}) == 0);
}
