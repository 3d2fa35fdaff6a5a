#include "runner/faults/cell_faults.h"

#include <unistd.h>

#include <filesystem>

#include "report/trace/marks.h"
#include "runner/launch.h"
#include "runtime/event_loop.h"

namespace geocommit {
namespace {

// Of who is not known to be silent: what a busy machine may take, so that only a node that hangs is a problem.
constexpr Duration kAskPatience = 10s;
// While another node stands at its point, which goes on after kFaultReportPatience.
constexpr Duration kWaitingPatience = 3s;
// For what can be left undone.
constexpr Duration kShortPatience = 1s;

}  // namespace

CellFaults::CellFaults(const CellContext& context, CellFleet& fleet) : context_(context), fleet_(fleet) {
  auto faults = context.plan.faults(context.cell);
  if (faults.empty()) return;
  std::map<NodeId, std::string> names;
  std::vector<NodeId> nodes;
  for (const NodeInfo& node : context.plan.nodes_of(context.cell)) {
    names[node.id] = node.name;
    nodes.push_back(node.id);
    const std::string& address = context.network.addresses().at(node.id).control;
    scheduled_.add(node.id, address);
    waiting_.add(node.id, address);
    homes_.add(node.id, address);
  }
  const bool wan = context.network.kind() == EmulationKind::tun || context.network.kind() == EmulationKind::netem;
  if (wan) {
    links_ = std::make_unique<LinkFaults>(*context.network.emulation(), context.network.emulation_mutex(), names);
  }
  // Each series is there, at 0, before anything happens.
  for (const NamedFault& fault : faults) gauge(fault, 0);
  controller_ = std::make_unique<FaultController>(std::move(faults), std::move(nodes), hands());
}

CellFaults::~CellFaults() {
  listener_.reset();
  if (controller_) controller_->stop();
  fleet_.set_faults(nullptr);
}

FaultHands CellFaults::hands() {
  FaultHands out;
  out.links = links_.get();
  out.own_processes = context_.network.kind() != EmulationKind::deployed;
  if (out.own_processes) out.listener = context_.network.fault_listener();
  out.signal = [this](NodeId node, int number) { return fleet_.signal(node, number); };
  out.wake = [this] { fleet_.wake(); };
  out.told = [this](const NamedFault& fault, bool begins) { told(fault, begins); };
  out.arm = [this](NodeId node, const FaultOrder& order, bool waiting) {
    const auto silent = [this, node] { return controller_->silent(node); };
    return waiting ? waiting_.arm(node, order, kWaitingPatience, silent)
                   : scheduled_.arm(node, order, kAskPatience, silent);
  };
  out.move_home = [this](const Fault& fault) -> Result<void> {
    const HomeOrder order{fault.home, fault.successor, fault.kind == FaultKind::failover};
    // Who is down or stands still does not hear of it; whose order it is, has to.
    const Directory directory = context_.plan.directory(context_.cell);
    std::vector<NodeId> agents;
    for (const NodeInfo& node : context_.plan.nodes_of(context_.cell)) {
      if (node.kind != NodeKind::agent) continue;
      if (!controller_->silent(node.id)) {
        agents.push_back(node.id);
      } else if (order.forced && directory.region_of(node.id) == order.successor) {
        return Error{node.name + ", which is to take over, is down"};
      }
    }
    const std::lock_guard lock(homes_mutex_);
    const auto results = homes_.move_home(agents, order, kAskPatience);
    for (std::size_t i = 0; i < agents.size(); ++i) {
      if (order.forced && directory.region_of(agents[i]) == order.successor && !results[i]) return results[i].error();
    }
    return {};
  };
  out.end_order = [this](NodeId node, std::uint32_t order) {
    (void)scheduled_.end_fault({node}, order, kShortPatience);
  };
  out.last_report = [this](NodeId node) {
    auto report = scheduled_.report({node}, kShortPatience).front();
    if (!report) return;
    const std::lock_guard lock(mutex_);
    last_reports_.push_back(std::move(report).value());
  };
  return out;
}

void CellFaults::gauge(const NamedFault& fault, int active) {
  if (context_.monitor == nullptr) return;
  context_.monitor->own().fault(context_.cell.id, context_.cell.label, fault.kind, fault.target, active > 0);
}

void CellFaults::told(const NamedFault& fault, bool begins) {
  const std::lock_guard lock(mutex_);
  int& count = active_[{fault.kind, fault.target}];
  count += begins ? 1 : -1;
  gauge(fault, count);
  // For ./geocommit trace; a mark that cannot be written is no reason to stop.
  (void)append_fault_mark(context_.paths.in({"nodes", context_.cell.id, kFaultMarksFile}),
                          {steady_now(), begins, fault.kind, fault.target});
}

Result<void> CellFaults::prepare() {
  if (!controller_) return {};
  if (auto refusal = controller_->refusal(); !refusal.empty()) return Error{refusal};
  fleet_.set_faults(controller_.get());
  if (const FaultHands how = hands(); !how.listener.empty()) {
    auto listener =
        FaultListener::open(how.listener, [this](const FaultReport& report) { controller_->on_report(report); });
    if (!listener) return listener.error();
    listener_ = std::move(listener).value();
  }
  return controller_->prepare();
}

void CellFaults::finish(CellEvidence& evidence) {
  if (!controller_) return;
  listener_.reset();
  controller_->stop();
  evidence.faults = controller_->records();
  const std::lock_guard lock(mutex_);
  evidence.last_reports = std::move(last_reports_);
}

}  // namespace geocommit
