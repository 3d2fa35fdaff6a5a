// That the reductions leave out nothing: the same ends with and without them, over many small configurations.
#pragma once

#include <cstddef>
#include <cstdint>

namespace geocommit::explore {

struct Compared {
  std::size_t configurations{};
  std::size_t searched{};  ///< The rest has more than states_most states.
};

/// Every protocol, also with machines that remember in which order they took what, one and two participants, every
/// choice of so many faults (one kind several times, too): checks that ends, violations and blocking states agree.
Compared compare_ends(std::size_t faults, std::uint64_t states_most);

}  // namespace geocommit::explore
