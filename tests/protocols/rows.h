// What the suites that hold for every protocol run over: all rows with machines, or the one that GEOCOMMIT_PROTOCOL
// names (scripts/protocol-check).
#pragma once

#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "protocols/registry.h"

namespace geocommit {

/// Never empty. A router has no machines: its inner protocol has them.
inline std::vector<std::reference_wrapper<const Protocol>> rows_under_test() {
  const char* only = std::getenv("GEOCOMMIT_PROTOCOL");  // NOLINT: one thread
  std::vector<std::reference_wrapper<const Protocol>> rows;
  for (const Protocol& row : all_protocols()) {
    if (!row.is_router() && (only == nullptr || row.name == only)) {
      rows.emplace_back(row);
    }
  }
  if (rows.empty()) {
    throw std::runtime_error("GEOCOMMIT_PROTOCOL=" + std::string(only) + " names no row with machines");
  }
  return rows;
}

}  // namespace geocommit
