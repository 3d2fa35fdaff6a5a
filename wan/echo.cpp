#include "wan/echo.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "wan/namespaces.h"
#include "wan/forwarder.h"

namespace geocommit {
namespace {

sockaddr_in endpoint(const std::string& address, std::uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(port);
  ::inet_pton(AF_INET, address.c_str(), &out.sin_addr);
  return out;
}

void pause_for(Duration time) {
  const timespec rest{time / 1s, (time % 1s).count()};
  ::nanosleep(&rest, nullptr);
}

}  // namespace

Result<UniqueFd> udp_socket(int namespace_fd, const std::string& address, std::uint16_t port) {
  UniqueFd socket;
  const auto make = [&]() -> Result<void> {
    socket = UniqueFd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const sockaddr_in at = endpoint(address, port);
    const int buffer = 8 << 20;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    if (!socket.valid() || ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) {
      return Error{"a UDP socket on " + address + ": " + std::strerror(errno)};
    }
    return {};
  };
  // A socket belongs to the namespace in which it was made, whoever uses it later.
  const auto made = namespace_fd < 0 ? make() : in_namespace(namespace_fd, make);
  if (!made) return made.error();
  return socket;
}

std::uint16_t port_of(int socket) {
  sockaddr_in at{};
  socklen_t size = sizeof at;
  return ::getsockname(socket, reinterpret_cast<sockaddr*>(&at), &size) == 0 ? ntohs(at.sin_port) : std::uint16_t{0};
}

EchoServer::EchoServer(UniqueFd socket, std::string address, std::uint16_t port)
    : socket_(std::move(socket)), address_(std::move(address)), port_(port), thread_([this] { serve(); }) {}

Result<std::unique_ptr<EchoServer>> EchoServer::start(int namespace_fd, const std::string& address) {
  auto socket = udp_socket(namespace_fd, address);
  if (!socket) return socket.error();
  const std::uint16_t port = port_of(socket->get());
  return std::unique_ptr<EchoServer>(new EchoServer(std::move(socket).value(), address, port));
}

EchoServer::~EchoServer() {
  stop_ = true;
  ::shutdown(socket_.get(), SHUT_RDWR);  // wakes the thread, also on an unconnected UDP socket
  thread_.join();
}

void EchoServer::serve() {
  std::array<char, 2048> buffer;
  while (!stop_) {
    sockaddr_in from{};
    socklen_t length = sizeof from;
    const ssize_t size =
        ::recvfrom(socket_.get(), buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &length);
    if (size <= 0 || stop_) continue;
    const ssize_t sent = ::sendto(socket_.get(), buffer.data(), static_cast<std::size_t>(size), 0,
                                  reinterpret_cast<const sockaddr*>(&from), length);
    (void)sent;  // a full queue loses it, as a network may
  }
}

Result<PingResult> ping(int namespace_fd, const std::string& from, const std::string& to, std::uint16_t port,
                        const PingPlan& plan) {
  auto socket = udp_socket(namespace_fd, from);
  if (!socket) return socket.error();
  const sockaddr_in target = endpoint(to, port);
  if (::connect(socket->get(), reinterpret_cast<const sockaddr*>(&target), sizeof target) != 0) {
    return Error{"connect to " + to + ": " + std::strerror(errno)};
  }
  const Duration timeout = std::max(plan.timeout, Duration{1us});
  const timeval limit{plan.timeout / 1s, (timeout % 1s) / 1us};
  ::setsockopt(socket->get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  std::vector<char> out(std::clamp<std::size_t>(plan.bytes, sizeof(std::uint64_t), 1400));
  std::vector<char> in(2048);
  PingResult result;
  for (int i = 0; i < plan.count; ++i) {
    const auto sequence = static_cast<std::uint64_t>(i);
    std::memcpy(out.data(), &sequence, sizeof sequence);
    const std::int64_t start = monotonic_ns();
    bool answered = ::send(socket->get(), out.data(), out.size(), 0) >= 0;
    while (answered) {  // bounded: each round waits for at most the timeout, and late answers are finite
      const ssize_t size = ::recv(socket->get(), in.data(), in.size(), 0);
      const std::int64_t end = monotonic_ns();
      std::uint64_t got = ~sequence;
      if (size >= static_cast<ssize_t>(sizeof got)) std::memcpy(&got, in.data(), sizeof got);
      if (size >= 0 && got != sequence) continue;  // what answers another request, or none
      answered = size >= 0;
      if (answered) result.round_trips.emplace_back(end - start);
      break;
    }
    if (!answered) ++result.lost;
    if (plan.interval > Duration{0}) pause_for(plan.interval);
  }
  return result;
}

}  // namespace geocommit
