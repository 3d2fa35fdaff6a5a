// A disk that can be told to misbehave, between a node's log and the real one: syncs that hang, syncs that fail, no
// room. Calls may come from any thread.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/log/storage.h"

namespace geocommit {

struct DiskState {
  bool stalled{};     ///< Syncs return only when it is over.
  bool fails_sync{};  ///< fdatasync gives EIO.
  bool full{};        ///< write gives ENOSPC.
  friend bool operator==(const DiskState&, const DiskState&) = default;
};

class FaultDisk final : public Storage {
 public:
  /// `syncs` false (durability none and fixed): a force is a write there, so a disk that fails its syncs fails writes.
  /// Stalls are then the log's own affair (CommitLog::hold): the loop's thread must never hang here.
  FaultDisk(Storage& real, bool syncs) : real_(real), syncs_(syncs) {}

  void set(const DiskState& state);

  Result<std::unique_ptr<StorageFile>> create(const std::string& path, std::uint64_t bytes) override;
  Result<std::unique_ptr<StorageFile>> open(const std::string& path) override;
  Result<std::string> read(const std::string& path) override { return real_.read(path); }
  Result<void> rename(const std::string& from, const std::string& to) override { return real_.rename(from, to); }
  Result<void> remove(const std::string& path) override { return real_.remove(path); }
  Result<void> make_directory(const std::string& path) override { return real_.make_directory(path); }
  Result<void> sync_directory(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) override { return real_.list(path); }

 private:
  class File;
  [[nodiscard]] Result<void> may_write(const std::string& path);
  [[nodiscard]] Result<void> may_sync(const std::string& path);

  Storage& real_;
  bool syncs_;
  std::mutex mutex_;
  std::condition_variable changed_;
  DiskState state_;  // guarded by mutex_
};

}  // namespace geocommit
