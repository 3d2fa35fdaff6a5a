// What a fault does when it begins, and what ends it.
#include <algorithm>
#include <csignal>

#include "base/check.h"
#include "runner/faults/controller.h"
#include "runner/faults/order_ids.h"

namespace geocommit {
namespace {

bool on_links(const Fault& fault) { return fault.kind == FaultKind::cut || fault.kind == FaultKind::link; }

}  // namespace

bool FaultController::by_node(const Fault& fault) const {
  switch (fault.kind) {
    case FaultKind::disk_stall:
    case FaultKind::disk_fail_sync:
    case FaultKind::disk_full:
    case FaultKind::clock_step:
    case FaultKind::drop:
      return true;
    case FaultKind::cut:
      return hands_.links == nullptr;
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

/// The node at whose point it hangs does all of it by itself.
bool FaultController::native(std::size_t index) const {
  const NamedFault& named = states_[index].fault;
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

std::vector<std::pair<NodeId, FaultOrder>> FaultController::orders_of(std::size_t index, std::size_t part) const {
  const Fault& fault = states_[index].fault.parts[part];
  FaultOrder order;
  order.kind = fault.kind == FaultKind::cut ? FaultKind::drop : fault.kind;
  order.length = fault.length;
  order.probability = fault.probability;
  order.classes = fault.classes;
  order.extra = fault.extra;
  order.seed = index + 1;
  std::vector<std::pair<NodeId, FaultOrder>> out;
  const auto add = [&](NodeId node, const std::vector<NodeId>& to, std::uint32_t sub) {
    if (std::find(nodes_.begin(), nodes_.end(), node) == nodes_.end()) return;
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

void FaultController::carry_out(std::size_t index, std::size_t part, std::optional<NodeId> waiting) {
  const Fault& fault = states_[index].fault.parts[part];
  const bool by_itself = waiting && native(index);
  if (on_links(fault) && hands_.links != nullptr) {
    const auto id = order_id(index, static_cast<std::uint32_t>(part));
    if (auto done = hands_.links->begin(id, fault); !done) problem(index, done.error().message);
    return;
  }
  switch (fault.kind) {
    case FaultKind::crash:
      return crash(index, fault, waiting.has_value(), by_itself);
    case FaultKind::pause:
      return pause(index, fault, by_itself);
    case FaultKind::transfer:
    case FaultKind::failover:
      if (!hands_.move_home) return problem(index, "this world cannot move the mastership of a home");
      if (auto moved = hands_.move_home(fault); !moved) problem(index, moved.error().message);
      return;
    case FaultKind::disk_fail_sync:
    case FaultKind::disk_full: {
      const std::lock_guard lock(mutex_);
      restarts_.disk_fails(fault.node, index);
      break;
    }
    case FaultKind::disk_stall:
    case FaultKind::clock_step:
    case FaultKind::cut:
    case FaultKind::drop:
    case FaultKind::duplicate:
    case FaultKind::reorder:
    case FaultKind::link:
      break;
  }
  if (by_itself) return;
  for (const auto& [node, order] : orders_of(index, part)) {
    if (waiting != node) give_order(index, node, order, waiting.has_value());
  }
}

void FaultController::crash(std::size_t index, const Fault& fault, bool waiting, bool by_itself) {
  if (!waiting && hands_.last_report && !silent(fault.node)) hands_.last_report(fault.node);
  {
    const std::lock_guard lock(mutex_);
    if (!restarts_.crash(fault.node, index, fault.tail)) return;
  }
  if (!by_itself && !hands_.signal(fault.node, SIGKILL)) problem(index, "the runner has no such process");
}

void FaultController::pause(std::size_t index, const Fault& fault, bool by_itself) {
  {
    const std::lock_guard lock(mutex_);
    paused_.add(fault.node, index);
  }
  if (by_itself) return;  // its own timer wakes it; a second SIGCONT does no harm
  if (hands_.own_processes) {
    if (!hands_.signal(fault.node, SIGSTOP)) problem(index, "the runner has no such process");
    return;
  }
  FaultOrder order;
  order.id = order_id(index, 1);
  order.kind = FaultKind::pause;
  order.length = fault.length;
  (void)hands_.arm(fault.node, order, false);  // it stands still before it can answer
}

void FaultController::undo(std::size_t index, std::size_t part) {
  const Fault& fault = states_[index].fault.parts[part];
  if (on_links(fault) && hands_.links != nullptr) {
    const auto id = order_id(index, static_cast<std::uint32_t>(part));
    if (auto done = hands_.links->end(id); !done) problem(index, done.error().message);
    return;
  }
  if (fault.kind == FaultKind::crash) {
    const std::lock_guard lock(mutex_);
    return due(restarts_.crash_over(fault.node, index, fault.tail));
  }
  if (fault.kind == FaultKind::pause) {
    {
      const std::lock_guard lock(mutex_);
      paused_.remove(fault.node, index);
      if (paused_.any(fault.node)) return;
      if (hands_.own_processes) (void)hands_.signal(fault.node, SIGCONT);
    }
    return deliver_waiting(fault.node);
  }
  for (const auto& [node, order] : orders_of(index, part)) {
    bool ask = false;
    {
      const std::lock_guard lock(mutex_);
      // One that waits for its next occurrence stays; the node ends by itself what is in force.
      ask = orders_.over(node, order.id) && !restarts_.dead(node) && !paused_.any(node);
    }
    if (ask) hands_.end_order(node, order.id);
  }
  if (fault.kind == FaultKind::disk_fail_sync || fault.kind == FaultKind::disk_full) {
    const std::lock_guard lock(mutex_);
    due(restarts_.disk_works(fault.node, index));
  }
}

}  // namespace geocommit
