#include "runtime/log/log_thread.h"

#include <utility>

namespace geocommit {

void LogThread::start() {
  thread_ = std::thread{[this] { run(); }};
}

void LogThread::hand_over(LogBatch batch) {
  {
    const std::lock_guard lock{mutex_};
    queue_.push_back(std::move(batch));
  }
  work_.notify_one();
}

void LogThread::run() {
  block_signals();
  std::vector<LogBatch> batches;
  while (true) {
    {
      std::unique_lock lock{mutex_};
      work_.wait(lock, [this] { return stop_ || !queue_.empty(); });
      batches.swap(queue_);
    }
    if (batches.empty() || disk_.failure()) {
      return;
    }
    LogBatch joined = std::move(batches.front());
    for (std::size_t i = 1; i < batches.size(); ++i) {
      if (joined.checkpoint) {
        disk_.write(joined);
        joined = std::move(batches[i]);
      } else {
        joined.join(std::move(batches[i]));
      }
    }
    batches.clear();
    disk_.write(joined);
    disk_.tell();
  }
}

void LogThread::stop() {
  if (!thread_.joinable()) {
    return;
  }
  {
    const std::lock_guard lock{mutex_};
    stop_ = true;
  }
  work_.notify_one();
  thread_.join();
}

}  // namespace geocommit
