// geocommit-trace, started by ./geocommit trace: what happened to single transactions, from the event logs of a run.
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <limits>
#include <string>
#include <vector>

#include "config/arguments.h"
#include "os/files.h"
#include "report/trace/diagram.h"
#include "report/trace/model.h"
#include "report/trace/perfetto.h"

namespace geocommit::trace {
namespace {

constexpr const char* kExamples =
    "Without a choice it lists what there is.\n\n"
    "Examples:\n"
    "  ./geocommit trace results/quickstart-2026-11-21T08-00-00                      what was traced, slowest first\n"
    "  ./geocommit trace results/... --txn 1001.1.42                                 one transaction\n"
    "  ./geocommit trace results/... --cell 2pc-r1 --slowest 3                       the three slowest of a cell\n"
    "  ./geocommit trace results/... --blocked                                       who was in doubt for too long\n"
    "  ./geocommit trace results/... --violations                                    what the verdict names\n"
    "  ./geocommit trace results/... --slowest 50 --perfetto /tmp/trace.json         for https://ui.perfetto.dev\n\n"
    "A run keeps the events of a sample of its transactions (trace: {sample: 1%} in the experiment file), and of all\n"
    "that timed out, were blocked, or violate. docs/tracing.md tells how to read a diagram.\n\n"
    "Exit status: 0, 1 on an error or when there is no such transaction.\n";

struct Options {
  std::filesystem::path results, perfetto;
  std::string cell, txn;
  std::size_t slowest{}, most{5}, width{};
  bool blocked{}, violations{}, all{};
  [[nodiscard]] bool chosen() const { return !txn.empty() || slowest > 0 || blocked || violations; }
};

std::size_t terminal_width() {
  winsize size{};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 120;
}

void sort_slowest(std::vector<Timeline>& timelines) {
  std::stable_sort(timelines.begin(), timelines.end(), [](const Timeline& a, const Timeline& b) {
    return a.latency_ns.value_or(-1) > b.latency_ns.value_or(-1);
  });
}

std::vector<Timeline> choose(const Options& options, const Cell& cell, std::vector<Timeline> all) {
  const auto keep = [&](const auto& wanted) {
    all.erase(std::remove_if(all.begin(), all.end(), [&](const Timeline& t) { return !wanted(t); }), all.end());
  };
  if (!options.txn.empty()) {
    const auto txn = parse_txn(options.txn);
    keep([&](const Timeline& t) { return t.txn == *txn; });
  }
  if (options.blocked) {
    keep([](const Timeline& t) { return t.blocked_ns > 0 || t.still_blocked; });
    std::stable_sort(all.begin(), all.end(),
                     [](const Timeline& a, const Timeline& b) { return a.blocked_ns > b.blocked_ns; });
  }
  if (options.violations) keep([&](const Timeline& t) { return t.split || cell.violating.contains(t.txn); });
  if (options.slowest > 0) {
    keep([](const Timeline& t) { return t.latency_ns.has_value(); });
    sort_slowest(all);
    all.resize(std::min(all.size(), options.slowest));
  }
  return all;
}

void list(const Cell& cell, std::vector<Timeline> all) {
  const auto count = [&](const auto& wanted) { return std::count_if(all.begin(), all.end(), wanted); };
  std::cout << cell.name << ": " << all.size() << " transactions traced at " << cell.nodes.size() << " nodes, "
            << count([](const Timeline& t) { return t.blocked_ns > 0 || t.still_blocked; }) << " blocked, "
            << count([&](const Timeline& t) { return t.split || cell.violating.contains(t.txn); }) << " violating, "
            << cell.marks.size() << " fault marks\n";
  sort_slowest(all);
  for (std::size_t i = 0; i < std::min<std::size_t>(all.size(), 10); ++i) std::cout << "  " << headline(all[i]) << "\n";
}

void show(const Cell& cell, const std::vector<Timeline>& chosen, const Options& options) {
  const std::size_t width = options.width > 0 ? options.width : terminal_width();
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    if (i == options.most) {
      std::cout << "... and " << chosen.size() - i << " more in " << cell.name << " (--most N shows more of them)\n";
      break;
    }
    std::cout << cell.name << "  " << headline(chosen[i]) << "\n" << draw(cell, chosen[i], width, options.all) << "\n";
  }
}

int failed(const std::string& why) {
  std::cerr << "error: " << why << "\n";
  return 1;
}

std::string nothing(const Options& options) {
  if (!options.txn.empty()) {
    return "no event of transaction " + options.txn +
           " was kept. A sample of all is, and those that timed out, were blocked or violate: run with\n"
           "  --set 'trace={sample: 100%}'\nto keep all of them (as far as its limit of megabytes goes)";
  }
  return options.blocked      ? "no traced transaction was blocked"
         : options.violations ? "no traced transaction violates"
                              : "no traced transaction has both its beginning and its decision in the logs";
}

int run(const Options& options) {
  if (!options.txn.empty() && !parse_txn(options.txn)) {
    return failed("--txn " + options.txn + ": expected COORDINATOR.EPOCH.NUMBER, such as 1001.1.42");
  }
  auto cells = load_cells(options.results, options.cell);
  if (!cells) return failed(cells.error().message);
  std::vector<Traced> traced;
  std::size_t found = 0;
  for (const Cell& cell : *cells) {
    for (const std::string& warning : cell.warnings) std::cerr << "note: " << cell.name << ": " << warning << "\n";
    std::vector<Timeline> all = timelines(cell);
    if (!options.chosen() && options.perfetto.empty()) list(cell, all);
    std::vector<Timeline> chosen = choose(options, cell, std::move(all));
    found += chosen.size();
    if (options.chosen() && options.perfetto.empty()) show(cell, chosen, options);
    if (!options.perfetto.empty() && !chosen.empty()) traced.push_back({&cell, std::move(chosen)});
  }
  if (found == 0 && (options.chosen() || !options.perfetto.empty())) return failed(nothing(options));
  if (!options.perfetto.empty()) {
    if (auto written = write_file(options.perfetto, perfetto_json(traced)); !written) {
      return failed(written.error().message);
    }
    std::cout << found << " transactions written to " << options.perfetto.string()
              << "; open it at https://ui.perfetto.dev\n";
  }
  return 0;
}

}  // namespace

