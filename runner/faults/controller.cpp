#include "runner/faults/controller.h"

#include <algorithm>
#include <csignal>

#include "runner/faults/order_ids.h"
#include "runtime/event_loop.h"
#include "runtime/faults/listener.h"

namespace geocommit {
FaultController::FaultController(std::vector<NamedFault> faults, std::vector<NodeId> nodes, FaultHands hands)
    : nodes_(std::move(nodes)), hands_(std::move(hands)) {
  for (NamedFault& fault : faults) states_.push_back({std::move(fault), {}, "", false, {}});
}

FaultController::~FaultController() { stop(); }

std::string FaultController::refusal() const {
  for (const State& state : states_) {
    const Fault& fault = state.fault.first();
    const std::string what = describe(state.fault) + " cannot be carried out: ";
    if (fault.kind == FaultKind::link && hands_.links == nullptr) {
      return what + "there are no links to change here; use emulation: tun, netem, auto or sim";
    }
    if (hands_.own_processes) continue;
    if (fault.kind == FaultKind::crash) {
      return what + "deployed daemons are not the runner's to start again; use pause, disk or drop, or an emulation";
    }
    if (fault.kind == FaultKind::cut && hands_.links == nullptr && !fault.on.empty()) {
      return what + "with emulation: deployed a cut is done by many nodes, so it cannot hang on one node's point";
    }
    if (!fault.on.empty() && !native(static_cast<std::size_t>(&state - states_.data()))) {
      return what + "with emulation: deployed a protocol point can only trigger what its own node does";
    }
  }
  return "";
}

Duration FaultController::since_load() const { return load_began_ ? Clock::now() - *load_began_ : Duration{0}; }

void FaultController::problem(std::size_t index, const std::string& what) {
  const std::lock_guard lock(mutex_);
  if (states_[index].problem.empty()) states_[index].problem = what;
}

Result<void> FaultController::prepare() {
  for (std::size_t i = 0; i < states_.size(); ++i) {
    const Fault& fault = states_[i].fault.first();
    if (fault.on.empty() || fault.since > Duration{0}) continue;
    arm_point(i, false);
    if (!states_[i].problem.empty()) return Error{describe(states_[i].fault) + ": " + states_[i].problem};
  }
  return {};
}

void FaultController::begin() {
  {
    const std::lock_guard lock(mutex_);
    load_began_ = Clock::now();
    for (std::size_t i = 0; i < states_.size(); ++i) {
      const Fault& fault = states_[i].fault.first();
      if (fault.on.empty()) {
        schedule_.emplace(std::pair{*load_began_ + fault.at, Turn::begin}, [this, i] { begin_fault(i, std::nullopt); });
      } else if (fault.since > Duration{0}) {
        schedule_.emplace(std::pair{*load_began_ + fault.since, Turn::begin}, [this, i] { arm_point(i, false); });
      }
    }
  }
  if (!states_.empty()) thread_ = std::thread([this] { run(); });
}

void FaultController::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (schedule_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const auto first = schedule_.begin();
    if (Clock::now() < first->first.first) {
      const Clock::time_point when =
          first->first.first;  // wait_until keeps a reference, and stop() clears the schedule.
      changed_.wait_until(lock, when);
      continue;
    }
    const auto what = std::move(first->second);
    schedule_.erase(first);
    lock.unlock();
    what();
    lock.lock();
  }
}

void FaultController::end_at(Clock::time_point when, std::size_t index) {
  const std::lock_guard lock(mutex_);
  schedule_.emplace(std::pair{when, Turn::end}, [this, index] { end_fault(index); });
  changed_.notify_all();
}

/// Has the node wait at its point, or do all by itself there.
void FaultController::arm_point(std::size_t index, bool waiting) {
  const NamedFault& named = states_[index].fault;
  const Fault& fault = named.first();
  const NodeId node = trigger_of(fault);
  FaultOrder watch;
  watch.id = order_id(index, 0);
  watch.kind = fault.kind;
  watch.length = fault.length;
  if (native(index)) {
    const auto own = orders_of(index, 0);
    if (!own.empty()) watch = own.front().second;
    watch.id = order_id(index, 0);
  } else {
    watch.by_runner = true;
    // What the waiting node itself has to do it does at once, behind its report: nobody can ask it then.
    for (std::size_t part = 0; part < named.parts.size(); ++part) {
      if (!by_node(named.parts[part])) continue;
      for (auto& [sender, order] : orders_of(index, part)) {
        if (sender != node) continue;
        order.on = fault.on;
        order.occurrence = fault.occurrence;
        give_order(index, node, order, waiting);
      }
    }
  }
  watch.on = fault.on;
  watch.occurrence = fault.occurrence;
  watch.listener = hands_.listener;
  give_order(index, node, watch, waiting);
}

