#include "sim/program/check_main.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "runner/evidence.h"
#include "runner/manifest.h"
#include "runner/plan.h"
#include "sim/program/parse.h"
#include "verdict/check.h"
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
  auto experiment = load_experiment(results / kExperimentFile);
  if (!experiment) {
    return experiment.error();
  }
  auto topology = load_topologies(*experiment);
  if (!topology) {
    return topology.error();
  }
  return make_plan(std::move(experiment).value(), std::move(topology).value(), Duration{1ms});
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

Verdict judge(const Plan& plan, const Cell& cell, const CellPlace& place, const nlohmann::json& ran) {
  const Directory directory = plan.directory(cell);
  std::optional<std::string> checksum;
  if (ran.contains("evidence") && ran["evidence"].is_string()) {
    checksum = ran["evidence"].get<std::string>();
  }
  const KeptEvidence kept = read_kept(place, plan, cell, checksum, directory);
  return check(kept.history, kept.options);
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
      const Verdict verdict = judge(*plan, cell, {results, summary->value("run_id", "")}, ran);
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
