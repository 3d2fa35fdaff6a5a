#include "runtime/faults/fault_disk.h"

#include <cerrno>
#include <cstring>
#include <utility>

namespace geocommit {
namespace {

/// Worded as posix_storage() words it: what follows must not depend on who failed.
Error failed(const char* what, const std::string& path, int code) {
  return Error{std::string{"cannot "} + what + " " + path + ": " + std::strerror(code)};
}

}  // namespace

class FaultDisk::File final : public StorageFile {
 public:
  File(FaultDisk& disk, std::unique_ptr<StorageFile> real, std::string path)
      : disk_(disk), real_(std::move(real)), path_(std::move(path)) {}
  Result<void> write_at(std::uint64_t offset, std::string_view bytes) override {
    Result<void> may = disk_.may_write(path_);
    return may ? real_->write_at(offset, bytes) : may;
  }
  Result<void> sync() override {
    Result<void> may = disk_.may_sync(path_);
    return may ? real_->sync() : may;
  }
  Result<void> truncate(std::uint64_t bytes) override { return real_->truncate(bytes); }

 private:
  FaultDisk& disk_;
  std::unique_ptr<StorageFile> real_;
  std::string path_;
};

void FaultDisk::set(const DiskState& state) {
  {
    const std::lock_guard lock{mutex_};
    state_ = state;
  }
  changed_.notify_all();
}

Result<void> FaultDisk::may_write(const std::string& path) {
  const std::lock_guard lock{mutex_};
  if (state_.full) {
    return failed("write", path, ENOSPC);
  }
  return state_.fails_sync && !syncs_ ? failed("sync", path, EIO) : Result<void>{};
}

Result<void> FaultDisk::may_sync(const std::string& path) {
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [this] { return !state_.stalled; });
  return state_.fails_sync ? failed("sync", path, EIO) : Result<void>{};
}

Result<void> FaultDisk::sync_directory(const std::string& path) {
  Result<void> may = may_sync(path);
  return may ? real_.sync_directory(path) : may;
}

Result<std::unique_ptr<StorageFile>> FaultDisk::create(const std::string& path, std::uint64_t bytes) {
  if (Result<void> may = may_write(path); !may) {
    return may.error();
  }
  Result<std::unique_ptr<StorageFile>> real = real_.create(path, bytes);
  return real ? std::unique_ptr<StorageFile>{std::make_unique<File>(*this, std::move(real).value(), path)}
              : std::move(real);
}

Result<std::unique_ptr<StorageFile>> FaultDisk::open(const std::string& path) {
  Result<std::unique_ptr<StorageFile>> real = real_.open(path);
  return real ? std::unique_ptr<StorageFile>{std::make_unique<File>(*this, std::move(real).value(), path)}
              : std::move(real);
}

}  // namespace geocommit
