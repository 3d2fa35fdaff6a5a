// Where a daemon may listen (DESIGN section 5): loopback, or the addresses of a namespace that the runner made, or what
// the operator has permitted with --insecure. There is no authentication yet.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace geocommit {

/// Of "tcp://127.0.0.2:7001" or "127.0.0.2:7003". Names other than localhost are not looked up: they are not loopback.
[[nodiscard]] bool is_loopback(std::string_view address);
/// An empty address is nothing to bind. Error: why not, and the remedy.
[[nodiscard]] Result<void> may_bind(const std::string& address, bool permitted);

}  // namespace geocommit
