#include "report/judge.h"

#include <algorithm>
#include <set>

#include "experiment/theory.h"
#include "measure/names.h"
#include "report/evidence.h"
#include "report/in_doubt_in_log.h"
#include "report/publish.h"
#include "report/validity.h"
#include "runtime/events/files.h"

namespace geocommit {
namespace {

MetricSet merged_window(const CellEvidence& evidence) {
  MetricSet out;
  for (const auto& [node, report] : evidence.reports) out.merge(report.window);
  for (const NodeReport& report : evidence.last_reports) out.merge(report.window);
  return out;
}

/// The cost of a forced write as agents saw it (the median node), for the prediction.
Duration forced_write_of(const CellRun& run, const CellEvidence& evidence) {
  const Duration planned = run.plan.forced_write(run.cell);
  if (run.plan.point(run.cell).settings.durability.kind != DurabilityKind::fsync) return planned;
  std::vector<Duration> seen;
  for (const auto& [node, report] : evidence.reports) {
    if (report.fixed_or_measured_force_p50 > Duration{0}) seen.push_back(report.fixed_or_measured_force_p50);
  }
  if (seen.empty()) return planned;
  std::nth_element(seen.begin(), seen.begin() + static_cast<std::ptrdiff_t>(seen.size() / 2), seen.end());
  return seen[seen.size() / 2];
}

std::vector<OpenAtEnd> open_at_end(const CellRun& run, const CellEvidence& evidence, const Directory& directory) {
  std::vector<OpenAtEnd> out;
  const Duration timeout = run.plan.timeouts[run.cell.point].protocol.decision;
  for (const NodeInfo& node : run.plan.nodes_of(run.cell)) {
    if (node.kind != NodeKind::agent || evidence.reports.contains(node.id)) continue;
    const auto down = in_doubt_in_log(run.paths.node_folder(run.cell, node), node, timeout, evidence.collected);
    out.insert(out.end(), down.begin(), down.end());
  }
  for (const auto& [node, report] : evidence.reports) {
    for (const OpenInDoubt& open : report.in_doubt) {
      if (!open.descriptor.measured) continue;
      out.push_back({directory.region_of(node), open.in_doubt, open.blocked, node, open.descriptor.txn, open.cost});
    }
  }
  return out;
}

/// Of what the recent past of the nodes still holds, what violates stays, and what some other node has kept; the rest
/// is removed.
void settle_event_logs(const CellRun& run, const Verdict& verdict, Console& console) {
  if (!run.plan.experiment.trace.on) return;
  std::set<TxnId> wanted;
  for (const Violation& one : verdict.examples) wanted.insert(one.txn);
  std::vector<std::filesystem::path> folders;
  for (const NodeInfo& node : run.plan.nodes_of(run.cell)) {
    if (node.kind == NodeKind::client) continue;
    folders.push_back(run.paths.node_folder(run.cell, node));
    const auto kept = read_events(folders.back(), [](const TxnId&) { return false; });
    if (!kept) continue;
    for (const Event& event : kept->events) wanted.insert(event.txn());
  }
  for (const auto& folder : folders) {
    const auto settled = settle_events(folder, [&](const TxnId& txn) { return wanted.contains(txn); });
    if (!settled) console.warn(settled.error().message);
  }
}

}  // namespace

Prediction no_prediction_with_faults() {
  Prediction none;
  none.why_not = "theory without faults says nothing of a run with them";
  return none;
}

CellResult judge_cell(const CellRun& run, CellEvidence evidence, Console& console) {
  console.live(run.cell.id + "  checking the durable logs ...");
  const Directory directory = run.plan.directory(run.cell);
  const Settings& settings = run.plan.point(run.cell).settings;
  CellResult out;
  out.cell = run.cell;
  const auto folder_of = [&](const NodeInfo& node) { return run.paths.node_folder(run.cell, node); };
  const History history = read_history(run.plan, run.cell, folder_of, evidence, directory);
  const MetricSet window = merged_window(evidence);
  out.forced_write = forced_write_of(run, evidence);

  SummaryInput input;
  input.protocol = run.cell.label;
  input.directory = &directory;
  input.window = &window;
  input.outcomes = &history.outcomes;
  input.open_at_end = open_at_end(run, evidence, directory);
  input.warmup = settings.warmup;
  input.duration = settings.duration;
  input.first_fault = first_fault(evidence.faults);
  input.counters_lost = evidence.counters_lost;
  CheckOptions options;
  options.beyond_model = beyond(run.cell.protocol->safe_under, kRealCrash, evidence.faults);
  input.verdict = check(history, options);
  if (auto sealed = seal_evidence({run.paths.results, run.run_id}, run.plan, run.cell, evidence)) {
    out.evidence = std::move(sealed).value();
  } else {
    console.warn("this cell cannot be judged again: " + sealed.error().message);
  }
  input.prediction = evidence.faults.empty() ? predict_cell(run.plan, run.cell, out.forced_write,
                                                            lock_wait_share(window).value_or(0.0), run.emulated)
                                             : no_prediction_with_faults();
  out.summary = summarise(std::move(input));

  settle_event_logs(run, out.summary.verdict, console);
  out.histograms = cell_histograms(window, history.outcomes, out.summary.blocking.open);
  out.region_histograms = region_histograms(window, history.outcomes, out.summary.blocking.open, directory);
  for (const auto& [node, report] : evidence.reports) {
    for (const auto& [what, count] : report.live.totals_by(metric::kAlarms, metric::kWhat)) out.alarms[what] += count;
    // Traffic is not a transaction's, so it is counted over the whole cell.
    for (const auto& [traffic, count] : report.live.totals_by(metric::kMessages, metric::kTraffic)) {
      out.traffic[traffic] += count;
    }
  }
  out.phases = fault_phases(history.outcomes, directory, settings.warmup, settings.duration, spans_of(evidence.faults),
                            run.plan.timeouts[run.cell.point].outcome());
  for (const FaultRecord& fault : evidence.faults) {
    if (fault.problem.empty()) continue;
    evidence.invalid_reasons.push_back(describe(fault.fault) + " was not carried out as planned: " + fault.problem);
  }
  out.faults = std::move(evidence.faults);
  out.drained = evidence.drained;
  out.interrupted = evidence.interrupted;
  out.failure = std::move(evidence.failure);
  out.invalid_reasons = std::move(evidence.invalid_reasons);
  for (std::string& reason : against_load(out.summary)) out.invalid_reasons.push_back(std::move(reason));
  if (out.interrupted) out.invalid_reasons.emplace_back("interrupted before its end");
  if (!out.failure.empty()) out.invalid_reasons.push_back(out.failure);
  out.left = evidence.left;
  out.started = evidence.started;
  out.loaded = evidence.loaded;
  out.drain = evidence.drain;
  out.router = evidence.router;
  return out;
}

}  // namespace geocommit
