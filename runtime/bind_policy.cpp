#include "runtime/bind_policy.h"

#include <arpa/inet.h>

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

Result<void> may_bind(const std::string& address, bool permitted) {
  if (address.empty() || permitted || is_loopback(address)) {
    return {};
  }
  return Error{"refusing to listen on " + address +
               ": whoever reaches it could run transactions here, there is no authentication yet; use a loopback "
               "address, or --insecure on a network that you trust"};
}

}  // namespace geocommit
