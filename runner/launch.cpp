#include "runner/launch.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <thread>

#include "client/workload_json.h"
#include "runtime/log/synced_mark.h"

namespace geocommit {
namespace {

using Clock = std::chrono::steady_clock;

std::string_view program_of(NodeKind kind) {
  switch (kind) {
    case NodeKind::agent:
      return "agent/geocommit-agent";
    case NodeKind::coordinator:
      return "coordinator/geocommit-coordinator";
    case NodeKind::client:
      return "client/geocommit-client";
  }
  GC_CHECK(false);
}

bool mentions_taken_port(const std::string& line) {
  return line.find("in use") != std::string::npos || line.find("taken") != std::string::npos;
}

}  // namespace

CellFleet::CellFleet(const CellContext& context)
    : context_(context),
      nodes_(context.plan.nodes_of(context.cell)),
      leases_(context.run_id, context.plan.experiment.lease),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  for (const NodeInfo& node : nodes_) {
    all_.push_back(node.id);
    (node.kind == NodeKind::client ? clients_ : engines_).push_back(node.id);
    control_.add(node.id, context.network.addresses().at(node.id).control);
  }
}

CellFleet::~CellFleet() {
  leases_.stop();
  if (!configured_.empty()) (void)control_.command(ControlVerb::release, configured_, 2s);
}

std::string CellFleet::name(NodeId id) const {
  for (const NodeInfo& node : nodes_) {
    if (node.id == id) return node.name;
  }
  return "node " + std::to_string(id.value);
}

NodeConfig CellFleet::config_of(const NodeInfo& node) const {
  const Plan& plan = context_.plan;
  const Settings& s = plan.point(context_.cell).settings;
  const ResolvedTimeouts& timeouts = plan.timeouts[context_.cell.point];
  NodeConfig config;
  config.run_id = context_.run_id;
  config.secret = context_.network.secret();
  config.cell = context_.cell.id;
  config.self = node.id;
  config.protocol = context_.cell.protocol->name;
  config.options = context_.cell.options;
  config.label = context_.cell.label;
  config.regions = plan.topology(context_.cell).regions();
  config.sites_per_region = s.sites_per_region;
  config.placement = s.placement;
  config.keys_per_participant = s.keys_per_participant;
  config.initial_balance = s.initial_balance;
  for (const NodeInfo& other : nodes_) config.addresses[other.id] = context_.network.addresses().at(other.id);
  config.timeouts = timeouts.protocol;
  config.lock_wait = timeouts.lock_wait;
  config.locking = s.locking;
  config.home = resolve_home_rules(s, timeouts);
  config.unreachable_home = s.unreachable_home;
  config.home_retained_max = s.home_retained_max;
  // As long as a client waits before it calls the outcome unknown.
  config.unreachable_wait = timeouts.outcome();
  config.durability = s.durability;
  config.trace = plan.experiment.trace;
  config.links_never_cut = context_.network.kind() == EmulationKind::loopback;
  config.data_directory = ".";  // where its file is: a name that JSON could not hold is in no file
  if (!context_.network.starts(node)) config.lease = plan.experiment.lease;
  config.own_namespace = context_.network.namespace_fd(node) >= 0;
  config.seed = plan.seed(context_.cell);
  config.client.workload_json = to_json(s.workload);
  config.client.warmup = s.warmup;
  config.client.duration = s.duration;
  config.client.outcome_timeout = timeouts.outcome();
  return config;
}

Result<void> CellFleet::wait_idle(const NodeInfo& node) {
  const std::string& address = context_.network.addresses().at(node.id).control;
  std::string problem;
  const auto until = Clock::now() + Duration{10s};
  while (Clock::now() < until && !interrupted()) {
    const auto status = control_.status({node.id}, 500ms).front();
    if (status && status.value().idle) return {};
    problem = status ? "is busy with run " + status.value().run_id + ", cell " + status.value().cell
                     : "does not answer (" + status.error().message +
                           "); is it running, started with --listen and --control?";
    if (status) std::this_thread::sleep_for(50ms);
  }
  return Error{node.name + " at " + address + " " + problem};
}

