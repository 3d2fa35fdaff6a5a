#include "os/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>

namespace geocommit {
namespace {

// What the second Ctrl-C must kill, readable from a signal handler.
constexpr std::size_t kChildrenMax = 2048;
std::array<std::atomic<pid_t>, kChildrenMax> children{};
std::atomic<int> interrupts{0};
std::array<char, 4096> file_to_remove{};  // set before the handler is installed

void remember(pid_t pid) {
  for (auto& slot : children) {
    pid_t empty = 0;
    if (slot.compare_exchange_strong(empty, pid)) return;
  }
}
void forget(pid_t pid) {
  for (auto& slot : children) {
    pid_t same = pid;
    if (slot.compare_exchange_strong(same, 0)) return;
  }
}

extern "C" void on_interrupt(int) {
  if (interrupts.fetch_add(1) == 0) return;
  for (auto& slot : children) {
    if (const pid_t pid = slot.load(); pid > 0) ::kill(pid, SIGKILL);
  }
  if (file_to_remove[0] != '\0') ::unlink(file_to_remove.data());
  ::_exit(130);
}

/// What failed between fork and exec, told through a pipe that exec closes.
struct StartFailure {
  int stage{};
  int error{};
};
constexpr std::array kStages{"entering its namespace", "opening its log", "starting the program"};

[[noreturn]] void fail_in_child(int pipe_fd, int stage, int error) {
  const StartFailure failure{stage, error};
  [[maybe_unused]] const auto written = ::write(pipe_fd, &failure, sizeof failure);
  ::_exit(127);
}

/// Only async-signal-safe calls: other threads may hold locks.
[[noreturn]] void become(const ProcessSpec& spec, char* const* argv, int pipe_fd, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // the parent died before prctl
  ::setpgid(0, 0);
  for (const int number : {SIGINT, SIGTERM, SIGPIPE, SIGCHLD}) ::signal(number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (spec.namespace_fd >= 0 && ::setns(spec.namespace_fd, CLONE_NEWNET) != 0) fail_in_child(pipe_fd, 0, errno);
  const int log = ::open(spec.log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  if (log < 0) fail_in_child(pipe_fd, 1, errno);
  const int null = ::open("/dev/null", O_RDONLY);
  ::dup2(null, 0);
  ::dup2(log, 1);
  ::dup2(log, 2);
  ::execv(spec.program.c_str(), argv);
  fail_in_child(pipe_fd, 2, errno);
}

}  // namespace

bool Death::clean() const { return WIFEXITED(status) && WEXITSTATUS(status) == 0; }

bool Death::by_signal(int number) const { return WIFSIGNALED(status) && WTERMSIG(status) == number; }

std::string Death::describe() const {
  std::string out = name + " (pid " + std::to_string(pid) + ") ";
  if (WIFSIGNALED(status)) {
    out += "was killed by signal " + std::to_string(WTERMSIG(status)) + " (" + ::strsignal(WTERMSIG(status)) + ")";
  } else {
    out += "ended with status " + std::to_string(WEXITSTATUS(status));
  }
  out += last_line.empty() ? "; it said nothing" : "; its last words: " + last_line;
  return out + "  [" + log.string() + "]";
}

Result<Process> Process::start(const ProcessSpec& spec) {
  std::vector<std::string> words{spec.program.string()};
  words.insert(words.end(), spec.arguments.begin(), spec.arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error{"cannot make a pipe: " + std::string(std::strerror(errno))};
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return Error{"cannot start " + spec.name + ": fork: " + std::strerror(errno)};
  if (pid == 0) become(spec, argv.data(), write_end.get(), parent);
  remember(pid);
  write_end.reset();
  StartFailure failure;
  ssize_t got = 0;
  do {
    got = ::read(read_end.get(), &failure, sizeof failure);
  } while (got < 0 && errno == EINTR);
  Process process;
  process.name_ = spec.name;
  process.log_ = spec.log;
  process.pid_ = pid;
  process.pidfd_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (got == static_cast<ssize_t>(sizeof failure)) {
    const auto stage = static_cast<std::size_t>(failure.stage);
    return Error{"cannot start " + spec.name + " (" + spec.program.string() + "): " + kStages.at(stage) + ": " +
                 std::strerror(failure.error)};
  }
  if (!process.pidfd_.valid()) return Error{"cannot watch " + spec.name + ": pidfd_open: " + std::strerror(errno)};
  return process;
}

Process::Process(Process&& other) noexcept
    : name_(std::move(other.name_)),
      log_(std::move(other.log_)),
      pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::move(other.pidfd_)),
      death_(std::move(other.death_)) {}

Process::~Process() {
  if (pid_ <= 0 || death_) return;
  ::kill(pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  forget(pid_);
}

std::optional<Death> Process::ended() {
  if (death_ || pid_ <= 0) return death_;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  forget(pid_);
  death_ = Death{name_, pid_, status, last_line_of(log_), log_};
  return death_;
}

void Process::signal(int number) const {
  if (pid_ > 0 && !death_) ::kill(pid_, number);
}

Result<void> Fleet::start(const ProcessSpec& spec) {
  auto process = Process::start(spec);
  if (!process) return process.error();
  processes_.push_back(std::move(process).value());
  reported_.push_back(false);
  return {};
}

bool Fleet::await_end(const std::string& name, Duration wait) {
  for (std::size_t i = processes_.size(); i-- > 0;) {
    if (processes_[i].name() != name) continue;
    pollfd one{processes_[i].pidfd(), POLLIN, 0};
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(wait).count();
    if (!reported_[i]) (void)::poll(&one, 1, static_cast<int>(ms));
    reported_[i] = processes_[i].ended().has_value();
    return reported_[i];
  }
  return true;
}

std::vector<Death> Fleet::poll_ended(Duration wait, const std::vector<int>& also) {
  std::vector<pollfd> fds;
  for (std::size_t i = 0; i < processes_.size(); ++i) {
    if (!reported_[i]) fds.push_back({processes_[i].pidfd(), POLLIN, 0});
  }
  for (const int fd : also) {
    if (fd >= 0) fds.push_back({fd, POLLIN, 0});
  }
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(wait).count();
  [[maybe_unused]] const int ready = ::poll(fds.data(), fds.size(), static_cast<int>(ms));
  std::vector<Death> out;
  for (std::size_t i = 0; i < processes_.size(); ++i) {
    if (reported_[i]) continue;
    if (auto death = processes_[i].ended()) {
      out.push_back(*death);
      reported_[i] = true;
    }
  }
  return out;
}

std::size_t Fleet::alive() const {
  return static_cast<std::size_t>(std::count(reported_.begin(), reported_.end(), false));
}

std::vector<Death> Fleet::stop(Duration grace) {
  std::vector<Death> unclean;
  const auto reap = [&](Duration wait) {
    for (Death& death : poll_ended(wait)) {
      if (!death.clean()) unclean.push_back(std::move(death));
    }
  };
  reap(Duration{0});
  for (const Process& process : processes_) process.signal(SIGTERM);
  const auto until = std::chrono::steady_clock::now() + grace;
  while (alive() > 0 && std::chrono::steady_clock::now() < until) reap(50ms);
  for (const Process& process : processes_) process.signal(SIGKILL);
  for (int i = 0; i < 100 && alive() > 0; ++i) reap(50ms);
  processes_.clear();
  reported_.clear();
  return unclean;
}

std::string last_line_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary | std::ios::ate);
  if (!stream) return "";
  const auto size = static_cast<std::int64_t>(stream.tellg());
  const std::int64_t from = std::max<std::int64_t>(0, size - 4096);
  stream.seekg(from);
  std::string tail(static_cast<std::size_t>(size - from), '\0');
  stream.read(tail.data(), static_cast<std::streamsize>(tail.size()));
  while (!tail.empty() && (tail.back() == '\n' || tail.back() == ' ' || tail.back() == '\r')) tail.pop_back();
  const auto newline = tail.rfind('\n');
  if (newline != std::string::npos) tail.erase(0, newline + 1);
  return tail.size() > 300 ? tail.substr(0, 300) + "..." : tail;
}

void handle_interrupts() {
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, nullptr);  // without SA_RESTART: a wait ends at once
  ::sigaction(SIGTERM, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

void remove_on_second_interrupt(const std::filesystem::path& file) {
  const std::string& name = file.native();
  if (name.size() < file_to_remove.size()) std::copy(name.begin(), name.end(), file_to_remove.begin());
}

bool interrupted() { return interrupts.load() > 0; }

}  // namespace geocommit
