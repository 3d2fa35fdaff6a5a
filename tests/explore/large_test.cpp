// Larger bounds (label slow).
#include <catch2/catch.hpp>

#include "sim/explore/explore.h"

namespace geocommit::explore {

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

TEST_CASE("3PC, three sites: the split under one partition is found") {
  Options options;
  options.protocol = find_protocol("3pc");
  options.bounds.partitions = 1;
  const Report report = explore(options);
  REQUIRE(report.violations.size() == 1);
  CHECK(report.violations[0].what == "both outcomes");
}

}  // namespace geocommit::explore