Result<void> CellFleet::configure_deployed(const NodeInfo& node, const NodeConfig& config) {
  if (auto idle = wait_idle(node); !idle) return idle;
  auto configured = control_.configure(node.id, config, 10s);
  if (!configured) {
    return Error{node.name + " at " + context_.network.addresses().at(node.id).control +
                 " does not take its configuration: " + configured.error().message};
  }
  configured_.push_back(node.id);
  return leases_.keep(node.id, context_.network.addresses().at(node.id).control);
}

Result<void> CellFleet::start_node(const NodeInfo& node) {
  const auto folder = context_.paths.node_folder(context_.cell, node);
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);  // a first try may have left something
  if (auto made = make_folder(folder); !made) return made;
  const NodeConfig config = config_of(node);
  if (auto written = store_node_config(folder / "config.json", config); !written) return written;
  if (!context_.network.starts(node)) return configure_deployed(node, config);
  return start_process(node);
}

Result<void> CellFleet::start_process(const NodeInfo& node) {
  const auto folder = context_.paths.node_folder(context_.cell, node);
  auto started = fleet_.start({node.name,
                               context_.paths.programs / program_of(node.kind),
                               {"--config", (folder / "config.json").string()},
                               context_.paths.log(context_.cell, node),
                               context_.network.namespace_fd(node)});
  if (!started) return started;
  const int pid = fleet_.processes().back().pid();
  {
    const std::lock_guard lock(signal_mutex_);
    signal_fds_[node.id] = UniqueFd(::fcntl(fleet_.processes().back().pidfd(), F_DUPFD_CLOEXEC, 0));
  }
  const NodeAddresses& at = context_.network.addresses().at(node.id);
  context_.console.detail(node.name + "  pid " + std::to_string(pid) + "  data " + at.data + "  control " + at.control +
                          "  metrics " + at.metrics);
  return context_.state.add(pid, std::string(program_of(node.kind)));
}

Result<void> CellFleet::start() {
  if (auto made = make_folder(context_.paths.in({"logs", context_.cell.id})); !made) return made;
  for (const NodeInfo& node : nodes_) {
    if (auto started = start_node(node); !started) return started;
    if (interrupted()) return Error{"interrupted"};
  }
  return {};
}

std::string CellFleet::who_waits(const std::vector<Result<NodeStatus>>& statuses) const {
  std::string out;
  int shown = 0;
  for (std::size_t i = 0; i < statuses.size() && shown < 6; ++i) {
    if (statuses[i] && statuses[i].value().ready) continue;
    ++shown;
    out += (out.empty() ? "" : "; ") + name(all_[i]) + " " +
           (statuses[i] ? "waits for " + statuses[i].value().waiting_for
                        : "does not answer (" + statuses[i].error().message + ")");
  }
  return out;
}

Result<void> CellFleet::wait_ready(bool& port_taken) {
  const Duration limit = 30s + 10 * context_.plan.topology(context_.cell).largest_round_trip() +
                         Duration{200ms} * static_cast<std::int64_t>(nodes_.size());
  const auto began = Clock::now();
  while (true) {
    const auto statuses = control_.status(all_, 500ms);
    const auto ready = std::count_if(statuses.begin(), statuses.end(), [&](const Result<NodeStatus>& status) {
      return status && status.value().ready && status.value().cell == context_.cell.id;
    });
    if (static_cast<std::size_t>(ready) == all_.size()) return {};
    CellEvidence evidence;
    if (watch(evidence, 100ms, false)) {  // the caller tells
      port_taken = mentions_taken_port(evidence.failure);
      return Error{evidence.interrupted ? "interrupted" : evidence.failure};
    }
    context_.console.live(context_.cell.id + "  starting: " + std::to_string(ready) + " of " +
                          std::to_string(all_.size()) + " ready");
    if (Clock::now() - began > limit) {
      return Error{"after " + std::to_string(std::chrono::duration_cast<std::chrono::seconds>(limit).count()) +
                   " s not every node is ready: " + who_waits(statuses)};
    }
  }
}

