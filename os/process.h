// Child processes of a run: started in their namespaces, watched, and never left behind.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "os/unique_fd.h"

namespace geocommit {

struct ProcessSpec {
  std::string name;  ///< For messages: "agent@eu-west-1".
  std::filesystem::path program;
  std::vector<std::string> arguments;
  std::filesystem::path log;  ///< Standard output and error go here (appended).
  int namespace_fd{-1};       ///< Network namespace to enter before exec; -1: ours.
};

/// How a process ended.
struct Death {
  std::string name;
  pid_t pid{};
  int status{};  ///< As waitpid gives it.
  std::string last_line;
  std::filesystem::path log;
  [[nodiscard]] bool clean() const;
  [[nodiscard]] bool by_signal(int number) const;
  /// "agent@eu-west-1 (pid 71) was killed by signal 9 (Killed); its last words: ...".
  [[nodiscard]] std::string describe() const;
};

/// One child. Dies with the thread that started it (PR_SET_PDEATHSIG: start it from the main thread), is killed by the
/// destructor, and is in a process group of its own, so that Ctrl-C on the terminal reaches only the runner.
class Process {
 public:
  [[nodiscard]] static Result<Process> start(const ProcessSpec& spec);
  ~Process();
  Process(Process&& other) noexcept;
  Process& operator=(Process&&) = delete;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] int pidfd() const { return pidfd_.get(); }
  /// Reaps it if it has ended. After that the process is gone and further calls give the same.
  [[nodiscard]] std::optional<Death> ended();
  void signal(int number) const;

 private:
  Process() = default;
  std::string name_;
  std::filesystem::path log_;
  pid_t pid_{-1};
  UniqueFd pidfd_;
  std::optional<Death> death_;
};

/// The daemons of a cell.
class Fleet {
 public:
  [[nodiscard]] Result<void> start(const ProcessSpec& spec);
  /// Waits at most `wait` for any to end (or for one of `also` to become readable; -1 is none); returns those that have
  /// ended since the last call.
  [[nodiscard]] std::vector<Death> poll_ended(Duration wait, const std::vector<int>& also = {});
  /// Waits for the newest process of this name to end; poll_ended() does not tell of it any more. False: it did not.
  [[nodiscard]] bool await_end(const std::string& name, Duration wait);
  [[nodiscard]] std::size_t alive() const;
  [[nodiscard]] const std::vector<Process>& processes() const { return processes_; }
  /// SIGTERM, `grace` to end, SIGKILL; then empty. Returns those that did not end cleanly by themselves.
  std::vector<Death> stop(Duration grace);

 private:
  std::vector<Process> processes_;
  std::vector<bool> reported_;
};

/// Last line of a file that is not empty, at most 300 bytes of it.
[[nodiscard]] std::string last_line_of(const std::filesystem::path& file);

/// Ctrl-C and SIGTERM. The first asks the run to stop (interrupted() becomes true); the second kills every child of
/// ours at once and ends the runner with status 130. SIGPIPE is ignored.
void handle_interrupts();
/// A file that the second Ctrl-C removes (the run's state file: nothing is left to clean).
void remove_on_second_interrupt(const std::filesystem::path& file);
[[nodiscard]] bool interrupted();

}  // namespace geocommit
