#include "sim/fault_course.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace geocommit::sim {

void FaultCourse::start() {
  in_force_.assign(world_.spec.faults.size(), kNone);
  for (std::size_t i = 0; i < world_.spec.faults.size(); ++i) {
    const Fault& fault = world_.spec.faults[i];
    if (fault.on.empty()) {
      world_.queue.push(world_.now_ns + fault.at.count(), EventKind::fault_begin, 0, 0, i);
    } else {
      triggers_.push_back({i, 0});
    }
  }
}

void FaultCourse::noted(const Node& node, std::string_view event) {
  if (last_ || healed_ || node.dying) {
    return;
  }
  for (Trigger& trigger : triggers_) {
    const Fault& fault = world_.spec.faults[trigger.fault];
    const NodeId whose = trigger_of(fault);
    if (fault.on != event || (whose != NodeId{} && whose != node.id()) || world_.since_load() < fault.since) {
      continue;
    }
    ++trigger.seen;
    if (trigger.seen == fault.occurrence || (fault.occurrence == 0 && in_force_[trigger.fault] == kNone)) {
      begin(trigger.fault, &node);
    }
  }
}

void FaultCourse::begin(std::size_t index, const Node* stepping) {
  const Fault& fault = world_.spec.faults[index];
  if (last_ || healed_ || in_force_[index] != kNone) {
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
  spans_.push_back({index, world_.since_load(), std::nullopt, std::nullopt});
  if (ends_by_itself && fault.length != kForever) {
    world_.queue.push(world_.now_ns + fault.length.count(), EventKind::fault_end, 0, 0, index);
  }
}

// False: there is nothing to do, the node is down or so already.
bool FaultCourse::begin_at_node(std::size_t index, const Node* stepping) {
  const Fault& fault = world_.spec.faults[index];
  Node& victim = world_.node(fault.node);
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
        processes_.crash(victim, index);
      }
      return true;
    case FaultKind::pause:
      if (!running || victim.paused) {
        return false;
      }
      victim.paused = true;
      victim.paused_until_ns = world_.now_ns;
      if (fault.length != kForever) {
        victim.paused_until_ns += fault.length.count();
        world_.queue.push(victim.paused_until_ns, EventKind::resume, victim.index(), victim.life, index);
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
void FaultCourse::order_move(const Fault& fault) {
  for (const auto& one : world_.nodes) {
    if (one && one->engine && !one->dying && !one->paused) {
      one->engine->move_home(fault.home, fault.successor, fault.kind == FaultKind::failover);
    }
  }
}

void FaultCourse::end(std::size_t index) {
  const Fault& fault = world_.spec.faults[index];
  if (healed_) {
    return;
  }
  end_span(index);
  switch (fault.kind) {
    case FaultKind::disk_stall:
      world_.node(fault.node).stalled = false;
      processes_.disk_works(world_.node(fault.node));
      break;
    case FaultKind::disk_fail_sync:
    case FaultKind::disk_full:
      world_.node(fault.node).failing = nullptr;
      processes_.disk_works(world_.node(fault.node));
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

void FaultCourse::end_span(std::size_t index) {
  if (std::size_t& at = in_force_[index]; at != kNone) {
    spans_[at].ended = world_.since_load();
    spans_[at].felt = Duration{std::max(world_.now_ns, network_.clear_by_ns()) - world_.load_start_ns};
    at = kNone;
  }
}

Duration FaultCourse::let_end() {
  last_ = true;
  Duration longest{0};
  for (std::size_t i = 0; i < in_force_.size(); ++i) {
    if (in_force_[i] != kNone && world_.spec.faults[i].length != kForever) {
      const Duration end = spans_[in_force_[i]].began + world_.spec.faults[i].length;
      longest = std::max(longest, end - world_.since_load());
    }
  }
  return longest;
}

void FaultCourse::heal() {
  for (std::size_t i = 0; i < in_force_.size(); ++i) {
    end_span(i);
  }
  healed_ = true;
  network_.heal();
  for (const auto& node : world_.nodes) {
    if (!node) {
      continue;
    }
    node->stalled = false;
    node->failing = nullptr;
    processes_.resume(*node);
    if (!node->engine) {
      processes_.start(*node);
    }
  }
}

}  // namespace geocommit::sim
