// The prediction for a cell, from the plan alone (and from what was measured of lock waits, if anything was).
#pragma once

#include <string>

#include "experiment/plan.h"
#include "measure/prediction.h"

namespace geocommit {

/// `force`: what a forced write took here; `lock_wait_share`: 0 before a run.
[[nodiscard]] Prediction predict_cell(const Plan& plan, const Cell& cell, Duration force, double lock_wait_share,
                                      bool emulated);

/// For `geocommit predict`: what each protocol costs from each region, and where its coordinator is placed best. A
/// block for each cell of the first repetition.
[[nodiscard]] std::string describe_predictions(const Plan& plan);

}  // namespace geocommit
