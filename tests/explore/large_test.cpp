// Larger bounds (label slow).
#include <catch2/catch.hpp>

#include "sim/explore/explore.h"
#include "sim/explore/failover/failover.h"
#include "sim/explore/shipping/shipping.h"
#include "tests/explore/same_ends.h"

namespace geocommit::explore {

TEST_CASE("the reductions leave out nothing that a check can see, three faults") {
  const Compared compared = compare_ends(3, 60'000);
  CHECK(compared.searched > compared.configurations / 4 * 3);
}

TEST_CASE("2PC, three sites, one crash, one partition: exhausted within 2 GiB, no violation") {
  Options options;
  options.protocol = find_protocol("2pc");
  options.bounds.crashes = 1;
  options.bounds.partitions = 1;
  const Report report = explore(options);
  CHECK(report.ending == Ending::exhausted);
  CHECK(report.violations.empty());
  CHECK(report.blocking > 0);
  CHECK(report.symmetric);
  CHECK(report.bytes < std::size_t{2} << 30U);
}

TEST_CASE("2PC, three sites, one early timer: exhausted, no violation") {
  Options options;
  options.protocol = find_protocol("2pc");
  options.bounds.early_timers = 1;
  const Report report = explore(options);
  CHECK(report.ending == Ending::exhausted);
  CHECK(report.violations.empty());
}

TEST_CASE("3PC, two sites, two crashes, lost tails: exhausted, no violation") {
  Options options;
  options.protocol = find_protocol("3pc");
  options.participants = 2;
  options.lost_tail = true;
  options.bounds.crashes = 2;
  const Report report = explore(options);
  CHECK(report.ending == Ending::exhausted);
  CHECK(report.violations.empty());
}

TEST_CASE("3PC, three sites: the split under one partition, and under one early timer, is found") {
  for (std::uint32_t Bounds::*fault : {&Bounds::partitions, &Bounds::early_timers}) {
    Options options;
    options.protocol = find_protocol("3pc");
    options.bounds.*fault = 1;
    const Report report = explore(options);
    REQUIRE(report.violations.size() == 1);
    CHECK(report.violations[0].what == "both outcomes");
  }
}

TEST_CASE("failover: three sites, a failover, a write, and a crash or a transfer: exhausted, no violation") {
  FailoverOptions options;
  SECTION("a crash") { options.crashes = 1; }
  SECTION("a transfer") { options.transfers = 1; }
  const FailoverReport report = explore_failover(options);
  CHECK(report.ending == Ending::exhausted);
  CHECK(report.violation == "");
  CHECK(report.together > 100'000);
}

// Who heard of a master before it had that one's log won the next election with less, after 1,930,228 states.
TEST_CASE("failover: the first states of two failovers whose masters are heard of before their logs come") {
  FailoverOptions options;
  options.failovers = 2;
  options.heartbeats = true;
  options.limits.states = 3'000'000;
  CHECK(explore_failover(options).violation == "");
}

TEST_CASE("shipping: one write with a crash, a drop and a round too many") {
  ShippingOptions options;
  options.writes = 1;
  options.lost_tail = true;
  options.crashes = options.drops = options.late_rounds = 1;
  const ShippingReport report = explore_shipping(options);
  CHECK(report.ending == Ending::exhausted);
  CHECK(report.violation.empty());
}

}  // namespace geocommit::explore
