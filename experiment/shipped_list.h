// What a new user finds: ./geocommit list and ./geocommit init.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace geocommit {

/// The shipped experiments and topologies, and the protocols, a line each.
[[nodiscard]] std::string print_shipped();

/// An experiment to begin with: each key that beginners change, with its meaning, unit and choices.
/// \param name  an identifier (base/identifier.h)
[[nodiscard]] std::string starter_experiment(const std::string& name);

/// Writes NAME.yaml into the working directory; what is there already is left alone, and an error.
[[nodiscard]] Result<std::filesystem::path> write_starter(const std::string& name);

}  // namespace geocommit
