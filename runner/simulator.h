// The simulator, a program of its own beside this one; ./geocommit builds it when it is first asked for.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "runner/options.h"

namespace geocommit {

/// `emulation: sim`: becomes the simulator, which reads the file again. Started by ./geocommit, by way of it. Comes
/// back only to say why not.
[[nodiscard]] Error become_simulator(const RunOptions& options);

/// A run's twin, added to its summary.json; what there is to say of it, in lines. An error: there is none, and
/// why.
[[nodiscard]] Result<std::string> simulate_twin(const std::filesystem::path& results);

}  // namespace geocommit
