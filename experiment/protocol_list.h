// `geocommit protocols [NAME]`.
#pragma once

#include <string>

#include "base/result.h"

namespace geocommit {

/// One line per protocol; with a name, all that the registry says of it.
[[nodiscard]] Result<std::string> print_protocols(const std::string& name);

}  // namespace geocommit
