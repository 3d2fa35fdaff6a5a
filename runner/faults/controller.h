// Carries a cell's faults out on real processes. The schedule has a thread of its own; what hangs on a protocol point
// is begun in the report of the node that stands there, which waits until it is in force. Only the restart of a process
// is left to the main thread: a child dies with the thread that made it.
//
// What the controller itself does: SIGKILL, SIGSTOP, links. What it has a node do (FaultOrder): messages of a class,
// the disk, the wall clock, and everything else where there are no links (loopback: a cut is an order to every sender).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "experiment/fault_record.h"
#include "runner/faults/fault_book.h"
#include "runner/faults/held_orders.h"
#include "runner/faults/links.h"
#include "runner/faults/restarts.h"
#include "runner/faults/schedule.h"
#include "runtime/faults/fault_order.h"

namespace geocommit {

/// What the controller may do to the world. Called on its threads, two of them at a time.
struct FaultHands {
  /// SIGKILL, SIGSTOP, SIGCONT to a node's process. False: the runner has no such process.
  std::function<bool(NodeId, int)> signal;
  /// `waiting`: from a node's report; that node must not be asked. To give up when the node falls silent().
  std::function<Result<void>(NodeId, const FaultOrder&, bool waiting)> arm;
  std::function<void(NodeId, std::uint32_t order)> end_order;
  /// Before a SIGKILL on the schedule: what the node has measured dies with it.
  std::function<void(NodeId)> last_report;
  /// Home region's transfer and failover.
  std::function<Result<void>(const Fault&)> move_home;
  LinkFaults* links{};   ///< Null: there are no links to change.
  bool own_processes{};  ///< The runner started the nodes (false: deployed).
  std::string listener;  ///< Where nodes report. Empty: nowhere, so a point can only trigger what its node does itself.
  std::function<void()> wake;  ///< The main thread has something to do: due_restarts().
  /// Something begins (true) or ends.
  std::function<void(const NamedFault&, bool)> told;
};

class FaultController {
 public:
  FaultController(std::vector<NamedFault> faults, std::vector<NodeId> nodes, FaultHands hands);
  ~FaultController();
  FaultController(const FaultController&) = delete;
  FaultController& operator=(const FaultController&) = delete;

  /// Why a fault of this plan cannot be carried out in this world at all; empty if all can.
  [[nodiscard]] std::string refusal() const;
  /// Arms what hangs on points from the first transaction on. Before the load.
  [[nodiscard]] Result<void> prepare();
  /// The load begins now.
  void begin();
  /// Nothing on the schedule begins from now on; what is in force heals in its time.
  void load_over();
  /// Heals all that is in force, and no more begins. Dead nodes stay dead.
  void stop();

  /// For FaultListener.
  void on_report(const FaultReport& report);
  /// Without a listener: what a node says has fired there (NodeStatus::faults), each seen at most a poll later.
  void saw_fired(NodeId node, const std::vector<FiredFault>& fired);

  /// Whether the process was meant to end, and ended as it was meant to; `status` as waitpid gives it. Main thread, as
  /// are the following.
  [[nodiscard]] bool node_ended(NodeId node, int status);
  struct Restart {
    NodeId node;
    Tail tail{Tail::kept};
    std::vector<FaultOrder> orders;  ///< To be armed from its first moment on.
  };
  /// Crashed nodes whose time is over. Each once; node_started() when it is done.
  [[nodiscard]] std::vector<Restart> due_restarts();
  void node_started(NodeId node);
  void node_ready(NodeId node);
  [[nodiscard]] std::vector<NodeId> unready() const;  ///< Started again, not yet ready.
  /// Dead or standing still: not to be asked anything.
  [[nodiscard]] bool silent(NodeId node) const;
  [[nodiscard]] bool dead(NodeId node) const;

  /// "crash agent@eu-west-1": those in force now, or for a while since the last call.
  [[nodiscard]] std::vector<std::string> active();
  /// When the last of what heals by itself will have healed; since now. 0: nothing is left.
  [[nodiscard]] Duration until_healed() const;
  /// In force and not going to end by itself.
  [[nodiscard]] bool forever() const;
  [[nodiscard]] std::vector<FaultRecord> records() const;

 private:
  using Clock = std::chrono::steady_clock;

  void arm_point(std::size_t index, bool waiting);
  void begin_fault(std::size_t index, std::optional<NodeId> waiting);
  void end_fault(std::size_t index);
  void carry_out(std::size_t index, std::size_t part, std::optional<NodeId> waiting);
  void undo(std::size_t index, std::size_t part);
  void crash(std::size_t index, const Fault& fault, bool waiting, bool by_itself);
  void pause(std::size_t index, const Fault& fault, bool by_itself);
  void give_order(std::size_t index, NodeId node, FaultOrder order, bool waiting);
  void bring(std::size_t index, NodeId node, const FaultOrder& order, bool waiting);
  /// With the mutex held: the main thread is told.
  void due(bool is_due);
  void deliver_waiting(NodeId node);
  void problem(std::size_t index, const std::string& what);

  std::vector<NodeId> nodes_;
  FaultHands hands_;
  mutable std::mutex mutex_;  ///< Guards all but the schedule, which locks itself: after this one.
  FaultBook book_;
  bool closing_{}, stopping_{};
  Restarts restarts_;
  Holders paused_;
  HeldOrders orders_;
  std::set<std::pair<std::uint32_t, std::uint32_t>> fired_;  ///< Order and occurrence, of saw_fired().
  FaultSchedule schedule_;
};

}  // namespace geocommit
