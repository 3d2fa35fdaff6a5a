// How summary.json rounds, and with it all that is compared or shown beside it.
#pragma once

#include <cmath>

#include "base/time.h"

namespace geocommit {

/// Microsecond resolution is all that a clock on the wire can promise; fewer digits read better.
[[nodiscard]] inline double three_decimals(double value) { return std::round(value * 1e3) / 1e3; }
[[nodiscard]] inline double six_decimals(double value) { return std::round(value * 1e6) / 1e6; }
[[nodiscard]] inline double rounded_ms(Duration duration) { return three_decimals(to_ms(duration)); }

}  // namespace geocommit
