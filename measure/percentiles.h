// Which percentiles a number of samples can carry.
#pragma once

#include <cstdint>

namespace geocommit {

/// One sample in a thousand lies beyond it: with fewer it would be the largest, under another name.
inline constexpr std::uint64_t kSamplesForP999 = 1000;

}  // namespace geocommit
