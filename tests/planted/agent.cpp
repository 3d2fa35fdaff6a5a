// An agent with a faulty part: `geocommit-agent` of a run whose verdict must see it. Which one says the environment
// variable GEOCOMMIT_PLANTED.
#include <cstdlib>
#include <iostream>

#include "runtime/daemon.h"
#include "tests/planted/parts.h"

int main(int argc, char** argv) {
  using namespace geocommit;
  const char* name = std::getenv("GEOCOMMIT_PLANTED");
  const planted::Variant* variant = planted::find_variant(name != nullptr ? name : "");
  if (variant == nullptr) {
    std::cerr << "GEOCOMMIT_PLANTED: one of the names in tests/planted/parts.cpp was expected\n";
    return 2;
  }
  return daemon_main(
      {"geocommit-agent", "An agent with a faulty part.", NodeKind::agent, serve_engine_of(variant->parts)}, argc,
      argv);
}
