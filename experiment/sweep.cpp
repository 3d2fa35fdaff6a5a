#include "experiment/sweep.h"

#include <algorithm>

namespace geocommit {
namespace {

using yaml::MapReader;
using yaml::Node;

bool can_be_swept(const std::string& key) {
  static const std::vector<std::string> kSwept{"topology",
                                               "data.placement",
                                               "data.keys_per_participant",
                                               "data.initial_balance",
                                               "locking",
                                               "durability",
                                               "warmup",
                                               "duration",
                                               "home_lease",
                                               "fencing",
                                               "unreachable_home",
                                               "home_retained_max"};
  return std::find(kSwept.begin(), kSwept.end(), key) != kSwept.end() || key.rfind("workload.", 0) == 0 ||
         key.rfind("timeouts.", 0) == 0 || key.rfind("faults.", 0) == 0;
}

void read_scenarios(MapReader& root, std::vector<SweptKey>& out) {
  const auto node = root.take("scenarios");
  if (!node || node->is_null()) return;
  if (!node->is_map() || node->entries().empty()) {
    root.add(
        node->error("expected a map from a name to a list of faults, such as {none: [], cut-off: [{at: 5s, for: "
                    "5s, partition: [[us-east-1], rest]}]}, found " +
                    node->describe()));
    return;
  }
  SweptKey scenario{kScenario, "faults", {}, {}};
  for (const auto& [name, list] : node->entries()) {
    if (!list.is_list() && !list.is_null()) {
      root.add(list.error("expected a list of faults (docs/faults.md), found " + list.describe()));
      continue;
    }
    if (const auto wrong = yaml::wrong_key(*node, name)) {
      root.add(*wrong);
      continue;
    }
    scenario.values.push_back(list);
    scenario.words.push_back(name);
  }
  if (!scenario.values.empty()) out.push_back(std::move(scenario));
}

}  // namespace

void read_sweep(MapReader& root, std::vector<SweptKey>& out) {
  read_scenarios(root, out);
  const auto node = root.take("sweep");
  if (!node || node->is_null()) return;
  if (!node->is_map()) {
    root.add(node->error("expected a map such as {workload.rate: [50/s, 100/s]}, found " + node->describe()));
    return;
  }
  std::size_t points = 1;
  for (const SweptKey& swept : out) points *= swept.values.size();
  for (const auto& [key, values] : node->entries()) {
    if (!can_be_swept(key)) {
      root.add(node->key_error(key,
                               "expected a key that can change between cells: topology, data.* (except "
                               "sites_per_region), workload.*, locking, timeouts.*, durability, warmup, duration or "
                               "faults.N.*"));
    } else if (!values.is_list() || values.items().empty()) {
      root.add(values.error("expected a list of values, found " + values.describe()));
    } else {
      SweptKey swept{key, key, values.items(), {}};
      for (const Node& value : swept.values) swept.words.push_back(value.to_flow());
      points *= swept.values.size();
      out.push_back(std::move(swept));
      if (points > kCellsMax) {
        root.add(values.error("expected at most " + std::to_string(kCellsMax) + " combinations"));
        return;
      }
    }
  }
}

}  // namespace geocommit
