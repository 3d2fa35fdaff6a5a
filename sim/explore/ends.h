// Where a search ends: what its reductions must not change. For tests.
#pragma once

#include <cstdint>
#include <set>

#include "sim/explore/explore.h"

namespace geocommit::explore {

/// States by content, which is the same in every search, and without what is left of the bounds.
struct Ends {
  std::set<std::uint64_t> resting;  ///< Nothing is under way to or in a node that is up.
  std::set<std::uint64_t> healed;  ///< Then healed, restarted and drained: the nodes before and after late copies come.
};

/// As explore(), without renamings of interchangeable participants.
[[nodiscard]] Report explore_ends(Options options, Ends& ends);

}  // namespace geocommit::explore
