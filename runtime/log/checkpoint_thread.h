// Stores checkpoints, one at a time, on a thread of its own: beside the writing of segments, which need not wait.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>

#include "runtime/log/segmented_log.h"

namespace geocommit {

/// Signals are the loop's (signalfd): a helper thread must not take them.
void block_signals();

class CheckpointThread {
 public:
  explicit CheckpointThread(SegmentedLog::Options options) : options_(std::move(options)) {}

  /// One is under way from now on: it may still have to wait for the records that it covers.
  void begin();
  /// Also for ever, after one that failed.
  [[nodiscard]] bool in_progress() const { return in_progress_; }
  /// After begin(). `through`, `first_needed`: as for store_checkpoint(). `failed` is called on the thread.
  void store(std::uint64_t through, std::uint64_t first_needed, Checkpoint checkpoint,
             std::function<void(const std::string&)> failed);
  [[nodiscard]] std::uint64_t stored() const { return stored_; }
  /// Waits for the one under way.
  void join();

 private:
  SegmentedLog::Options options_;
  std::atomic<bool> in_progress_{};
  std::atomic<std::uint64_t> stored_{};
  std::thread thread_;
};

}  // namespace geocommit
