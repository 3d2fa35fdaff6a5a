// The runner's side of geocommit-router: starts it, talks to it, notices when it fails.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <mutex>

#include "base/result.h"
#include "os/unique_fd.h"
#include "wan/router_protocol.h"

namespace geocommit {

class RouterClient {
 public:
  RouterClient() = default;
  ~RouterClient() { stop(); }
  RouterClient(const RouterClient&) = delete;
  RouterClient& operator=(const RouterClient&) = delete;

  /// Starts the program. It is killed when the calling thread ends, so start it from one that lives as long as the run.
  [[nodiscard]] Result<void> start(std::filesystem::path program, const std::filesystem::path& log);
  /// One request, one reply, within two seconds; safe from several threads. The Error tells the router's end, if it
  /// ended.
  [[nodiscard]] Result<RouterReply> ask(const RouterRequest& request, int passed_fd = -1);
  /// OK, or that and why the router ended, is stopped, or has not moved for three seconds.
  [[nodiscard]] Result<void> health();
  /// Ends it: closes the control socket, waits for at most a second, then kills it.
  void stop();

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] int pid_fd() const { return pid_fd_.get(); }
  [[nodiscard]] int pulse_fd() const { return pulse_fd_.get(); }

 private:
  [[nodiscard]] Result<RouterReply> exchange(const RouterRequest& request, int passed_fd);
  [[nodiscard]] Error ended() const;
  void reap();

  pid_t pid_ = -1;
  bool reaped_ = false;
  int status_ = 0;
  std::filesystem::path log_;
  UniqueFd pid_fd_;
  UniqueFd pulse_fd_;
  UniqueFd control_;
  RouterPulse* pulse_ = nullptr;
  std::mutex mutex_;
};

}  // namespace geocommit
