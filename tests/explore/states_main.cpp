// protocols/<folder>/states.md and states.dot must be what the machines do. --write writes them anew.
//   test_states [--write] [PROTOCOL]      PROTOCOL: the name of a row with machines; only its files
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>

#include "sim/explore/explore.h"
#include "sim/explore/tabulate.h"

namespace {

bool same(const std::string& path, const std::string& text, bool write) {
  if (write) {
    std::ofstream(path) << text;
    return true;
  }
  std::ifstream in(path);
  const std::string written{std::istreambuf_iterator<char>(in), {}};
  if (written != text) {
    std::cout << path << " differs from what the machines do; run test_states --write and review\n";
  }
  return written == text;
}

}  // namespace

int main(int argc, char** argv) {
  const bool write = argc > 1 && std::strcmp(argv[1], "--write") == 0;
  const std::string only = argc > (write ? 2 : 1) ? argv[argc - 1] : "";
  bool good = true;
  int looked_at = 0;
  for (const geocommit::Protocol& protocol : geocommit::all_protocols()) {
    if (protocol.is_router() || (!only.empty() && protocol.name != only)) {
      continue;  // A router: its inner protocol has the machines.
    }
    ++looked_at;
    if (!geocommit::explore::not_driven(protocol).empty()) {
      continue;  // What a search would have to visit, none does.
    }
    const std::string folder = std::string(GEOCOMMIT_SOURCE_DIR) + "/protocols/" + std::string(protocol.folder);
    const geocommit::explore::StateTables tables = geocommit::explore::tabulate(protocol);
    good = same(folder + "/states.md", tables.matrix, write) && good;
    good = same(folder + "/states.dot", tables.dot, write) && good;
  }
  if (looked_at == 0) {
    std::cout << "no protocol with machines has the name " << only << "\n";
    return 1;
  }
  std::cout << (good ? "as written\n" : "NOT as written\n");
  return good ? 0 : 1;
}
