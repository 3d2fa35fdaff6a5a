#include "runner/evidence.h"

#include <filesystem>

#include "client/outcomes.h"
#include "protocols/registry.h"
#include "runtime/log/segmented_log.h"

namespace geocommit {
namespace {

/// Home region: what a commit's places and a change of masters prove.
void add_home_facts(const DurableRecord& record, std::vector<Fact>& facts) {
  if (const auto* machine = std::get_if<MachineRecord>(&record)) {
    for (const ShipPlace& place : machine->ships) {
      if (machine->record.outcome == Outcome::commit && place.sequence == 0) {
        Fact fact;
        fact.txn = machine->txn;
        fact.kind = FactKind::discarded;
        fact.home = place.home;
        facts.push_back(std::move(fact));
      }
    }
  } else if (const auto* home = std::get_if<HomeRecord>(&record)) {
    for (const ShippedWrite& write : home->lost) {
      Fact fact;
      fact.txn = write.txn;
      fact.kind = FactKind::discarded;
      fact.operations = write.operations;
      fact.home = home->home;
      fact.sequence = write.sequence;
      facts.push_back(std::move(fact));
    }
    if (home->kind == HomeRecordKind::opened) {
      Fact fact;
      fact.kind = FactKind::opened;
      fact.home = home->home;
      fact.sequence = home->history.empty() ? 0 : home->history.back().start;
      fact.forced = home->opening != HomeOpening::planned;
      fact.fenced = home->opening != HomeOpening::unfenced;
      facts.push_back(std::move(fact));
    }
  }
}

/// What a durable record proves, if anything: a prepared record is a YES, a record with an outcome fixes it.
void add_fact(const DurableRecord& record, std::vector<Fact>& facts) {
  if (const auto* machine = std::get_if<MachineRecord>(&record)) {
    Fact fact;
    fact.txn = machine->txn;
    fact.role = machine->role;
    fact.sequence = machine->ships.empty() ? 0 : machine->ships.front().sequence;
    if (machine->descriptor) {
      for (const Member& member : machine->descriptor->cohort) fact.cohort.push_back(member.node);
      fact.operations = machine->descriptor->operations;
      fact.request = machine->descriptor->request;
    }
    switch (machine->record.outcome) {
      case Outcome::commit:
        fact.kind = FactKind::committed;
        break;
      case Outcome::abort:
        fact.kind = FactKind::aborted;
        break;
      case Outcome::undecided: {
        const Protocol* protocol = find_protocol(machine->protocol);
        const bool prepared = machine->role == Role::participant && protocol != nullptr &&
                              protocol->record_name != nullptr &&
                              protocol->record_name(machine->record.kind) == "prepared";
        if (!prepared) return;  // precommit, end: neither a vote nor an outcome
        fact.kind = FactKind::voted_yes;
        break;
      }
    }
    facts.push_back(std::move(fact));
    add_home_facts(record, facts);
    return;
  }
  add_home_facts(record, facts);
  if (const auto* shipped = std::get_if<ShippedRecord>(&record)) {
    Fact fact;
    fact.txn = shipped->write.txn;
    fact.kind = FactKind::applied_shipped;
    fact.operations = shipped->write.operations;
    fact.home = shipped->home;
    fact.sequence = shipped->write.sequence;
    facts.push_back(std::move(fact));
  }
}

NodeHistory read_node(const std::filesystem::path& folder, const CellEvidence& evidence, const NodeInfo& node) {
  NodeHistory out;
  out.node = node.id;
  auto read = read_log_history(folder.string(),
                               [&](std::uint64_t, const DurableRecord& record) { add_fact(record, out.facts); });
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
