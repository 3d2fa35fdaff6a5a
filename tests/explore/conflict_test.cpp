// Two transactions that conflict, and checkpoints: every order at small bounds.
#include "sim/explore/conflict/conflict.h"

#include <catch2/catch.hpp>
#include <sstream>

namespace geocommit::explore {
namespace {

ConflictOptions options_of(std::string_view protocol, std::uint32_t sites) {
  ConflictOptions options;
  options.protocol = find_protocol(protocol);
  options.sites = sites;
  options.lost_tail = true;
  return options;
}

void clean(const ConflictOptions& options) {
  const ConflictReport report = explore_conflict(options);
  INFO(report.transcript);
  CHECK(report.ending == Ending::exhausted);
  CHECK(report.violation.empty());
  CHECK(report.settled > 0);
}

}  // namespace

TEST_CASE("two transactions on the same keys: no conflicting grants, no deadlock, one outcome each") {
  for (const std::string_view protocol : {"2pc", "3pc"}) {
    for (const LockingPolicy locking : {LockingPolicy::wound_wait, LockingPolicy::no_wait}) {
      CAPTURE(protocol, locking == LockingPolicy::wound_wait);
      ConflictOptions options = options_of(protocol, 2);
      options.locking = locking;
      clean(options);
      options.sites = 1;
      options.crashes = 1;
      clean(options);
    }
  }
}

TEST_CASE("a checkpoint at any time, a crash, a late copy") {
  for (const std::string_view protocol : {"2pc", "3pc"}) {
    CAPTURE(protocol);
    ConflictOptions options = options_of(protocol, 1);
    options.checkpoints = 1;
    options.crashes = 1;
    clean(options);
    options.crashes = 0;
    options.duplicates = 1;
    clean(options);
  }
}

}  // namespace geocommit::explore
