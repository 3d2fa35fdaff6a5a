// What editors and shells can be told: completion of the command line, and JSON Schemas (draft 7) of the files that
// people write (`./geocommit schema experiment`). The readers in
// experiment.cpp and wan/topology_file.cpp decide; a test asks them for their keys, so that these cannot drift.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace geocommit {

/// "experiment" or "topology". Names of protocols and message classes are those of the program.
[[nodiscard]] Result<std::string> print_schema(const std::string& name);

/// "bash", or "zsh" (the same after bashcompinit): to be sourced.
[[nodiscard]] Result<std::string> print_completion(const std::string& shell);

/// The kinds of faults that the schema knows: one of them stands in each entry.
[[nodiscard]] std::vector<std::string> schema_fault_forms();

}  // namespace geocommit
