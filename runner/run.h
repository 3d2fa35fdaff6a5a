// `geocommit run`: from the command line to the exit status.
#pragma once

#include <string>

#include "runner/options.h"

namespace geocommit {

[[nodiscard]] int run_experiment(const RunOptions& options, const std::string& command_line);
[[nodiscard]] int validate_experiment(const std::filesystem::path& file);
/// `geocommit predict`: what theory says of an experiment, or of the shipped one on another topology.
[[nodiscard]] int predict_experiment(const RunOptions& options);

}  // namespace geocommit
