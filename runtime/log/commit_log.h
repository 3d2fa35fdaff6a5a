// The node's log as its event loop sees it: append, and hear of durability later. Group commit: what a step of the loop
// appends leaves as one batch; while a batch is being synced, the next one gathers.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "engine/environment.h"
#include "runtime/event_loop.h"
#include "runtime/log/batch.h"
#include "runtime/log/log_disk.h"
#include "runtime/log/log_thread.h"
#include "runtime/log/modelled_disk.h"
#include "runtime/log/segmented_log.h"
#include "runtime/node_config.h"

namespace geocommit {

struct CommitLogStats {
  std::uint64_t batches{};  ///< Group commits: syncs (fsync), writes (none), completions (fixed).
  std::uint64_t batch_records{};
  std::uint64_t bytes{};
  std::uint64_t checkpoints{};
};

/// fsync: a thread of its own writes and syncs, one sync a batch.
/// none: written at the end of the loop's step, never synced; forces complete with the write.
/// fixed(d): a modelled disk. Kept in memory until the force completes, d after it was asked for, without a queue; then
/// written to the file, unsynced. So a killed process loses what its modelled disk had not completed, and no more.
class CommitLog {
 public:
  struct Options {
    std::string directory;
    NodeId node;
    Durability durability;
    std::size_t segment_bytes{kSegmentBytes};
    Storage* storage{&posix_storage()};
    bool mark_synced{};  ///< Keep a SyncedMark beside the log (POSIX files only).
  };
  struct Events {
    std::function<void(WriteToken)> forced;          ///< In the order of append().
    std::function<void(Duration)> force_took;        ///< append() - forced.
    std::function<void(const std::string&)> failed;  ///< At most once; no `forced` comes after it.
  };
  struct Opened {
    std::unique_ptr<CommitLog> log;
    DurableState state;
    Epoch epoch;  ///< This start's: one more than any before. Already durable.
    bool tail_cut{};
  };
  /// Recovers, and writes and forces the epoch of this start. `loop` outlives the log.
  [[nodiscard]] static Result<Opened> open(EventLoop& loop, const Options& options);
  ~CommitLog();
  CommitLog(const CommitLog&) = delete;
  CommitLog& operator=(const CommitLog&) = delete;

  /// Before the first append().
  void start(Events events);
  /// token 0: lazy, durable with a later force.
  void append(const DurableRecord& record, WriteToken token);
  /// Hands over what was appended. The loop calls it at the end of each step.
  bool submit();
  [[nodiscard]] std::size_t bytes_since_checkpoint() const { return bytes_since_checkpoint_; }
  /// Covers all that was appended so far.
  void checkpoint(Checkpoint checkpoint);
  [[nodiscard]] bool checkpoint_in_progress() const { return disk_.checkpoints().in_progress() || held_; }
  /// A stalled disk, where the loop itself writes (none and fixed): while held, no force completes and nothing is
  /// written. With fsync the storage stalls its sync instead.
  void hold(bool held);
  /// Writes out everything, syncs (fsync), gives reserved space back. Waits for a checkpoint under way. No event comes.
  [[nodiscard]] Result<void> close();
  [[nodiscard]] const CommitLogStats& stats() const { return stats_; }

 private:
  struct Waiting {
    std::uint64_t sequence;
    WriteToken token;
    Instant asked;
  };

  CommitLog(EventLoop& loop, const Durability& durability, const SegmentedLog::Options& disk_options,
            std::unique_ptr<SyncedMark> mark, std::unique_ptr<SegmentedLog> segments);
  void hear();
  void complete_through(std::uint64_t sequence);
  bool submit_inline();
  void submit_soon();
  void fire_due();
  void arm_due();

  EventLoop& loop_;
  Durability durability_;
  Events events_;
  BatchBuilder builder_;
  std::deque<Waiting> waiting_;  // forces that have not completed, in the order of append()
  LogDisk disk_;
  LogThread thread_;            // fsync
  ModelledDisk modelled_disk_;  // fixed
  std::uint64_t due_timer_{}, lazy_timer_{};
  EventLoop::HookId hook_{};
  std::size_t bytes_since_checkpoint_{};
  CommitLogStats stats_;
  bool closed_{}, held_{}, failure_told_{};
};

}  // namespace geocommit
