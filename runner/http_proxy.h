// Lets a browser or a Prometheus on the host reach the /metrics of nodes that live in private namespaces: listens on
// 127.0.0.1 of the namespace in which it was opened (a socket keeps its namespace), and answers
// GET /nodes/<name>/metrics with what that node says. GET only, a closed set of names, one request at a time, each
// bounded in time and size.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <thread>

#include "base/result.h"
#include "runtime/unique_fd.h"

namespace geocommit {

class HttpProxy {
 public:
  /// Listens on 127.0.0.1, on a port of the system's choosing. Call it before entering a private namespace.
  [[nodiscard]] static Result<HttpProxy> listen();
  HttpProxy(HttpProxy&& other) noexcept : socket_(std::move(other.socket_)), port_(other.port_) {}
  HttpProxy& operator=(HttpProxy&&) = delete;
  ~HttpProxy() { stop(); }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// From now on requests are answered; `targets`: node name -> "10.254.0.2:7003". Starts a thread: call it after
  /// entering the namespace.
  void serve(std::map<std::string, std::string> targets);
  void stop();

 private:
  HttpProxy() = default;
  void loop();
  void answer(int client);

  UniqueFd socket_;
  std::uint16_t port_{};
  std::map<std::string, std::string> targets_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace geocommit
