// Network namespaces without names: each is kept by a file descriptor, and gone when the last one is closed.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

#include "base/result.h"
#include "os/unique_fd.h"

namespace geocommit {

/// Runs `work` on a thread of its own inside the namespace (the caller's namespace is not touched), and waits for it.
[[nodiscard]] Result<void> in_namespace(int namespace_fd, const std::function<Result<void>()>& work);

/// Makes a network namespace, with its loopback up, and runs `setup` inside it before it is handed over.
[[nodiscard]] Result<UniqueFd> make_namespace(const std::function<Result<void>()>& setup);

/// Opens the namespace of the calling thread.
[[nodiscard]] Result<UniqueFd> current_namespace();

/// Runs `work` in a child process that has entered a private hub namespace, and hands back its result: the calling
/// process stays as it is. Bounded by `timeout_s`. Call it before threads exist.
[[nodiscard]] Result<void> in_scratch_process(const std::function<Result<void>()>& work, int timeout_s = 10);

/// Writes a sysctl of the calling thread's network namespace, `net/ipv4/tcp_no_metrics_save`.
[[nodiscard]] Result<void> write_sysctl(const std::string& path, const std::string& value);
/// Its value without the newline; empty if this kernel does not have it.
[[nodiscard]] std::string read_sysctl(const std::string& path);

/// The user id outside of the user namespace that enter_private_namespace() may have made.
[[nodiscard]] uid_t real_uid();

}  // namespace geocommit
