#include "report/evidence.h"

#include <filesystem>
#include <set>

#include "client/outcomes.h"
#include "measure/log_facts.h"
#include "runtime/log/segmented_log.h"

namespace geocommit {
namespace {

/// Reads a node's log, which must be that node's and begin with its first start.
void read_log(const std::filesystem::path& folder, const CellEvidence& evidence, NodeHistory& out) {
  const auto incomplete = [&](std::string why) {
    out.log_complete = false;
    out.log_problem = std::move(why);
  };
  bool first = true;
  bool begins = false;
  auto read = read_log_history(folder.string(), [&](std::uint64_t, const DurableRecord& record) {
    const auto* epoch = std::get_if<EpochRecord>(&record);
    begins = begins || (first && epoch != nullptr && epoch->epoch == Epoch{1});
    first = false;
    append_facts(record, out, evidence.clock);
  });
  if (!read) {
    incomplete(read.error().message);
  } else if (read->node && *read->node != out.node) {
    out.facts.clear();
    incomplete(folder.string() + ": holds the log of node " + std::to_string(read->node->value) + ", not of node " +
               std::to_string(out.node.value));
  } else if (!begins) {
    incomplete(folder.string() + (first ? ": holds no log: a node's first record is that of its start"
                                        : ": the log does not begin with the node's first start"));
  }
}

NodeHistory read_node(const std::filesystem::path& folder, const CellEvidence& evidence, const NodeInfo& node) {
  NodeHistory out;
  out.node = node.id;
  read_log(folder, evidence, out);
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

void read_client(const std::filesystem::path& file, const NodeInfo& node, History& out) {
  const auto missing = [&](const std::string& why) {
    out.missing.push_back("what " + node.name + " was told cannot be judged: " + why);
  };
  auto outcomes = read_outcomes(file);
  if (!outcomes) return missing(outcomes.error().message);
  if (outcomes->client != node.id || outcomes->origin != node.region) {
    return missing(file.string() + ": is of another client");
  }
  if (outcomes->cut_short) missing(file.string() + ": its last outcome is cut short (it was killed)");
  for (ClientOutcome& outcome : outcomes->outcomes) out.outcomes.push_back(std::move(outcome));
}

}  // namespace

History read_history(const Plan& plan, const Cell& cell, const NodeFolder& folder_of, const CellEvidence& evidence,
                     const Directory& directory) {
  History out;
  out.directory = &directory;
  out.protocol = cell.protocol->name;
  out.initial_balance = plan.point(cell).settings.initial_balance;
  out.drained = evidence.drained;
  out.load_began = evidence.load_began;
  out.why_not_drained = evidence.why_not_drained;
  for (const NodeInfo& node : plan.nodes_of(cell)) {
    if (node.kind == NodeKind::client) {
      read_client(folder_of(node) / kOutcomesFile, node, out);
    } else {
      out.nodes[node.id] = read_node(folder_of(node), evidence, node);
    }
  }
  return out;
}

Result<std::string> seal_evidence(const CellPlace& place, const Plan& plan, const Cell& cell,
                                  const CellEvidence& evidence) {
  Manifest manifest;
  manifest.run_id = place.run_id;
  manifest.cell = cell.id;
  manifest.drained = evidence.drained;
  manifest.why_not_drained = evidence.why_not_drained;
  manifest.load_began = evidence.load_began;
  manifest.clock = evidence.clock;
  manifest.beyond_model = beyond(cell.protocol->safe_under, kRealCrash, evidence.faults);
  manifest.incomplete = evidence.incomplete;
  auto experiment = seal_file(place.results / kExperimentFile);
  if (!experiment) return experiment.error();
  manifest.experiment = *experiment;
  for (const NodeInfo& node : plan.nodes_of(cell)) {
    const auto folder = place.folder(cell, node);
    const auto report = evidence.reports.find(node.id);
    if (node.kind == NodeKind::agent && report != evidence.reports.end()) {
      if (auto done = write_balances(folder / kBalancesFile, report->second.balances); !done) return done.error();
    }
    auto files = seal_files(folder);
    if (!files) return files.error();
    const Epoch start = report != evidence.reports.end() ? report->second.engine.epoch : Epoch{};
    manifest.nodes[node.name] = {node.id, start, std::move(files).value()};
  }
  return write_manifest(place.manifest(cell), manifest);
}

KeptEvidence read_kept(const CellPlace& place, const Plan& plan, const Cell& cell,
                       const std::optional<std::string>& checksum, const Directory& directory) {
  KeptEvidence out;
  std::vector<std::string> missing;
  Manifest manifest;
  const auto file = place.manifest(cell);
  if (!checksum) {
    missing.push_back("made by an older version, or without logs: there is no " + file.string() +
                      ", so that nothing says what the logs were");
  } else if (auto read = read_manifest(file, *checksum); !read) {
    missing.push_back(read.error().message);
  } else if (read->run_id != place.run_id || read->cell != cell.id) {
    missing.push_back(file.string() + " is of run " + read->run_id + ", cell " + read->cell + ", not of run " +
                      place.run_id + ", cell " + cell.id);
  } else {
    manifest = std::move(read).value();
    const auto experiment = seal_file(place.results / kExperimentFile);
    if (!experiment || *experiment != manifest.experiment) {
      missing.push_back((place.results / kExperimentFile).string() + " is not what was run");
    }
  }
  const bool sealed = missing.empty();
  CellEvidence evidence;
  evidence.drained = manifest.drained;
  evidence.why_not_drained = manifest.why_not_drained;
  evidence.load_began = manifest.load_began;
  evidence.clock = manifest.clock;
  evidence.incomplete = manifest.incomplete;
  std::set<NodeId> not_its_own;  // What is there instead proves nothing.
  for (const NodeInfo& node : plan.nodes_of(cell)) {
    const auto folder = place.folder(cell, node);
    const std::string why = sealed ? altered(folder, manifest.nodes[node.name]) : "";
    if (!why.empty()) {
      not_its_own.insert(node.id);
      node.kind == NodeKind::client ? missing.push_back("what " + node.name + " was told cannot be judged: " + why)
                                    : evidence.incomplete.push_back(node.name + ": " + why);
    } else if (auto balances = read_balances(folder / kBalancesFile); balances && node.kind == NodeKind::agent) {
      evidence.reports[node.id].balances = std::move(balances).value();
      evidence.reports[node.id].engine.epoch = manifest.nodes[node.name].start;
    }
  }
  const auto folder_of = [&](const NodeInfo& node) { return place.folder(cell, node); };
  out.history = read_history(plan, cell, folder_of, evidence, directory);
  for (const NodeId node : not_its_own) {
    if (out.history.nodes.contains(node)) out.history.nodes[node].facts.clear();
  }
  std::erase_if(out.history.outcomes,
                [&](const ClientOutcome& one) { return not_its_own.contains(one.request.client); });
  out.history.missing.insert(out.history.missing.begin(), missing.begin(), missing.end());
  out.options.beyond_model = std::move(manifest.beyond_model);
  return out;
}

}  // namespace geocommit
