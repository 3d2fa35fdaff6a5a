#include "sim/program/export_main.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <string>

#include "config/arguments.h"
#include "report/compare/compare.h"
#include "sim/program/kept_results.h"
#include "verdict/elle.h"

namespace geocommit {
namespace {

int failed(const std::string& why) {
  std::cerr << "geocommit export: " << why << "\n";
  return 1;
}

std::string cells_of(const KeptResults& kept) {
  std::string names;
  for (const auto& [cell, checksum] : kept.cells) {
    names += (names.empty() ? "" : ", ") + cell;
  }
  return names;
}

int export_history(const std::filesystem::path& results, const std::string& wanted, verdict::ElleModel model,
                   verdict::ElleFormat format) {
  const auto kept = read_results(results);
  if (!kept) {
    return failed(kept.error().message);
  }
  if (wanted.empty() && kept->cells.size() > 1) {
    return failed("these results have several cells: say --cell and one of " + cells_of(*kept));
  }
  const std::string id = wanted.empty() ? kept->cells.begin()->first : wanted;
  if (!kept->cells.contains(id)) {
    return failed("there is no cell named '" + id + "': expected one of " + cells_of(*kept));
  }
  const Cell& cell =
      *std::find_if(kept->plan.cells.begin(), kept->plan.cells.end(), [&](const Cell& one) { return one.id == id; });
  const Directory directory = kept->plan.directory(cell);
  const History history = kept->evidence(cell, directory).history;
  for (const auto& [node, left] : history.nodes) {
    if (!left.log_complete) {
      return failed("a log cannot be read: " + left.log_problem);
    }
  }
  if (!history.missing.empty()) {
    return failed(history.missing.front());
  }
  const auto text = verdict::elle_history(history, model, format);
  if (!text) {
    return failed(text.error().message + ": --history register");
  }
  std::cout << *text << std::flush;
  return std::cout ? 0 : failed("the history cannot be written");
}

int export_figures(const std::filesystem::path& results, const std::string& format) {
  const std::map<std::string, std::string (*)(const compare::Comparison&)> formats{{"", compare::to_markdown},
                                                                                   {"markdown", compare::to_markdown},
                                                                                   {"latex", compare::to_latex},
                                                                                   {"csv", compare::to_csv},
                                                                                   {"json", compare::to_json}};
  const auto write = formats.find(format);
  if (write == formats.end()) {
    return failed("--format " + format + ": expected markdown, latex, csv or json; edn is for --history");
  }
  const auto source = compare::load(results.string());
  if (!source) {
    return failed(source.error().message);
  }
  const auto figures = compare::tabulate(*source, 1);
  if (!figures) {
    return failed(figures.error().message);
  }
  std::cout << write->second(*figures) << std::flush;
  return std::cout ? 0 : failed("the table cannot be written");
}

}  // namespace

int export_main(int argc, char** argv) {
  CLI::App app{"Writes a run's figures as a table to paste, or its history for other checkers.", "./geocommit export"};
  std::filesystem::path results;
  std::string cell;
  std::string format;
  std::string model{"register"};
  app.add_option("RESULTS", results, "The folder of a run")->required();
  app.add_option("--format", format,
                 "Of the figures: markdown (default), latex, csv or json; of a history: edn (default) or json");
  auto* history =
      app.add_option("--history", model,
                     "Every transaction instead: what it read and wrote, when, and what its client was told; "
                     "register (default), or append: each entity the list of its versions")
          ->expected(0, 1)
          ->check(CLI::IsMember({"register", "append"}));
  app.add_option("--cell", cell, "Whose history, if there are several: 2pc-r1")->needs(history);
  app.footer(
      "Examples:\n"
      "  ./geocommit export results/quickstart-20260101-120000 --format markdown\n"
      "  ./geocommit export results/quickstart-20260101-120000 --format latex > table.tex\n"
      "  ./geocommit export results/quickstart-20260101-120000 --history --cell 2pc-r1 > history.edn\n"
      "\nA history is Elle's rw-register, with {:wfr-keys? true}, or its list-append.\n");
  if (const auto refused = parse_arguments(app, argc, argv)) {
    return *refused;
  }
  if (history->count() == 0) {
    return export_figures(results, format);
  }
  if (!format.empty() && format != "edn" && format != "json") {
    return failed("--format " + format + ": expected edn or json with --history");
  }
  return export_history(results, cell,
                        model == "append" ? verdict::ElleModel::list_append : verdict::ElleModel::rw_register,
                        format == "json" ? verdict::ElleFormat::json : verdict::ElleFormat::edn);
}

}  // namespace geocommit
