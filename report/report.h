// What a run says on the terminal: a line per cell as it ends, and the comparison at the end.
#pragma once

#include <string>
#include <vector>

#include "report/judge.h"

namespace geocommit {

/// "2pc-p2-r1 (workload.rate=50/s)  pass  503 commits, 50.3/s, commit p50 204 ms, p99 260 ms".
[[nodiscard]] std::string one_line(const Plan& plan, const CellResult& result, bool colour);
/// With --quiet, in place of the comparison: "verdict: pass", of how many cells if not of all, and of thresholds how
/// many are kept. "unknown" if a process failed, or no cell got as far as a result.
[[nodiscard]] std::string verdict_line(const Plan& plan, const std::vector<CellResult>& cells, bool colour);

/// The comparison: a block per sweep point, a column per protocol (repetitions merged), at most 80 columns wide, and
/// how to read it.
[[nodiscard]] std::string comparison(const Plan& plan, const std::vector<CellResult>& cells, bool colour);

/// os/exit_status.h: a violation (unless expected, and allowed), else an unknown verdict, else a threshold that some
/// cell does not keep, else a pass.
[[nodiscard]] int exit_status(const std::vector<CellResult>& cells, const std::vector<Threshold>& thresholds,
                              bool allow_expected);

}  // namespace geocommit
