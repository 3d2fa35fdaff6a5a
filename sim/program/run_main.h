// `geocommit-sim FILE`: an experiment file, unchanged, in virtual time.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiment/plan.h"

namespace geocommit::sim {

struct SimulationOptions {
  bool allow_expected{};
  bool quiet{};                 ///< A line per cell, and the verdict.
  bool events{};                ///< For programs (report/progress_lines.h), in place of all else.
  bool logs{};                  ///< Also nodes/, for check.
  std::filesystem::path junit;  ///< Empty: none is written.
};

/// Runs every cell and writes experiment.yaml, summary.json, summary.csv, timeseries.csv, histograms/ and trace.txt
/// (events and digest of each cell) into `output`, which exists. The exit status, as os/exit_status.h has them.
int run_simulation(const Plan& plan, const std::filesystem::path& output, const SimulationOptions& options);
/// argv[0] is the program.
int run_main(int argc, char** argv);

}  // namespace geocommit::sim
