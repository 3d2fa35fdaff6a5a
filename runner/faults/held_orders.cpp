#include "runner/faults/held_orders.h"

#include "runner/faults/order_ids.h"

namespace geocommit {

std::optional<FaultOrder> HeldOrders::Held::left(Clock::time_point now) const {
  FaultOrder out = order;
  if (until) out.length = *until - now;
  if (until && *until <= now) return std::nullopt;
  return out;
}

void HeldOrders::hold(NodeId node, const FaultOrder& order, Clock::time_point now) {
  Held held{order, false, {}};
  if (order.on.empty() && order.length != kForever) held.until = now + order.length;
  held_[node][order.id] = held;
}

bool HeldOrders::waits(NodeId node, std::uint32_t order) {
  auto& of_node = held_[node];
  const auto found = of_node.find(order);
  if (found == of_node.end()) return false;
  found->second.waits = true;
  return true;
}

std::vector<FaultOrder> HeldOrders::woken(NodeId node, Clock::time_point now) {
  std::vector<FaultOrder> out;
  for (auto& [id, held] : held_[node]) {
    if (!std::exchange(held.waits, false)) continue;
    if (auto order = held.left(now)) out.push_back(std::move(*order));
  }
  return out;
}

std::vector<FaultOrder> HeldOrders::restarted(NodeId node, Clock::time_point now) {
  std::vector<FaultOrder> out;
  for (auto& [id, held] : held_[node]) {
    held.waits = false;
    if (auto order = held.left(now)) out.push_back(std::move(*order));
  }
  return out;
}

void HeldOrders::point_passed(std::size_t fault) {
  for (auto& [node, orders] : held_) {
    std::erase_if(orders,
                  [&](const auto& one) { return fault_of_order(one.first) == fault && !one.second.order.on.empty(); });
  }
}

bool HeldOrders::over(NodeId node, std::uint32_t order) {
  const auto of_node = held_.find(node);
  if (of_node == held_.end()) return false;
  const auto found = of_node->second.find(order);
  if (found == of_node->second.end() || !found->second.order.on.empty()) return false;
  of_node->second.erase(found);
  return true;
}

HeldOrders::Orders HeldOrders::take() {
  Orders out;
  for (const auto& [node, orders] : std::exchange(held_, {})) {
    for (const auto& [id, held] : orders) out.emplace_back(node, id);
  }
  return out;
}

}  // namespace geocommit
