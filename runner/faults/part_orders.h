// What of a fault the nodes carry out themselves, and by which orders.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "experiment/fault_file.h"
#include "runtime/faults/fault_order.h"

namespace geocommit {

/// `links`: there are links to change; without, a cut is an order to every sender.
[[nodiscard]] bool by_node(const Fault& part, bool links);
/// The node at whose point it hangs does all of it by itself.
[[nodiscard]] bool native(const NamedFault& fault);
/// Those of one part to the nodes that carry it out; ids are filled in. `index`: of the fault in the plan. Who is not
/// among `nodes` gets none.
[[nodiscard]] std::vector<std::pair<NodeId, FaultOrder>> orders_of(const NamedFault& fault, std::size_t index,
                                                                   std::size_t part, const std::vector<NodeId>& nodes);

}  // namespace geocommit
