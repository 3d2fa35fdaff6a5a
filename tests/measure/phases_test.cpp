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

TEST_CASE("the ends of a fault: its begin belongs to it, its end does not") {
  struct Told {
    Duration at;
    int before, during, after;
  };
  for (const auto& [told, before, during, after] : {Told{1s - 1ns, 0, 0, 0},
                                                    {1s, 1, 0, 0},
                                                    {3s - 1ns, 1, 0, 0},
                                                    {3s, 0, 1, 0},
                                                    {5s - 1ns, 0, 1, 0},
                                                    {5s, 0, 0, 1},
                                                    {11s - 1ns, 0, 0, 1},
                                                    {11s, 0, 0, 0}}) {
    CAPTURE(told.count());
    ClientOutcome outcome = at(0s, told);
    outcome.measured = false;  // For goodput it counts when it is told, and it alone.
    const auto phases = fault_phases({outcome}, directory(), 1s, 10s, {{3s, 5s}}, 5s);
    REQUIRE(phases);
    CHECK(phases->before.goodput_per_s == Approx(before / 2.0));
    CHECK(phases->during.goodput_per_s == Approx(during / 2.0));
    CHECK(phases->after.goodput_per_s == Approx(after / 6.0));
  }
  const auto phase = [](Duration start, Duration latency, Outcome outcome = Outcome::commit) {
    const auto phases = fault_phases({at(start, latency, outcome)}, directory(), 1s, 10s, {{3s, 5s}}, 5s);
    return phases->before.offered == 1 ? "before" : phases->during.offered == 1 ? "during" : "after";
  };
  CHECK(phase(2s, 1s - 1ns) == std::string("before"));
  CHECK(phase(2s, 1s) == std::string("during"));
  CHECK(phase(2s, 1ms, Outcome::undecided) == std::string("during"));
  CHECK(phase(5s - 1ns, 1ns) == std::string("during"));
  CHECK(phase(5s, 1ns) == std::string("after"));
}

TEST_CASE("spans that touch or overlap are one fault, in whatever order; what lies outside of the run is none") {
  const auto during = [](const std::vector<FaultSpan>& spans) {
    const auto phases = fault_phases({at(4s, 1ms)}, directory(), 1s, 10s, spans, 5s);
    return phases ? phases->during.time : Duration{-1};
  };
  CHECK(during({{4s, 6s}, {2s, 4s}}) == 4s);
  CHECK(during({{2s, 4s}, {5s, 6s}}) == 3s);
  CHECK(during({{2s, 9s}, {3s, 4s}, {8s, 10s}}) == 8s);
  CHECK(during({{2s, 3s}, {11s, 12s}}) == 1s);
  CHECK(during({{500ms, 2s}, {10s, 15s}}) == 2s);
  CHECK(during({{11s, 12s}}) == Duration{-1});
  CHECK(during({{3s, 3s}}) == Duration{-1});
}

TEST_CASE("in time, and normal, are what is no later than their bounds") {
  const auto judged = [](const ClientOutcome& outcome) {
    std::vector<ClientOutcome> outcomes(100, at(2s, 10ms));
    outcomes.push_back(outcome);
    return *fault_phases(outcomes, directory(), 1s, 10s, {{3s, 5s}}, 4s, 1s);
  };
  CHECK(*judged(at(6s, 1s)).after.availability == 1.0);
  CHECK(*judged(at(6s, 1s + 1ns)).after.availability == 0.0);
  ClientOutcome refused = at(6s, 1ms, Outcome::abort);
  CHECK(*judged(refused).after.availability == 1.0);
  refused.reason = Reason::unavailable;
  CHECK(*judged(refused).after.availability == 0.0);
  // Slow: twice the 99th percentile of before. What its client had to ask for counts from its start.
  const Duration slow = 2 * judged(at(6s, 1ms)).before.commits.p99;
  CHECK(judged(at(6s, slow)).normal_after == Duration{0});
  CHECK(judged(at(6s, slow + 1ns)).normal_after == Duration{1s + slow + 1ns});
  CHECK(judged(at(6s, 4s - 1ns)).normal_after == Duration{5s - 1ns});
  CHECK(judged(at(6s, 4s)).normal_after == Duration{1s});
  CHECK(judged(refused).normal_after == Duration{1s});
  // The last tenth of what follows the heal is too short to call it normal.
  refused.intended_start = 10'400ms;
  CHECK(judged(refused).normal_after == Duration{5400ms});
  refused.intended_start += 1ns;
  CHECK_FALSE(judged(refused).normal_after);
}

}  // namespace geocommit
