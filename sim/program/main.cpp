// geocommit-sim: the virtual world from the command line.
#include <iostream>
#include <string_view>

#include "sim/program/bench_main.h"
#include "sim/program/check_main.h"
#include "sim/program/fuzz_main.h"
#include "sim/program/run_main.h"

int main(int argc, char** argv) {
  const std::string_view verb = argc > 1 ? argv[1] : "";
  if (verb == "fuzz") {
    return geocommit::sim::fuzz_main(argc - 1, argv + 1);
  }
  if (verb == "bench") {
    return geocommit::sim::bench_main(argc - 1, argv + 1);
  }
  if (verb == "check") {
    return geocommit::check_main(argc - 1, argv + 1);
  }
  if (!verb.empty() && verb != "--help") {
    return geocommit::sim::run_main(argc, argv);
  }
  std::cerr << "usage: geocommit-sim FILE --output DIR\n"
               "       geocommit-sim fuzz --seeds A..B   (--help says more)\n"
               "       geocommit-sim check RESULTS\n"
               "       geocommit-sim bench\n";
  return 1;
}
