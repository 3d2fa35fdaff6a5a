// The prediction for a cell, from the plan alone (and from what was measured of lock waits, if anything was).
#pragma once

#include "experiment/plan.h"
#include "measure/prediction.h"

namespace geocommit {

/// `force`: what a forced write took here; `lock_wait_share`: 0 before a run.
[[nodiscard]] Prediction predict_cell(const Plan& plan, const Cell& cell, Duration force, double lock_wait_share,
                                      bool emulated);

}  // namespace geocommit
