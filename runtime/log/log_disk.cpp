#include "runtime/log/log_disk.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

namespace geocommit {
namespace {

SegmentedLog::Options without_mark(SegmentedLog::Options options) {
  options.mark = nullptr;  // the writing thread's alone
  return options;
}

}  // namespace

LogDisk::LogDisk(const SegmentedLog::Options& options, std::unique_ptr<SyncedMark> mark,
                 std::unique_ptr<SegmentedLog> segments)
    : mark_(std::move(mark)),
      segments_(std::move(segments)),
      news_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      checkpoints_(without_mark(options)) {}

void LogDisk::write(LogBatch& batch) {
  if (failure()) {
    return;  // also of a checkpoint
  }
  if (!batch.frames.empty() || batch.force) {
    if (Result<void> written = segments_->write(std::move(batch.frames), batch.force); !written) {
      fail(written.error().message);
      return;
    }
  }
  if (batch.force) {
    durable_.store(batch.last_sequence, std::memory_order_release);
  }
  ++batches_;
  batch_records_ += batch.records;
  if (batch.checkpoint) {
    store(batch);
  }
}

void LogDisk::store(LogBatch& batch) {
  const Result<std::uint64_t> first_needed = segments_->rotate();
  if (!first_needed) {
    fail(first_needed.error().message);
    return;
  }
  checkpoints_.store(batch.last_sequence, first_needed.value(), std::move(*batch.checkpoint),
                     [this](const std::string& why) { fail(why); });
}

Result<void> LogDisk::close(std::string rest) {
  checkpoints_.join();
  if (const std::optional<std::string> failed = failure()) {
    return Error{*failed};
  }
  if (Result<void> written = segments_->write(std::move(rest), true); !written) {
    return written;
  }
  return segments_->close();
}

std::optional<std::string> LogDisk::failure() const {
  const std::lock_guard lock{mutex_};
  return failure_;
}

void LogDisk::fail(const std::string& why) {
  {
    const std::lock_guard lock{mutex_};
    if (!failure_) {
      failure_ = why;
    }
  }
  tell();
}

void LogDisk::tell() {
  const std::uint64_t one = 1;
  (void)!::write(news_.get(), &one, sizeof one);
}

void LogDisk::clear_news() {
  std::uint64_t count = 0;
  (void)!::read(news_.get(), &count, sizeof count);
}

}  // namespace geocommit
