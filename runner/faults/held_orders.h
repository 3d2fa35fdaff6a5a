// The orders that nodes have been given and that still hold: whoever dies or stands still meanwhile gets them again.
// Plain state: whoever has it locks.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "runtime/faults/fault_order.h"

namespace geocommit {

class HeldOrders {
 public:
  using Clock = std::chrono::steady_clock;
  using Orders = std::vector<std::pair<NodeId, std::uint32_t>>;

  /// From now on. One that hangs on no point is over when its length is.
  void hold(NodeId node, const FaultOrder& order, Clock::time_point now);
  /// The node did not take it: it waits for woken(). False: it is not held any more.
  bool waits(NodeId node, std::uint32_t order);
  /// The node goes on: what waited for that, with the time that is left.
  [[nodiscard]] std::vector<FaultOrder> woken(NodeId node, Clock::time_point now);
  /// The node is started again: all that it has to have from its first moment on.
  [[nodiscard]] std::vector<FaultOrder> restarted(NodeId node, Clock::time_point now);
  /// A point that has come will not come again for this fault.
  void point_passed(std::size_t fault);
  /// Its fault is over. True: it was in force (one for the next occurrence of a point stays).
  [[nodiscard]] bool over(NodeId node, std::uint32_t order);
  /// All of them; then none is held.
  [[nodiscard]] Orders take();

 private:
  struct Held {
    FaultOrder order;
    bool waits{};                            ///< For the node to go on.
    std::optional<Clock::time_point> until;  ///< In force until then; none: for ever, or armed for a point.
    /// With what is left of its length; nothing if that is over.
    [[nodiscard]] std::optional<FaultOrder> left(Clock::time_point now) const;
  };
  std::map<NodeId, std::map<std::uint32_t, Held>> held_;
};

}  // namespace geocommit
