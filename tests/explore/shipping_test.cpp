// Home region's replication order under reordering, drops, copies, crashes of the home and of replicas, checkpoints.
#include "sim/explore/shipping/shipping.h"

#include <catch2/catch.hpp>

namespace geocommit::explore {
namespace {

void clean(const ShippingOptions& options) {
  const ShippingReport report = explore_shipping(options);
  INFO(report.transcript);
  CHECK(report.ending == Ending::exhausted);
  CHECK(report.violation.empty());
  CHECK(report.settled > 0);
}

}  // namespace

TEST_CASE("shipping: two writes that want one lock, in every order") {
  ShippingOptions options;
  clean(options);
}

TEST_CASE("shipping: one write, and one fault of each kind") {
  ShippingOptions options;
  options.writes = 1;
  options.lost_tail = true;
  SECTION("a crash of any node") { options.crashes = 1; }
  SECTION("a drop and a round too many") { options.drops = options.late_rounds = 1; }
  SECTION("a copy") { options.duplicates = 1; }
  SECTION("a checkpoint that truncates, and a crash") {
    options.crashes = 1;
    options.checkpoint_records = 2;
  }
  clean(options);
}

TEST_CASE("shipping: two replicas") {
  ShippingOptions options;
  options.writes = 1;
  options.replicas = 2;
  clean(options);
}

TEST_CASE("shipping: a found trace replays") {
  ShippingOptions options;
  options.filter.hasty = [](const DurableRecord& record) { return std::holds_alternative<ShippedRecord>(record); };
  const ShippingReport report = explore_shipping(options);
  REQUIRE_FALSE(report.violation.empty());
  const Replayed again = replay_shipping(options, report.steps);
  CHECK(again.understood);
  CHECK(again.violation == report.violation);
  // Without the mutant the same steps lead nowhere bad: the trace is kept as a file, which knows no mutants.
  CHECK(run_golden_shipping_trace(golden_shipping_trace(options, report)).violation.empty());
}

}  // namespace geocommit::explore
