// Files that come with geocommit, by name: experiments/NAME.yaml and topologies/NAME.yaml.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace geocommit {

/// Where files of a kind ("topologies") are looked for: below the working directory, $GEOCOMMIT_HOME, and the folders
/// above the running program.
[[nodiscard]] std::vector<std::filesystem::path> shipped_folders(std::string_view kind);

struct ShippedFile {
  std::string name;  ///< Without folder and ".yaml".
  std::filesystem::path file;
  std::string about;  ///< The first sentence of the comment that it begins with.
};
/// Ascending by name; of one name, the one in the first folder.
[[nodiscard]] std::vector<ShippedFile> shipped_files(const std::vector<std::filesystem::path>& folders);

/// Whether these words are a path, as they have a slash or end in .yaml; else they are a name.
[[nodiscard]] bool is_path(std::string_view words);

/// The file that `words` mean: the path itself, or NAME.yaml of the first folder that has it. What is not there is an
/// error that suggests what could have been meant, and lists the names that there are. \param what  in errors:
/// "topology"
[[nodiscard]] Result<std::filesystem::path> find_shipped(std::string_view what, const std::string& words,
                                                         const std::vector<std::filesystem::path>& folders);

/// The experiment that a word of a command line means: also a file of that very name, or NAME.yaml, in the working
/// directory.
[[nodiscard]] Result<std::filesystem::path> find_experiment(const std::string& words);

}  // namespace geocommit