std::vector<NodeId> CellFleet::living(const std::vector<NodeId>& nodes) const {
  std::vector<NodeId> out;
  for (const NodeId node : nodes) {
    if (faults_ != nullptr && faults_->silent(node)) continue;
    if (std::find(ended_.begin(), ended_.end(), name(node)) == ended_.end()) out.push_back(node);
  }
  return out;
}

bool CellFleet::signal(NodeId node, int number) {
  const std::lock_guard lock(signal_mutex_);
  const auto found = signal_fds_.find(node);
  return found != signal_fds_.end() && ::syscall(SYS_pidfd_send_signal, found->second.get(), number, nullptr, 0) == 0;
}

void CellFleet::wake() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
}

void CellFleet::note_deaths(const std::vector<Death>& deaths, CellEvidence& evidence, bool tell) {
  for (const Death& death : deaths) {
    // Told to end, it ended: with status 0, or by our SIGTERM before it could see to it.
    const bool told = std::find(ended_.begin(), ended_.end(), death.name) != ended_.end();
    if (told && (death.clean() || death.by_signal(SIGTERM))) continue;
    ended_.push_back(death.name);
    const auto node =
        std::find_if(nodes_.begin(), nodes_.end(), [&](const NodeInfo& n) { return n.name == death.name; });
    evidence.counters_lost = evidence.counters_lost || (node != nodes_.end() && node->kind != NodeKind::client);
    if (faults_ != nullptr && node != nodes_.end() && faults_->node_ended(node->id, death.status)) {
      context_.console.detail(context_.cell.id + ": by a fault, " + death.describe());
      continue;
    }
    if (!evidence.failure.empty()) continue;
    const bool again = std::count_if(fleet_.processes().begin(), fleet_.processes().end(),
                                     [&](const Process& p) { return p.name() == death.name; }) > 1;
    evidence.failure = (again ? "started again after a fault, " : "") + death.describe();
    if (tell) context_.console.error(context_.cell.id + ": " + evidence.failure);
  }
}

Result<void> CellFleet::restart(const FaultController::Restart& how) {
  const auto node = std::find_if(nodes_.begin(), nodes_.end(), [&](const NodeInfo& n) { return n.id == how.node; });
  if (node == nodes_.end() || !fleet_.await_end(node->name, 5s)) return Error{name(how.node) + " does not end"};
  const auto folder = context_.paths.node_folder(context_.cell, *node);
  if (how.tail != Tail::kept) {
    const auto torn = how.tail == Tail::torn ? std::optional(context_.plan.experiment.seed) : std::nullopt;
    if (auto lost = lose_unsynced(folder, torn); !lost) return lost.error();
  }
  NodeConfig config = config_of(*node);
  config.faults = how.orders;
  if (auto written = store_node_config(folder / "config.json", config); !written) return written;
  if (auto started = start_process(*node); !started) return started;
  std::erase(ended_, node->name);
  faults_->node_started(how.node);
  return {};
}

void CellFleet::restart_due(CellEvidence& evidence, bool tell) {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(wake_.get(), &count, sizeof count);
  for (const FaultController::Restart& how : faults_->due_restarts()) {
    if (interrupted()) return;
    auto done = restart(how);
    if (done || !evidence.failure.empty()) continue;
    evidence.failure = name(how.node) + " could not be started again after a fault: " + done.error().message;
    if (tell) context_.console.error(context_.cell.id + ": " + evidence.failure);
  }
  ask_restarted();
}

