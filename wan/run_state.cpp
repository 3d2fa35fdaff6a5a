#include "wan/run_state.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "wan/namespaces.h"

namespace geocommit {
namespace {

constexpr const char* kHeader = "geocommit-run 1";

Error failed(const std::string& what) { return Error{what + ": " + std::strerror(errno)}; }

std::string boot_id() {
  std::ifstream stream("/proc/sys/kernel/random/boot_id");
  std::string id;
  stream >> id;
  return id.empty() ? "unknown" : id;
}

struct Entry {
  ProcessIdentity process;
  std::string role;
};
struct StateFile {
  std::string boot;
  ProcessIdentity runner;
  std::vector<Entry> processes;
};

Result<StateFile> read_state(const std::filesystem::path& path) {
  std::ifstream stream(path);
  StateFile state;
  std::string line;
  if (!std::getline(stream, line) || line != kHeader)
    return Error{path.string() + " is not a state file of this version"};
  for (int number = 2; number < 100000 && std::getline(stream, line); ++number) {
    std::istringstream words(line);
    std::string kind;
    words >> kind;
    Entry entry;
    if (kind == "boot") {
      words >> state.boot;
    } else if (kind == "runner") {
      words >> state.runner.pid >> state.runner.start_ticks;
    } else if (kind == "process" && words >> entry.process.pid >> entry.process.start_ticks >> entry.role) {
      state.processes.push_back(entry);
    } else if (stream.eof()) {
      break;  // the last line was cut short by the death of its writer
    } else {
      return Error{path.string() + ":" + std::to_string(number) + ": not understood"};
    }
  }
  if (state.runner.pid <= 1) return Error{path.string() + " names no runner"};
  return state;
}

/// Kills the process if it is still the one that was registered; a pidfd keeps the pid from being reused in between.
bool kill_if_same(const ProcessIdentity& process) {
  if (process.pid <= 1) return false;
  const UniqueFd handle(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));
  if (!handle.valid() || identify(process.pid) != process) return false;
  if (::syscall(SYS_pidfd_send_signal, handle.get(), SIGKILL, nullptr, 0) != 0) return false;
  pollfd end{handle.get(), POLLIN, 0};
  ::poll(&end, 1, 2000);
  return true;
}

}  // namespace

std::optional<ProcessIdentity> identify(pid_t pid) {
  std::ifstream stream("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(stream, line);
  const auto name_end = line.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(line.substr(name_end + 1));
  std::string field;
  ProcessIdentity identity{pid, 0};
  for (int number = 3; number <= 22 && fields >> field; ++number) {
    if (number == 3 && (field == "Z" || field == "X")) return std::nullopt;
    if (number == 22) identity.start_ticks = std::strtoull(field.c_str(), nullptr, 10);
  }
  return identity;
}

Result<std::filesystem::path> run_state_folder() {
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  const uid_t uid = real_uid();
  std::error_code failure;
  const bool has_runtime = runtime != nullptr && runtime[0] == '/' && std::filesystem::is_directory(runtime, failure) &&
                           ::access(runtime, W_OK) == 0;
  const std::filesystem::path folder = has_runtime ? std::filesystem::path(runtime) / "geocommit"
                                                   : std::filesystem::path("/tmp/geocommit-" + std::to_string(uid));
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return failed("make " + folder.string());
  struct stat status {};
  if (::lstat(folder.c_str(), &status) != 0) return failed("look at " + folder.string());
  if (!S_ISDIR(status.st_mode) || status.st_uid != ::getuid() || (status.st_mode & 022) != 0) {
    return Error{folder.string() +
                 " is not a folder of our own that nobody else can write to: remove it, or set XDG_RUNTIME_DIR to a "
                 "folder of yours"};
  }
  // The sockets in it are for whoever can enter.
  if ((status.st_mode & 077) != 0 && ::chmod(folder.c_str(), 0700) != 0) return failed("close " + folder.string());
  return folder;
}

Result<RunState> RunState::begin() {
  const auto folder = run_state_folder();
  if (!folder) return folder.error();
  const auto self = identify(::getpid());
  if (!self) return Error{"/proc is needed, and does not show this process"};
  const auto path = *folder / ("run-" + std::to_string(self->pid) + ".state");
  std::error_code failure;
  std::filesystem::remove(path, failure);  // of an earlier process with our pid, which is therefore gone
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.valid()) return failed("make " + path.string());
  const std::string text = std::string(kHeader) + "\nboot " + boot_id() + "\nrunner " + std::to_string(self->pid) +
                           " " + std::to_string(self->start_ticks) + "\n";
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return failed("write " + path.string());
  }
  return RunState(path, self->pid);
}

RunState::RunState(RunState&& other) noexcept : path_(std::move(other.path_)), owner_(std::exchange(other.owner_, 0)) {}

RunState& RunState::operator=(RunState&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(owner_, other.owner_);
  return *this;
}

RunState::~RunState() {
  if (owner_ == ::getpid()) ::unlink(path_.c_str());
}

Result<void> RunState::add(pid_t pid, const std::string& role) {
  const auto identity = identify(pid);
  if (!identity) return {};  // already gone
  const UniqueFd file(::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  if (!file.valid()) return failed("open " + path_.string());
  const std::string line =
      "process " + std::to_string(identity->pid) + " " + std::to_string(identity->start_ticks) + " " + role + "\n";
  if (::write(file.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    return failed("write " + path_.string());
  }
  return {};
}

Result<CleanReport> clean_leftovers(const std::filesystem::path& folder) {
  CleanReport report;
  std::error_code failure;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failure)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("run-") && name.ends_with(".state") && entry.is_regular_file(failure)) {
      files.push_back(entry.path());
    }
  }
  if (failure) return Error{folder.string() + ": " + failure.message()};
  std::sort(files.begin(), files.end());
  for (const auto& path : files) {
    const auto state = read_state(path);
    if (!state) {
      report.lines.push_back("left alone: " + state.error().message);
      continue;
    }
    const bool same_boot = state->boot == boot_id();
    if (same_boot && identify(state->runner.pid) == state->runner) {
      ++report.live;
      report.lines.push_back("left alone: the run of pid " + std::to_string(state->runner.pid) + " is still going");
      continue;
    }
    for (const auto& entry : state->processes) {
      if (!same_boot || !kill_if_same(entry.process)) continue;
      ++report.killed;
      report.lines.push_back("killed " + entry.role + ", pid " + std::to_string(entry.process.pid));
    }
    if (std::filesystem::remove(path, failure)) ++report.removed;
    report.lines.push_back("removed " + path.string());
  }
  return report;
}

int run_clean() {
  const auto folder = run_state_folder();
  if (!folder) {
    std::fprintf(stderr, "error: %s\n", folder.error().message.c_str());
    return 1;
  }
  const auto report = clean_leftovers(*folder);
  if (!report) {
    std::fprintf(stderr, "error: %s\n", report.error().message.c_str());
    return 1;
  }
  for (const auto& line : report->lines) std::printf("%s\n", line.c_str());
  std::printf("%d processes killed, %d runs removed, %d still going\n", report->killed, report->removed, report->live);
  return 0;
}

}  // namespace geocommit
