#include "runner/faults/part_orders.h"

#include <algorithm>

#include "base/check.h"
#include "runner/faults/order_ids.h"

namespace geocommit {

bool by_node(const Fault& part, bool links) {
  switch (part.kind) {
    case FaultKind::disk_stall:
    case FaultKind::disk_fail_sync:
    case FaultKind::disk_full:
    case FaultKind::clock_step:
    case FaultKind::drop:
      return true;
    case FaultKind::cut:
      return !links;
    case FaultKind::crash:
    case FaultKind::pause:
    case FaultKind::duplicate:
    case FaultKind::reorder:
    case FaultKind::link:
    case FaultKind::transfer:
    case FaultKind::failover:
      return false;
  }
  GC_CHECK(false);
}

bool native(const NamedFault& named) {
  const Fault& fault = named.first();
  if (named.parts.size() != 1) return false;
  switch (fault.kind) {
    case FaultKind::crash:
    case FaultKind::pause:
    case FaultKind::disk_stall:
    case FaultKind::disk_fail_sync:
    case FaultKind::disk_full:
    case FaultKind::clock_step:
      return fault.node == trigger_of(fault);
    case FaultKind::drop:
      return fault.from == std::vector<NodeId>{trigger_of(fault)};
    case FaultKind::cut:
    case FaultKind::duplicate:
    case FaultKind::reorder:
    case FaultKind::link:
    case FaultKind::transfer:
    case FaultKind::failover:
      return false;
  }
  GC_CHECK(false);
}

std::vector<std::pair<NodeId, FaultOrder>> orders_of(const NamedFault& named, std::size_t index, std::size_t part,
                                                     const std::vector<NodeId>& nodes) {
  const Fault& fault = named.parts[part];
  FaultOrder order;
  order.kind = fault.kind == FaultKind::cut ? FaultKind::drop : fault.kind;
  order.length = fault.length;
  order.probability = fault.probability;
  order.classes = fault.classes;
  order.extra = fault.extra;
  order.seed = index + 1;
  std::vector<std::pair<NodeId, FaultOrder>> out;
  const auto add = [&](NodeId node, const std::vector<NodeId>& to, std::uint32_t sub) {
    if (std::find(nodes.begin(), nodes.end(), node) == nodes.end()) return;
    order.id = order_id(index, 1 + 2 * static_cast<std::uint32_t>(part) + sub);
    order.to = to;
    out.emplace_back(node, order);
  };
  if (order.kind != FaultKind::drop) {
    add(fault.node, {}, 0);
    return out;
  }
  for (const NodeId from : fault.from) add(from, fault.to, 0);
  for (const NodeId to : fault.to) {
    if (fault.both_ways) add(to, fault.from, 1);
  }
  return out;
}

}  // namespace geocommit
