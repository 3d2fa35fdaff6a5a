// The words behind a command, read by CLI11; what is not understood is answered with what could have been meant.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace geocommit {

/// Reads the arguments. A status, 0 after --help and 1 for what is not understood: the program ends with it.
/// \param settings  dotted keys of the experiment file, for an option that is none and might be meant as one; asked for
///                  then only. nullptr: the command reads no experiment
[[nodiscard]] std::optional<int> parse_arguments(CLI::App& app, int argc, const char* const* argv,
                                                 std::vector<std::string> (*settings)() = nullptr);

/// Says why a command line is refused, and where to look; returns the status.
/// \param command  "./geocommit run"
[[nodiscard]] int refuse_arguments(const std::string& command, const std::string& why);

}  // namespace geocommit
