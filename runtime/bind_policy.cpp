#include "runtime/bind_policy.h"

#include <arpa/inet.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace geocommit {

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
  constexpr std::string_view kScheme = "ipc://";
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
    return {};
  }
  return Error{"refusing to be commanded on " + address + ": other users may enter " + folder +
               "; make it yours alone (chmod 700), or use --insecure"};
}

Result<void> may_bind(const std::string& address, bool permitted) {
  if (address.empty() || permitted || is_loopback(address)) {
    return {};
  }
  return Error{"refusing to listen on " + address +
               ": whoever reaches it could run transactions here, there is no authentication yet; use a loopback "
               "address, or --insecure on a network that you trust"};
}

}  // namespace geocommit