int trace_main(int argc, char** argv) {
  Options options;
  CLI::App app{"Timelines of single transactions, from the event logs of every node.", "geocommit trace"};
  app.add_option("RESULTS", options.results, "The results folder of a run")->required();
  app.add_option("--cell", options.cell, "Only this cell, such as 2pc-r1");
  auto* txn = app.add_option("--txn", options.txn, "This transaction: COORDINATOR.EPOCH.NUMBER");
  auto* slowest = app.add_option("--slowest", options.slowest, "The N slowest at their coordinator")
                      ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000}));
  auto* blocked = app.add_flag("--blocked", options.blocked, "Those in doubt past their decision timeout");
  auto* violations = app.add_flag("--violations", options.violations, "Those that the verdict names, or that split");
  for (auto* one : {txn, slowest, blocked, violations}) {
    for (auto* other : {txn, slowest, blocked, violations}) {
      if (one != other) one->excludes(other);
    }
  }
  app.add_option("--perfetto", options.perfetto, "Write Chrome trace JSON there instead of drawing");
  app.add_option("--most", options.most, "Diagrams to draw at most, for each cell")->default_str("5");
  app.add_flag("--all", options.all, "Do not fold stretches of repeated questions");
  app.add_option("--width", options.width, "Columns to draw in (default: the terminal's)")
      ->check(CLI::Range(std::size_t{40}, std::size_t{1000}));
  app.footer(kExamples);
  if (const auto status = parse_arguments(app, argc, argv)) return *status;
  options.most = std::max({options.most, options.slowest, std::size_t{1}});
  return run(options);
}

}  // namespace geocommit::trace

int main(int argc, char** argv) { return geocommit::trace::trace_main(argc, argv); }
