// The /metrics proxy: a closed set of names, GET only, and bounded whatever a client or a node does.
#include "runner/http_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>

namespace geocommit {
namespace {

UniqueFd connect_to(std::uint16_t port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
  const timeval limit{10, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  return fd;
}

std::string ask(std::uint16_t port, const std::string& request) {
  const UniqueFd fd = connect_to(port);
  REQUIRE(::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size()));
  std::string out;
  std::array<char, 4096> buffer{};
  while (true) {
    const ssize_t got = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
    if (got <= 0) return out;
    out.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace

TEST_CASE("the proxy answers for its nodes and nothing else") {
  auto node = HttpProxy::listen();  // stands for a node: answers /metrics with 404 and its list
  REQUIRE(node);
  node->serve({});
  auto proxy = HttpProxy::listen();
  REQUIRE(proxy);
  proxy->serve({{"agent@a", "127.0.0.1:" + std::to_string(node->port())}, {"agent@gone", "127.0.0.1:1"}});

  CHECK(ask(proxy->port(), "GET / HTTP/1.1\r\n\r\n").find("/nodes/agent@a/metrics") != std::string::npos);
  CHECK(ask(proxy->port(), "GET /nodes/agent@a/metrics HTTP/1.1\r\n\r\n").find("the metrics of each node") !=
        std::string::npos);
  CHECK(ask(proxy->port(), "GET /nodes/agent@gone/metrics HTTP/1.1\r\n\r\n").find("HTTP/1.1 502") == 0);
  CHECK(ask(proxy->port(), "GET /nodes/agent@b/metrics HTTP/1.1\r\n\r\n").find("HTTP/1.1 404") == 0);
  CHECK(ask(proxy->port(), "GET /nodes/agent@a/../metrics HTTP/1.1\r\n\r\n").find("HTTP/1.1 404") == 0);
  CHECK(ask(proxy->port(), "POST /nodes/agent@a/metrics HTTP/1.1\r\n\r\n").find("HTTP/1.1 405") == 0);
  CHECK(ask(proxy->port(), std::string(100, 'x') + "\r\n\r\n").find("HTTP/1.1 405") == 0);
}

TEST_CASE("a client that never finishes its request does not hold the proxy") {
  auto proxy = HttpProxy::listen();
  REQUIRE(proxy);
  proxy->serve({});
  const UniqueFd silent = connect_to(proxy->port());
  CHECK(ask(proxy->port(), "GET / HTTP/1.1\r\n\r\n").find("HTTP/1.1 200") == 0);
}

}  // namespace geocommit
