#include "runner/cell.h"

#include <chrono>
#include <utility>

#include "engine/quiescence.h"
#include "engine/status_sum.h"
#include "report/validity.h"
#include "runner/cell_load.h"
#include "runner/faults/cell_faults.h"
#include "runner/launch.h"
#include "runtime/event_loop.h"
#include "runtime/fetch.h"
#include "runtime/quiesce.h"

namespace geocommit {
namespace {

using Clock = std::chrono::steady_clock;

/// How many times other ports are tried when somebody took one between our look and the daemon's bind.
constexpr int kPortTries = 3;
constexpr Duration kShutdownGrace = 5s;
constexpr Duration kFetchTime = 10min;
constexpr Duration kFetchTimeInterrupted = 5s;

void collect_reports(CellFleet& fleet, const std::vector<NodeId>& nodes, CellEvidence& evidence) {
  auto reports = fleet.control().report(nodes, 10s);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (reports[i]) {
      evidence.reports[nodes[i]] = std::move(reports[i]).value();
    } else if (evidence.failure.empty()) {
      evidence.failure = fleet.name(nodes[i]) + " gave no report: " + reports[i].error().message;
    }
  }
}

/// Whether each report is of the state that was proven.
bool reported_at_rest(const Quiescence& quiescence, CellFleet& fleet, CellEvidence& evidence) {
  for (const NodeId node : fleet.engines()) {
    const auto report = evidence.reports.find(node);
    if (report == evidence.reports.end() || !quiescence.holds(node, report->second.engine)) {
      evidence.why_not_drained = fleet.name(node) + " was at rest, and no more when it was asked for its report";
      return false;
    }
  }
  return true;
}

/// Waits until all is proven to be at rest, and collects the daemons' reports.
void drain(const CellContext& context, CellFleet& fleet, CellEvidence& evidence) {
  const ResolvedTimeouts& timeouts = context.plan.timeouts[context.cell.point];
  const Duration settle = 2 * timeouts.protocol.decision + timeouts.lock_wait;
  const auto began = Clock::now();
  const FaultController* faults = fleet.faults();
  // Faults under way heal first. One that never heals may leave transactions in doubt for ever: a node that is gone, or
  // cut off, answers no later than the timeouts; what is left then is censored.
  const bool forever = faults != nullptr && faults->forever();
  const Duration patience = (forever ? 3s : 15s) + settle + (faults != nullptr ? faults->until_healed() : Duration{0});
  // With a node gone, or in a hurry, what is left will not go away.
  const auto limit = [&] { return evidence.failure.empty() && !evidence.interrupted ? patience : Duration{2s}; };
  const Directory directory = context.plan.directory(context.cell);
  Quiescence quiescence(directory);
  while (Clock::now() - began < limit()) {
    if (faults != nullptr && (faults->until_healed() > Duration{0} || !faults->unready().empty())) {
      evidence.why_not_drained = "not all that went wrong had healed";
    } else {
      look(quiescence, fleet.control(), fleet.answering(fleet.engines()), 1s);
      evidence.why_not_drained = quiescence.why_not();
      if (quiescence.proven()) {
        collect_reports(fleet, fleet.living(fleet.engines()), evidence);
        evidence.drained = reported_at_rest(quiescence, fleet, evidence);
        if (evidence.drained) break;
      }
    }
    fleet.sample_metrics();
    (void)fleet.watch(evidence, quiescence.to_quiesce().empty() ? Duration{100ms} : Duration{0});
  }
  evidence.drain = Clock::now() - began;
  if (!evidence.drained) collect_reports(fleet, fleet.living(fleet.engines()), evidence);
  for (const NodeId node : fleet.engines()) {
    if (evidence.reports.contains(node)) evidence.left += evidence.reports.at(node).engine;
  }
}

/// Deployed daemons keep their files: fetches them before the cell is released. All of them together have kFetchTime,
/// and what is left of it after a Ctrl-C is short.
void fetch_files(const CellContext& context, CellFleet& fleet, CellEvidence& evidence) {
  auto until = Clock::now() + kFetchTime;
  bool hurried = false;
  FetchLimits limits;
  limits.give_up = [&] {
    if (interrupted() && !std::exchange(hurried, true)) until = std::min(until, Clock::now() + kFetchTimeInterrupted);
    return Clock::now() > until;
  };
  for (const NodeInfo& node : context.plan.nodes_of(context.cell)) {
    if (context.network.starts(node)) continue;
    context.console.live(context.cell.id + "  fetching the files of " + node.name + " ...");
    for (const std::string& problem :
         fetch_node_files(fleet.control(), node.id, context.paths.node_folder(context.cell, node), limits)) {
      evidence.incomplete.push_back(node.name + ": " + problem);
    }
  }
  evidence.interrupted = evidence.interrupted || hurried;
}

void finish(const CellContext& context, CellFleet& fleet, CellFaults& faults, CellEvidence& evidence) {
  if (faults.controller() != nullptr) faults.controller()->load_over();
  // In a hurry there is no waiting for anything to heal.
  if (evidence.interrupted || !evidence.failure.empty()) faults.finish(evidence);
  // Clients first: their part is over, and in an interrupted cell they would go on with the load.
  collect_reports(fleet, fleet.living(fleet.clients()), evidence);
  if (evidence.interrupted || !evidence.failure.empty()) fleet.stop(fleet.clients());
  context.console.live(context.cell.id + "  draining ...");
  drain(context, fleet, evidence);
  evidence.collected = steady_now();
  fleet.sample_metrics(true);
  faults.finish(evidence);
  fetch_files(context, fleet, evidence);
  // What was counted last must have been seen, twice, as a rate needs two points.
  if (!evidence.interrupted) fleet.await_scrapes(2);
  fleet.shut_down(kShutdownGrace, evidence);
}

void judge_emulation(Network& network, CellEvidence& evidence) {
  if (network.emulation() == nullptr) return;
  const std::lock_guard lock(network.emulation_mutex());
  auto stats = network.emulation()->stats();
  if (!stats) {
    evidence.invalid_reasons.push_back("the emulation gave no counters: " + stats.error().message);
    return;
  }
  evidence.router = *stats;
  for (std::string& reason : against_emulation(*stats)) evidence.invalid_reasons.push_back(std::move(reason));
}

Result<CellEvidence> attempt(const CellContext& context, bool& port_taken) {
  CellEvidence evidence;
  const auto began = Clock::now();
  CellFleet fleet(context);
  CellFaults faults(context, fleet);
  auto ready = fleet.start();
  if (ready) ready = fleet.wait_ready(port_taken);
  if (!ready && interrupted()) {
    evidence.interrupted = true;
    return evidence;
  }
  if (!ready) return ready.error();
  if (auto prepared = faults.prepare(); !prepared) return prepared.error();
  evidence.started = Clock::now() - began;
  const std::string& protocol = context.cell.label;
  if (context.monitor != nullptr) context.monitor->own().cell_runs(context.cell.id, protocol, true);
  fleet.sample_metrics(true);
  fleet.await_scrapes(1);
  const auto load_began = Clock::now();
  offer_load(context, fleet, evidence);
  evidence.loaded = Clock::now() - load_began;
  if (evidence.failure.empty()) judge_emulation(context.network, evidence);
  finish(context, fleet, faults, evidence);
  if (context.monitor != nullptr) context.monitor->own().cell_runs(context.cell.id, protocol, false);
  return evidence;
}

}  // namespace

Result<CellEvidence> run_cell(const CellContext& context) {
  for (int tries = 1;; ++tries) {
    bool port_taken = false;
    auto evidence = attempt(context, port_taken);
    if (evidence || !port_taken || tries == kPortTries || !context.network.reassign_ports()) return evidence;
    context.console.say(context.cell.id + ": a port was taken meanwhile; once more with others");
  }
}

}  // namespace geocommit
