// The seam between the log and the disk. The real one is POSIX files; tests put one behind it that loses what was not
// synced and fails the k-th sync. Every call may be made from any thread. Errors name the file, and what was tried.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace geocommit {

/// An open file. Writes are not durable before sync(), and no attempt is made to repeat a failed sync: after one, what
/// is on the disk is unknown (pitfall 19).
class StorageFile {
 public:
  virtual ~StorageFile() = default;
  [[nodiscard]] virtual Result<void> write_at(std::uint64_t offset, std::string_view bytes) = 0;
  /// Contents and size are durable after it (not the file's name: sync_directory).
  [[nodiscard]] virtual Result<void> sync() = 0;
  [[nodiscard]] virtual Result<void> truncate(std::uint64_t bytes) = 0;
};

class Storage {
 public:
  virtual ~Storage() = default;
  /// A new file of `bytes` zero bytes with its blocks reserved, so that writing it later neither runs out of space nor
  /// changes its size. Replaces an old one of that name.
  [[nodiscard]] virtual Result<std::unique_ptr<StorageFile>> create(const std::string& path, std::uint64_t bytes) = 0;
  [[nodiscard]] virtual Result<std::unique_ptr<StorageFile>> open(const std::string& path) = 0;
  [[nodiscard]] virtual Result<std::string> read(const std::string& path) = 0;
  [[nodiscard]] virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  [[nodiscard]] virtual Result<void> remove(const std::string& path) = 0;
  [[nodiscard]] virtual Result<void> make_directory(const std::string& path) = 0;  ///< Fine if it is there.
  /// Names of files and directories created, renamed or removed in it are durable after it.
  [[nodiscard]] virtual Result<void> sync_directory(const std::string& path) = 0;
  /// Names of the regular files in it, sorted; empty if there is no such directory.
  [[nodiscard]] virtual Result<std::vector<std::string>> list(const std::string& path) = 0;
};

[[nodiscard]] Storage& posix_storage();

}  // namespace geocommit
