#include "runtime/log/checkpoint_thread.h"

#include <pthread.h>

#include <csignal>
#include <utility>

#include "base/check.h"

namespace geocommit {

void block_signals() {
  sigset_t all;
  sigfillset(&all);
  (void)::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

void CheckpointThread::begin() {
  GC_CHECK(!in_progress_);
  in_progress_ = true;
}

void CheckpointThread::store(std::uint64_t through, std::uint64_t first_needed, Checkpoint checkpoint,
                             std::function<void(const std::string&)> failed) {
  join();  // the one before has ended: one at a time
  thread_ = std::thread{[this, through, first_needed, checkpoint = std::move(checkpoint), failed = std::move(failed)] {
    block_signals();
    if (Result<void> stored = store_checkpoint(options_, through, first_needed, checkpoint); !stored) {
      failed(stored.error().message);
      return;
    }
    ++stored_;
    in_progress_ = false;
  }};
}

void CheckpointThread::join() {
  if (thread_.joinable()) {
    thread_.join();
  }
}

}  // namespace geocommit
