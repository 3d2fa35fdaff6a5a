// `geocommit-sim FILE`: an experiment file, unchanged, in virtual time.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiment/plan.h"

namespace geocommit::sim {

/// Runs every cell and writes experiment.yaml, summary.json, summary.csv, timeseries.csv, histograms/ and trace.txt
/// (events and digest of each cell) into `output`, which exists; with `logs` also nodes/, for check. The exit status:
/// 0, 2 (violation), 3 (unknown), 1.
int run_simulation(const Plan& plan, const std::filesystem::path& output, bool allow_expected, bool quiet, bool logs);
/// argv[0] is the program.
int run_main(int argc, char** argv);

}  // namespace geocommit::sim
