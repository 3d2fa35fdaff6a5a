// What faults do to the virtual world.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "sim/world_impl.h"

namespace geocommit::sim {

void World::Impl::alarm(std::string_view what) {
  const auto found = alarms_.find(what);
  if (found != alarms_.end()) {
    ++found->second;
  } else {
    alarms_.emplace(what, 1);
  }
}

void World::Impl::noted(Node& node, std::string_view event) {
  if (last_faults_ || healed_ || node.dying) {
    return;
  }
  for (Trigger& trigger : triggers_) {
    const Fault& fault = spec_.faults[trigger.fault];
    const NodeId whose = trigger_of(fault);
    if (fault.on != event || (whose != NodeId{} && whose != node.id()) ||
        now_ns_ - load_start_ns_ < fault.since.count()) {
      continue;
    }
    ++trigger.seen;
    if (trigger.seen == fault.occurrence || (fault.occurrence == 0 && in_force_[trigger.fault] == kNone)) {
      begin_fault(trigger.fault, &node);
    }
  }
}

// `stepping`: the node in whose step it begins, if it is one.
void World::Impl::begin_fault(std::size_t index, const Node* stepping) {
  const Fault& fault = spec_.faults[index];
  if (last_faults_ || healed_ || in_force_[index] != kNone) {
    return;
  }
  bool ends_by_itself = true;  // Else its own event ends it.
  switch (fault.kind) {
    case FaultKind::crash:
    case FaultKind::pause:
    case FaultKind::disk_stall:
    case FaultKind::disk_fail_sync:
    case FaultKind::disk_full:
      if (!begin_at_node(index, stepping)) {
        return;
      }
      ends_by_itself = fault.kind != FaultKind::crash && fault.kind != FaultKind::pause;
      break;
    case FaultKind::clock_step:  // A virtual node has no wall clock: nothing can depend on it.
      break;
    case FaultKind::transfer:
    case FaultKind::failover:
      order_move(fault);
      break;
    case FaultKind::cut:
    case FaultKind::drop:
    case FaultKind::duplicate:
    case FaultKind::reorder:
    case FaultKind::link:
      network_.begin(fault);
      break;
  }
  in_force_[index] = spans_.size();
  spans_.push_back({index, Duration{now_ns_ - load_start_ns_}, std::nullopt, std::nullopt});
  if (ends_by_itself && fault.length != kForever) {
    queue_.push(now_ns_ + fault.length.count(), EventKind::fault_end, 0, 0, index);
  }
}

// False: there is nothing to do, the node is down or so already.
bool World::Impl::begin_at_node(std::size_t index, const Node* stepping) {
  const Fault& fault = spec_.faults[index];
  Node& victim = node(fault.node);
  const bool running = victim.engine != nullptr && !victim.dying;
  switch (fault.kind) {
    case FaultKind::crash:
      if (!running) {
        return false;
      }
      if (&victim == stepping) {
        // Its engine is on the stack: it dies when the step is over, and does nothing till then.
        victim.dying = true;
        victim.dying_of = index;
      } else {
        crash(victim, index);
      }
      return true;
    case FaultKind::pause:
      if (!running || victim.paused) {
        return false;
      }
      victim.paused = true;
      victim.paused_until_ns = now_ns_;
      if (fault.length != kForever) {
        victim.paused_until_ns += fault.length.count();
        queue_.push(victim.paused_until_ns, EventKind::resume, victim.index(), victim.life, index);
      }
      return true;
    case FaultKind::disk_stall:
      return !std::exchange(victim.stalled, true);
    case FaultKind::disk_fail_sync:
    case FaultKind::disk_full:
      if (victim.failing != nullptr) {
        return false;
      }
      victim.failing = &fault;
      victim.failing_index = index;
      return true;
    case FaultKind::clock_step:
    case FaultKind::transfer:
    case FaultKind::failover:
    case FaultKind::cut:
    case FaultKind::drop:
    case FaultKind::duplicate:
    case FaultKind::reorder:
    case FaultKind::link:
      break;
  }
  GC_CHECK(false);
}

// To every node; who is down or stands still does not hear of it.
void World::Impl::order_move(const Fault& fault) {
  for (const auto& one : nodes_) {
    if (one && one->engine && !one->dying && !one->paused) {
      one->engine->move_home(fault.home, fault.successor, fault.kind == FaultKind::failover);
    }
  }
}

void World::Impl::end_fault(std::size_t index) {
  const Fault& fault = spec_.faults[index];
  if (healed_) {
    return;
  }
  end_span(index);
  switch (fault.kind) {
    case FaultKind::disk_stall:
      node(fault.node).stalled = false;
      disk_works(node(fault.node));
      break;
    case FaultKind::disk_fail_sync:
    case FaultKind::disk_full:
      node(fault.node).failing = nullptr;
      disk_works(node(fault.node));
      break;
    case FaultKind::crash:
    case FaultKind::pause:
    case FaultKind::clock_step:
    case FaultKind::transfer:
    case FaultKind::failover:
      break;
    case FaultKind::cut:
    case FaultKind::drop:
    case FaultKind::duplicate:
    case FaultKind::reorder:
    case FaultKind::link:
      network_.end(fault);
      break;
  }
}

void World::Impl::end_span(std::size_t index) {
  if (std::size_t& at = in_force_[index]; at != kNone) {
    spans_[at].ended = Duration{now_ns_ - load_start_ns_};
    spans_[at].felt = Duration{std::max(now_ns_, network_.clear_by_ns()) - load_start_ns_};
    at = kNone;
  }
}

void World::Impl::disk_works(Node& node) {
  if (node.waits_for_disk && !node.engine) {
    start(node);
  } else if (!node.paused && !node.stalled) {
    resume(node);
  }
}

// A node never tries a failed write again, nor goes on without it: it ends itself (pitfall 19).
void World::Impl::disk_failed(Node& node, const Event& event) {
  if (event.life == node.life && node.engine) {
    die(node, spec_.faults[event.arg].tail);
    start(node);  // At once, if its disk works again; else then.
  }
}

void World::Impl::after_step(Node& node) {
  if (node.dying) {
    crash(node, node.dying_of);
  }
}

void World::Impl::die(Node& node, Tail tail) {
  node.paused = false;
  resume(node);  // What was held goes back: its timers are cancelled below, the rest finds another life.
  node.timers.clear([&](EventSlot slot) { queue_.cancel(slot); });
  node.disk.crash(tail, disk_random_);
  node.engine.reset();
  node.dying = false;
  ++node.life;
}

void World::Impl::crash(Node& node, std::size_t index) {
  const Fault& fault = spec_.faults[index];
  die(node, fault.tail);
  if (fault.length != kForever) {
    queue_.push(now_ns_ + fault.length.count(), EventKind::restart, node.index(), node.life, index);
  }
}

void World::Impl::resume(Node& node) {
  node.paused = false;
  std::vector<EventSlot> held = std::move(node.held);
  node.held.clear();
  for (const EventSlot slot : held) {
    queue_.push_again(slot, now_ns_);  // In the order in which they came.
  }
}

Duration World::Impl::let_faults_end() {
  last_faults_ = true;
  Duration longest{0};
  for (std::size_t i = 0; i < in_force_.size(); ++i) {
    if (in_force_[i] != kNone && spec_.faults[i].length != kForever) {
      const Duration end = spans_[in_force_[i]].began + spec_.faults[i].length;
      longest = std::max(longest, end - Duration{now_ns_ - load_start_ns_});
    }
  }
  return longest;
}

void World::Impl::heal() {
  for (std::size_t i = 0; i < in_force_.size(); ++i) {
    end_span(i);
  }
  healed_ = true;
  network_.heal();
  for (const auto& node : nodes_) {
    if (!node) {
      continue;
    }
    node->stalled = false;
    node->failing = nullptr;
    resume(*node);
    if (!node->engine) {
      start(*node);
    }
  }
}

}  // namespace geocommit::sim
