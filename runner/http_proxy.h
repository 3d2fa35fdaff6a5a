// Lets a browser or a Prometheus on the host reach the /metrics of nodes that live in private namespaces: listens on
// 127.0.0.1 of the namespace in which it was opened (a socket keeps its namespace), and answers
// GET /nodes/<name>/metrics with what that node says, and GET /metrics with what the runner says. GET only, a closed
// set of names, each request bounded in time and size and on a thread of its own: a node that stands still delays no
// other.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/result.h"
#include "base/time.h"
#include "os/unique_fd.h"

namespace geocommit {

/// The whole answer to `GET path` (status line, headers, body) of "10.254.0.2:7003"; nothing if it does not come.
[[nodiscard]] std::optional<std::string> http_get(const std::string& address, const std::string& path,
                                                  Duration patience);

class HttpProxy {
 public:
  /// Listens on 127.0.0.1, on a port of the system's choosing. Call it before entering a private namespace.
  [[nodiscard]] static Result<HttpProxy> listen();
  /// Only before serve().
  HttpProxy(HttpProxy&& other) noexcept
      : socket_(std::move(other.socket_)), port_(other.port_), own_(std::move(other.own_)) {}
  HttpProxy& operator=(HttpProxy&&) = delete;
  ~HttpProxy() { stop(); }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// From now on requests are answered; `targets`: node name -> "10.254.0.2:7003". Starts a thread: call it after
  /// entering the namespace.
  [[nodiscard]] Result<void> serve(std::map<std::string, std::string> targets);
  /// What /metrics, and /nodes/`kOwnName`/metrics, answer; called on several threads. Before serve().
  void set_own(std::function<std::string()> text) { own_ = std::move(text); }
  static constexpr const char* kOwnName = "runner";
  /// How many requests for this name have been answered with metrics since the proxy was made.
  [[nodiscard]] std::uint64_t answered(const std::string& name) const;
  void stop();

 private:
  struct Worker {
    std::thread thread;
    std::shared_ptr<std::atomic<bool>> done;
  };
  HttpProxy() = default;
  void loop();
  [[nodiscard]] Worker start(const std::shared_ptr<UniqueFd>& client);
  void answer(int client);
  [[nodiscard]] std::string answer_to(const std::string& path);
  [[nodiscard]] std::string counted(const std::string& name, std::optional<std::string> text);

  UniqueFd socket_;
  std::uint16_t port_{};
  std::map<std::string, std::string> targets_;
  std::function<std::string()> own_;
  mutable std::mutex mutex_;
  std::map<std::string, std::uint64_t> answered_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace geocommit
