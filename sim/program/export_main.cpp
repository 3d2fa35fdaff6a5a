#include "sim/program/export_main.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <string>

#include "runner/evidence.h"
#include "runner/plan.h"
#include "sim/program/parse.h"
#include "verdict/elle.h"
#include "wan/topology.h"

namespace geocommit {
namespace {

int failed(const std::string& why) {
  std::cerr << "geocommit export: " << why << "\n";
  return 1;
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

std::string cells_of(const Plan& plan) {
  std::string names;
  for (const Cell& cell : plan.cells) {
    names += (names.empty() ? "" : ", ") + cell.id;
  }
  return names;
}

int export_history(const std::filesystem::path& results, const std::string& wanted, verdict::ElleFormat format) {
  const auto plan = read_plan(results);
  if (!plan) {
    return failed(plan.error().message);
  }
  for (const Cell& cell : plan->cells) {
    if (!wanted.empty() && cell.id != wanted) {
      continue;
    }
    if (wanted.empty() && plan->cells.size() > 1) {
      return failed("these results have several cells: say --cell and one of " + cells_of(*plan));
    }
    const Directory directory = plan->directory(cell);
    const auto folder_of = [&](const NodeInfo& node) { return results / "nodes" / cell.id / node.name; };
    const History history = read_history(*plan, cell, folder_of, {}, directory);
    for (const auto& [id, node] : history.nodes) {
      if (!node.log_complete) {
        return failed("a log cannot be read: " + node.log_problem);
      }
    }
    if (!history.missing.empty()) {
      return failed(history.missing.front());
    }
    std::cout << verdict::elle_history(history, format) << std::flush;
    return std::cout ? 0 : failed("the history cannot be written");
  }
  return failed("there is no cell named '" + wanted + "': expected one of " + cells_of(*plan));
}

}  // namespace

int export_main(int argc, char** argv) {
  CLI::App app{
      "Writes the history of a run for other checkers: Elle's rw-register, with {:wfr-keys? true}.\n"
      "  ./geocommit export results/quickstart-2026-01-01T00-00-00 --history > history.edn",
      "./geocommit export"};
  std::filesystem::path results;
  std::string cell;
  std::string format{"edn"};
  bool history = false;
  app.add_option("results", results, "the folder")->required();
  app.add_flag("--history", history, "every transaction: what it read and wrote, when, and what its client was told");
  app.add_option("--format", format, "edn, or json")->check(CLI::IsMember({"edn", "json"}));
  app.add_option("--cell", cell, "which, if there are several: 2pc-r1");
  if (const auto refused = parse(app, argc, argv)) {
    return *refused;
  }
  if (!history) {
    return failed("say what to export: --history");
  }
  return export_history(results, cell, format == "json" ? verdict::ElleFormat::json : verdict::ElleFormat::edn);
}

}  // namespace geocommit
