#include "sim/program/run_main.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <iostream>

#include "config/arguments.h"
#include "experiment/quick.h"
#include "os/exit_status.h"
#include "os/files.h"
#include "report/evidence.h"
#include "report/junit.h"
#include "report/manifest.h"
#include "report/progress_lines.h"
#include "report/publish.h"
#include "report/report.h"
#include "report/results.h"
#include "report/trace/marks.h"
#include "runtime/events/files.h"
#include "sim/program/simulate_cell.h"

namespace geocommit::sim {
namespace {

int failed(const std::string& why) {
  std::cerr << "geocommit sim: " << why << "\n";
  return 1;
}

struct Options {
  std::filesystem::path file, output;
  std::vector<std::string> settings;
  std::string seed, protocols, repetitions, progress;
  bool quick{};
  SimulationOptions simulation;
};

Result<std::vector<Override>> overrides_of(const Options& options) {
  std::vector<Override> overrides;
  for (const std::string& setting : options.settings) {
    const auto equals = setting.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Error{"--set " + setting + ": expected key=value, such as workload.rate=100/s"};
    }
    overrides.push_back({setting.substr(0, equals), setting.substr(equals + 1)});
  }
  if (!options.seed.empty()) {
    overrides.push_back({"seed", options.seed});
  }
  if (!options.repetitions.empty()) {
    overrides.push_back({"repetitions", options.repetitions});
  }
  if (!options.protocols.empty()) {
    overrides.push_back({"protocols", "[" + options.protocols + "]"});
  }
  return overrides;
}

/// `wanted`, which must be empty or not there yet; else a new one, named by the time.
Result<std::filesystem::path> make_results_folder(const std::filesystem::path& wanted, const std::string& name) {
  std::error_code error;
  std::filesystem::path folder = wanted;
  if (folder.empty()) {
    char text[32] = "";  // NOLINT: strftime
    const std::time_t now = std::time(nullptr);
    std::tm utc{};
    gmtime_r(&now, &utc);
    std::strftime(text, sizeof text, "%Y-%m-%dT%H-%M-%S", &utc);
    for (int i = 1; i < 100 && (i == 1 || std::filesystem::exists(folder, error)); ++i) {
      folder = child_path("results", {name + "-sim-" + text + (i == 1 ? "" : "-" + std::to_string(i))}).value();
    }
  }
  if (std::filesystem::exists(folder, error) && !std::filesystem::is_empty(folder, error)) {
    return Error{"--output " + folder.string() + ": expected a folder that is empty or not there yet"};
  }
  for (const char* part : {"", "histograms"}) {
    if (auto made = make_folder(folder / part); !made) {
      return made.error();
    }
  }
  return folder;
}

std::string hex(std::uint64_t value) {
  char text[17];  // NOLINT: snprintf
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

volatile std::sig_atomic_t interrupted = 0;

/// The first Ctrl-C ends the run after the cell under way, the second one at once.
void on_interrupt(int signal) {
  interrupted = 1;
  (void)std::signal(signal, SIG_DFL);
  constexpr std::string_view kText = "\ninterrupted: ends after this cell; again: at once\n";
  (void)!write(STDERR_FILENO, kText.data(), kText.size());
}

/// What ./geocommit trace reads: each node's events, and when faults began and ended.
Result<void> write_event_logs(const Plan& plan, const RunPaths& paths, const SimulatedCell& done) {
  const Cell& cell = done.result.cell;
  for (const auto& [node, events] : done.event_logs) {
    const auto folder = paths.node_folder(cell, *plan.directory(cell).find(node));
    for (const auto& written : {make_folder(folder), write_events(folder, node, events)}) {
      if (!written) {
        return written;
      }
    }
  }
  std::vector<FaultMark> marks;
  for (const FaultRecord& record : done.result.faults) {
    for (const FaultTimes& times : record.times) {
      marks.push_back({done.load_began + times.begin, true, record.fault.kind, record.fault.target});
      if (times.end) {
        marks.push_back({done.load_began + *times.end, false, record.fault.kind, record.fault.target});
      }
    }
  }
  std::stable_sort(marks.begin(), marks.end(), [](const FaultMark& a, const FaultMark& b) { return a.at < b.at; });
  for (const FaultMark& mark : marks) {
    if (auto written = append_fault_mark(paths.in({"nodes", cell.id, kFaultMarksFile}), mark);
        !written && !done.event_logs.empty()) {
      return written;
    }
  }
  return {};
}

/// What the manifest is made of.
CellEvidence evidence_of(const SimulatedCell& done) {
  CellEvidence evidence;
  evidence.drained = done.result.drained;
  evidence.load_began = done.load_began;
  evidence.clock = 0;  // There is only one.
  evidence.faults = done.result.faults;
  for (const auto& [node, balances] : done.balances) {
    evidence.reports[node].balances = balances;
  }
  return evidence;
}

/// `text`, `events`: who reads along, a person or a program.
int simulate(const Plan& plan, const std::filesystem::path& output, const SimulationOptions& options,
             std::ostream& text, std::ostream& events) {
  RunPaths paths;
  paths.results = output;
  // Named by what determines it: the same run has the same id, and the same bytes.
  Results results(plan, paths, "sim", "sim-" + std::to_string(plan.experiment.seed));
  if (auto written = write_file(output / kExperimentFile, to_yaml(plan.experiment, EmulationKind::sim, plan.timeouts));
      !written) {
    return failed(written.error().message);
  }
  const auto write_junit = [&]() -> Result<void> {
    if (options.junit.empty()) {
      return {};
    }
    return write_file(options.junit, to_junit(plan, results.cells(), results.failures(), options.allow_expected));
  };
  if (auto written = write_junit(); !written) {  // Nobody waits for a run whose end cannot be told.
    return failed(written.error().message);
  }
  std::string timeseries = timeseries_columns() + "\n";
  std::string traces;
  MetricsSeries series(plan);
  for (const Cell& cell : plan.cells) {
    if (interrupted != 0) {
      break;
    }
    events << cell_line(plan, results.cells().size() + 1) << "\n" << std::flush;
    SimulatedCell done =
        simulate_cell(plan, cell, &series, options.logs ? paths.in({"nodes", cell.id}) : std::filesystem::path());
    for (const std::string& row : done.timeseries) {
      timeseries += row + "\n";
    }
    traces += cell.id + " events=" + std::to_string(done.events) + " trace=" + hex(done.trace_hash) + "\n";
    text << one_line(plan, done.result, false) << "\n" << std::flush;
    events << judged_line(done.result) << "\n" << std::flush;
    if (auto written = write_event_logs(plan, paths, done); !written) {
      return failed(written.error().message);
    }
    if (options.logs) {
      auto sealed = seal_evidence({output, results.run_id()}, plan, cell, evidence_of(done));
      if (!sealed) {
        return failed(sealed.error().message);
      }
      done.result.evidence = std::move(sealed).value();
    }
    results.add(std::move(done.result));
    for (const auto& written :
         {results.write(), write_junit(), write_file(output / "timeseries.csv", timeseries),
          write_file(output / "trace.txt", traces), write_file(output / kMetricsLogFile, series.text())}) {
      if (!written) {
        return failed(written.error().message);
      }
    }
  }
  const auto found = publish(plan, results.cells(), output, false);
  if (!found) {
    return failed("no report.html: " + found.error().message);
  }
  if (options.quiet) {
    text << verdict_line(plan, results.cells(), false) << "\n";
  } else {
    text << "\nsimulated: virtual time, modelled network and disk\n"
         << comparison(plan, results.cells(), false) << "\nWhat this run found\n"
         << *found << "\n";
  }
  text << "Results: " << output.string() << " (report.html: to look at)\n";
  if (interrupted != 0 && results.cells().size() < plan.cells.size()) {
    text << "Interrupted after " << results.cells().size() << " of " << plan.cells.size() << " cells.\n";
    return kInterrupted;
  }
  for (const CellResult& cell : results.cells()) {
    if (!cell.failure.empty()) {
      return failed(cell.cell.id + ": " + cell.failure);
    }
  }
  return exit_status(results.cells(), plan.experiment.thresholds, options.allow_expected);
}

}  // namespace

int run_simulation(const Plan& plan, const std::filesystem::path& output, const SimulationOptions& options) {
  (void)std::signal(SIGINT, on_interrupt);
  (void)std::signal(SIGTERM, on_interrupt);
  std::ostream nowhere(nullptr);
  std::ostream &events = options.events ? std::cout : nowhere, &text = options.events ? nowhere : std::cout;
  events << started_line(plan, "sim", output) << "\n" << std::flush;
  const int status = simulate(plan, output, options, text, events);
  events << ended_line(status) << "\n" << std::flush;
  return status;
}

int run_main(int argc, char** argv) {
  CLI::App app{
      "Runs an experiment file in virtual time, whatever its emulation: says: the same files and verdict as a real "
      "run,\n"
      "from a modelled network and disk.",
      "./geocommit sim"};
  Options options;
  app.add_option("FILE", options.file, "The experiment: a file, or a name in experiments/")->required();
  app.add_option("--output", options.output, "Results folder (default: results/<name>-sim-<time>)");
  app.add_option("--set", options.settings, "Replace a value of the file: --set workload.rate=100/s (may be repeated)")
      ->allow_extra_args(false);
  app.add_option("--seed", options.seed, "As seed: in the file");
  app.add_option("--protocols", options.protocols, "As protocols: in the file: 2pc,3pc");
  app.add_option("--repetitions", options.repetitions, "As repetitions: in the file");
  app.add_flag("--quick", options.quick,
               "A first look: one repetition, of a sweep the ends, 5s where no fault is scheduled");
  app.add_flag("--allow-expected", options.simulation.allow_expected,
               "Exit 0 when all violations are what the protocol's fault model predicts");
  auto* quiet = app.add_flag("--quiet", options.simulation.quiet, "A line per cell, the verdict, and errors");
  app.add_option("--progress", options.progress, "text, or json: one object a line, for programs, in place of all else")
      ->check(CLI::IsMember({"text", "json"}))
      ->excludes(quiet);
  app.add_option("--junit", options.simulation.junit, "Also write verdicts and thresholds to this file, as JUnit XML");
  app.add_flag("--logs", options.simulation.logs,
               "Also the nodes' durable logs and the clients' outcomes, for ./geocommit check");
  app.footer(
      "Examples:\n"
      "  ./geocommit sim experiments/quickstart.yaml\n"
      "  ./geocommit sim experiments/aws-15.yaml --set workload.rate=1000/s --set duration=10m --output /tmp/load\n"
      "  ./geocommit sim experiments/quickstart.yaml --protocols 2pc --seed 7\n"
      "A seed gives the same bytes in summary.json, timeseries.csv and trace.txt, on any machine.\n"
      "\nExit status: 0 pass, 1 error, 2 violation, 3 unknown verdict, 4 a threshold is not kept, 130 interrupted.\n"
      "\nIn virtual time too, each with its --help: ./geocommit fuzz, explore, check; geocommit-sim bench.");
  if (const auto refused = parse_arguments(app, argc, argv, setting_keys)) {
    return *refused;
  }
  auto overrides = overrides_of(options);
  if (!overrides) {
    return failed(overrides.error().message);
  }
  if (options.quick) {
    const auto experiment = load_experiment(options.file, *overrides);
    if (!experiment) {
      return failed(experiment.error().message);
    }
    const Quick less = quick(*experiment, *overrides);
    overrides->insert(overrides->end(), less.overrides.begin(), less.overrides.end());
    std::cerr << "--quick: " << less.what << "\n";
  }
  auto plan = load_simulation(options.file, *overrides);
  if (!plan) {
    return failed(plan.error().message);
  }
  const auto output = make_results_folder(options.output, plan->experiment.name);
  if (!output) {
    return failed(output.error().message);
  }
  options.simulation.events = options.progress == "json";
  return run_simulation(*plan, *output, options.simulation);
}

}  // namespace geocommit::sim
