#include "runtime/bind_policy.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "os/unique_fd.h"

namespace geocommit {
namespace {

constexpr std::string_view kScheme = "ipc://";

/// ZeroMQ removes what has the name of a socket that it is to bind, whatever that is.
Result<void> nothing_is_lost(const std::string& address) {
  const std::string path = address.starts_with(kScheme) ? address.substr(kScheme.size()) : std::string{};
  struct stat status {};
  if (path.empty() || ::lstat(path.c_str(), &status) != 0) {
    return {};
  }
  if (!S_ISSOCK(status.st_mode)) {
    return Error{"refusing to listen on " + address + ": " + path +
                 " is there, is no socket, and would be removed; choose a name that nothing has"};
  }
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  (void)path.copy(at.sun_path, sizeof at.sun_path - 1);
  const UniqueFd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (fd.valid() && (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0 || errno == EAGAIN)) {
    return Error{"refusing to listen on " + address + ": somebody does already; each daemon needs a name of its own"};
  }
  return {};
}

}  // namespace

bool is_loopback(std::string_view address) {
  if (address.starts_with("ipc://") || address.starts_with("inproc://")) {
    return true;
  }
  if (address.starts_with("tcp://")) {
    address.remove_prefix(6);
  }
  const std::string host{address.substr(0, address.rfind(':'))};
  in_addr ip{};
  if (::inet_pton(AF_INET, host.c_str(), &ip) == 1) {
    return (ntohl(ip.s_addr) >> 24U) == 127;
  }
  return host == "localhost" || host == "[::1]";
}

Result<void> may_be_commanded_on(const std::string& address, bool permitted) {
  if (!address.starts_with(kScheme)) {
    return permitted ? Result<void>{}
                     : Result<void>{Error{"refusing to be commanded on " + address +
                                          ": every user who reaches it could, there is no authentication yet; use "
                                          "ipc://PATH in a folder of yours with mode 0700, or --insecure"}};
  }
  const std::filesystem::path path = address.substr(kScheme.size());
  if (!path.is_absolute()) {
    return Error{address + ": expected ipc:// and an absolute path"};
  }
  if (path.string().size() >= sizeof(sockaddr_un::sun_path)) {
    return Error{address + ": the name of a socket holds at most " + std::to_string(sizeof(sockaddr_un::sun_path) - 1) +
                 " characters"};
  }
  const std::string folder = path.parent_path().string();
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0) {
    return Error{address + ": " + folder + ": " + std::strerror(errno)};
  }
  if (permitted || (status.st_uid == ::geteuid() && (status.st_mode & (S_IRWXG | S_IRWXO)) == 0)) {
    return nothing_is_lost(address);
  }
  return Error{"refusing to be commanded on " + address + ": other users may enter " + folder +
               "; make it yours alone (chmod 700), or use --insecure"};
}

Result<void> may_bind(const std::string& address, bool permitted) {
  if (address.empty() || permitted || is_loopback(address)) {
    return nothing_is_lost(address);
  }
  return Error{"refusing to listen on " + address +
               ": whoever reaches it could run transactions here, there is no authentication yet; use a loopback "
               "address, or --insecure on a network that you trust"};
}

}  // namespace geocommit
