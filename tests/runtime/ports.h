// Ports for tests.
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstdint>
#include <string>

#include "os/unique_fd.h"

namespace geocommit {

/// "127.x.y.z:PORT", and nobody else's until this process ends, however late it is bound, and bound again after a
/// crash: the loopback address is made of the process's id, and no connection has it as its source.
inline std::string own_port() {
  static const std::uint32_t own = (127U << 24U) | (1U << 22U) | (static_cast<std::uint32_t>(::getpid()) & 0x3fffffU);
  static std::uint16_t last = 20'000;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(own);
  while (true) {
    REQUIRE(last < 32'000);
    address.sin_port = htons(++last);
    const UniqueFd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) ==
        0) {  // Else: bound on all addresses.
      break;
    }
  }
  std::array<char, INET_ADDRSTRLEN> text{};
  REQUIRE(::inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size()) != nullptr);
  return std::string{text.data()} + ":" + std::to_string(last);
}

/// Where "127.x.y.z:PORT" is, with or without "tcp://" before it.
inline sockaddr_in socket_address(const std::string& address) {
  const std::size_t scheme = address.find("//");
  const std::size_t host = scheme == std::string::npos ? 0 : scheme + 2, colon = address.rfind(':');
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
  REQUIRE(::inet_pton(AF_INET, address.substr(host, colon - host).c_str(), &at.sin_addr) == 1);
  return at;
}

}  // namespace geocommit
