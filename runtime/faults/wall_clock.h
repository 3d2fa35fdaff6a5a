// The wall clock, which nothing may depend on. This process can be given a false one: see step_wall_clock().
#pragma once

#include <cstdint>

#include "base/time.h"

namespace geocommit {

/// Nanoseconds since 1970 by the kernel's clock, whatever this process has been told. For reports only.
[[nodiscard]] std::int64_t true_wall_ns();

/// From now on everything in this process that asks the C library for the time of day (the logger, ZeroMQ, the HTTP
/// server, the standard library) gets it `by` later than before. CLOCK_MONOTONIC is left alone. Works where the program
/// is linked with the library geocommit_wall_clock; elsewhere nothing changes and it returns false.
bool step_wall_clock(Duration by);

}  // namespace geocommit
