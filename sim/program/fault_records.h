// What happened of a cell's faults, in the runner's words.
#pragma once

#include <string>
#include <vector>

#include "experiment/fault_record.h"
#include "experiment/plan.h"
#include "sim/world.h"

namespace geocommit::sim {

/// In the order of the plan, also those that never happened. The world was given plan_of() the cell's faults.
[[nodiscard]] std::vector<FaultRecord> fault_records(const Plan& plan, const Cell& cell, const World& world);
/// Descriptions of those in force, or ended since `before`: a column of timeseries.csv.
[[nodiscard]] std::vector<std::string> active_since(const std::vector<FaultRecord>& records, Duration before);
/// Whether one of them ended a process: a crash, or a failing disk (which may have had nothing to write).
[[nodiscard]] bool killed_nodes(const std::vector<FaultRecord>& records);

}  // namespace geocommit::sim
