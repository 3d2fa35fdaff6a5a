// Every order of events around a failover, within bounds: with fencing no state has two masters and nobody opens
// without what the sites held that promised; without it the search shows the shortest way to two. (Mutants:
// mutants/failover_mutants.cpp.)
#include "sim/explore/failover/failover.h"

#include <array>
#include <catch2/catch.hpp>
#include <sstream>

using namespace geocommit;
using namespace geocommit::explore;

namespace {

void clean(const FailoverOptions& options) {
  const FailoverReport report = explore_failover(options);
  CHECK(report.ending == Ending::exhausted);
  CHECK(report.steps.empty());
  CHECK(report.states > 1000);
  CHECK(report.expanded == report.states);
}

}  // namespace

TEST_CASE("failover: with fencing there is never a second master, in any order within the bounds") {
  FailoverOptions options;
  SECTION("two sites, a crash, a transfer and a failover") {
    options.sites = 2;
    options.crashes = options.transfers = 1;
  }
  SECTION("three sites and a failover") {}
  SECTION("three sites and a failover, and its master is heard of before its log comes") { options.heartbeats = true; }
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

namespace {

struct Searched {
  FailoverReport report;
  FailoverEnds ends;
};
Searched search(FailoverOptions options, const FailoverReductions& reductions) {
  options.reductions = reductions;
  Searched searched;
  searched.report = explore_failover_ends(options, searched.ends);
  return searched;
}

/// Every reduction alone, and all of them, find what a search without any finds. False: that is too large here.
bool compare_reductions(const FailoverOptions& options) {
  constexpr FailoverReductions kNone{false, false, false, false, false};
  constexpr bool FailoverReductions::*kEach[] = {&FailoverReductions::horizon, &FailoverReductions::covered,
                                                 &FailoverReductions::dead, &FailoverReductions::ignored,
                                                 &FailoverReductions::alike};
  const Searched full = search(options, kNone);
  if (full.report.ending == Ending::states) {
    return false;
  }
  for (std::size_t one = 0; one <= std::size(kEach); ++one) {
    FailoverReductions reductions = one == std::size(kEach) ? FailoverReductions{} : kNone;
    if (one < std::size(kEach)) {
      reductions.*kEach[one] = true;
    }
    const Searched reduced = search(options, reductions);
    CAPTURE(one, options.sites, options.failovers, options.transfers, options.crashes, options.hours, options.writes);
    CHECK(reduced.report.ending == full.report.ending);
    CHECK(reduced.report.steps.size() == full.report.steps.size());
    CHECK(reduced.report.states <= full.report.states);
    if (full.report.ending == Ending::exhausted) {
      CHECK(reduced.ends.shown.size() == full.ends.shown.size());
      CHECK((reduced.ends.shown == full.ends.shown));
      if (!reductions.alike || options.sites != 3) {  // Else of two states that are each other's image there is one.
        CHECK((reduced.ends.sites == full.ends.sites));
      }
    }
  }
  return true;
}

/// A successor that does not wait for leases that may still run.
void without_leases(HomeMessage& message) {
  if (message.kind == HomeMessageKind::promise) {
    message.remaining = Duration::zero();
  }
}

}  // namespace

TEST_CASE("failover: the reductions leave out nothing that the sites can come to") {
  std::size_t searched = 0, configurations = 0;
  for (const std::uint32_t sites : {2U, 3U}) {
    for (const std::uint32_t hours : {1U, 2U, 3U}) {
      for (const auto& [failovers, transfers, crashes, writes] :
           {std::array{1U, 0U, 0U, 1U}, std::array{0U, 1U, 0U, 1U}, std::array{1U, 0U, 1U, 0U},
            std::array{0U, 1U, 1U, 0U}, std::array{1U, 1U, 0U, 0U}, std::array{0U, 1U, 1U, 1U}}) {
        FailoverOptions options;
        options.sites = sites;
        options.hours = hours;
        options.failovers = failovers;
        options.transfers = transfers;
        options.crashes = crashes;
        options.writes = writes;
        options.limits.states = 150'000;
        ++configurations;
        searched += compare_reductions(options) ? 1 : 0;
      }
    }
  }
  CHECK(searched > configurations / 2);
}

TEST_CASE("failover: with the reductions a bug is found in as few steps as without") {
  FailoverOptions options;
  options.writes = 0;
  SECTION("nobody is fenced") { options.fencing = false; }
  SECTION("a successor does not wait for leases") { options.filter.deliver = without_leases; }
  CHECK(explore_failover(options).ending == Ending::violation);
  CHECK(compare_reductions(options));
}
