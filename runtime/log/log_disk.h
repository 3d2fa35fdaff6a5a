// Puts batches on the disk, on whichever thread, and keeps its answer for the loop: up to where the log is durable, or
// why it is not any more. After the first failure, of a write, a sync or a checkpoint, nothing is written: what the
// disk holds is unknown (pitfall 19).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/result.h"
#include "os/unique_fd.h"
#include "runtime/log/batch.h"
#include "runtime/log/checkpoint_thread.h"
#include "runtime/log/segmented_log.h"

namespace geocommit {

class LogDisk {
 public:
  /// `options`: with which `segments` was opened.
  LogDisk(const SegmentedLog::Options& options, std::unique_ptr<SyncedMark> mark,
          std::unique_ptr<SegmentedLog> segments);

  /// One thread at a time: that of durability fsync, or the loop's.
  void write(LogBatch& batch);
  /// Writes `rest`, unless something has failed, and gives reserved space back. Nobody else writes any more.
  [[nodiscard]] Result<void> close(std::string rest);

  /// All records up to this one are durable.
  [[nodiscard]] std::uint64_t durable() const { return durable_.load(std::memory_order_acquire); }
  /// A modelled disk has written earlier than it answers: only up to `sequence` has it said so.
  void answered_only(std::uint64_t sequence) { durable_ = sequence; }
  [[nodiscard]] std::optional<std::string> failure() const;

  [[nodiscard]] CheckpointThread& checkpoints() { return checkpoints_; }
  [[nodiscard]] const CheckpointThread& checkpoints() const { return checkpoints_; }
  [[nodiscard]] std::uint64_t batches() const { return batches_; }
  [[nodiscard]] std::uint64_t batch_records() const { return batch_records_; }

  /// Readable while there is news that the loop has not heard; not valid if it could not be made.
  [[nodiscard]] const UniqueFd& news() const { return news_; }
  void tell();
  void clear_news();

 private:
  void store(LogBatch& batch);
  void fail(const std::string& why);

  std::unique_ptr<SyncedMark> mark_;
  std::unique_ptr<SegmentedLog> segments_;
  UniqueFd news_;
  std::atomic<std::uint64_t> durable_{};
  std::atomic<std::uint64_t> batches_{}, batch_records_{};
  mutable std::mutex mutex_;
  std::optional<std::string> failure_;  // guarded by mutex_; the first
  CheckpointThread checkpoints_;
};

}  // namespace geocommit
