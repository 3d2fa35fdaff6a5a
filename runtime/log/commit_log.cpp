#include "runtime/log/commit_log.h"

#include <pthread.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "runtime/log/frame.h"

namespace geocommit {
namespace {

constexpr std::size_t kLazyBytesMax = 256U << 10U;  // lazy records alone do not wake the log thread before this
constexpr Duration kLazyPatience = 20ms;
constexpr int kInlineRounds = 16;

/// Signals are the loop's (signalfd): a helper thread must not take them.
void block_signals() {
  sigset_t all;
  sigfillset(&all);
  (void)::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

Epoch newest_epoch(const DurableState& state) {
  Epoch newest = state.checkpoint ? state.checkpoint->epoch : Epoch{};
  for (const DurableRecord& record : state.records) {
    if (const auto* epoch = std::get_if<EpochRecord>(&record)) {
      newest = std::max(newest, epoch->epoch);
    }
  }
  return newest;
}

}  // namespace

Result<CommitLog::Opened> CommitLog::open(EventLoop& loop, const Options& options) {
  std::unique_ptr<SyncedMark> mark;
  if (options.mark_synced) {
    if (Result<void> made = options.storage->make_directory(options.directory); !made) {
      return made.error();
    }
    Result<std::unique_ptr<SyncedMark>> marked = SyncedMark::open(options.directory);
    if (!marked) {
      return marked.error();
    }
    mark = std::move(marked).value();
  }
  const SegmentedLog::Options disk_options{options.directory,     options.node,
                                           options.segment_bytes, options.durability.kind == DurabilityKind::fsync,
                                           options.storage,       mark.get()};
  Result<SegmentedLog::Opened> disk = SegmentedLog::open(disk_options);
  if (!disk) {
    return disk.error();
  }
  Opened opened;
  opened.state = std::move(disk.value().state);
  opened.tail_cut = disk.value().tail_cut;
  opened.epoch = Epoch{newest_epoch(opened.state).value + 1};
  SegmentedLog& segments = *disk.value().log;
  std::string frame;
  begin_frame(frame, segments.next_sequence());
  (void)RecordEncoder{}.append(EpochRecord{opened.epoch}, frame);
  end_frame(frame, 0);
  if (Result<void> forced = segments.write(std::move(frame), true); !forced) {
    return forced.error();
  }
  opened.log = std::unique_ptr<CommitLog>{new CommitLog(loop, options, std::move(mark), std::move(disk.value().log))};
  if (!opened.log->wake_.valid()) {
    return Error{std::string{"cannot make an eventfd: "} + std::strerror(errno)};
  }
  return opened;
}

CommitLog::CommitLog(EventLoop& loop, const Options& options, std::unique_ptr<SyncedMark> mark,
                     std::unique_ptr<SegmentedLog> disk)
    : loop_(loop),
      options_(options),
      disk_options_{options.directory, options.node, options.segment_bytes,
                    options.durability.kind == DurabilityKind::fsync, options.storage},
      mark_(std::move(mark)),
      disk_(std::move(disk)),
      next_sequence_(disk_->next_sequence()),
      wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

CommitLog::~CommitLog() {
  if (!closed_) {
    (void)close();
  }
}

void CommitLog::start(Events events) {
  events_ = std::move(events);
  loop_.watch(wake_.get(), [this] { hear(); });
  hook_ = loop_.at_step_end([this] { return submit(); });
  if (options_.durability.kind == DurabilityKind::fsync) {
    thread_ = std::thread{[this] { run_thread(); }};
  }
}

void CommitLog::append(const DurableRecord& record, WriteToken token) {
  const std::size_t at = pending_.frames.size();
  begin_frame(pending_.frames, next_sequence_);
  (void)encoder_.append(record, pending_.frames);
  end_frame(pending_.frames, at);
  bytes_since_checkpoint_ += pending_.frames.size() - at;
  stats_.bytes += pending_.frames.size() - at;
  ++pending_.records;
  pending_.last_sequence = next_sequence_++;
  if (token == 0) {
    return;
  }
  pending_.force = true;
  waiting_.push_back({pending_.last_sequence, token, loop_.now()});
  if (options_.durability.kind == DurabilityKind::fixed) {
    delay(std::exchange(pending_, {}));  // each force has its own due time, with what was appended before it
  }
}

bool CommitLog::submit() {
  if (closed_ || failure_told_ || (held_ && options_.durability.kind == DurabilityKind::none)) {
    return false;
  }
  switch (options_.durability.kind) {
    case DurabilityKind::none:
      return submit_inline();
    case DurabilityKind::fixed:
      arm_due();
      break;
    case DurabilityKind::fsync:
      if (pending_.force || pending_.frames.size() >= kLazyBytesMax) {
        hand_over();
      }
      break;
  }
  if (!pending_.frames.empty() && lazy_timer_ == 0) {
    lazy_timer_ = loop_.call_at(loop_.now() + kLazyPatience, [this] {
      lazy_timer_ = 0;
      if (!pending_.frames.empty() && !closed_) {
        options_.durability.kind == DurabilityKind::fsync ? hand_over() : delay(std::exchange(pending_, {}));
      }
    });
  }
  return false;
}

void CommitLog::hold(bool held) {
  if (options_.durability.kind == DurabilityKind::fsync || closed_) {
    return;
  }
  held_ = held;
  if (!held_ && options_.durability.kind == DurabilityKind::fixed) {
    fire_due();
  }  // none: the end of this step submits
}

void CommitLog::checkpoint(Checkpoint checkpoint) {
  GC_CHECK(!checkpoint_in_progress_);
  checkpoint_in_progress_ = true;
  bytes_since_checkpoint_ = 0;
  // What the modelled disk has not completed yet is written early: the checkpoint contains its effects.
  Batch all;
  for (Delayed& delayed : delayed_) {
    all.frames += std::exchange(delayed.batch.frames, {});
    all.records += std::exchange(delayed.batch.records, 0);
  }
  all.frames += pending_.frames;
  all.records += pending_.records;
  all.force = true;
  all.last_sequence = next_sequence_ - 1;
  all.checkpoint = std::move(checkpoint);
  pending_ = {};
  if (options_.durability.kind == DurabilityKind::fsync) {
    pending_ = std::move(all);
    hand_over();
  } else {
    const std::uint64_t completed = durable_;
    write_batch(all);
    if (options_.durability.kind == DurabilityKind::fixed) {
      durable_ = completed;  // written early, but the modelled disk has not answered yet
    }
  }
}

// ---- fsync: the log thread
// -------------------------------------------------------------------------------------------

void CommitLog::hand_over() {
  {
    const std::lock_guard lock{mutex_};
    queue_.push_back(std::exchange(pending_, {}));
  }
  work_.notify_one();
}

void CommitLog::run_thread() {
  block_signals();
  std::vector<Batch> batches;
  while (true) {
    {
      std::unique_lock lock{mutex_};
      work_.wait(lock, [this] { return stop_ || !queue_.empty(); });
      if (queue_.empty() || failure_) {
        return;
      }
      batches.swap(queue_);
    }
    // Batches that gathered during the last sync become one.
    Batch joined = std::move(batches.front());
    for (std::size_t i = 1; i < batches.size(); ++i) {
      if (joined.checkpoint) {
        write_batch(joined);
        joined = std::move(batches[i]);
        continue;
      }
      joined.frames += batches[i].frames;
      joined.records += batches[i].records;
      joined.force = joined.force || batches[i].force;
      joined.last_sequence = batches[i].last_sequence;
      joined.checkpoint = std::move(batches[i].checkpoint);
    }
    batches.clear();
    write_batch(joined);
    const std::uint64_t one = 1;
    (void)!::write(wake_.get(), &one, sizeof one);
  }
}

/// On the log thread (fsync) or the loop's (none, fixed).
void CommitLog::write_batch(Batch& batch) {
  if (has_failed()) {
    return;  // also of a checkpoint: what the disk holds is unknown
  }
  if (!batch.frames.empty() || batch.force) {
    if (Result<void> written = disk_->write(std::move(batch.frames), batch.force); !written) {
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

void CommitLog::store(Batch& batch) {
  const Result<std::uint64_t> first_needed = disk_->rotate();
  if (!first_needed) {
    fail(first_needed.error().message);
    return;
  }
  if (checkpoint_thread_.joinable()) {
    checkpoint_thread_.join();  // it has ended: one checkpoint at a time
  }
  checkpoint_thread_ = std::thread{
      [this, through = batch.last_sequence, first = first_needed.value(), checkpoint = std::move(*batch.checkpoint)] {
        block_signals();
        if (Result<void> stored = store_checkpoint(disk_options_, through, first, checkpoint); !stored) {
          fail(stored.error().message);
          return;
        }
        ++checkpoints_;
        checkpoint_in_progress_ = false;
      }};
}

bool CommitLog::has_failed() {
  const std::lock_guard lock{mutex_};
  return failure_.has_value();
}

void CommitLog::fail(const std::string& why) {
  {
    const std::lock_guard lock{mutex_};
    if (!failure_) {
      failure_ = why;
    }
  }
  const std::uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof one);
}

/// On the loop's thread: the log thread has news.
void CommitLog::hear() {
  std::uint64_t count = 0;
  (void)!::read(wake_.get(), &count, sizeof count);
  std::optional<std::string> failure;
  {
    const std::lock_guard lock{mutex_};
    failure = failure_;
  }
  if (failure) {
    // Never retried, and nothing more is acknowledged: what the disk holds is unknown (pitfall 19).
    if (!std::exchange(failure_told_, true)) {
      events_.failed(*failure);
    }
    return;
  }
  complete_through(durable_.load(std::memory_order_acquire));
}

void CommitLog::complete_through(std::uint64_t sequence) {
  stats_.batches = batches_;
  stats_.batch_records = batch_records_;
  stats_.checkpoints = checkpoints_;
  const Instant now = loop_.now();
  while (!waiting_.empty() && waiting_.front().sequence <= sequence && !loop_.stopped()) {
    const Waiting done = waiting_.front();
    waiting_.pop_front();
    if (events_.force_took) {
      events_.force_took(now - done.asked);
    }
    events_.forced(done.token);
  }
}

// ---- none and fixed: on the loop's thread --------------------------------------------------------------------------

bool CommitLog::submit_inline() {
  // A completion may append again; a few rounds here save a trip through the loop.
  bool answered = false;
  for (int round = 0; round < kInlineRounds && !pending_.frames.empty(); ++round) {
    answered = true;
    Batch batch = std::exchange(pending_, {});
    batch.force = true;
    write_batch(batch);
    hear();
    if (failure_told_) {
      return false;
    }
  }
  // What the completions sent waits for the transport, whose turn in this step may be over: another step.
  return answered;
}

void CommitLog::delay(Batch batch) {
  delayed_.push_back({loop_.now() + options_.durability.fixed_force, std::move(batch)});
}

void CommitLog::arm_due() {
  if (!delayed_.empty() && due_timer_ == 0 && !held_) {
    due_timer_ = loop_.call_at(delayed_.front().due, [this] {
      due_timer_ = 0;
      fire_due();
    });
  }
}

void CommitLog::fire_due() {
  if (held_) {
    return;
  }
  const Instant now = loop_.now();
  Batch batch;
  while (!delayed_.empty() && delayed_.front().due <= now) {
    Batch& next = delayed_.front().batch;
    batch.frames += next.frames;
    batch.records += next.records;
    batch.last_sequence = next.last_sequence;
    batch.force = true;
    delayed_.pop_front();
  }
  if (batch.force) {
    write_batch(batch);
    hear();
  }
  arm_due();
}

Result<void> CommitLog::close() {
  closed_ = true;
  if (events_.forced) {
    loop_.remove_hook(hook_);
    loop_.unwatch(wake_.get());
    loop_.cancel(due_timer_);
    loop_.cancel(lazy_timer_);
  }
  std::string rest;
  for (Delayed& delayed : delayed_) {
    rest += delayed.batch.frames;
  }
  delayed_.clear();
  rest += std::exchange(pending_.frames, {});
  if (thread_.joinable()) {
    {
      const std::lock_guard lock{mutex_};
      stop_ = true;
    }
    work_.notify_one();
    thread_.join();  // writes what is queued first
  }
  if (checkpoint_thread_.joinable()) {
    checkpoint_thread_.join();
  }
  {
    const std::lock_guard lock{mutex_};
    if (failure_) {
      return Error{*failure_};
    }
  }
  if (Result<void> written = disk_->write(std::move(rest), true); !written) {
    return written;
  }
  return disk_->close();
}

}  // namespace geocommit
