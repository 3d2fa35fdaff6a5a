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
/// \param settings  dotted keys of the experiment file, for an option that is none and might be meant as one
[[nodiscard]] std::optional<int> parse_arguments(CLI::App& app, int argc, const char* const* argv,
                                                 const std::vector<std::string>& settings = {});

/// Of an argument that nothing takes: an error text with what could have been meant.
/// \param command  whose options there are
[[nodiscard]] std::string unexpected_argument(const std::string& word, const CLI::App& command,
                                              const std::vector<std::string>& settings);

}  // namespace geocommit
