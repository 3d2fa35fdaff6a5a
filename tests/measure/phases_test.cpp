// Before, during and after: which transaction counts where, how long each phase is, and when all is well again.
#include "measure/phases.h"

#include <catch2/catch.hpp>

namespace geocommit {
namespace {

const Directory& directory() {
  static const Directory kDirectory({"a", "b"}, 1, Placement::replicated, 10);
  return kDirectory;
}

ClientOutcome at(Duration start, Duration latency, Outcome outcome = Outcome::commit, std::uint32_t region = 0) {
  ClientOutcome out;
  out.intended_start = start;
  out.latency = latency;
  out.outcome = outcome;
  out.origin = RegionId{region};
  out.measured = true;
  return out;
}

}  // namespace

TEST_CASE("a transaction that met a fault counts as during, the others by their start") {
  std::vector<ClientOutcome> outcomes{
      at(1500ms, 10ms),                   // before
      at(1900ms, 200ms),                  // during: on its way when the fault came
      at(2s, 900ms),                      // during, the first instant
      at(3s, 5s, Outcome::undecided, 1),  // during
      at(3500ms, 2s, Outcome::abort, 1),  // during, not in time
      at(4s, 10ms),                       // after: between the faults
      at(7s, 10ms),                       // during the second
      at(9s, 10ms),                       // after
  };
  outcomes.push_back(at(500ms, 1ms));
  outcomes.back().measured = false;  // warm-up
  const auto phases = fault_phases(outcomes, directory(), 1s, 10s, {{2s, 3s}, {2500ms, 4s}, {6s, 8s}}, 5s);
  REQUIRE(phases);
  CHECK(phases->before.offered == 1);
  CHECK(phases->before.time == 1s);
  CHECK(phases->before.goodput_per_s == Approx(1.0));
  CHECK(phases->during.offered == 5);
  CHECK(phases->during.committed == 3);
  CHECK(phases->during.goodput_per_s == Approx(3.0 / 4));  // the abort is no good, though it was told
  CHECK(phases->during.aborted == 1);
  CHECK(phases->during.unknown == 1);
  CHECK(phases->during.time == 4s);
  CHECK(*phases->during.availability == Approx(0.6));
  CHECK(*phases->during.by_region.at("a").availability == Approx(1.0));
  CHECK(*phases->during.by_region.at("b").availability == Approx(0.0));
  CHECK(phases->after.offered == 2);
  CHECK(phases->after.time == 5s);
  CHECK(phases->after.goodput_per_s == Approx(2.0 / 5));
  CHECK(phases->healed == Duration{8s});
  CHECK(phases->normal_after == Duration{0});
}

TEST_CASE("goodput of a phase is what was told in it, not what a drain told later") {
  std::vector<ClientOutcome> outcomes;
  for (int i = 0; i < 10; ++i) outcomes.push_back(at(4s, 8s));  // held up by the fault, told after the window
  for (int i = 0; i < 10; ++i) outcomes.push_back(at(5s, 2s));  // ... and after the heal
  const auto phases = fault_phases(outcomes, directory(), Duration{0}, 10s, {{4s, 6s}}, 20s);
  REQUIRE(phases);
  CHECK(phases->during.committed == 20);
  CHECK(phases->during.goodput_per_s == 0.0);
  CHECK(phases->after.goodput_per_s == Approx(10.0 / 4));
}

TEST_CASE("normal again from the last slow or lost transaction on") {
  std::vector<ClientOutcome> outcomes;
  for (int i = 0; i < 100; ++i) outcomes.push_back(at(i * 10ms, 10ms));
  outcomes.push_back(at(2100ms, 15ms));  // slower than before, and yet not slow
  outcomes.push_back(at(2300ms, 100ms));
  outcomes.push_back(at(2400ms, 5ms, Outcome::undecided));
  outcomes.push_back(at(2500ms, 10ms));
  const auto phases = fault_phases(outcomes, directory(), Duration{0}, 10s, {{1s, 2s}}, 5s);
  REQUIRE(phases);
  REQUIRE(phases->normal_after);
  CHECK(*phases->normal_after == 400ms);
  outcomes.push_back(at(1500ms, 1200ms));  // began in the fault, and had to wait past its end
  outcomes.push_back(at(1600ms, 6s));      // its client asked after 5 s
  CHECK(*fault_phases(outcomes, directory(), Duration{0}, 10s, {{1s, 2s}}, 5s)->normal_after == 700ms);

  outcomes.push_back(at(9500ms, 100ms));  // to the very end
  CHECK_FALSE(fault_phases(outcomes, directory(), Duration{0}, 10s, {{1s, 2s}}, 5s)->normal_after);
}

TEST_CASE("a fault that lasts to the end has no after") {
  const auto phases = fault_phases({at(1s, 1ms), at(6s, 1ms)}, directory(), Duration{0}, 10s, {{5s, std::nullopt}}, 5s);
  REQUIRE(phases);
  CHECK(phases->during.time == 5s);
  CHECK(phases->after.time == Duration{0});
  CHECK(phases->after.goodput_per_s == 0.0);
  CHECK_FALSE(phases->after.availability);
  CHECK_FALSE(phases->healed);
  CHECK_FALSE(phases->normal_after);
}

TEST_CASE("without a fault there are no phases; one before the window counts as before nothing") {
  CHECK_FALSE(fault_phases({at(1s, 1ms)}, directory(), Duration{0}, 10s, {}, 5s));
  const auto phases = fault_phases({at(3s, 1ms)}, directory(), 2s, 8s, {{1s, 1500ms}}, 5s);
  REQUIRE(phases);
  CHECK(phases->before.time == Duration{0});
  CHECK(phases->during.time == Duration{0});
  CHECK(phases->after.offered == 1);
  CHECK(phases->after.time == 8s);
}

}  // namespace geocommit
