// What happened of a cell's faults, in both worlds.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "experiment/fault_file.h"
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
/// When something was in force, or still felt, that a protocol for crashes alone does not claim to stand
/// (breaks_synchrony()). One that never began is none of them.
[[nodiscard]] std::vector<FaultSpan> beyond_crashes(const std::vector<FaultRecord>& faults);

}  // namespace geocommit
