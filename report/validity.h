// Why the latencies of a cell may not be used: from its figures alone, so that a real run and a simulated one are
// judged alike.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "experiment/fault_record.h"
#include "measure/summary.h"
#include "wan/emulation.h"

namespace geocommit {

/// What the emulated network did otherwise than configured, over the measurement window.
[[nodiscard]] std::vector<std::string> against_emulation(const RouterStats& stats);

/// The load: more than the protocol did, or not sent when it was to be sent.
[[nodiscard]] std::vector<std::string> against_load(const CellSummary& summary);

/// When the first of them, an order too, came about; since the start of the load. None: none did.
[[nodiscard]] std::optional<Duration> first_fault(const std::vector<FaultRecord>& faults);

}  // namespace geocommit
