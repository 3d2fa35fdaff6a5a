// Reads an exported history as strictly as Elle does, and finds what Elle would find first: elle.core and
// elle.list-append of jepsen-io/elle, in small. It has no part in the verdict, so each is evidence for the other.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "verdict/elle.h"

namespace geocommit::planted {

struct ElleReport {
  std::string refused;  ///< Why Elle would not take it; empty: it does.
  std::set<std::string> anomalies;
  std::size_t ok{}, reads{};  ///< Transactions that committed; what they read.
};
[[nodiscard]] ElleReport read_elle(std::string_view edn, verdict::ElleModel model);

}  // namespace geocommit::planted
