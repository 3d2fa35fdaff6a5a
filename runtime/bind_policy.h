// Where a daemon may listen: for data and metrics on loopback, or the addresses of a namespace that the runner made; to
// be commanded on a socket in a folder that no other user may enter. What else the operator permits with --insecure
// has no authentication yet. Nothing is permitted to take the place of a file, or of a socket that somebody listens on.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace geocommit {

/// Of "tcp://127.0.0.2:7001" or "127.0.0.2:7003". Names other than localhost are not looked up: they are not loopback.
[[nodiscard]] bool is_loopback(std::string_view address);
/// Whoever reaches a control socket commands the daemon: "ipc://PATH" in a folder of ours that is closed to everybody
/// else, or anything if `permitted`. Error: why not, and the remedy.
[[nodiscard]] Result<void> may_be_commanded_on(const std::string& address, bool permitted);
/// An empty address is nothing to bind. Error: why not, and the remedy.
[[nodiscard]] Result<void> may_bind(const std::string& address, bool permitted);

}  // namespace geocommit
