// The log on disk, without threads: recovery, appending batches, rotation, checkpoints. CommitLog adds group commit.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "engine/record.h"
#include "runtime/log/storage.h"
#include "runtime/log/synced_mark.h"

namespace geocommit {

inline constexpr std::size_t kSegmentBytes = 16U << 20U;

class SegmentedLog {
 public:
  struct Options {
    std::string directory;
    NodeId node;
    std::size_t segment_bytes{kSegmentBytes};
    bool syncs{true};  ///< False: nothing is ever synced (durability none and fixed).
    Storage* storage{&posix_storage()};
    SyncedMark* mark{};  ///< Told of every place up to which the log is durable; outlives the log. nullptr: nobody is.
  };
  struct Opened {
    std::unique_ptr<SegmentedLog> log;
    DurableState state;
    bool tail_cut{};  ///< A torn tail was found and removed.
  };
  /// Recovers what is there, removes a torn tail durably, and starts a new segment: nothing is ever appended behind a
  /// tail of which it is not certain what it holds. What is behind the last completed sync may be in the page cache
  /// alone (a sync that failed marks its pages clean), so it is written again and synced before it is acted on. Error:
  /// damage before the tail or before the mark (file and offset), a missing segment, a log of another node, or what
  /// the disk said.
  [[nodiscard]] static Result<Opened> open(const Options& options);

  /// Appends frames made by begin_frame()/end_frame(), numbered from next_sequence() on without gaps. Durable on return
  /// with `force`. After an Error, of this or of any other call, what the disk holds is unknown: every later call
  /// returns that Error and touches nothing.
  [[nodiscard]] Result<void> write(std::string frames, bool force);
  /// Everything so far becomes durable, and a new segment begins; its number.
  [[nodiscard]] Result<std::uint64_t> rotate();
  /// Everything becomes durable; the reserved rest of the last segment is given back.
  [[nodiscard]] Result<void> close();

  /// Of the next record to be written.
  [[nodiscard]] std::uint64_t next_sequence() const { return written_ + 1; }

 private:
  explicit SegmentedLog(Options options) : options_(std::move(options)) {}
  [[nodiscard]] Result<void> recover(DurableState& state, bool& tail_cut);
  [[nodiscard]] Result<void> settle_tail(const std::string& bytes, std::size_t end,
                                         const std::optional<SyncedPlace>& mark);
  template <class T>
  [[nodiscard]] Result<T> remember(Result<T> done);
  [[nodiscard]] Result<void> write_frames(std::string frames, bool force);
  [[nodiscard]] Result<std::uint64_t> load_checkpoint(const std::vector<std::string>& names, DurableState& state);
  [[nodiscard]] Result<void> start_segment(std::size_t bytes_min);
  [[nodiscard]] Result<void> sync();
  void mark_synced();
  [[nodiscard]] std::string path(const std::string& name) const { return options_.directory + "/" + name; }

  Options options_;
  std::optional<Error> failed_;  // the first
  std::unique_ptr<StorageFile> file_;
  std::uint64_t segment_{};              // number of the newest
  std::size_t size_{}, offset_{};        // of the newest: reserved, used
  std::uint64_t written_{}, durable_{};  // last sequence
};

/// Makes a checkpoint durable, then moves the segments before `first_needed` to the archive. Touches no segment that is
/// still written: may run beside write(). `through`: the last record that the checkpoint covers; it must be durable.
[[nodiscard]] Result<void> store_checkpoint(const SegmentedLog::Options& options, std::uint64_t through,
                                            std::uint64_t first_needed, const Checkpoint& checkpoint);

/// What the verdict reads: all records of a node from its first start, archive included.
struct LogHistory {
  std::optional<NodeId> node;  ///< Whose log it is; none: there is no segment.
  std::uint64_t records{};
  bool torn_tail{};  ///< The node died while writing: what follows the last record was never durable.
};
/// Calls `visit` for each record, oldest first. An Error names file and offset of the damage, or says that the log ends
/// before what its mark says had been durable; what was visited before it is good.
[[nodiscard]] Result<LogHistory> read_log_history(const std::string& directory,
                                                  const std::function<void(std::uint64_t, DurableRecord)>& visit,
                                                  Storage& storage = posix_storage());

}  // namespace geocommit
