#include "runner/evidence.h"

#include <filesystem>

#include "client/outcomes.h"
#include "measure/log_facts.h"
#include "runtime/log/segmented_log.h"

namespace geocommit {
namespace {

NodeHistory read_node(const std::filesystem::path& folder, const CellEvidence& evidence, const NodeInfo& node) {
  NodeHistory out;
  out.node = node.id;
  auto read =
      read_log_history(folder.string(), [&](std::uint64_t, const DurableRecord& record) { append_facts(record, out); });
  if (!read) {
    out.log_complete = false;
    out.log_problem = read.error().message;
  }
  for (const std::string& missing : evidence.incomplete) {
    if (missing.rfind(node.name + ":", 0) != 0) continue;
    out.log_complete = false;
    out.log_problem = missing;
  }
  const auto report = evidence.reports.find(node.id);
  if (node.kind == NodeKind::agent && report != evidence.reports.end()) {
    out.has_balances = true;
    out.balances = report->second.balances;
    out.balances_start = report->second.engine.epoch;
  }
  return out;
}

}  // namespace

CellHistory read_history(const CellContext& context, const CellEvidence& evidence, const Directory& directory) {
  const auto folder_of = [&](const NodeInfo& node) { return context.paths.node_folder(context.cell, node); };
  return read_history(context.plan, context.cell, folder_of, evidence, directory);
}

CellHistory read_history(const Plan& plan, const Cell& cell, const NodeFolder& folder_of, const CellEvidence& evidence,
                         const Directory& directory) {
  CellHistory out;
  out.history.directory = &directory;
  out.history.protocol = cell.protocol->name;
  out.history.initial_balance = plan.point(cell).settings.initial_balance;
  out.history.drained = evidence.drained;
  out.history.why_not_drained = evidence.why_not_drained;
  for (const NodeInfo& node : plan.nodes_of(cell)) {
    if (node.kind != NodeKind::client) {
      out.history.nodes[node.id] = read_node(folder_of(node), evidence, node);
      continue;
    }
    auto outcomes = read_outcomes(folder_of(node) / kOutcomesFile);
    if (!outcomes) {
      out.unread_outcomes.push_back(node.name + ": " + outcomes.error().message);
      continue;
    }
    if (outcomes->cut_short)
      out.unread_outcomes.push_back(node.name + ": its last outcome is cut short (it was killed)");
    for (ClientOutcome& outcome : outcomes->outcomes) out.history.outcomes.push_back(std::move(outcome));
  }
  return out;
}

}  // namespace geocommit
