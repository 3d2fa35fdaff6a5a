// --quick: a first look at an experiment, in less time and with rougher figures.
#pragma once

#include <string>
#include <vector>

#include "experiment/experiment.h"

namespace geocommit {

struct Quick {
  std::vector<Override> overrides;  ///< To be read after those that the user has given.
  std::string what;                 ///< What they change, in words.
};

/// One repetition; of each swept key with more than two values the first and the last; and, where nothing goes wrong on
/// a schedule, at most 5 s after at most 1 s of warm-up. Scenarios stay, and what `given` sets.
[[nodiscard]] Quick quick(const Experiment& experiment, const std::vector<Override>& given);

}  // namespace geocommit
