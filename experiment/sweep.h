// What an experiment file varies from cell to cell: the values of `sweep`, and the fault lists of `scenarios`.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "config/strict_yaml.h"

namespace geocommit {

/// Most cells of one experiment.
inline constexpr std::size_t kCellsMax = 10'000;

/// One thing that varies. `scenarios` is one: its values are fault lists, named.
struct SweptKey {
  std::string key;                 ///< As people see it: "workload.rate", "scenario".
  std::string path;                ///< Where a value goes in the file: "workload.rate", "faults".
  std::vector<yaml::Node> values;  ///< Never empty.
  std::vector<std::string> words;  ///< Of each value: as written, or the scenario's name.
};
inline constexpr const char* kScenario = "scenario";

/// Takes `sweep` and `scenarios` off the root; mistakes go to it.
void read_sweep(yaml::MapReader& root, std::vector<SweptKey>& out);

}  // namespace geocommit
