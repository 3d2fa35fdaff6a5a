// The one way from a name to a path.
#pragma once

#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/identifier.h"
#include "base/result.h"

namespace geocommit {

/// The folder, and below it each of the names. An Error if one of them is anything but a plain component of a path:
/// nothing leads out of the folder, whatever file, flag or peer gave the name.
[[nodiscard]] inline Result<std::filesystem::path> child_path(std::filesystem::path folder,
                                                              std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (!is_path_component(name)) {
      return Error{"expected " + std::string(kIdentifierWords) + ", to be found in " + folder.string() + ", got \"" +
                   std::string(name) + "\""};
    }
    folder /= name;
  }
  return folder;
}

}  // namespace geocommit
