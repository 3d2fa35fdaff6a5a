// Every order of events around a failover, within bounds: with fencing no state has two masters and nobody opens
// without what the sites held that promised; without it the search shows the shortest way to two. (Mutants:
// mutants/failover_mutants.cpp.)
#include "sim/explore/failover/failover.h"

#include <catch2/catch.hpp>
#include <sstream>

using namespace geocommit::explore;

namespace {

void clean(const FailoverOptions& options) {
  const FailoverReport report = explore_failover(options);
  CHECK(report.ending == Ending::exhausted);
  CHECK(report.steps.empty());
  CHECK(report.states > 1000);
}

}  // namespace

TEST_CASE("failover: with fencing there is never a second master, in any order within the bounds") {
  FailoverOptions options;
  SECTION("two sites, a crash, a transfer and a failover") {
    options.sites = 2;
    options.crashes = options.transfers = 1;
  }
  SECTION("three sites and a failover") {}
  clean(options);
}

TEST_CASE("failover: without fencing two masters are found, and the trace replays") {
  FailoverOptions options;
  options.fencing = false;
  const FailoverReport report = explore_failover(options);
  REQUIRE(report.ending == Ending::violation);
  const std::string file = golden_failover_trace(options, report);
  CHECK(file.find("is ordered to take over") != std::string::npos);
  CHECK(file.find("violation: two masters at once") != std::string::npos);
  const GoldenResult again = run_golden_failover_trace(file);
  CHECK(again.error == "");
  CHECK(again.text == file);
  CHECK(again.violation == "two masters at once");
  // With fencing the successor has to ask first, and the last step finds it waiting.
  std::string fenced = file;
  fenced.replace(fenced.find("fencing 0"), 9, "fencing 1");
  CHECK(run_golden_failover_trace(fenced).violation.empty());
}

TEST_CASE("failover: a bound that is not exhausted says so") {
  FailoverOptions options;
  options.limits.states = 500;
  std::ostringstream out;
  const Host host{out, [] { return 0.0; }, {}, {}};
  CHECK(run_explore_failover(options, host) == kNotExhausted);
  CHECK(out.str().find("NOT exhausted") != std::string::npos);
  options.fencing = false;
  CHECK(run_explore_failover(options, host) == kViolation);
}
