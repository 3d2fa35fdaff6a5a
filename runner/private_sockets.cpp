#include "runner/private_sockets.h"

#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string_view>

namespace geocommit {
namespace {
constexpr std::string_view kPrefix = "socket-";  // and the runner's pid
}

Result<std::string> private_socket(const std::filesystem::path& folder, const std::string& name) {
  const std::string path = (folder / (std::string(kPrefix) + std::to_string(::getpid()) + "-" + name)).string();
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return Error{path + ": the name of a socket holds at most " + std::to_string(sizeof(sockaddr_un::sun_path) - 1) +
                 " characters; set XDG_RUNTIME_DIR to a folder of yours with a shorter name"};
  }
  return "ipc://" + path;
}

void remove_private_sockets(const std::filesystem::path& folder) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPrefix)) continue;
    const int pid = std::atoi(name.c_str() + kPrefix.size());
    const bool gone = pid > 0 && ::kill(pid, 0) != 0 && errno == ESRCH;
    if (gone || pid == ::getpid()) std::filesystem::remove(entry.path(), ignored);
  }
}

}  // namespace geocommit