void FaultController::give_order(std::size_t index, NodeId node, FaultOrder order, bool waiting) {
  {
    const std::lock_guard lock(mutex_);
    orders_.hold(node, order, Clock::now());
    // It gets it when it starts again, or goes on.
    if (paused_.any(node)) (void)orders_.waits(node, order.id);
    if (restarts_.dead(node) || paused_.any(node)) return;
  }
  bring(index, node, order, waiting);
}

/// Has the node take a held order. One that dies or stops before it has answered gets it when it is back.
void FaultController::bring(std::size_t index, NodeId node, const FaultOrder& order, bool waiting) {
  const auto armed = hands_.arm(node, order, waiting);
  if (armed) return;
  {
    const std::lock_guard lock(mutex_);
    if (restarts_.dead(node)) return;
    if (paused_.any(node)) return (void)orders_.waits(node, order.id);
  }
  problem(index, armed.error().message);
}

void FaultController::deliver_waiting(NodeId node) {
  std::vector<FaultOrder> orders;
  {
    const std::lock_guard lock(mutex_);
    if (restarts_.dead(node)) return;  // Its restart brings them.
    orders = orders_.woken(node, Clock::now());
  }
  for (const FaultOrder& order : orders) bring(fault_of_order(order.id), node, order, false);
}

void FaultController::on_report(const FaultReport& report) {
  const std::size_t index = fault_of_order(report.fault.id);
  if (index >= states_.size() || !is_watch(report.fault.id) || report.ended) return;
  begin_fault(index, report.node);
  if (steady_now() - report.fault.at > kFaultReportPatience) {
    problem(index, "it was in force only after the node at the protocol point had gone on");
  }
}

void FaultController::saw_fired(NodeId node, const std::vector<FiredFault>& fired) {
  if (!hands_.listener.empty()) return;
  for (const FiredFault& one : fired) {
    const std::size_t index = fault_of_order(one.id);
    if (index >= states_.size() || !is_watch(one.id) || !fired_.insert({one.id, one.occurrence}).second) continue;
    begin_fault(index, node);
  }
}

void FaultController::begin_fault(std::size_t index, std::optional<NodeId> waiting) {
  const NamedFault& named = states_[index].fault;
  {
    const std::lock_guard lock(mutex_);
    State& state = states_[index];
    if (stopping_ || state.active || (closing_ && !waiting)) return;
    state.active = true;
    state.times.push_back({since_load(), {}, {}});
    const Duration length = named.first().length;
    if (length == Duration{0}) {  // an order: it has no length
      state.active = false;
      state.times.back().end = state.times.back().begin;
    } else if (length != kForever) {
      // By the plan where there is one, so that what takes a moment to begin does not end later.
      const Fault& fault = named.first();
      state.ends = (fault.on.empty() ? *load_began_ + fault.at : Clock::now()) + length;
    }
    // A point that has come will not come again for it.
    if (waiting && named.first().occurrence != 0) orders_.point_passed(index);
  }
  for (std::size_t part = 0; part < named.parts.size(); ++part) carry_out(index, part, waiting);
  if (hands_.told) hands_.told(named, true);
  std::optional<Clock::time_point> ends;
  {
    const std::lock_guard lock(mutex_);
    ends = states_[index].ends;
  }
  if (ends) end_at(*ends, index);
  if (named.first().length == Duration{0} && hands_.told) hands_.told(named, false);
}

void FaultController::end_fault(std::size_t index) {
  {
    const std::lock_guard lock(mutex_);
    State& state = states_[index];
    if (!state.active) return;
    state.active = false;
    state.ends.reset();
    state.times.back().end = since_load();
  }
  const NamedFault& named = states_[index].fault;
  for (std::size_t part = 0; part < named.parts.size(); ++part) undo(index, part);
  if (hands_.told) hands_.told(named, false);
}

