// A run as JUnit XML, which systems for continuous integration read: a test of each cell's verdict, and of each of its
// thresholds.
#pragma once

#include <string>
#include <vector>

#include "report/judge.h"

namespace geocommit {

/// Planned cells that are not among `cells` are skipped tests. A verdict that is unknown, a cell that failed, and each
/// of `failures` (why the run could not go on) are errors; violations (unless expected, and allowed) and thresholds
/// that are not kept are failures.
[[nodiscard]] std::string to_junit(const Plan& plan, const std::vector<CellResult>& cells,
                                   const std::vector<std::string>& failures, bool allow_expected);

}  // namespace geocommit
