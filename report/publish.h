// What a run leaves for readers beside its summary: the topology that it took place on, distributions by region, and
// report.html. The real and the virtual world call it alike, last.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "report/judge.h"

namespace geocommit {

/// Of the whole cell, by metric: what summary.json gives percentiles of.
[[nodiscard]] std::map<std::string, Histogram> cell_histograms(const MetricSet& window,
                                                               const std::vector<ClientOutcome>& outcomes,
                                                               const std::vector<OpenAtEnd>& open);

/// By metric ("client_latency", "commit_latency", "lock_hold", "lock_hold_all", "in_doubt", "in_doubt_all",
/// "blocking"), then region. Client latency is of the origin's commits, the others of the coordinators or participants
/// there, as in summary.json's `by_region`.
[[nodiscard]] std::map<std::string, std::map<std::string, Histogram>> region_histograms(
    const MetricSet& window, const std::vector<ClientOutcome>& outcomes, const std::vector<OpenAtEnd>& open,
    const Directory& directory);

/// Writes topology.json, histograms/CELL.by_region.csv, histograms.hlog and report.html from what the folder and the
/// cells hold; gives the findings in words, for the terminal.
[[nodiscard]] Result<std::string> publish(const Plan& plan, const std::vector<CellResult>& cells,
                                          const std::filesystem::path& results, bool colour);

}  // namespace geocommit
