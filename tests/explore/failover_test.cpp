// Every order of events around a failover, within bounds: with fencing no state has two masters, without it the search
// shows the shortest way to one.
#include <catch2/catch.hpp>
#include <sstream>

#include "sim/explore/failover/failover.h"

using namespace geocommit::explore;

namespace {

FailoverResult search(const FailoverOptions& options) {
  std::ostringstream out;
  const Host host{out, [] { return 0.0; }, {}, {}};
  return search_failover(options, host);
}

}  // namespace

TEST_CASE("failover: with fencing there is never a second master, in any order within the bounds") {
  FailoverOptions two;
  two.sites = 2;
  two.crashes = 1;
  two.renewals = 2;
  two.transfers = 1;
  const FailoverResult pair = search(two);
  INFO(pair.violation);
  CHECK(pair.complete);
  CHECK(pair.violation.empty());
  CHECK(pair.states > 1000);
  FailoverOptions three;
  three.crashes = 0;
  three.renewals = 1;
  three.hours = 3;
  const FailoverResult triple = search(three);
  INFO(triple.violation);
  CHECK(triple.complete);
  CHECK(triple.violation.empty());
  CHECK(triple.states > 1000);
}

TEST_CASE("failover: without fencing two masters are found") {
  FailoverOptions options;
  options.fencing = false;
  const FailoverResult result = search(options);
  CHECK(result.violation.find("is ordered to take over") != std::string::npos);
  CHECK(result.violation.find("site 1 accepts writes") != std::string::npos);
}
