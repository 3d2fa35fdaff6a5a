// From evidence to figures and a verdict: reads the durable logs and the clients' outcome logs of a cell, checks them,
// and sums the cell up.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "measure/phases.h"
#include "measure/summary.h"
#include "os/console.h"
#include "report/cell_evidence.h"

namespace geocommit {

/// A cell as summary.json and the comparison hold it.
struct CellResult {
  Cell cell;
  CellSummary summary;
  bool drained{}, interrupted{};
  std::string failure;                       ///< Empty: none.
  std::vector<std::string> invalid_reasons;  ///< Empty: the latencies are valid.
  EngineStatus left;                         ///< At the end, summed over nodes.
  Duration started{}, loaded{}, drain{};
  Duration forced_write{};                       ///< What one took (fsync) or was told to take.
  std::map<std::string, std::uint64_t> alarms;   ///< By what.
  std::map<std::string, std::uint64_t> traffic;  ///< Messages of the window by traffic class.
  std::map<std::string, Histogram> histograms;   ///< By field name: "commit_latency", ...
  std::map<std::string, std::map<std::string, Histogram>> region_histograms;  ///< By field name, then region.
  std::optional<RouterStats> router;
  std::string evidence;             ///< Its manifest's checksum (report/manifest.h). Empty: there is none.
  std::vector<FaultRecord> faults;  ///< In the order of the plan, also those that never happened.
  std::optional<FaultPhases> phases;
  [[nodiscard]] bool valid() const { return invalid_reasons.empty(); }
};

/// What there is instead of a prediction when faults were planned.
[[nodiscard]] Prediction no_prediction_with_faults();

[[nodiscard]] CellResult judge_cell(const CellRun& run, CellEvidence evidence, Console& console);

}  // namespace geocommit
