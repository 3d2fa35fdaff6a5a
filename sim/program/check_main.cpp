#include "sim/program/check_main.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "runner/evidence.h"
#include "runner/plan.h"
#include "runtime/child_path.h"
#include "sim/program/parse.h"
#include "verdict/check.h"
#include "verdict/homes.h"
#include "wan/topology.h"

namespace geocommit {
namespace {

int failed(const std::string& why) {
  std::cerr << "geocommit check: " << why << "\n";
  return 1;
}

Result<nlohmann::json> read_json(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (!in) {
    return Error{"cannot read " + file.string() + ": expected the folder of a run"};
  }
  auto json = nlohmann::json::parse(in, nullptr, false);
  if (json.is_discarded() || !json.contains("cells") || !json["cells"].is_array()) {
    return Error{file.string() + ": not a summary"};
  }
  return json;
}

Result<Plan> read_plan(const std::filesystem::path& results) {
  auto experiment = load_experiment(results / "experiment.yaml");
  if (!experiment) {
    return experiment.error();
  }
  auto topology = load_topologies(*experiment);
  if (!topology) {
    return topology.error();
  }
  return make_plan(std::move(experiment).value(), std::move(topology).value(), Duration{1ms});
}

/// The run's own balances are gone with its processes. What each log adds up to is compared between the copies and with
/// the initial sum instead.
void add_balances(History& history) {
  const Directory& directory = *history.directory;
  for (auto& [id, node] : history.nodes) {
    const NodeInfo* info = directory.find(id);
    if (info == nullptr || info->kind != NodeKind::agent || !node.log_complete) {
      continue;
    }
    node.has_balances = true;
    node.balances.assign(directory.keys_per_participant(), history.initial_balance);
    verdict::each_change(node, directory, [&, &balances = node.balances](TxnId, const Operation& operation) {
      const std::uint64_t slot = directory.slot_of(operation.entity);
      if (slot < balances.size()) {
        balances[slot] += operation.delta;
      }
    });
  }
}

void print(const Cell& cell, const Verdict& verdict) {
  std::cout << cell.id << "  " << name_of(verdict.judgement)
            << (verdict.judgement == Judgement::violation && verdict.expected ? " (expected)" : "") << "  "
            << verdict.transactions << " transactions: " << verdict.committed << " committed, " << verdict.aborted
            << " aborted, " << verdict.unresolved << " unresolved, " << verdict.unknown_to_client
            << " unknown to their clients\n";
  for (std::size_t i = 0; i < kViolationClasses; ++i) {
    if (verdict.counts[i] > 0) {
      std::cout << "  " << name_of(static_cast<ViolationClass>(i)) << ": " << verdict.counts[i] << "\n";
    }
  }
  for (const Violation& one : verdict.examples) {
    std::cout << "    " << one.txn.coordinator.value << "." << one.txn.epoch.value << "." << one.txn.counter << ": "
              << one.what << "\n";
  }
  for (const std::string& reason : verdict.unknown_reasons) {
    std::cout << "  not judged: " << reason << "\n";
  }
}

/// Whether a fault of this cell happened that made messages lost or late (breaks_synchrony()).
bool partitions_occurred(const Plan& plan, const Cell& cell, const nlohmann::json& ran) {
  const std::vector<NamedFault> faults = plan.faults(cell);
  const nlohmann::json happened = ran.value("faults", nlohmann::json::array());
  for (std::size_t i = 0; i < faults.size() && i < happened.size(); ++i) {
    const FaultPlan& parts = faults[i].parts;
    if (!happened[i].value("times", nlohmann::json::array()).empty() &&
        std::any_of(parts.begin(), parts.end(), breaks_synchrony)) {
      return true;
    }
  }
  return false;
}

Verdict judge(const Plan& plan, const Cell& cell, const std::filesystem::path& results, const nlohmann::json& ran) {
  const Directory directory = plan.directory(cell);
  CellEvidence evidence;
  evidence.drained = ran.value("drained", false);
  const auto folder_of = [&](const NodeInfo& node) {
    return child_path(results, {"nodes", cell.id, node.name}).value();  // read_plan() has checked the names
  };
  CellHistory read = read_history(plan, cell, folder_of, evidence, directory);
  add_balances(read.history);
  CheckOptions options;
  options.partitions_occurred = partitions_occurred(plan, cell, ran);
  Verdict verdict = check(read.history, options);
  for (const std::string& unread : read.unread_outcomes) {
    verdict.unknown_reasons.push_back("what a client was told could not be read: " + unread);
    if (verdict.judgement == Judgement::pass) {
      verdict.judgement = Judgement::unknown;
    }
  }
  return verdict;
}

}  // namespace

int check_results(const std::filesystem::path& results, bool allow_expected) {
  const auto summary = read_json(results / "summary.json");
  if (!summary) {
    return failed(summary.error().message);
  }
  const auto plan = read_plan(results);
  if (!plan) {
    return failed(plan.error().message);
  }
  bool violation = false;
  bool unknown = false;
  std::size_t judged = 0;
  for (const Cell& cell : plan->cells) {
    for (const nlohmann::json& ran : summary->at("cells")) {
      if (ran.value("cell", "") != cell.id) {
        continue;
      }
      const Verdict verdict = judge(*plan, cell, results, ran);
      print(cell, verdict);
      ++judged;
      violation = violation || (verdict.judgement == Judgement::violation && !(verdict.expected && allow_expected));
      unknown = unknown || verdict.judgement == Judgement::unknown;
    }
  }
  if (judged == 0) {
    return failed(results.string() + " holds no cell that was run");
  }
  return violation ? 2 : unknown ? 3 : 0;
}

int check_main(int argc, char** argv) {
  CLI::App app{
      "Judges a results folder again, from its durable logs and what its clients were told.\n"
      "  ./geocommit check results/quickstart-2026-01-01T00-00-00",
      "./geocommit check"};
  std::filesystem::path results;
  bool allow_expected = false;
  app.add_option("results", results, "the folder")->required();
  app.add_flag("--allow-expected", allow_expected, "a violation that the fault model predicts exits 0");
  if (const auto refused = parse(app, argc, argv)) {
    return *refused;
  }
  return check_results(results, allow_expected);
}

}  // namespace geocommit
