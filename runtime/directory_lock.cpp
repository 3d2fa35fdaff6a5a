#include "runtime/directory_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace geocommit {
namespace {

constexpr const char* kLockFile = "daemon.lock";

Error failed(const std::filesystem::path& file, const char* what) {
  return Error{"cannot " + std::string{what} + " " + file.string() + ": " + std::strerror(errno)};
}

/// Who has it, as it wrote down itself.
std::string holder(int fd) {
  std::array<char, 16> text{};
  const ssize_t got = ::pread(fd, text.data(), text.size(), 0);
  const std::string pid{text.data(), static_cast<std::size_t>(got > 0 ? got : 0)};
  const auto digits = pid.find_first_not_of("0123456789");
  return digits == 0 || pid.empty() ? "another process" : "process " + pid.substr(0, digits);
}

Result<void> lock(int fd, const std::filesystem::path& directory) {
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) {
      return failed(directory / kLockFile, "lock");
    }
    return Error{directory.string() + " is the data directory of " + holder(fd) +
                 ", which is running: two daemons cannot share one; give this one another, or end that one"};
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return failed(directory / kLockFile, "write");
  }
  return {};
}

}  // namespace

bool DirectoryLock::was_taken(const std::filesystem::path& directory) {
  std::error_code ignored;
  return std::filesystem::exists(directory / kLockFile, ignored);
}

Result<DirectoryLock> DirectoryLock::take(const std::filesystem::path& directory) {
  std::error_code problem;
  std::filesystem::create_directories(directory, problem);
  if (problem) {
    return Error{"cannot make " + directory.string() + ": " + problem.message()};
  }
  UniqueFd fd{::open((directory / kLockFile).c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600)};
  if (!fd.valid()) {
    return failed(directory / kLockFile, "open");
  }
  if (Result<void> locked = lock(fd.get(), directory); !locked) {
    return locked.error();
  }
  return DirectoryLock{std::move(fd)};
}

Result<DirectoryLock> DirectoryLock::adopt(int number, const std::filesystem::path& directory) {
  struct stat handed {};
  struct stat there {};
  if (::fstat(number, &handed) != 0 || ::stat((directory / kLockFile).c_str(), &there) != 0 ||
      handed.st_dev != there.st_dev || handed.st_ino != there.st_ino) {
    return take(directory);
  }
  UniqueFd fd{number};
  if (Result<void> locked = lock(fd.get(), directory); !locked) {
    return locked.error();
  }
  (void)::fcntl(fd.get(), F_SETFD, FD_CLOEXEC);
  return DirectoryLock{std::move(fd)};
}

int DirectoryLock::keep_over_exec() {
  (void)::fcntl(fd_.get(), F_SETFD, 0);
  return fd_.get();
}

}  // namespace geocommit
