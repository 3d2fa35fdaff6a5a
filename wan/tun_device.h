// A TUN device: packets that the namespace sends to it are read from the descriptor, and those written appear in it.
#pragma once

#include <string>

#include "base/result.h"
#include "os/unique_fd.h"

namespace geocommit {

/// Makes the device in the calling thread's network namespace (layer 3, no packet information header, non-blocking).
[[nodiscard]] Result<UniqueFd> open_tun(const std::string& name);

}  // namespace geocommit
