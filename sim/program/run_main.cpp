#include "sim/program/run_main.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>

#include "runner/files.h"
#include "runner/report.h"
#include "runner/results.h"
#include "sim/program/simulate_cell.h"

namespace geocommit::sim {
namespace {

int failed(const std::string& why) {
  std::cerr << "geocommit-sim: " << why << "\n";
  return 1;
}

std::string hex(std::uint64_t value) {
  char text[17];  // NOLINT: snprintf
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

}  // namespace

int run_simulation(const Plan& plan, const std::filesystem::path& output, bool allow_expected, bool quiet) {
  RunPaths paths;
  paths.results = output;
  // Named by what determines it: the same run has the same id, and the same bytes.
  Results results(plan, paths, "sim", "sim-" + std::to_string(plan.experiment.seed));
  if (auto written =
          write_file(output / "experiment.yaml", to_yaml(plan.experiment, plan.experiment.emulation, plan.timeouts));
      !written) {
    return failed(written.error().message);
  }
  std::string timeseries = timeseries_columns() + "\n";
  std::string traces;
  for (const Cell& cell : plan.cells) {
    SimulatedCell done = simulate_cell(plan, cell);
    for (const std::string& row : done.timeseries) {
      timeseries += row + "\n";
    }
    traces += cell.id + " events=" + std::to_string(done.events) + " trace=" + hex(done.trace_hash) + "\n";
    if (!quiet) {
      std::cout << one_line(done.result, false) << "\n" << std::flush;
    }
    results.add(std::move(done.result));
    for (const auto& written : {results.write(), write_file(output / "timeseries.csv", timeseries),
                                write_file(output / "trace.txt", traces)}) {
      if (!written) {
        return failed(written.error().message);
      }
    }
  }
  std::cout << "\nsimulated: virtual time, modelled network and disk\n"
            << comparison(plan, results.cells(), false) << "Results: " << output.string() << "\n";
  int status = 0;
  for (const CellResult& cell : results.cells()) {
    const Verdict& verdict = cell.summary.verdict;
    if (!cell.failure.empty()) {
      return failed(cell.cell.id + ": " + cell.failure);
    }
    if (verdict.judgement == Judgement::violation && !(verdict.expected && allow_expected)) {
      return 2;
    }
    status = verdict.judgement == Judgement::unknown ? 3 : status;
  }
  return status;
}

int run_main(int argc, char** argv) {
  CLI::App app{"Runs an experiment file in virtual time.\n  geocommit-sim experiments/quickstart.yaml --output DIR",
               "geocommit-sim"};
  std::filesystem::path file;
  std::filesystem::path output;
  std::string seed;
  bool allow_expected = false;
  bool quiet = false;
  app.add_option("file", file, "the experiment")->required();
  app.add_option("--output", output, "folder of the results, empty or not there yet")->required();
  app.add_option("--seed", seed, "as seed: in the file");
  app.add_flag("--allow-expected", allow_expected, "a violation that the fault model predicts exits 0");
  app.add_flag("--quiet", quiet, "only the comparison");
  CLI11_PARSE(app, argc, argv);
  std::vector<Override> overrides;
  if (!seed.empty()) {
    overrides.push_back({"seed", seed});
  }
  auto plan = load_simulation(file, overrides);
  if (!plan) {
    return failed(plan.error().message);
  }
  std::error_code error;
  if (std::filesystem::exists(output, error) && !std::filesystem::is_empty(output, error)) {
    return failed("--output " + output.string() + ": expected a folder that is empty or not there yet");
  }
  for (const char* part : {"", "histograms"}) {
    if (auto made = make_folder(output / part); !made) {
      return failed(made.error().message);
    }
  }
  return run_simulation(*plan, output, allow_expected, quiet);
}

}  // namespace geocommit::sim
