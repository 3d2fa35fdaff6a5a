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
  const bool help = verb == "--help";
  (help ? std::cout : std::cerr) << "The virtual world; every verb has its --help.\n"
                                    "  ./geocommit sim FILE             an experiment file in virtual time\n"
                                    "  ./geocommit fuzz --seeds A..B    random simulation\n"
                                    "  ./geocommit check RESULTS        a results folder judged again\n"
                                    "  geocommit-sim bench              events per second of one core\n";
  return help ? 0 : 1;
}
