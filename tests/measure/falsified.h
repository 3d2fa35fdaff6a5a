// Histories as a system would leave them that tells its clients wrong things, or loses what it promised: each is true
// but for one thing, and the verdict must say so. docs/mutants.md lists them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "verdict/check.h"

namespace geocommit::verdict_test {

struct Falsified {
  std::string name, what;
  std::function<Verdict()> judge;
};

[[nodiscard]] std::vector<Falsified> falsified_histories();
/// The check that caught it, and what it said; empty: none did.
[[nodiscard]] std::string caught_by(const Verdict& verdict);

}  // namespace geocommit::verdict_test
