// What goes wrong in a run, as data: made by an experiment's `faults:` list, by hand, or by a seed (sim/fuzz.h). Both
// worlds carry it out: sim/ in virtual time, runner/ and runtime/ on real processes; a shrinker takes it apart.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "protocols/directory.h"
#include "protocols/fault_model.h"
#include "protocols/machine.h"

namespace geocommit {

enum class FaultKind : std::uint8_t {
  crash,           ///< `node` dies at once, and starts again when the fault is over.
  pause,           ///< `node` stands still (SIGSTOP) and then goes on; what reaches it waits.
  disk_stall,      ///< Forced writes of `node` complete only when the fault is over.
  disk_fail_sync,  ///< Forced writes of `node` fail. The node never retries: it ends itself with a clear last line.
  disk_full,       ///< The log of `node` has no room: as disk_fail_sync, with ENOSPC at the write.
  clock_step,      ///< The wall clock of `node` jumps by `extra` (either sign). Nothing may depend on it.
  cut,             ///< Messages from `from` to `to` are lost if they leave or arrive now.
  drop,            ///< Messages from `from` to `to` are lost, each with `probability`.
  duplicate,       ///< ... arrive twice, the second one up to `extra` later.
  reorder,         ///< ... are late by up to `extra` and may be overtaken.
  link,            ///< ... take `extra` longer, in order; `jitter`, `probability` (loss) and `rate` of the link as set.
  transfer,        ///< Home region: mastership of `home` is handed over to `successor`, by plan. An order, not a state.
  failover,        ///< ... is taken over by `successor` without the old master's help. An order as well.
};

/// What a crash leaves of the log's tail that was written and not yet forced.
enum class Tail : std::uint8_t {
  kept,  ///< All of it: the process was killed, the machine runs on (page cache).
  lost,  ///< Nothing: power loss.
  torn,  ///< A prefix, drawn from the fault stream.
};

inline constexpr Duration kForever = Duration::max();
/// Bit of Fault::classes for home region's shipping (SHIP and its acknowledgement), which no MessageClass names.
inline constexpr std::uint32_t kShipClass = 1U << 31U;

struct Fault {
  FaultKind kind{};
  Duration at{};      ///< Since the load began. Ignored with `on`.
  Duration length{};  ///< kForever: until World::heal().
  NodeId node;        ///< crash, pause, disk_*, clock_step: whom. With `on`, unless `trigger` is set: also whose
                      ///< protocol point triggers it.
  Tail tail{Tail::kept};
  std::vector<NodeId> from, to;  ///< Network faults: the senders, the receivers.
  bool both_ways{};              ///< Also from `to` to `from`.
  double probability{1.0};       ///< drop, duplicate, reorder: for each message. link: packet loss, 1.0 is none set.
  Duration extra{};
  std::optional<Duration> jitter;     ///< link
  std::optional<std::uint64_t> rate;  ///< link, bit/s
  std::uint32_t classes{};   ///< drop: only protocol messages of these classes (bit = MessageClass, or kShipClass). 0:
                             ///< any message.
  std::string on;            ///< A protocol point (Note); then the fault begins in that very step, before anything that
                             ///< the step sends has left.
  NodeId trigger;            ///< With `on`: whose point it is, when that is another node than `node`.
  Duration since{};          ///< With `on`: points earlier than this after the load began are not counted.
  RegionId home, successor;  ///< transfer, failover: the entities' first home (Directory::home_of); the new master.
  std::uint32_t occurrence{1};  ///< Which one, from 1; 0: every one that comes while the fault is not in force.
  friend bool operator==(const Fault&, const Fault&) = default;
};

using FaultPlan = std::vector<Fault>;

/// With `on`: whose protocol point triggers it.
[[nodiscard]] inline NodeId trigger_of(const Fault& fault) {
  return fault.trigger == NodeId{} ? fault.node : fault.trigger;
}

/// The worst that it can do to a claim of safety; nullopt: nothing. A node whose log cannot be written ends itself.
/// crash: what a crash is in that world, as what was sent arrives there or may be lost (docs/fault-models.md).
[[nodiscard]] std::optional<Failure> failure_of(const Fault& fault, Failure crash);
/// Whoever claims that stands this fault.
[[nodiscard]] inline bool survives(const FaultModel& claim, const Fault& fault, Failure crash) {
  const std::optional<Failure> failure = failure_of(fault, crash);
  return !failure || claim.survives(*failure);
}
/// True if it can make a message lost or later than a timeout allows: what 3PC is not built for (Skeen 1981).
[[nodiscard]] inline bool breaks_synchrony(const Fault& fault) {
  return failure_of(fault, Failure::crash) == Failure::partition;
}

/// One line for people: "at 1.200s for 300ms: crash coordinator@r0 (tail lost)".
[[nodiscard]] std::string describe(const Fault& fault, const Directory& directory);

}  // namespace geocommit
