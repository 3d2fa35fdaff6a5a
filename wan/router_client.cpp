#include "wan/router_client.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <new>

#include "wan/router.h"

namespace geocommit {
namespace {

constexpr Duration kStale = 3s;  // far beyond what a starved machine does to a healthy router

Error failed(const std::string& what) { return Error{what + ": " + std::strerror(errno)}; }

Result<std::filesystem::path> find_router(std::filesystem::path given) {
  std::error_code failure;
  if (!given.empty()) {
    if (std::filesystem::is_regular_file(given, failure)) return given;
    return Error{"no router program at " + given.string()};
  }
  auto folder = std::filesystem::read_symlink("/proc/self/exe", failure).parent_path();
  for (int up = 0; up < 4 && folder.has_relative_path(); ++up) {
    for (const auto& place : {folder / "geocommit-router", folder / "wan" / "geocommit-router"}) {
      if (std::filesystem::is_regular_file(place, failure)) return place;
    }
    folder = folder.parent_path();
  }
  return Error{"geocommit-router is not beside this program nor in wan/ near it: build it (ninja geocommit-router)"};
}

/// In the child between fork and exec: async-signal-safe calls only.
[[noreturn]] void become_router(const char* program, int control, int log, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  if (log >= 0) ::dup2(log, STDERR_FILENO);
  if (control == kRouterControlFd) {
    ::fcntl(control, F_SETFD, 0);
  } else {
    ::dup2(control, kRouterControlFd);
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const char* const arguments[] = {program, nullptr};
  ::execv(program, const_cast<char* const*>(arguments));
  ::_exit(127);
}

}  // namespace

Result<void> RouterClient::start(std::filesystem::path program, const std::filesystem::path& log) {
  const auto found = find_router(std::move(program));
  if (!found) return found.error();
  pulse_fd_ = UniqueFd(::memfd_create("geocommit-router-pulse", MFD_CLOEXEC));
  if (!pulse_fd_.valid() || ::ftruncate(pulse_fd_.get(), sizeof(RouterPulse)) != 0) return failed("memfd");
  void* memory = ::mmap(nullptr, sizeof(RouterPulse), PROT_READ | PROT_WRITE, MAP_SHARED, pulse_fd_.get(), 0);
  if (memory == MAP_FAILED) return failed("mmap");
  pulse_ = new (memory) RouterPulse;
  pulse_->monotonic_ns.store(monotonic_ns(), std::memory_order_relaxed);
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return failed("socketpair");
  control_ = UniqueFd(ends[0]);
  const UniqueFd far_end(ends[1]);
  const timeval limit{2, 0};
  ::setsockopt(control_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(control_.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  UniqueFd log_file;
  if (!log.empty()) {
    log_file = UniqueFd(::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (!log_file.valid()) return failed("open " + log.string());
    log_ = log;
  }
  const std::string path = found->string();
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) return failed("fork");
  if (pid_ == 0) become_router(path.c_str(), far_end.get(), log_file.get(), parent);
  pid_fd_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (!pid_fd_.valid()) return failed("pidfd_open");
  ::fcntl(pid_fd_.get(), F_SETFD, FD_CLOEXEC);
  return {};
}

Result<RouterReply> RouterClient::ask(const RouterRequest& request, int passed_fd) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!control_.valid()) return Error{"the router is not running"};
  auto reply = exchange(request, passed_fd);
  if (!reply) {
    reap();
    return reaped_ ? ended() : reply.error();
  }
  if (reply->error != 0) return Error{std::string("the router refused a request: ") + std::strerror(reply->error)};
  return reply;
}

Result<RouterReply> RouterClient::exchange(const RouterRequest& request, int passed_fd) {
  iovec part{const_cast<RouterRequest*>(&request), sizeof request};
  alignas(cmsghdr) char ancillary[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (passed_fd >= 0) {
    message.msg_control = ancillary;
    message.msg_controllen = sizeof ancillary;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &passed_fd, sizeof passed_fd);
  }
  if (::sendmsg(control_.get(), &message, MSG_NOSIGNAL) < 0) return failed("the router does not take requests");
  RouterReply reply;
  ssize_t size = -1;
  for (int tries = 0; tries < 100; ++tries) {
    size = ::recv(control_.get(), &reply, sizeof reply, 0);
    if (size >= 0 || errno != EINTR) break;
  }
  if (size == static_cast<ssize_t>(sizeof reply)) return reply;
  control_.reset();  // a late reply would be taken for the next one's
  if (size == 0) return Error{"the router closed its control socket"};
  return failed("the router does not answer");
}

void RouterClient::reap() {
  if (pid_ <= 0 || reaped_) return;
  pollfd end{pid_fd_.get(), POLLIN, 0};
  ::poll(&end, 1, 100);  // a router that just closed its socket is about to end
  if (::waitpid(pid_, &status_, WNOHANG) == pid_) reaped_ = true;
}

Error RouterClient::ended() const {
  std::string message = "the router (geocommit-router, pid " + std::to_string(pid_) + ") ";
  if (WIFSIGNALED(status_)) {
    message += std::string("was killed by signal ") + std::to_string(WTERMSIG(status_)) + " (" +
               ::strsignal(WTERMSIG(status_)) + ")";
  } else if (WEXITSTATUS(status_) == 127) {
    message += "could not be started";
  } else {
    message += "ended with status " + std::to_string(WEXITSTATUS(status_));
  }
  if (!log_.empty()) message += "; its log is " + log_.string();
  return Error{message};
}

Result<void> RouterClient::health() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (pid_ <= 0) return Error{"the router is not running"};
  if (!reaped_ && ::waitpid(pid_, &status_, WNOHANG) == pid_) reaped_ = true;
  if (reaped_) return ended();
  std::ifstream stat("/proc/" + std::to_string(pid_) + "/stat");
  std::string line;
  std::getline(stat, line);
  const auto close = line.rfind(')');
  if (close != std::string::npos && close + 2 < line.size() && (line[close + 2] == 'T' || line[close + 2] == 't')) {
    return Error{"the router (pid " + std::to_string(pid_) + ") is stopped by a signal or a debugger"};
  }
  const Duration still{monotonic_ns() - pulse_->monotonic_ns.load(std::memory_order_relaxed)};
  if (still > kStale) {
    return Error{"the router (pid " + std::to_string(pid_) + ") has not moved for " + std::to_string(still / 1ms) +
                 " ms"};
  }
  return {};
}

void RouterClient::stop() {
  const std::lock_guard<std::mutex> lock(mutex_);
  control_.reset();
  if (pid_ > 0 && !reaped_) {
    pollfd end{pid_fd_.get(), POLLIN, 0};
    if (::poll(&end, 1, 1000) != 1) ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
    }
    reaped_ = true;
  }
  pid_ = -1;
  pid_fd_.reset();
  if (pulse_ != nullptr) ::munmap(pulse_, sizeof *pulse_);
  pulse_ = nullptr;
  pulse_fd_.reset();
}

}  // namespace geocommit
