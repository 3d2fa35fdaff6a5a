// What a run leaves on the machine while it lives: one file in $XDG_RUNTIME_DIR/geocommit (else /tmp/geocommit-UID),
// which names the runner and every process that it started, each by pid and start time. Namespaces and devices need no
// entry: they vanish with the processes. `geocommit clean` reads the files of runners that are gone, kills exactly the
// processes that they name and that are still the same ones, and removes the files.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace geocommit {

/// A process told apart from a later one with the same pid.
struct ProcessIdentity {
  pid_t pid = 0;
  std::uint64_t start_ticks = 0;  ///< field 22 of /proc/PID/stat: clock ticks since boot
  friend bool operator==(const ProcessIdentity&, const ProcessIdentity&) = default;
};
/// nullopt if there is no such process, or only its zombie.
[[nodiscard]] std::optional<ProcessIdentity> identify(pid_t pid);

/// The folder of the state files. Made with mode 0700; refused if it is a link, or not ours.
[[nodiscard]] Result<std::filesystem::path> run_state_folder();

class RunState {
 public:
  /// Registers the calling process as a runner. Call it before enter_private_namespace() or after; the folder is the
  /// same.
  [[nodiscard]] static Result<RunState> begin();
  RunState(RunState&& other) noexcept;
  RunState& operator=(RunState&& other) noexcept;
  RunState(const RunState&) = delete;
  RunState& operator=(const RunState&) = delete;
  ~RunState();  ///< removes the file (only in the process that made it)

  /// Registers a child, right after fork. `role` is for messages: one word.
  [[nodiscard]] Result<void> add(pid_t pid, const std::string& role);
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  RunState(std::filesystem::path path, pid_t owner) : path_(std::move(path)), owner_(owner) {}
  std::filesystem::path path_;
  pid_t owner_ = 0;
};

struct CleanReport {
  std::vector<std::string> lines;  ///< what was done and seen, for people
  int killed = 0;
  int removed = 0;
  int live = 0;  ///< runs that are still going: not touched
};
[[nodiscard]] Result<CleanReport> clean_leftovers(const std::filesystem::path& folder);

/// `geocommit clean`: prints what it did; 0, or 1 for an error.
[[nodiscard]] int run_clean();

}  // namespace geocommit
