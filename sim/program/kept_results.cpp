#include "sim/program/kept_results.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "wan/topology.h"

namespace geocommit {
namespace {

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

}  // namespace

Result<KeptResults> read_results(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / "summary.json";
  std::ifstream in(file);
  if (!in) {
    return Error{"cannot read " + file.string() + ": expected the folder of a run"};
  }
  const auto json = nlohmann::json::parse(in, nullptr, false);
  if (json.is_discarded() || !json.contains("cells") || !json["cells"].is_array()) {
    return Error{file.string() + ": not a summary"};
  }
  auto plan = read_plan(folder);
  if (!plan) {
    return plan.error();
  }
  KeptResults kept{folder, json.value("run_id", ""), std::move(plan).value(), {}};
  for (const Cell& cell : kept.plan.cells) {
    for (const nlohmann::json& ran : json["cells"]) {
      if (ran.value("cell", "") == cell.id) {
        const bool has_checksum = ran.contains("evidence") && ran["evidence"].is_string();
        kept.cells[cell.id] = has_checksum ? std::optional(ran["evidence"].get<std::string>()) : std::nullopt;
      }
    }
  }
  if (kept.cells.empty()) {
    return Error{folder.string() + " holds no cell that was run"};
  }
  return kept;
}

}  // namespace geocommit
