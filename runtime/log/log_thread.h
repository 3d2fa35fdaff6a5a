// Durability fsync: a thread that writes and syncs what the loop hands over. What gathers during a sync is one batch
// with the next.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/log/batch.h"
#include "runtime/log/log_disk.h"

namespace geocommit {

class LogThread {
 public:
  /// `disk` outlives it, and is the thread's alone between start() and stop().
  explicit LogThread(LogDisk& disk) : disk_(disk) {}
  void start();
  void hand_over(LogBatch batch);
  /// Writes what is queued first, unless the disk has failed.
  void stop();

 private:
  void run();

  LogDisk& disk_;
  std::mutex mutex_;
  std::condition_variable work_;
  std::vector<LogBatch> queue_;  // guarded by mutex_
  bool stop_{};                  // guarded by mutex_
  std::thread thread_;
};

}  // namespace geocommit
