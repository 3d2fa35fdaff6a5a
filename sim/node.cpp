#include "sim/node.h"

#include "base/check.h"
#include "sim/world_impl.h"

namespace geocommit::sim {

/// Tells the world of protocol points and alarms, and passes everything on.
class Node::Watcher final : public ForwardingObserver {
 public:
  Watcher(World::Impl& world, Node& node, Observer* other)
      : ForwardingObserver(other != nullptr ? std::vector<Observer*>{other} : std::vector<Observer*>{}),
        world_(world),
        node_(node) {}

  void noted(const TxnDescriptor& d, Role role, std::string_view event) override {
    world_.noted(node_, event);
    ForwardingObserver::noted(d, role, event);
  }
  void alarm(std::string_view what) override {
    world_.alarm(what);
    ForwardingObserver::alarm(what);
  }

 private:
  World::Impl& world_;
  Node& node_;
};

void TimerTable::set(TimerToken token, EventSlot slot) {
  GC_CHECK(token >= end_);
  while (token - first_ >= ring_.size()) {
    std::vector<EventSlot> larger(ring_.size() * 2, kNoEvent);
    for (std::uint64_t t = first_; t < end_; ++t) {
      larger[t & (larger.size() - 1)] = ring_[t & mask()];
    }
    ring_ = std::move(larger);
  }
  for (std::uint64_t t = end_; t < token; ++t) {
    ring_[t & mask()] = kNoEvent;
  }
  ring_[token & mask()] = slot;
  end_ = token + 1;
}

EventSlot TimerTable::take(TimerToken token) {
  if (token < first_ || token >= end_) {
    return kNoEvent;
  }
  const EventSlot slot = ring_[token & mask()];
  ring_[token & mask()] = kNoEvent;
  while (first_ < end_ && ring_[first_ & mask()] == kNoEvent) {
    ++first_;
  }
  return slot;
}

Node::Node(World::Impl& world, std::uint32_t index, NodeId id, Disk own_disk, Observer* other)
    : disk(std::move(own_disk)),
      world_(world),
      index_(index),
      id_(id),
      observer_(std::make_shared<Watcher>(world, *this, other)) {}

Instant Node::now() const { return Instant{Duration{world_.now_ns()}}; }

std::size_t Node::send(NodeId to, const PeerPayload& payload) { return dying ? 0 : world_.send(*this, to, payload); }

void Node::write(const DurableRecord& record, WriteToken token) {
  if (dying || log_failed) {
    return;
  }
  if (failing != nullptr && failing->kind == FaultKind::disk_full) {
    log_failed = true;
    world_.queue().push(world_.now_ns(), EventKind::disk_failed, index_, life, failing_index);
    return;
  }
  disk.write(record, token);
  if (token != 0) {
    const std::int64_t done = world_.now_ns() + world_.force().count();
    if (failing != nullptr) {
      world_.queue().push(done, EventKind::disk_failed, index_, life, failing_index);
    } else {
      world_.queue().push(done, EventKind::forced, index_, life, token);
    }
  }
}

void Node::write_checkpoint(Checkpoint checkpoint) {
  if (dying || log_failed) {
    return;
  }
  disk.begin_checkpoint(std::move(checkpoint));
  const std::int64_t done = world_.now_ns() + world_.force().count();
  if (failing != nullptr) {
    world_.queue().push(done, EventKind::disk_failed, index_, life, failing_index);
  } else {
    world_.queue().push(done, EventKind::checkpoint, index_, life, 0);
  }
}

void Node::set_timer(TimerToken token, Instant deadline) {
  const std::int64_t at = std::max(deadline.time_since_epoch().count(), world_.now_ns());
  timers.set(token, world_.queue().push(at, EventKind::timer, index_, life, token));
}

void Node::cancel_timer(TimerToken token) {
  const EventSlot slot = timers.take(token);
  if (slot != kNoEvent) {
    world_.queue().cancel(slot);
  }
}

}  // namespace geocommit::sim
