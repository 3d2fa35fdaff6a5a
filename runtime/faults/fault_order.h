// One fault as a node is told of it, and what the node tells when it fires. runner/ makes orders from the fault plan
// (faults/fault_plan.h) and sends them with ControlClient::arm(), or puts them into NodeConfig::faults, where they are
// armed before recovery begins (a second crash during recovery). How a runner uses it:
//
//   FaultListener listener = FaultListener::open("ipc:///run/geocommit/faults", callback)   //
//   runtime/faults/listener.h FaultOrder order; order.id = 7; order.listener = listener->address(); order.kind = ...;
//   order.on = "votes-collected" control.arm(node, order, 5s)              // one order for each node that it concerns
//   ... callback(FaultReport): the node stands at that very point and waits until the callback has returned
//   control.end_fault({node}, 7, 5s)          // earlier than order.length; disarms what has not fired yet
//
// What a node does by itself, and heals by itself when `length` is over: crash (SIGKILL; the runner starts it again),
// pause (SIGSTOP; a kernel timer of its own sends the SIGCONT, the runner may do so before), drop, disk_*, clock_step.
// A failed or full disk makes the node end itself at its next forced write: exit status kLogFailedStatus and a clear
// last line. What it leaves to the runner: cut, link, duplicate, reorder, transfer, failover, and any order with
// `by_runner` (a point of this node that triggers what happens to another). It reports and waits, and the callback acts
// before it returns.
// On loopback a cut is an order of kind drop, `classes` 0, to every sender (the waiting node's own as a second order on
// the same point, since a callback must never ask the node that waits: it does not answer meanwhile).
//
// A point (Note) takes effect where the machine makes it: what was sent before it in the step has been handed to the
// kernel, nothing behind it has left or was written. Orders on one point take effect in the order of their ids.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "faults/fault_plan.h"

namespace geocommit {

/// How a node ends whose log cannot be written (EX_IOERR of sysexits.h).
inline constexpr int kLogFailedStatus = 74;

struct FaultOrder {
  std::uint32_t id{};  ///< The runner's name for it, above 0; arming an id again replaces it.
  FaultKind kind{};
  std::string on;  ///< A protocol point of this node, or "recovered-in-doubt". Empty: begins now, and is reported too.
  std::uint32_t occurrence{1};  ///< Which one since it was armed, from 1. 0: every one that comes while it is not in
                                ///< force. A restarted node counts anew: arm again, with what is left.
  bool by_runner{};             ///< The node only reports and waits, whatever the kind: the callback does it.
  Duration length{kForever};    ///< From when it begins; kForever: until end_fault, or the node's end.
  std::vector<NodeId> to;       ///< drop: the destinations. Empty: every other node.
  double probability{1.0};      ///< drop: for each message.
  std::uint32_t classes{};  ///< drop: bits of MessageClass, and kShipClass. 0: all messages, hello and clients' too.
  std::uint64_t seed{1};    ///< drop: of the draws.
  Duration extra{};         ///< clock_step: by how much.
  std::string listener;     ///< FaultListener::address(). Empty: nobody is told, only NodeStatus::faults.
  friend bool operator==(const FaultOrder&, const FaultOrder&) = default;
};

/// One firing of an order.
struct FiredFault {
  std::uint32_t id{};
  FaultKind kind{};
  std::uint32_t occurrence{};  ///< Of its point, since it was armed; 0 without a point.
  TxnId txn;                   ///< Whose step it was; empty without a point.
  std::int64_t wall_ns{};      ///< Since 1970, the kernel's clock (a clock_step does not touch it).
  Instant at{};                ///< CLOCK_MONOTONIC of this node's host.
  Instant ended{};             ///< Zero: still in force, or left to the runner.
  bool heard{};                ///< The listener answered in time.
  friend bool operator==(const FiredFault&, const FiredFault&) = default;
};

/// What a FaultListener is told.
struct FaultReport {
  NodeId node;
  bool ended{};  ///< False: it begins now, and the node waits. True: it is over; nobody waits.
  FiredFault fault;
};

}  // namespace geocommit
