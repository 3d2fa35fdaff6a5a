#include "sim/program/twin_main.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "config/arguments.h"
#include "os/exit_status.h"
#include "os/files.h"
#include "sim/program/kept_results.h"
#include "sim/program/simulate_cell.h"
#include "sim/program/twin.h"

namespace geocommit::sim {
namespace {

using Json = nlohmann::ordered_json;

/// What takes longer than some seconds, and says little: such a run is bound by its machine.
constexpr std::uint64_t kTransactionsMost = 500'000;

int failed(const std::string& why) {
  std::cerr << "geocommit twin: " << why << "\n";
  return kFailed;
}

/// Nullopt: it has a twin.
std::optional<std::string> why_none(const Json& real) {
  if (!real.value("failure", Json()).is_null() || real.value("interrupted", false)) {
    return "it was not run to its end";
  }
  const auto offered = real.value("transactions", Json::object()).value("offered", std::uint64_t{0});
  if (offered > kTransactionsMost) {
    return std::to_string(offered) + " transactions; at most " + std::to_string(kTransactionsMost) + " are simulated";
  }
  return std::nullopt;
}

/// Puts a twin into each cell of `summary`. `only_apart`: says nothing of what is as near as it should be.
void add_twins(KeptResults& kept, Json& summary, bool only_apart) {
  std::ptrdiff_t apart = 0;
  for (Json& real : summary["cells"]) {
    const auto cell = std::find_if(kept.plan.cells.begin(), kept.plan.cells.end(),
                                   [&](const Cell& one) { return real.value("cell", "") == one.id; });
    if (cell == kept.plan.cells.end()) {
      continue;
    }
    if (const auto why = why_none(real)) {
      std::cout << cell->id << "  no twin: " << *why << "\n";
      real["twin"] = {{"why_not", *why}};
      continue;
    }
    const bool shows = isatty(STDERR_FILENO) != 0;
    std::cerr << (shows ? "\r\033[K" + cell->id + "  simulating ..." : "") << std::flush;
    kept.plan.disk_force = from_ms(real.value("forced_write_ms", 1.0));
    const auto figures = hold_against(real, simulate_cell(kept.plan, *cell).result.summary);
    const std::string text = print(figures, only_apart);
    std::cerr << (shows ? "\r\033[K" : "") << std::flush;
    std::cout << (text.empty() ? "" : cell->id + "\n" + text) << std::flush;
    apart += std::count_if(figures.begin(), figures.end(), [](const TwinFigure& one) { return !one.unlike.empty(); });
    real["twin"] = to_json(figures);
  }
  std::cout << "Simulated: the same file and seed in virtual time, with the measured forced\nwrite. "
            << (apart == 0   ? "No figure is"
                : apart == 1 ? "One figure is"
                             : std::to_string(apart) + " figures are")
            << " further from it than 3 % (p50) or 10 % (p99).\n";
}

}  // namespace

int twin_main(int argc, char** argv) {
  CLI::App app{
      "Simulates a real run again, with the same file, seed and forced write, and holds the two against each other,\n"
      "figure by figure: also where faults, contention or jitter leave theory without a formula. Adds it to the run's\n"
      "summary.json; ./geocommit report then shows it.",
      "./geocommit twin"};
  std::filesystem::path results;
  bool only_apart = false;
  app.add_option("RESULTS", results, "The folder of a run")->required();
  app.add_flag("--apart", only_apart, "Print only the figures that are further apart than they may be");
  app.footer("Examples:\n  ./geocommit twin results/quickstart-2026-01-01T00-00-00\n");
  if (const auto refused = parse_arguments(app, argc, argv)) {
    return *refused;
  }
  auto kept = read_results(results);
  if (!kept) {
    return failed(kept.error().message);
  }
  const auto file = results / "summary.json";
  std::ifstream in(file);
  Json summary = Json::parse(in, nullptr, false);
  if (summary.is_discarded()) {
    return failed(file.string() + ": not a summary");
  }
  const std::string emulation = summary.value("emulation", "");
  if (emulation == "sim" || emulation == "loopback") {
    return failed(results.string() + (emulation == "sim" ? " was simulated: it is its own twin"
                                                         : " ran over loopback, which has no distances to simulate"));
  }
  add_twins(*kept, summary, only_apart);
  if (auto written = write_file(file, summary.dump(2) + "\n"); !written) {
    return failed(written.error().message);
  }
  return kPass;
}

}  // namespace geocommit::sim
