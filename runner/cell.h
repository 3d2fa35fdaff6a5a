// One cell: fresh daemons, load, drain, and everything that they measured, collected.
#pragma once

#include <cstdint>
#include <string>

#include "experiment/plan.h"
#include "os/console.h"
#include "os/files.h"
#include "os/process.h"
#include "report/cell_evidence.h"
#include "runner/network.h"
#include "runner/prometheus/monitor.h"
#include "wan/run_state.h"

namespace geocommit {

struct CellContext {
  const Plan& plan;
  const Cell& cell;
  Network& network;
  const RunPaths& paths;
  Console& console;
  LineFile& timeseries;
  RunState& state;
  std::string run_id;
  std::size_t number{}, of{};  ///< For the live line: cell 2 of 6.
  Monitor* monitor{};          ///< May be null.
  [[nodiscard]] CellRun run() const {
    const EmulationKind kind = network.kind();
    return {plan, cell, paths, run_id, kind == EmulationKind::tun || kind == EmulationKind::netem};
  }
};

/// Runs it. An error means that it could not start at all; what fails later is in the evidence.
[[nodiscard]] Result<CellEvidence> run_cell(const CellContext& context);

/// The columns of timeseries.csv.
[[nodiscard]] std::string timeseries_header();

}  // namespace geocommit
