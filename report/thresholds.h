// Whether a cell keeps what the experiment demands of its figures (experiment/thresholds.h).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "experiment/thresholds.h"
#include "report/judge.h"

namespace geocommit {

struct ThresholdResult {
  Threshold threshold;
  std::optional<double> value;  ///< The cell's; none: there is no such figure of it.
  bool kept{};
  std::string why;  ///< It is not kept: "is 520.3", "nothing was recorded", ...
};

/// Those that concern the cell. What cannot be shown is not kept: where nothing was recorded, where the figure is a
/// lower bound and an upper one is asked for, where latencies are not valid, and in a cell that failed or was cut
/// short.
[[nodiscard]] std::vector<ThresholdResult> judge_thresholds(const std::vector<Threshold>& thresholds,
                                                            const CellResult& cell);
/// Every cell keeps all of them.
[[nodiscard]] bool all_kept(const std::vector<Threshold>& thresholds, const std::vector<CellResult>& cells);

}  // namespace geocommit
