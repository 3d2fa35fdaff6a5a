// How the programs end (README.md, How to read it).
#pragma once

namespace geocommit {

inline constexpr int kPass = 0, kFailed = 1, kViolation = 2, kUnknown = 3, kThreshold = 4, kInterrupted = 130;

}  // namespace geocommit
