#include "sim/event_queue.h"

#include <algorithm>
#include <limits>

#include "base/check.h"

namespace geocommit::sim {

EventQueue::EventQueue() : heads_(kSlices + 1, kNoEvent), wheel_end_(kSlices) {}

EventSlot EventQueue::push(std::int64_t at_ns, EventKind kind, std::uint32_t node, std::uint32_t life,
                           std::uint64_t arg) {
  EventSlot slot = free_;
  if (slot == kNoEvent) {
    slot = static_cast<EventSlot>(nodes_.size());
    nodes_.emplace_back();
  } else {
    free_ = nodes_[slot].next;
  }
  nodes_[slot].event = {at_ns, ++sequence_, arg, node, life, kind};
  place(slot);
  ++live_;
  return slot;
}

void EventQueue::push_again(EventSlot slot, std::int64_t at_ns) {
  GC_CHECK(nodes_[slot].place == Place::popped);
  nodes_[slot].event.time_ns = at_ns;
  nodes_[slot].event.sequence = ++sequence_;
  place(slot);
  ++live_;
}

void EventQueue::place(EventSlot slot) {
  Node& node = nodes_[slot];
  const std::int64_t slice = node.event.time_ns >> kSliceBits;
  if (slice <= slice_) {
    node.place = Place::heap;
    heap_push({node.event.time_ns, node.event.sequence, slot});
    return;
  }
  node.place = Place::wheel;
  link(slot, slice < wheel_end_ ? static_cast<std::uint32_t>(slice & (kSlices - 1)) : kOverflow);
}

void EventQueue::link(EventSlot slot, std::uint32_t bucket) {
  Node& node = nodes_[slot];
  node.bucket = bucket;
  node.previous = kNoEvent;
  node.next = heads_[bucket];
  if (node.next != kNoEvent) {
    nodes_[node.next].previous = slot;
  }
  heads_[bucket] = slot;
  ++(bucket == kOverflow ? in_overflow_ : in_wheel_);
}

void EventQueue::unlink(EventSlot slot) {
  const Node& node = nodes_[slot];
  (node.previous == kNoEvent ? heads_[node.bucket] : nodes_[node.previous].next) = node.next;
  if (node.next != kNoEvent) {
    nodes_[node.next].previous = node.previous;
  }
  --(node.bucket == kOverflow ? in_overflow_ : in_wheel_);
}

void EventQueue::cancel(EventSlot slot) {
  Node& node = nodes_[slot];
  if (node.place == Place::heap) {
    node.place = Place::dead;  // Its slice has come: dropped when it is popped.
  } else {
    GC_CHECK(node.place == Place::wheel);
    unlink(slot);
    release(slot);
  }
  --live_;
}

void EventQueue::release(EventSlot slot) {
  nodes_[slot].place = Place::free;
  nodes_[slot].next = free_;
  free_ = slot;
}

EventSlot EventQueue::pop(std::int64_t until_ns) {
  for (;;) {
    while (!heap_.empty()) {
      const HeapItem top = heap_.front();
      if (nodes_[top.slot].place == Place::dead) {
        heap_pop();
        release(top.slot);
        continue;
      }
      if (top.time_ns > until_ns) {
        return kNoEvent;
      }
      heap_pop();
      nodes_[top.slot].place = Place::popped;
      --live_;
      return top.slot;
    }
    if (!next_slice(until_ns >> kSliceBits)) {
      return kNoEvent;
    }
  }
}

bool EventQueue::next_slice(std::int64_t until_slice) {
  while (slice_ < until_slice) {
    if (in_wheel_ == 0) {
      if (in_overflow_ == 0) {
        return false;  // Nothing anywhere.
      }
      std::int64_t first = std::numeric_limits<std::int64_t>::max();
      for (EventSlot slot = heads_[kOverflow]; slot != kNoEvent; slot = nodes_[slot].next) {
        first = std::min(first, nodes_[slot].event.time_ns >> kSliceBits);
      }
      slice_ = std::min(until_slice, first);  // The wheel is empty: nothing is skipped.
      refill_from_overflow();
    } else {
      ++slice_;
      if (slice_ + 1 >= wheel_end_) {
        refill_from_overflow();
      }
    }
    const EventSlot& head = heads_[static_cast<std::size_t>(slice_ & (kSlices - 1))];
    while (head != kNoEvent) {
      const EventSlot slot = head;
      unlink(slot);
      nodes_[slot].place = Place::heap;
      heap_push({nodes_[slot].event.time_ns, nodes_[slot].event.sequence, slot});
    }
    if (!heap_.empty()) {
      return true;
    }
  }
  return false;
}

// The wheel's window moves on: it now ends a full turn after the current slice.
void EventQueue::refill_from_overflow() {
  wheel_end_ = slice_ + kSlices;
  EventSlot slot = heads_[kOverflow];
  while (slot != kNoEvent) {
    const EventSlot next = nodes_[slot].next;
    if ((nodes_[slot].event.time_ns >> kSliceBits) < wheel_end_) {
      unlink(slot);
      place(slot);
    }
    slot = next;
  }
}

void EventQueue::heap_push(const HeapItem& item) {
  std::size_t at = heap_.size();
  heap_.push_back(item);
  while (at > 0) {
    const std::size_t parent = (at - 1) / 4;
    if (!item.before(heap_[parent])) {
      break;
    }
    heap_[at] = heap_[parent];
    at = parent;
  }
  heap_[at] = item;
}

void EventQueue::heap_pop() {
  const HeapItem last = heap_.back();
  heap_.pop_back();
  const std::size_t size = heap_.size();
  if (size == 0) {
    return;
  }
  std::size_t at = 0;
  for (;;) {
    const std::size_t first = 4 * at + 1;
    if (first >= size) {
      break;
    }
    std::size_t least = first;
    for (std::size_t child = first + 1; child < std::min(first + 4, size); ++child) {
      least = heap_[child].before(heap_[least]) ? child : least;
    }
    if (!heap_[least].before(last)) {
      break;
    }
    heap_[at] = heap_[least];
    at = least;
  }
  heap_[at] = last;
}

}  // namespace geocommit::sim
