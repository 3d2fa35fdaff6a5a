#pragma once

#include <CLI/CLI.hpp>
#include <optional>

namespace geocommit {

/// Reads the arguments. A status, 0 after --help and 1 for what is not understood: the program ends with it.
inline std::optional<int> parse(CLI::App& app, int argc, const char* const* argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem) == 0 ? 0 : 1;
  }
  return std::nullopt;
}

}  // namespace geocommit
