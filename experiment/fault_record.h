// What happened of a cell's faults, in both worlds.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "experiment/fault_file.h"
#include "protocols/fault_model.h"
#include "verdict/history.h"

namespace geocommit {

/// One time that a fault happened; since the start of the load.
struct FaultTimes {
  Duration begin{};
  std::optional<Duration> end;    ///< None: it was still there when the cell ended.
  std::optional<Duration> ready;  ///< A crash: the node served again.
  /// With an end: until when what it had held up may still have held up what came later. Without: not known.
  std::optional<Duration> felt{};
};

struct FaultRecord {
  NamedFault fault;
  std::vector<FaultTimes> times;  ///< Empty: it never happened.
  std::string problem;            ///< Why it could not be carried out, or not to its end. Empty: nothing of the kind.
};

/// When they were in force; orders, which have no length, are left out.
[[nodiscard]] std::vector<FaultSpan> spans_of(const std::vector<FaultRecord>& faults);
/// When something was in force, or still felt, that `claim` does not survive. One that never began is none of them.
/// crash: what a crash is in that world (failure_of()).
[[nodiscard]] std::vector<FaultSpan> beyond(const FaultModel& claim, Failure crash,
                                            const std::vector<FaultRecord>& faults);
/// A real process may take with it what its kernel had not got out yet; in the simulator, what was sent arrives.
inline constexpr Failure kRealCrash = Failure::lost_sends, kSimulatedCrash = Failure::crash;

}  // namespace geocommit
