// One daemon per data directory: a lock of the kernel on a file in it, held for as long as the process lives.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "os/unique_fd.h"

namespace geocommit {

class DirectoryLock {
 public:
  /// Makes the directory where there is none. An Error names the process that has it.
  [[nodiscard]] static Result<DirectoryLock> take(const std::filesystem::path& directory);
  /// Whether anybody ever had it.
  [[nodiscard]] static bool was_taken(const std::filesystem::path& directory);
  /// What keep_over_exec() handed to the program that this process was before: held all the while.
  [[nodiscard]] static Result<DirectoryLock> adopt(int fd, const std::filesystem::path& directory);
  /// For the program that this process becomes: it adopts the number that this returns.
  [[nodiscard]] int keep_over_exec();

 private:
  explicit DirectoryLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace geocommit
