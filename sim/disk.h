// One node's virtual disk: a log whose unsynced tail a crash may take, a checkpoint, and the facts that a checker
// needs.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "engine/environment.h"
#include "engine/record.h"
#include "faults/fault_plan.h"
#include "verdict/history.h"
#include "workload/random.h"

namespace geocommit::sim {

class Disk {
 public:
  /// keep: records are stored (a crash may ask for them, or a checker). facts: also gathered for a checker, for ever.
  Disk(bool keep, bool facts) : keep_(keep), gather_(facts) {}

  void write(const DurableRecord& record, WriteToken token);
  /// The force of `token`, and of all before it, is complete.
  void forced(WriteToken token);
  /// Begins a checkpoint of everything written so far; durable with checkpoint_durable().
  void begin_checkpoint(Checkpoint checkpoint);
  void checkpoint_durable();
  [[nodiscard]] bool checkpoint_in_progress() const { return coming_.has_value(); }
  [[nodiscard]] std::size_t bytes_since_checkpoint() const { return bytes_; }

  /// The process is gone. What it wrote and did not force survives by `tail`; a checkpoint under way does not.
  void crash(Tail tail, Random& random);
  /// What recovery reads; from now on it is synced (the runtime forces an epoch record before it serves).
  [[nodiscard]] DurableState recover();
  /// Number of this start, 1 at the first.
  std::uint32_t next_start() { return ++starts_; }

  /// What a machine that runs on would still write is durable now.
  void write_out() { sync_to(end_); }
  /// Told of each record once it is durable; may be empty. Needs keep.
  std::function<void(const DurableRecord&)> on_durable;

  /// In log order, of what is durable (or, with `all`, of what a machine that runs on would still write).
  [[nodiscard]] std::vector<Fact> facts(bool all) const;

 private:
  struct PendingForce {
    WriteToken token{};
    std::uint64_t end{};
  };
  void sync_to(std::uint64_t end);

  bool keep_{}, gather_{};
  std::uint64_t first_{};  ///< Position of the oldest record kept.
  std::uint64_t end_{};    ///< Position after the last one.
  std::uint64_t synced_{};
  std::deque<DurableRecord> log_;  ///< first_ .. end_, if kept.
  std::deque<PendingForce> forces_;
  std::vector<Fact> facts_;  ///< Of everything before synced_.
  std::optional<Checkpoint> checkpoint_, coming_;
  std::uint64_t coming_end_{};
  std::size_t bytes_{}, bytes_at_checkpoint_{};
  std::uint32_t starts_{};
};

}  // namespace geocommit::sim
