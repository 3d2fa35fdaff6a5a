// A disk in memory that forgets what was not synced: contents by file, names by directory. The k-th sync can be made to
// fail; what was to be synced by it then stays in the page cache, marked clean, so that no later sync brings it to the
// disk unless it is written again (Rebello et al., ATC 2020, section 3). crash() keeps the durable image, plus what a
// test lets through of the rest.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "runtime/log/storage.h"

namespace geocommit {

class FaultyStorage final : public Storage {
 public:
  struct Inode {
    std::string now, durable;
    std::map<std::uint64_t, std::uint64_t> dirty;  ///< Written since the last sync: offset -> end.
  };
  using InodePtr = std::shared_ptr<Inode>;

  /// What is left of a file's unsynced state: given (durable, now), returns the contents after the crash.
  using Survivor = std::function<std::string(const std::string& durable, const std::string& now)>;
  void crash(const Survivor& survivor = [](const std::string& durable, const std::string&) { return durable; }) {
    const std::lock_guard lock{mutex_};
    names_ = durable_names_;
    std::set<Inode*> seen;
    for (auto& [path, inode] : names_) {
      if (seen.insert(inode.get()).second) {
        inode->now = inode->durable = survivor(inode->durable, inode->now);
        inode->dirty.clear();
      }
    }
    failed_ = false;
    used_after_failure_ = 0;
  }
  void fail_sync(std::optional<std::uint64_t> k) {
    const std::lock_guard lock{mutex_};
    fail_at_ = k ? std::optional{syncs_ + *k} : std::nullopt;
  }
  /// As a failed sync, but when a file is to have this name; also where nothing is synced.
  void fail_rename(const std::string& to) {
    const std::lock_guard lock{mutex_};
    fail_rename_ = to;
  }
  /// Syncs of files wait until it is let go.
  void stall(bool stalled) {
    {
      const std::lock_guard lock{mutex_};
      stalled_ = stalled;
    }
    changed_.notify_all();
  }
  /// How often anything was written or synced since a sync, or a rename, failed.
  [[nodiscard]] std::uint64_t used_after_failure() {
    const std::lock_guard lock{mutex_};
    return used_after_failure_;
  }
  /// Syncs of files that have begun, a stalled one included.
  [[nodiscard]] std::uint64_t syncs_begun() {
    const std::lock_guard lock{mutex_};
    return syncs_begun_;
  }
  [[nodiscard]] bool has_failed() {
    const std::lock_guard lock{mutex_};
    return failed_;
  }
  std::string& contents(const std::string& path) { return names_.at(path)->now; }
  [[nodiscard]] std::vector<std::string> paths() {
    std::vector<std::string> result;
    for (const auto& [path, inode] : names_) {
      result.push_back(path);
    }
    return result;
  }
  void flip(const std::string& path, std::size_t offset) {
    names_.at(path)->now[offset] = static_cast<char>(names_.at(path)->now[offset] ^ 0x40);
    names_.at(path)->durable = names_.at(path)->now;
  }

  Result<std::unique_ptr<StorageFile>> create(const std::string& path, std::uint64_t bytes) override {
    const std::lock_guard lock{mutex_};
    names_[path] = std::make_shared<Inode>();
    names_[path]->now.resize(bytes);
    return std::unique_ptr<StorageFile>{std::make_unique<File>(*this, names_[path])};
  }
  Result<std::unique_ptr<StorageFile>> open(const std::string& path) override {
    const std::lock_guard lock{mutex_};
    return std::unique_ptr<StorageFile>{std::make_unique<File>(*this, names_.at(path))};
  }
  Result<std::string> read(const std::string& path) override {
    const std::lock_guard lock{mutex_};
    return names_.at(path)->now;
  }
  Result<void> rename(const std::string& from, const std::string& to) override {
    const std::lock_guard lock{mutex_};
    if (to == fail_rename_) {
      failed_ = true;
      return Error{"cannot rename " + from + ": Input/output error"};
    }
    names_[to] = names_.at(from);
    names_.erase(from);
    return {};
  }
  Result<void> remove(const std::string& path) override {
    const std::lock_guard lock{mutex_};
    names_.erase(path);
    return {};
  }
  Result<void> make_directory(const std::string&) override { return {}; }
  Result<void> sync_directory(const std::string& directory) override {
    const std::lock_guard lock{mutex_};
    if (Result<void> counted = count_sync(directory); !counted) {
      return counted;
    }
    std::erase_if(durable_names_, [&](const auto& entry) { return directory_of(entry.first) == directory; });
    for (const auto& [path, inode] : names_) {
      if (directory_of(path) == directory) {
        durable_names_[path] = inode;
      }
    }
    return {};
  }
  Result<std::vector<std::string>> list(const std::string& directory) override {
    const std::lock_guard lock{mutex_};
    std::vector<std::string> result;
    for (const auto& [path, inode] : names_) {
      if (directory_of(path) == directory) {
        result.push_back(path.substr(directory.size() + 1));
      }
    }
    return result;
  }

 private:
  class File final : public StorageFile {
   public:
    File(FaultyStorage& storage, InodePtr inode) : storage_(storage), inode_(std::move(inode)) {}
    Result<void> write_at(std::uint64_t offset, std::string_view bytes) override {
      const std::lock_guard lock{storage_.mutex_};
      storage_.used_after_failure_ += storage_.failed_ ? 1U : 0U;
      inode_->now.resize(std::max<std::size_t>(inode_->now.size(), offset + bytes.size()));
      inode_->now.replace(offset, bytes.size(), bytes);
      std::uint64_t& end = inode_->dirty[offset];
      end = std::max<std::uint64_t>(end, offset + bytes.size());
      return {};
    }
    Result<void> sync() override {
      std::unique_lock lock{storage_.mutex_};
      ++storage_.syncs_begun_;
      storage_.changed_.wait(lock, [this] { return !storage_.stalled_; });
      if (Result<void> counted = storage_.count_sync("file"); !counted) {
        inode_->dirty.clear();
        return counted;
      }
      inode_->durable.resize(inode_->now.size());
      for (const auto& [from, to] : inode_->dirty) {
        const std::uint64_t end = std::min<std::uint64_t>(to, inode_->now.size());
        if (from < end) {
          inode_->durable.replace(from, end - from, inode_->now, from, end - from);
        }
      }
      inode_->dirty.clear();
      return {};
    }
    Result<void> truncate(std::uint64_t bytes) override {
      const std::lock_guard lock{storage_.mutex_};
      inode_->now.resize(bytes);
      return {};
    }

   private:
    FaultyStorage& storage_;
    InodePtr inode_;
  };

  static std::string directory_of(const std::string& path) { return path.substr(0, path.rfind('/')); }
  Result<void> count_sync(const std::string& what) {
    ++syncs_;
    used_after_failure_ += failed_ ? 1U : 0U;
    if (fail_at_ && syncs_ >= *fail_at_) {
      failed_ = true;
      return Error{"cannot sync " + what + ": Input/output error"};
    }
    return {};
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, InodePtr> names_, durable_names_;
  std::uint64_t syncs_{};
  std::optional<std::uint64_t> fail_at_;
  std::string fail_rename_;
  bool failed_{}, stalled_{};
  std::uint64_t used_after_failure_{}, syncs_begun_{};
};

}  // namespace geocommit
