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
  if (healed_ || node.dying) {
    return;
  }
  for (Trigger& trigger : triggers_) {
    const Fault& fault = spec_.faults[trigger.fault];
    if (fault.on == event && (fault.node == NodeId{} || fault.node == node.id()) &&
        (++trigger.seen == fault.occurrence || fault.occurrence == 0)) {
      begin_fault(trigger.fault);
    }
  }
}

void World::Impl::begin_fault(std::size_t index) {
  const Fault& fault = spec_.faults[index];
  if (healed_) {
    return;
  }
  const bool bounded = fault.length != kForever;
  switch (fault.kind) {
    case FaultKind::crash: {
      Node& victim = node(fault.node);
      if (!victim.engine || victim.dying) {
        return;  // It is down already, by another fault.
      }
      // Within a step of its own the engine is on the stack: it dies when the step is over, and does nothing till then.
      victim.dying = true;
      if (fault.on.empty()) {
        crash(victim, fault);
      } else {
        stepped_.resize(spec_.faults.size());
        stepped_[index] = true;
      }
      return;
    }
    case FaultKind::pause: {
      Node& victim = node(fault.node);
      if (!victim.engine || victim.dying || victim.paused) {
        return;
      }
      victim.paused = true;
      victim.paused_until_ns = bounded ? now_ns_ + fault.length.count() : now_ns_;
      if (bounded) {
        queue_.push(victim.paused_until_ns, EventKind::resume, victim.index(), victim.life, 0);
      }
      return;
    }
    case FaultKind::disk_stall:
      node(fault.node).stalled = true;
      break;
    case FaultKind::disk_fail_sync:
    case FaultKind::disk_full:
    case FaultKind::clock_step:
    case FaultKind::transfer:
    case FaultKind::failover:
      return;  // Not modelled yet; no seed draws them. A virtual node has no wall clock.
    case FaultKind::cut:
    case FaultKind::drop:
    case FaultKind::duplicate:
    case FaultKind::reorder:
    case FaultKind::link:
      network_.begin(fault);
      break;
  }
  if (bounded) {
    queue_.push(now_ns_ + fault.length.count(), EventKind::fault_end, 0, 0, index);
  }
}

void World::Impl::end_fault(std::size_t index) {
  const Fault& fault = spec_.faults[index];
  if (healed_) {
    return;
  }
  if (fault.kind == FaultKind::disk_stall) {
    Node& victim = node(fault.node);
    victim.stalled = false;
    if (!victim.paused) {
      resume(victim);
    }
  } else {
    network_.end(fault);
  }
}

void World::Impl::after_step(Node& node) {
  if (!node.dying) {
    return;
  }
  for (std::size_t i = 0; i < stepped_.size(); ++i) {
    if (stepped_[i] && spec_.faults[i].node == node.id()) {
      stepped_[i] = false;
      crash(node, spec_.faults[i]);
      return;
    }
  }
}

void World::Impl::crash(Node& node, const Fault& fault) {
  node.paused = false;
  resume(node);  // What was held goes back: its timers are cancelled below, the rest finds another life.
  node.timers.clear([&](EventSlot slot) { queue_.cancel(slot); });
  node.disk.crash(fault.tail, disk_random_);
  node.engine.reset();
  node.dying = false;
  ++node.life;
  if (fault.length != kForever) {
    queue_.push(now_ns_ + fault.length.count(), EventKind::restart, node.index(), node.life, 0);
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

void World::Impl::heal() {
  healed_ = true;
  network_.heal();
  for (const auto& node : nodes_) {
    if (!node) {
      continue;
    }
    node->stalled = false;
    resume(*node);
    if (!node->engine) {
      start(*node);
    }
  }
}

}  // namespace geocommit::sim
