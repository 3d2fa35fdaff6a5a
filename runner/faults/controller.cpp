#include "runner/faults/controller.h"

#include <algorithm>
#include <csignal>

#include "runner/faults/order_ids.h"
#include "runner/faults/part_orders.h"
#include "runtime/event_loop.h"
#include "runtime/faults/listener.h"

namespace geocommit {
namespace {

bool on_links(const Fault& fault) { return fault.kind == FaultKind::cut || fault.kind == FaultKind::link; }

}  // namespace

FaultController::FaultController(std::vector<NamedFault> faults, std::vector<NodeId> nodes, FaultHands hands)
    : nodes_(std::move(nodes)), hands_(std::move(hands)), book_(std::move(faults)) {}

FaultController::~FaultController() { stop(); }

std::string FaultController::refusal() const {
  for (std::size_t i = 0; i < book_.size(); ++i) {
    const Fault& fault = book_.fault(i).first();
    const std::string what = describe(book_.fault(i)) + " cannot be carried out: ";
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
    if (!fault.on.empty() && !native(book_.fault(i))) {
      return what + "with emulation: deployed a protocol point can only trigger what its own node does";
    }
  }
  return "";
}

void FaultController::problem(std::size_t index, const std::string& what) {
  const std::lock_guard lock(mutex_);
  book_.problem(index, what);
}

Result<void> FaultController::prepare() {
  for (std::size_t i = 0; i < book_.size(); ++i) {
    const Fault& fault = book_.fault(i).first();
    if (fault.on.empty() || fault.since > Duration{0}) continue;
    arm_point(i, false);
    if (!book_.problem(i).empty()) return Error{describe(book_.fault(i)) + ": " + book_.problem(i)};
  }
  return {};
}

void FaultController::begin() {
  const Clock::time_point now = Clock::now();
  {
    const std::lock_guard lock(mutex_);
    book_.load_begins(now);
  }
  for (std::size_t i = 0; i < book_.size(); ++i) {
    const Fault& fault = book_.fault(i).first();
    if (fault.on.empty()) {
      schedule_.at(now + fault.at, FaultSchedule::Turn::begin, [this, i] { begin_fault(i, std::nullopt); });
    } else if (fault.since > Duration{0}) {
      schedule_.at(now + fault.since, FaultSchedule::Turn::begin, [this, i] { arm_point(i, false); });
    }
  }
  if (book_.size() > 0) schedule_.start();
}

/// Has the node wait at its point, or do all by itself there.
void FaultController::arm_point(std::size_t index, bool waiting) {
  const NamedFault& named = book_.fault(index);
  const Fault& fault = named.first();
  const NodeId node = trigger_of(fault);
  FaultOrder watch;
  watch.id = order_id(index, 0);
  watch.kind = fault.kind;
  watch.length = fault.length;
  if (native(named)) {
    const auto own = orders_of(named, index, 0, nodes_);
    if (!own.empty()) watch = own.front().second;
    watch.id = order_id(index, 0);
  } else {
    watch.by_runner = true;
    // What the waiting node itself has to do it does at once, behind its report: nobody can ask it then.
    for (std::size_t part = 0; part < named.parts.size(); ++part) {
      if (!by_node(named.parts[part], hands_.links != nullptr)) continue;
      for (auto& [sender, order] : orders_of(named, index, part, nodes_)) {
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
  if (index >= book_.size() || !is_watch(report.fault.id) || report.ended) return;
  begin_fault(index, report.node);
  if (steady_now() - report.fault.at > kFaultReportPatience) {
    problem(index, "it was in force only after the node at the protocol point had gone on");
  }
}

void FaultController::saw_fired(NodeId node, const std::vector<FiredFault>& fired) {
  if (!hands_.listener.empty()) return;
  for (const FiredFault& one : fired) {
    const std::size_t index = fault_of_order(one.id);
    if (index >= book_.size() || !is_watch(one.id) || !fired_.insert({one.id, one.occurrence}).second) continue;
    begin_fault(index, node);
  }
}

void FaultController::begin_fault(std::size_t index, std::optional<NodeId> waiting) {
  const NamedFault& named = book_.fault(index);
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || (closing_ && !waiting) || !book_.begin(index, Clock::now())) return;
    // A point that has come will not come again for it.
    if (waiting && named.first().occurrence != 0) orders_.point_passed(index);
  }
  for (std::size_t part = 0; part < named.parts.size(); ++part) carry_out(index, part, waiting);
  if (hands_.told) hands_.told(named, true);
  std::optional<Clock::time_point> ends;
  {
    const std::lock_guard lock(mutex_);
    ends = book_.ends(index);
  }
  if (ends) schedule_.at(*ends, FaultSchedule::Turn::end, [this, index] { end_fault(index); });
  if (named.first().length == Duration{0} && hands_.told) hands_.told(named, false);
}

void FaultController::end_fault(std::size_t index) {
  {
    const std::lock_guard lock(mutex_);
    if (!book_.end(index, Clock::now())) return;
  }
  const NamedFault& named = book_.fault(index);
  for (std::size_t part = 0; part < named.parts.size(); ++part) undo(index, part);
  if (hands_.told) hands_.told(named, false);
}

void FaultController::carry_out(std::size_t index, std::size_t part, std::optional<NodeId> waiting) {
  const Fault& fault = book_.fault(index).parts[part];
  const bool by_itself = waiting && native(book_.fault(index));
  if (on_links(fault) && hands_.links != nullptr) {
    const auto id = order_id(index, static_cast<std::uint32_t>(part));
    if (auto done = hands_.links->begin(id, fault); !done) problem(index, done.error().message);
    return;
  }
  switch (fault.kind) {
    case FaultKind::crash:
      return crash(index, fault, waiting.has_value(), by_itself);
    case FaultKind::pause:
      return pause(index, fault, by_itself);
    case FaultKind::transfer:
    case FaultKind::failover:
      if (!hands_.move_home) return problem(index, "this world cannot move the mastership of a home");
      if (auto moved = hands_.move_home(fault); !moved) problem(index, moved.error().message);
      return;
    case FaultKind::disk_fail_sync:
    case FaultKind::disk_full: {
      const std::lock_guard lock(mutex_);
      restarts_.disk_fails(fault.node, index);
      break;
    }
    case FaultKind::disk_stall:
    case FaultKind::clock_step:
    case FaultKind::cut:
    case FaultKind::drop:
    case FaultKind::duplicate:
    case FaultKind::reorder:
    case FaultKind::link:
      break;
  }
  if (by_itself) return;
  for (const auto& [node, order] : orders_of(book_.fault(index), index, part, nodes_)) {
    if (waiting != node) give_order(index, node, order, waiting.has_value());
  }
}

void FaultController::crash(std::size_t index, const Fault& fault, bool waiting, bool by_itself) {
  if (!waiting && hands_.last_report && !silent(fault.node)) hands_.last_report(fault.node);
  {
    const std::lock_guard lock(mutex_);
    if (!restarts_.crash(fault.node, index, fault.tail)) return;
  }
  if (!by_itself && !hands_.signal(fault.node, SIGKILL)) problem(index, "the runner has no such process");
}

void FaultController::pause(std::size_t index, const Fault& fault, bool by_itself) {
  {
    const std::lock_guard lock(mutex_);
    paused_.add(fault.node, index);
  }
  if (by_itself) return;  // its own timer wakes it; a second SIGCONT does no harm
  if (hands_.own_processes) {
    if (!hands_.signal(fault.node, SIGSTOP)) problem(index, "the runner has no such process");
    return;
  }
  FaultOrder order;
  order.id = order_id(index, 1);
  order.kind = FaultKind::pause;
  order.length = fault.length;
  (void)hands_.arm(fault.node, order, false);  // it stands still before it can answer
}

void FaultController::undo(std::size_t index, std::size_t part) {
  const Fault& fault = book_.fault(index).parts[part];
  if (on_links(fault) && hands_.links != nullptr) {
    const auto id = order_id(index, static_cast<std::uint32_t>(part));
    if (auto done = hands_.links->end(id); !done) problem(index, done.error().message);
    return;
  }
  if (fault.kind == FaultKind::crash) {
    const std::lock_guard lock(mutex_);
    return due(restarts_.crash_over(fault.node, index, fault.tail));
  }
  if (fault.kind == FaultKind::pause) {
    {
      const std::lock_guard lock(mutex_);
      paused_.remove(fault.node, index);
      if (paused_.any(fault.node)) return;
      if (hands_.own_processes) (void)hands_.signal(fault.node, SIGCONT);
    }
    return deliver_waiting(fault.node);
  }
  for (const auto& [node, order] : orders_of(book_.fault(index), index, part, nodes_)) {
    bool ask = false;
    {
      const std::lock_guard lock(mutex_);
      // One that waits for its next occurrence stays; the node ends by itself what is in force.
      ask = orders_.over(node, order.id) && !restarts_.dead(node) && !paused_.any(node);
    }
    if (ask) hands_.end_order(node, order.id);
  }
  if (fault.kind == FaultKind::disk_fail_sync || fault.kind == FaultKind::disk_full) {
    const std::lock_guard lock(mutex_);
    due(restarts_.disk_works(fault.node, index));
  }
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
    schedule_.close();
    wake = paused_.take();
    orders = orders_.take();
    std::erase_if(orders, [this](const auto& order) { return restarts_.dead(order.first); });
    ended = book_.cut_short();
  }
  schedule_.join();
  if (hands_.links != nullptr) {
    if (auto healed = hands_.links->heal(); !healed && book_.size() > 0) problem(0, healed.error().message);
  }
  for (const NodeId node : wake) {
    if (hands_.own_processes) (void)hands_.signal(node, SIGCONT);
  }
  for (const auto& [node, id] : orders) hands_.end_order(node, id);
  for (const std::size_t i : ended) {
    if (hands_.told) hands_.told(book_.fault(i), false);
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
  book_.node_ready(node, Clock::now());
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
  return book_.active(Clock::now());
}

Duration FaultController::until_healed() const {
  const std::lock_guard lock(mutex_);
  return book_.until_healed(Clock::now());
}

bool FaultController::forever() const {
  const std::lock_guard lock(mutex_);
  return book_.forever();
}

std::vector<FaultRecord> FaultController::records() const {
  const std::lock_guard lock(mutex_);
  return book_.records();
}

}  // namespace geocommit
