// Time: always std::chrono, always a steady clock (real) or virtual time (simulation); never the wall clock.
#pragma once

#include <chrono>
#include <cstdint>

namespace geocommit {

struct RunClock {};  // CLOCK_MONOTONIC in runtime/, virtual time in sim/; pure code reads neither.
using Duration = std::chrono::nanoseconds;
using Instant = std::chrono::time_point<RunClock, Duration>;

using namespace std::chrono_literals;  // NOLINT: literals only

/// Milliseconds as a real number, for reports only (never for arithmetic on time).
[[nodiscard]] constexpr double to_ms(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}
[[nodiscard]] constexpr double to_seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }
[[nodiscard]] constexpr Duration from_ms(double ms) {
  return std::chrono::round<Duration>(std::chrono::duration<double, std::milli>(ms));
}

}  // namespace geocommit
