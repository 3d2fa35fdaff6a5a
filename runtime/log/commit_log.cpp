#include "runtime/log/commit_log.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace geocommit {
namespace {

constexpr std::size_t kLazyBytesMax = 256U << 10U;  // lazy records alone do not wake the log thread before this
constexpr Duration kLazyPatience = 20ms;
constexpr int kInlineRounds = 16;

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
  BatchBuilder first(segments.next_sequence());
  (void)first.append(EpochRecord{opened.epoch}, true);
  if (Result<void> forced = segments.write(first.take().frames, true); !forced) {
    return forced.error();
  }
  opened.log = std::unique_ptr<CommitLog>{
      new CommitLog(loop, options.durability, disk_options, std::move(mark), std::move(disk.value().log))};
  if (!opened.log->disk_.news().valid()) {
    return Error{std::string{"cannot make an eventfd: "} + std::strerror(errno)};
  }
  return opened;
}

CommitLog::CommitLog(EventLoop& loop, const Durability& durability, const SegmentedLog::Options& disk_options,
                     std::unique_ptr<SyncedMark> mark, std::unique_ptr<SegmentedLog> segments)
    : loop_(loop),
      durability_(durability),
      builder_(segments->next_sequence()),
      disk_(disk_options, std::move(mark), std::move(segments)),
      thread_(disk_),
      modelled_disk_(durability.fixed_force) {}

CommitLog::~CommitLog() {
  if (!closed_) {
    (void)close();
  }
}

void CommitLog::start(Events events) {
  events_ = std::move(events);
  loop_.watch(disk_.news().get(), [this] { hear(); });
  hook_ = loop_.at_step_end([this] { return submit(); });
  if (durability_.kind == DurabilityKind::fsync) {
    thread_.start();
  }
}

void CommitLog::append(const DurableRecord& record, WriteToken token) {
  const std::size_t bytes = builder_.append(record, token != 0);
  bytes_since_checkpoint_ += bytes;
  stats_.bytes += bytes;
  if (token == 0) {
    return;
  }
  waiting_.push_back({builder_.last_sequence(), token, loop_.now()});
  if (durability_.kind == DurabilityKind::fixed) {
    // Each force has its own due time, with what was appended before it.
    modelled_disk_.ask(builder_.take(), loop_.now());
  }
}

bool CommitLog::submit() {
  if (closed_ || failure_told_ || (held_ && durability_.kind == DurabilityKind::none)) {
    return false;
  }
  switch (durability_.kind) {
    case DurabilityKind::none:
      return submit_inline();
    case DurabilityKind::fixed:
      arm_due();
      break;
    case DurabilityKind::fsync:
      if (builder_.force() || builder_.bytes() >= kLazyBytesMax) {
        thread_.hand_over(builder_.take());
      }
      break;
  }
  submit_soon();
  return false;
}

/// Lazy records wait for a force, but not for ever.
void CommitLog::submit_soon() {
  if (builder_.empty() || lazy_timer_ != 0) {
    return;
  }
  lazy_timer_ = loop_.call_at(loop_.now() + kLazyPatience, [this] {
    lazy_timer_ = 0;
    if (builder_.empty() || closed_) {
      return;
    }
    if (durability_.kind == DurabilityKind::fsync) {
      thread_.hand_over(builder_.take());
    } else {
      modelled_disk_.ask(builder_.take(), loop_.now());
    }
  });
}

void CommitLog::hold(bool held) {
  if (durability_.kind == DurabilityKind::fsync || closed_) {
    return;
  }
  held_ = held;
  if (!held_ && durability_.kind == DurabilityKind::fixed) {
    fire_due();
  }  // none: the end of this step submits
}

void CommitLog::checkpoint(Checkpoint checkpoint) {
  disk_.checkpoints().begin();
  bytes_since_checkpoint_ = 0;
  // What the modelled disk has not completed yet is written early: the checkpoint contains its effects.
  LogBatch all = modelled_disk_.write_early();
  all.join(builder_.take());
  all.force = true;
  all.last_sequence = builder_.last_sequence();
  all.checkpoint = std::move(checkpoint);
  if (durability_.kind == DurabilityKind::fsync) {
    thread_.hand_over(std::move(all));
    return;
  }
  const std::uint64_t answered = disk_.durable();
  disk_.write(all);
  if (durability_.kind == DurabilityKind::fixed) {
    disk_.answered_only(answered);
  }
}

/// The disk has news.
void CommitLog::hear() {
  disk_.clear_news();
  if (const std::optional<std::string> failure = disk_.failure()) {
    // Never retried, and nothing more is acknowledged: what the disk holds is unknown (pitfall 19).
    if (!std::exchange(failure_told_, true)) {
      events_.failed(*failure);
    }
    return;
  }
  complete_through(disk_.durable());
}

void CommitLog::complete_through(std::uint64_t sequence) {
  stats_.batches = disk_.batches();
  stats_.batch_records = disk_.batch_records();
  stats_.checkpoints = disk_.checkpoints().stored();
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
  for (int round = 0; round < kInlineRounds && !builder_.empty(); ++round) {
    answered = true;
    LogBatch batch = builder_.take();
    batch.force = true;
    disk_.write(batch);
    hear();
    if (failure_told_) {
      return false;
    }
  }
  // What the completions sent waits for the transport, whose turn in this step may be over: another step.
  return answered;
}

void CommitLog::arm_due() {
  const std::optional<Instant> next = modelled_disk_.next();
  if (next && due_timer_ == 0 && !held_) {
    due_timer_ = loop_.call_at(*next, [this] {
      due_timer_ = 0;
      fire_due();
    });
  }
}

void CommitLog::fire_due() {
  if (held_) {
    return;
  }
  if (std::optional<LogBatch> done = modelled_disk_.complete(loop_.now())) {
    disk_.write(*done);
    hear();
  }
  arm_due();
}

Result<void> CommitLog::close() {
  closed_ = true;
  if (events_.forced) {
    loop_.remove_hook(hook_);
    loop_.unwatch(disk_.news().get());
    loop_.cancel(due_timer_);
    loop_.cancel(lazy_timer_);
  }
  LogBatch rest = modelled_disk_.write_early();
  rest.join(builder_.take());
  thread_.stop();
  return disk_.close(std::move(rest.frames));
}

}  // namespace geocommit
