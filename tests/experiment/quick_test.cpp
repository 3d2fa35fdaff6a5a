// --quick: what a first look leaves out, and what it does not touch.
#include "experiment/quick.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace geocommit;

namespace {

Experiment experiment_of(const std::string& more, const std::vector<Override>& overrides = {}) {
  auto parsed = parse_experiment("name: e\ntopology: t\nprotocols: [2pc]\n" + more, "e.yaml", overrides);
  INFO((parsed ? "" : parsed.error().message));
  REQUIRE(parsed);
  return std::move(parsed).value();
}
std::string changes(const Quick& quick) {
  std::string out;
  for (const Override& one : quick.overrides) out += one.key + "=" + one.value + "\n";
  return out;
}

}  // namespace

TEST_CASE("quick: one repetition, the ends of each sweep, five seconds; and what is replaced is an experiment") {
  const std::string text =
      "repetitions: 3\nwarmup: 5s\nduration: 60s\n"
      "sweep: {workload.rate: [10/s, 20/s, 40/s], topology: [t, u], durability: [none, fixed(1ms), fsync, "
      "fixed(2ms)]}\n";
  const Quick less = quick(experiment_of(text), {});
  CHECK(changes(less) ==
        "repetitions=1\n"
        "sweep={workload.rate: [10/s, 40/s], topology: [t, u], durability: [none, fixed(2ms)]}\n"
        "warmup=1s\nduration=5s\n");
  CHECK(less.what ==
        "1 repetition instead of 3; workload.rate 10/s and 40/s, 2 of 3 values; durability none and fixed(2ms), 2 of 4 "
        "values; warmup 1s instead of 5s; duration 5s instead of 60s; figures are rougher");
  const Experiment after = experiment_of(text, less.overrides);
  CHECK(after.points.size() == 8);
  CHECK(after.repetitions == 1);
  CHECK(after.points.front().settings.duration == Duration{5s});
  const Quick again = quick(after, {});
  CHECK(changes(again) == "");
  CHECK(again.what == "there is nothing to leave out");
}

TEST_CASE("quick: what the user sets stays, and what is swept; with a fault on schedule no time is cut") {
  const std::string sweep = "repetitions: 3\nduration: 60s\nsweep: {warmup: [3s, 4s]}\n";
  CHECK(changes(quick(experiment_of(sweep), {{"duration", "60s"}, {"repetitions", "3"}})) == "");
  const std::string faults =
      "duration: 60s\nscenarios: {calm: [], cut: [{at: 20s, for: 5s, crash: agent@us}], more: []}\n";
  CHECK(changes(quick(experiment_of(faults), {})) == "");
  CHECK(changes(quick(experiment_of("duration: 3s\nwarmup: 200ms\n"), {})) == "");
}
