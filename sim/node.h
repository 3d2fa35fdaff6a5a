// One node of the virtual world: the process (an engine and its timers) and what outlives it (the disk).
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "sim/disk.h"
#include "sim/event_queue.h"
#include "sim/world.h"

namespace geocommit::sim {

/// Timer token -> event, for tokens that an engine gives out in ascending order: a ring from the oldest live one.
class TimerTable {
 public:
  void set(TimerToken token, EventSlot slot);
  /// Removes and returns it; kNoEvent if there is none.
  EventSlot take(TimerToken token);
  template <class F>
  void clear(F&& each) {
    for (std::uint64_t token = first_; token < end_; ++token) {
      if (ring_[token & mask()] != kNoEvent) {
        each(ring_[token & mask()]);
      }
    }
    first_ = end_ = 1;
  }

 private:
  [[nodiscard]] std::uint64_t mask() const { return ring_.size() - 1; }
  std::vector<EventSlot> ring_ = std::vector<EventSlot>(64, kNoEvent);
  std::uint64_t first_{1}, end_{1};  ///< Live tokens lie in [first_, end_).
};

class Node final : public Environment {
 public:
  Node(World::Impl& world, std::uint32_t index, NodeId id, Disk disk, Observer* other);

  [[nodiscard]] Instant now() const override;
  std::size_t send(NodeId to, const PeerPayload& payload) override;
  void write(const DurableRecord& record, WriteToken token) override;
  [[nodiscard]] std::size_t log_bytes_since_checkpoint() const override { return disk.bytes_since_checkpoint(); }
  void write_checkpoint(Checkpoint checkpoint) override;
  [[nodiscard]] bool checkpoint_in_progress() const override { return disk.checkpoint_in_progress(); }
  void set_timer(TimerToken token, Instant deadline) override;
  void cancel_timer(TimerToken token) override;

  [[nodiscard]] std::uint32_t index() const { return index_; }
  [[nodiscard]] NodeId id() const { return id_; }
  [[nodiscard]] Observer& observer() { return *observer_; }

  Disk disk;
  std::unique_ptr<NodeEngine> engine;  ///< Null: the process is down.
  TimerTable timers;
  std::uint32_t life{};    ///< Counts processes; events of an earlier one are ignored.
  std::uint32_t epoch{};   ///< Of this process.
  bool dying{};            ///< Crashed within the step under way: nothing of the rest of it happens ...
  std::size_t dying_of{};  ///< ... because of this fault.
  bool paused{};
  std::int64_t paused_until_ns{};
  bool stalled{};          ///< Its disk completes nothing.
  const Fault* failing{};  ///< What fails its writes now, and that fault's index. Null: they succeed.
  std::size_t failing_index{};
  bool log_failed{};      ///< A write of this process was refused: nothing after it may be in the log either, though
                          ///< the process hears of it only when the disk answers.
  bool waits_for_disk{};  ///< Down until its disk works again.
  std::vector<EventSlot> held;  ///< Popped while it was paused or stalled, in order.

 private:
  class Watcher;
  World::Impl& world_;
  std::uint32_t index_;
  NodeId id_;
  std::shared_ptr<Observer> observer_;
};

}  // namespace geocommit::sim
