// Unix sockets between the runner and what it starts. They lie in the folder of the state files (wan/run_state.h),
// which no other user may enter, so nobody else commands a node; private network namespaces see them too.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace geocommit {

/// "ipc://FOLDER/socket-PID-NAME", as ZeroMQ has it. Error: the path is longer than a socket's name may be.
[[nodiscard]] Result<std::string> private_socket(const std::filesystem::path& folder, const std::string& name);

/// Removes the names of this process's sockets, and of those of runners that are gone.
void remove_private_sockets(const std::filesystem::path& folder);

}  // namespace geocommit
