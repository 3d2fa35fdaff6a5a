// The command fuzz over cases that fail as their seed says, for cli_test.py: every seventh seed fails, the 13th aborts.
#include <cstdlib>

#include "sim/fuzz.h"
#include "sim/program/fuzz_main.h"

namespace geocommit::sim {

FuzzCase draw_case(std::uint64_t seed, const Reduction& reduction) {
  FuzzCase one;
  one.seed = seed;
  one.faults_drawn = reduction.faults ? reduction.faults->size() : 3;
  return one;
}

std::string describe(const FuzzCase& one) {
  return "seed " + std::to_string(one.seed) + " with " + std::to_string(one.faults_drawn) + " faults\n";
}

FuzzResult run_case(const FuzzCase& one) {
  if (one.seed == 13) {
    std::abort();
  }
  FuzzResult result;
  result.events = 100;
  result.committed = 10;
  result.aborted = 1;
  result.split_expected = one.seed == 2;
  if (one.seed % 7 == 0 && one.faults_drawn > 0) {
    result.failures = {"it is a seventh one"};
  }
  return result;
}

/// To one fault, as without any it passes.
Reduction shrink(std::uint64_t seed, Reduction from, const std::function<bool(const FuzzCase&)>& fails, std::size_t) {
  for (std::size_t left : {0U, 1U}) {
    Reduction less = from;
    less.faults.emplace(left);
    if (fails(draw_case(seed, less))) {
      return less;
    }
  }
  return from;
}

std::string replay_arguments(std::uint64_t seed, const Reduction& reduction) {
  return "fuzz --seeds " + std::to_string(seed) +
         (reduction.faults ? " of " + std::to_string(reduction.faults->size()) + " faults" : "");
}

}  // namespace geocommit::sim

int main(int argc, char** argv) { return geocommit::sim::fuzz_main(argc, argv); }
