// The options of a run's protocol as a node's configuration has them: "read_only=false", those that are not as
// standard.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "protocols/options.h"

namespace geocommit {

/// Of no protocol: empty.
[[nodiscard]] std::string text_of_options(const std::string& protocol, const ProtocolOptions& options);
/// `problem`: left as it is if there is one already.
void read_protocol_options(const std::string& protocol, const std::string& text, ProtocolOptions& out,
                           std::optional<Error>& problem);

}  // namespace geocommit
