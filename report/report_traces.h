// The transactions of a run that are worth a look, from its event logs: as report.html draws them.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

namespace geocommit {

/// [{cell, transaction, why, nodes, messages, events, in_doubt, marks}]: of each cell what violates, what was blocked
/// longest and the slowest, a few of each; times in milliseconds from the transaction's beginning. Empty without event
/// logs.
[[nodiscard]] nlohmann::ordered_json report_traces(const std::filesystem::path& results);

}  // namespace geocommit
