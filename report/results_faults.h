// summary.json's `faults` and `phases` of a cell.
#pragma once

#include <nlohmann/json.hpp>

#include "report/judge.h"

namespace geocommit {

[[nodiscard]] nlohmann::ordered_json faults_json(const CellResult& result, const Directory& directory);
/// null without faults.
[[nodiscard]] nlohmann::ordered_json phases_json(const std::optional<FaultPhases>& phases);

}  // namespace geocommit