void FaultController::due(bool is_due) {
  if (is_due && !stopping_ && hands_.wake) hands_.wake();
}

void FaultController::load_over() {
  const std::lock_guard lock(mutex_);
  closing_ = true;
}

void FaultController::stop() {
  std::vector<NodeId> wake;
  HeldOrders::Orders orders;
  std::vector<std::size_t> ended;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    stopping_ = true;
    schedule_.clear();
    changed_.notify_all();
    wake = paused_.take();
    orders = orders_.take();
    std::erase_if(orders, [this](const auto& order) { return restarts_.dead(order.first); });
    for (std::size_t i = 0; i < states_.size(); ++i) {
      if (states_[i].active) ended.push_back(i);
      states_[i].active = false;  // without an end: the cell ended first
    }
  }
  if (thread_.joinable()) thread_.join();
  if (hands_.links != nullptr) {
    if (auto healed = hands_.links->heal(); !healed && !states_.empty()) problem(0, healed.error().message);
  }
  for (const NodeId node : wake) {
    if (hands_.own_processes) (void)hands_.signal(node, SIGCONT);
  }
  for (const auto& [node, id] : orders) hands_.end_order(node, id);
  for (const std::size_t i : ended) {
    if (hands_.told) hands_.told(states_[i].fault, false);
  }
}

bool FaultController::node_ended(NodeId node, int status) {
  const std::lock_guard lock(mutex_);
  const Restarts::End end = restarts_.ended(node, status);
  due(end == Restarts::End::due);
  return end != Restarts::End::unexpected;
}

std::vector<FaultController::Restart> FaultController::due_restarts() {
  const std::lock_guard lock(mutex_);
  std::vector<Restart> out;
  if (stopping_) return out;
  const auto now = Clock::now();
  for (const Restarts::Due& one : restarts_.take_due()) {
    out.push_back({one.node, one.tail, orders_.restarted(one.node, now)});
  }
  return out;
}

void FaultController::node_started(NodeId node) {
  const std::lock_guard lock(mutex_);
  if (!restarts_.started(node) && hands_.own_processes) (void)hands_.signal(node, SIGKILL);
}

void FaultController::node_ready(NodeId node) {
  const std::lock_guard lock(mutex_);
  if (!restarts_.ready(node)) return;
  for (State& state : states_) {
    const bool its = std::any_of(state.fault.parts.begin(), state.fault.parts.end(), [&](const Fault& part) {
      const bool ends_it =
          part.kind == FaultKind::crash || part.kind == FaultKind::disk_fail_sync || part.kind == FaultKind::disk_full;
      return ends_it && part.node == node;
    });
    if (its && !state.times.empty() && state.times.back().end && !state.times.back().ready) {
      state.times.back().ready = since_load();
    }
  }
}

std::vector<NodeId> FaultController::unready() const {
  const std::lock_guard lock(mutex_);
  return restarts_.unready();
}

bool FaultController::silent(NodeId node) const {
  const std::lock_guard lock(mutex_);
  return restarts_.dead(node) || paused_.any(node);
}

bool FaultController::dead(NodeId node) const {
  const std::lock_guard lock(mutex_);
  return restarts_.dead(node);
}

std::vector<std::string> FaultController::active() {
  const std::lock_guard lock(mutex_);
  const Duration before = std::exchange(asked_, since_load());
  std::vector<std::string> out;
  for (const State& state : states_) {
    const bool lately = !state.times.empty() && state.times.back().end && *state.times.back().end >= before;
    if (state.active || lately) out.push_back(describe(state.fault));
  }
  return out;
}

Duration FaultController::until_healed() const {
  const std::lock_guard lock(mutex_);
  Duration out{0};
  const auto now = Clock::now();
  for (const State& state : states_) {
    if (state.active && state.ends) out = std::max<Duration>(out, *state.ends - now);
  }
  return out;
}

bool FaultController::forever() const {
  const std::lock_guard lock(mutex_);
  return std::any_of(states_.begin(), states_.end(), [](const State& state) {
    return state.active && !state.ends && state.fault.first().kind != FaultKind::clock_step;
  });
}

std::vector<FaultRecord> FaultController::records() const {
  const std::lock_guard lock(mutex_);
  std::vector<FaultRecord> out;
  for (const State& state : states_) out.push_back({state.fault, state.times, state.problem});
  return out;
}

}  // namespace geocommit
