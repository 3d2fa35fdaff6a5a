// UDP request and response between two namespaces, for calibration, the probe and the conformance suite.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "os/unique_fd.h"

namespace geocommit {

/// A UDP socket bound to `address` inside a namespace (-1: the current one).
[[nodiscard]] Result<UniqueFd> udp_socket(int namespace_fd, const std::string& address, std::uint16_t port = 0);
/// The port that it got.
[[nodiscard]] std::uint16_t port_of(int socket);

/// A thread that sends every datagram back to where it came from.
class EchoServer {
 public:
  [[nodiscard]] static Result<std::unique_ptr<EchoServer>> start(int namespace_fd, const std::string& address);
  ~EchoServer();
  EchoServer(const EchoServer&) = delete;
  EchoServer& operator=(const EchoServer&) = delete;
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] const std::string& address() const { return address_; }

 private:
  EchoServer(UniqueFd socket, std::string address, std::uint16_t port);
  void serve();
  UniqueFd socket_;
  std::string address_;
  std::uint16_t port_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

struct PingPlan {
  int count = 10;
  Duration interval{0};  ///< pause between an answer and the next request
  Duration timeout{1s};  ///< an answer that is later counts as lost
  std::size_t bytes = 64;
};

struct PingResult {
  std::vector<Duration> round_trips;  ///< in the order of sending
  int lost = 0;
};

/// Sends requests one at a time from a socket bound to `from` inside a namespace, and times the answers.
[[nodiscard]] Result<PingResult> ping(int namespace_fd, const std::string& from, const std::string& to,
                                      std::uint16_t port, const PingPlan& plan);

}  // namespace geocommit
