// What is to happen, ordered by (time, sequence): two events never tie, so a run is repeatable. Two tiers: a 4-ary heap
// of what falls due within the current slice of time, and a wheel of slices behind it whose lists are not sorted. A
// timer that is cancelled before its slice comes (nearly all are) costs two list operations and never meets the heap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/time.h"

namespace geocommit::sim {

enum class EventKind : std::uint8_t {
  message,      ///< arg: slot of the message store; node: the receiver.
  timer,        ///< arg: TimerToken.
  forced,       ///< arg: index of a pending write of the node's disk.
  checkpoint,   ///< A checkpoint is durable.
  client,       ///< node: the client, which has something to do.
  fault_begin,  ///< arg: index into the plan.
  fault_end,
  restart,      ///< node: starts again; arg: index of the fault that is over.
  resume,       ///< node: SIGCONT; arg: likewise.
  disk_failed,  ///< A write of the node has failed; arg: index of the fault.
};

struct Event {
  std::int64_t time_ns{};
  std::uint64_t sequence{};
  std::uint64_t arg{};
  std::uint32_t node{};  ///< Index of a node.
  std::uint32_t life{};  ///< The node's process that it belongs to; another one ignores it.
  EventKind kind{};
};

/// Names an event from push() until it is released.
using EventSlot = std::uint32_t;
inline constexpr EventSlot kNoEvent = 0xffffffffU;

class EventQueue {
 public:
  EventQueue();

  /// `at_ns` must not lie before the event that was popped last.
  EventSlot push(std::int64_t at_ns, EventKind kind, std::uint32_t node, std::uint32_t life, std::uint64_t arg);
  /// Takes it out, before or after its slice has come; releases it.
  void cancel(EventSlot slot);
  /// Puts a popped, not yet released event back.
  void push_again(EventSlot slot, std::int64_t at_ns);

  /// The earliest event if it is due at or before `until_ns`, else kNoEvent. The slot stays valid until release().
  [[nodiscard]] EventSlot pop(std::int64_t until_ns);
  void release(EventSlot slot);
  /// The events that will be popped next, and after that, if they are near and nothing comes between; null: not known.
  [[nodiscard]] std::pair<const Event*, const Event*> look_ahead() const {
    if (heap_.empty()) {
      return {};
    }
    std::size_t second = 1;
    for (std::size_t i = 1; i < heap_.size() && i < 5; ++i) {
      second = heap_[i].before(heap_[second]) ? i : second;
      __builtin_prefetch(&nodes_[heap_[i].slot]);
    }
    return {&nodes_[heap_.front().slot].event, second < heap_.size() ? &nodes_[heap_[second].slot].event : nullptr};
  }
  [[nodiscard]] const Event& at(EventSlot slot) const { return nodes_[slot].event; }

  [[nodiscard]] std::size_t size() const { return live_; }  ///< Queued and not cancelled.
  [[nodiscard]] std::size_t memory_slots() const { return nodes_.size(); }

 private:
  enum class Place : std::uint8_t { free, heap, wheel, popped, dead };  // dead: cancelled, still in the heap
  struct Node {
    Event event;
    EventSlot next{kNoEvent}, previous{kNoEvent};
    std::uint32_t bucket{};
    Place place{Place::free};
  };
  struct HeapItem {
    std::int64_t time_ns;
    std::uint64_t sequence;
    EventSlot slot;
    [[nodiscard]] bool before(const HeapItem& other) const {
      return time_ns != other.time_ns ? time_ns < other.time_ns : sequence < other.sequence;
    }
  };
  static constexpr int kSliceBits = 18;                // 262 us
  static constexpr std::int64_t kSlices = 1 << 14;     // the wheel spans 4.3 s
  static constexpr std::uint32_t kOverflow = kSlices;  // one more list, for what lies beyond it

  void place(EventSlot slot);
  void link(EventSlot slot, std::uint32_t bucket);
  void unlink(EventSlot slot);
  void heap_push(const HeapItem& item);
  void heap_pop();
  bool next_slice(std::int64_t until_slice);
  void refill_from_overflow();

  std::vector<Node> nodes_;
  EventSlot free_{kNoEvent};
  std::vector<HeapItem> heap_;
  std::vector<EventSlot> heads_;
  std::int64_t slice_{};      // the heap holds everything up to the end of this slice
  std::int64_t wheel_end_{};  // the wheel holds slices in (slice_, wheel_end_)
  std::size_t in_wheel_{}, in_overflow_{};
  std::uint64_t sequence_{};
  std::size_t live_{};
};

}  // namespace geocommit::sim
