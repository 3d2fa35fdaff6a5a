// The faults of one node: armed by the runner, begun at once or at a protocol point, healed by the node itself when
// their time is over, even if nobody asks any more (runtime/faults/fault_order.h says what the runner has to know).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/peer_message.h"
#include "protocols/directory.h"
#include "runtime/event_loop.h"
#include "runtime/faults/fault_disk.h"
#include "runtime/faults/fault_order.h"

namespace zmq {
class context_t;
}

namespace geocommit {

class NodeFaults {
 public:
  struct Seams {
    /// What has been sent so far leaves for good: it is with the kernel when this returns.
    std::function<void()> let_leave;
    /// Prepares let_leave, so that it costs little at its point.
    std::function<Result<void>()> prepare_leaving;
    /// Whether messages have to be shown to drops() from now on.
    std::function<void(bool)> filter_sends;
    std::function<void(Duration)> step_wall_clock;
    /// A longer one is refused.
    Duration longest_pause{kForever};
  };
  /// All outlive this.
  NodeFaults(EventLoop& loop, zmq::context_t& context, NodeId self, const Directory& directory, Seams seams);
  ~NodeFaults();
  NodeFaults(const NodeFaults&) = delete;
  NodeFaults& operator=(const NodeFaults&) = delete;

  /// Whoever has a disk is told its state now, and at every change. Empty: it has gone.
  void set_disk(std::function<void(const DiskState&)> tell);

  /// Error: what is wrong with the order, for the runner. Without a point it begins in here.
  [[nodiscard]] Result<void> arm(const FaultOrder& order);
  /// Heals and disarms; 0: all.
  void end(std::uint32_t id);
  /// A machine stands at this point, in the middle of performing its step. May not return.
  void at_point(const TxnId& txn, std::string_view event) {
    if (points_ > 0) {
      pass(txn, event);
    }
  }
  /// True: this message is lost. Draws, so ask once.
  [[nodiscard]] bool drops(NodeId to, const PeerPayload& payload);

  [[nodiscard]] const std::vector<FiredFault>& fired() const { return fired_; }

 private:
  struct Armed {
    FaultOrder order;
    std::uint32_t seen{};
    bool active{};
    std::uint64_t end_timer{};  // of the loop; 0: none
    std::set<NodeId> to;
    std::mt19937_64 random;
  };
  class Line;  // to one listener

  void pass(const TxnId& txn, std::string_view event);
  void begin(Armed& armed, const TxnId& txn);
  void finish(Armed& armed);
  void apply();
  void stop_and_continue(const Armed& armed);
  [[nodiscard]] Line* line_to(const std::string& listener);
  void report(const Armed& armed, FiredFault& fired);
  [[nodiscard]] Result<void> check(const FaultOrder& order) const;

  EventLoop& loop_;
  zmq::context_t& context_;
  NodeId self_;
  const Directory& directory_;
  Seams seams_;
  std::function<void(const DiskState&)> tell_disk_;
  std::map<std::uint32_t, Armed> armed_;  // by id: the order in which they take effect
  std::size_t points_{};                  // armed ones that wait for a point
  DiskState disk_;
  std::map<std::string, std::unique_ptr<Line>> lines_;
  std::vector<FiredFault> fired_;
};

}  // namespace geocommit
