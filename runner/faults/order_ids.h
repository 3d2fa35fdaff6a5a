// How the orders of a run are numbered: each fault has a range of its own.
#pragma once

#include <cstddef>
#include <cstdint>

namespace geocommit {

/// Orders of one fault: 0 is the one that waits at a point, the others are parts and directions.
inline constexpr std::uint32_t kOrdersPerFault = 256;
constexpr std::uint32_t order_id(std::size_t fault, std::uint32_t sub) {
  return static_cast<std::uint32_t>(fault) * kOrdersPerFault + sub + 1;
}
constexpr std::size_t fault_of_order(std::uint32_t order) { return (order - 1) / kOrdersPerFault; }
constexpr bool is_watch(std::uint32_t order) { return (order - 1) % kOrdersPerFault == 0; }

}  // namespace geocommit