void CellFleet::ask_restarted() {
  const auto nodes = living(faults_->unready());
  if (nodes.empty()) return;
  const auto statuses = control_.status(nodes, 50ms);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (statuses[i] && statuses[i].value().ready) faults_->node_ready(nodes[i]);
  }
}

std::vector<NodeId> CellFleet::answering(const std::vector<NodeId>& nodes) const {
  std::vector<NodeId> out = living(nodes);
  if (faults_ == nullptr) return out;
  const auto unready = faults_->unready();
  std::erase_if(out, [&](NodeId node) { return std::find(unready.begin(), unready.end(), node) != unready.end(); });
  return out;
}

bool CellFleet::watch(CellEvidence& evidence, Duration wait, bool tell) {
  // Who was just started again is asked often: when it serves is a result.
  if (faults_ != nullptr && !faults_->unready().empty()) wait = std::min<Duration>(wait, 20ms);
  const int fd = context_.network.emulation() != nullptr ? context_.network.emulation()->failure_fd() : -1;
  note_deaths(fleet_.poll_ended(wait, {fd, wake_.get()}), evidence, tell);
  if (faults_ != nullptr) restart_due(evidence, tell);
  if (evidence.failure.empty()) {
    if (auto failed = context_.network.failure()) {
      evidence.failure = *failed;
      if (tell) context_.console.error(context_.cell.id + ": " + evidence.failure);
    }
  }
  if (interrupted() && !evidence.interrupted) {
    evidence.interrupted = true;
    context_.console.warn(context_.cell.id + ": interrupted; collecting what there is (once more: stop at once)");
  }
  return evidence.interrupted || !evidence.failure.empty();
}

void CellFleet::sample_metrics(bool now) {
  if (context_.monitor == nullptr) return;
  std::vector<Monitor::Node> nodes;
  for (const NodeId id : answering(all_)) nodes.push_back({id, name(id)});
  context_.monitor->sample(context_.cell.id, control_, nodes, now);
}

void CellFleet::await_scrapes(std::uint64_t more) const {
  if (context_.monitor == nullptr) return;
  std::vector<std::string> names{kRunnerNode};
  for (const NodeId id : living(all_)) names.push_back(name(id));
  context_.monitor->await_scrapes(names, more);
}

void CellFleet::stop(const std::vector<NodeId>& nodes) {
  for (const Process& process : fleet_.processes()) {
    for (const NodeId node : nodes) {
      if (process.name() != name(node)) continue;
      process.signal(SIGTERM);
      ended_.push_back(process.name());
    }
  }
}

void CellFleet::shut_down(Duration grace, CellEvidence& evidence) {
  std::vector<NodeId> ours;
  for (const NodeInfo& node : nodes_) {
    if (context_.network.starts(node)) ours.push_back(node.id);
  }
  ours = living(ours);
  if (!ours.empty()) (void)control_.command(ControlVerb::shutdown, ours, 1s);
  leases_.stop();
  if (!configured_.empty()) {
    const auto released = control_.command(ControlVerb::release, configured_, 5s);
    for (std::size_t i = 0; i < released.size(); ++i) {
      if (released[i]) continue;
      evidence.incomplete.push_back(name(configured_[i]) + " was not released: " + released[i].error().message);
    }
    configured_.clear();
  }
  const auto until = Clock::now() + grace;
  std::vector<Death> deaths;
  while (fleet_.alive() > 0 && Clock::now() < until) {
    for (Death& death : fleet_.poll_ended(50ms)) deaths.push_back(std::move(death));
  }
  for (Death& death : fleet_.stop(1s)) deaths.push_back(std::move(death));
  for (const Death& death : deaths) {
    const bool known = std::find(ended_.begin(), ended_.end(), death.name) != ended_.end();
    if (death.clean() || known) continue;
    if (evidence.failure.empty()) evidence.failure = "at the end of the cell " + death.describe();
  }
}

}  // namespace geocommit
