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

// What the two searches tell apart: a message that is ignored now, and counts later (a write that comes before the one
// that it follows), must stay in flight.
TEST_CASE("shipping: without reductions the nodes come to the same ends") {
  ShippingOptions options;
  options.writes = 1;
  SECTION("two writes") { options.writes = 2; }
  SECTION("two replicas") { options.replicas = 2; }
  SECTION("a drop and a round too many") { options.drops = options.late_rounds = 1; }
  SECTION("a copy and a round too many") { options.duplicates = options.late_rounds = 1; }
  SECTION("a copy and a drop") { options.duplicates = options.drops = 1; }
  SECTION("a crash that loses a tail") {
    options.crashes = 1;
    options.lost_tail = true;
  }
  Ends all, some;
  options.reduce = false;
  const ShippingReport full = explore_shipping_ends(options, all);
  options.reduce = true;
  const ShippingReport reduced = explore_shipping_ends(options, some);
  CHECK(full.ending == Ending::exhausted);
  CHECK(reduced.ending == Ending::exhausted);
  CHECK(full.violation == reduced.violation);
  CHECK(reduced.states < full.states);
  CHECK((all.resting == some.resting));
  CHECK((all.healed == some.healed));
}

TEST_CASE("shipping: a violation is found without reductions, too") {
  ShippingOptions options;
  options.filter.hasty = [](const DurableRecord& record) { return std::holds_alternative<ShippedRecord>(record); };
  const ShippingReport reduced = explore_shipping(options);
  options.reduce = false;
  const ShippingReport full = explore_shipping(options);
  CHECK(reduced.violation == full.violation);
  CHECK(reduced.depth == full.depth);
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
