// A run with faults in one table: a line per cell, before, during and after.
#pragma once

#include <string>
#include <vector>

#include "report/judge.h"

namespace geocommit {

/// Cells of each sweep point together, in the order of the plan; empty if nothing happened in any of them. At most 100
/// columns wide.
[[nodiscard]] std::string fault_table(const Plan& plan, const std::vector<CellResult>& cells, bool colour);

}  // namespace geocommit
