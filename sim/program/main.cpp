// geocommit-sim: the virtual world from the command line.
#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include "sim/program/bench_main.h"
#include "sim/program/check_main.h"
#include "sim/program/export_main.h"
#include "sim/program/fuzz_main.h"
#include "sim/program/run_main.h"
#include "sim/program/twin_main.h"

namespace {

/// The state of a thousand nodes is spread over hundreds of megabytes: with pages of 2 MB instead of 4 KB an event of
/// theirs is a fifth cheaper. glibc reads this once, when a program starts.
void ask_for_large_pages(char** argv) {
  if (std::getenv("GLIBC_TUNABLES") == nullptr && setenv("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1", 0) == 0) {
    (void)execv("/proc/self/exe", argv);  // If it fails, the pages are small.
  }
}

}  // namespace

int main(int argc, char** argv) {
  ask_for_large_pages(argv);
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
  if (verb == "export") {
    return geocommit::export_main(argc - 1, argv + 1);
  }
  if (verb == "twin") {
    return geocommit::sim::twin_main(argc - 1, argv + 1);
  }
  return geocommit::sim::run_main(argc, argv);
}
