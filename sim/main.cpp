// geocommit-sim: the virtual world from the command line.
#include <iostream>
#include <string_view>

#include "sim/fuzz_main.h"

int main(int argc, char** argv) {
  const std::string_view verb = argc > 1 ? argv[1] : "";
  if (verb == "fuzz") {
    return geocommit::sim::fuzz_main(argc - 1, argv + 1);
  }
  std::cerr << "usage: geocommit-sim fuzz --seeds A..B   (see geocommit-sim fuzz --help)\n";
  return 1;
}
