// geocommit-report, started by ./geocommit report, compare, results, list, init, schema and completion: reads and
// writes files; no run is started.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <set>

#include "config/arguments.h"
#include "experiment/schemas.h"
#include "experiment/shipped_list.h"
#include "os/console.h"
#include "os/exit_status.h"
#include "os/files.h"
#include "report/compare/compare.h"
#include "report/html_report.h"
#include "report/past_runs.h"

namespace geocommit {
namespace {

int fail(const std::string& why) {
  std::fprintf(stderr, "error: %s\n", why.c_str());
  return 1;
}

int report(const std::filesystem::path& folder, bool open) {
  if (auto written = write_html_report(folder); !written) return fail(written.error().message);
  const std::string page = (folder / "report.html").string();
  std::printf("%s\n", page.c_str());
  std::fflush(stdout);
  if (!open) return kPass;
  ::execlp("xdg-open", "xdg-open", page.c_str(), nullptr);
  return fail("there is no xdg-open to show it with (Debian: xdg-utils); open it in a browser");
}

int init(const std::string& name) {
  const auto file = write_starter(name);
  if (!file) return fail(file.error().message);
  const std::string words = file->string();
  std::printf(
      "%s\n\nNext:\n  ./geocommit run %s --dry-run    what it would do, and what theory predicts\n"
      "  ./geocommit sim %s              in virtual time: seconds\n"
      "  ./geocommit run %s              for real\n",
      words.c_str(), words.c_str(), words.c_str(), words.c_str());
  return kPass;
}

bool coloured() { return Console({}).coloured(); }

int results(const std::filesystem::path& folder) {
  const auto runs = past_runs(folder);
  if (!runs) return fail(runs.error().message);
  std::fputs(print(*runs, coloured()).c_str(), stdout);
  return kPass;
}

int clean_results(const std::filesystem::path& folder, std::size_t keep, bool dry) {
  const auto gone = remove_old_runs(folder, keep, dry);
  if (!gone) return fail(gone.error().message);
  for (const PastRun& run : *gone) std::printf("%s %s\n", dry ? "would remove" : "removed", run.folder.c_str());
  if (gone->empty()) std::printf("nothing to remove: at most %zu finished runs are in %s\n", keep, folder.c_str());
  return kPass;
}

int print(const Result<std::string>& text) {
  if (!text) return fail(text.error().message);
  std::fputs(text.value().c_str(), stdout);
  return 0;
}

struct CompareOptions {
  std::vector<std::string> sources;
  bool csv{};
  std::string html;
  std::uint64_t seed{1};
  bool fail_on_regression{};
};

int compare_runs(const CompareOptions& options) {
  std::vector<compare::Source> sources;
  std::set<std::string> places;
  for (const std::string& argument : options.sources) {
    auto source = compare::load(argument);
    if (!source) return fail(source.error().message);
    std::string place = std::filesystem::absolute(argument).lexically_normal().string();
    while (place.size() > 1 && place.back() == '/') place.pop_back();
    if (!places.insert(place).second) return fail(argument + " stands twice: there is nothing to compare in it");
    const bool taken =
        std::any_of(sources.begin(), sources.end(), [&](const auto& s) { return s.label == source->label; });
    if (taken) source->label = place;
    sources.push_back(std::move(source).value());
  }
  if (options.fail_on_regression && sources.size() < 2) {
    return fail("--fail-on regression: expected two results or more, the first as the base");
  }
  const auto result = compare::compare(sources, options.seed);
  if (!result) return fail(result.error().message);
  if (!options.html.empty()) {
    if (auto written = write_file(options.html, compare::to_html(*result)); !written)
      return fail(written.error().message);
  }
  std::fputs((options.csv ? compare::to_csv(*result) : compare::print(*result, coloured())).c_str(), stdout);
  if (!options.fail_on_regression) return kPass;
  const auto worse = compare::regressions(*result);
  for (const std::string& one : worse) std::fprintf(stderr, "regression: %s\n", one.c_str());
  if (worse.empty() && compare::nothing_told(*result)) {
    std::fprintf(stderr, "no figure could be told from noise: run with repetitions: 3 or more\n");
  }
  return worse.empty() ? kPass : kThreshold;
}

void add_compare_options(CLI::App& app, CompareOptions& options) {
  app.add_option("RESULTS", options.sources,
                 "FOLDER, FOLDER:PROTOCOL or FOLDER:CELL; the first is what the others are compared with")
      ->required()
      ->expected(1, 16);
  app.add_flag("--csv", options.csv, "Print CSV");
  app.add_option("--html", options.html, "Also write one page to this file");
  app.add_option("--seed", options.seed, "Of the bootstrap")->default_str("1");
  app.add_option_function<std::string>(
         "--fail-on", [&options](const std::string&) { options.fail_on_regression = true; },
         "regression: exit 4 if a figure is worse than the first's beyond noise, or a verdict is")
      ->check(CLI::IsMember({"regression"}));
  app.footer(
      "Examples:\n"
      "  ./geocommit compare results/before results/after         each protocol, run against run\n"
      "  ./geocommit compare results/quickstart                   the protocols of one run\n"
      "  ./geocommit compare results/quickstart:2pc results/quickstart:3pc --html difference.html\n"
      "  ./geocommit compare results/before results/after --fail-on regression\n"
      "\nIntervals need repetitions: set repetitions: 5 in the experiment.\n");
}

}  // namespace
}  // namespace geocommit

int main(int argc, char** argv) {
  using namespace geocommit;  // NOLINT: a main
  CLI::App app{"Reads results folders, and shows what there is.", "./geocommit"};
  app.require_subcommand(1);
  std::filesystem::path folder;
  bool open = false;
  CLI::App* reports = app.add_subcommand("report", "Write report.html of a results folder again");
  reports->add_option("RESULTS", folder, "The folder of a run")->required();
  reports->add_flag("--open", open, "Then show it in a browser");
  reports->footer(
      "Examples:\n  ./geocommit report results/quickstart-20250101-120000\n"
      "  ./geocommit report results/quickstart-20250101-120000 --open\n");
  CompareOptions options;
  CLI::App* compare = app.add_subcommand("compare", "Runs or cells side by side: what differs, and is it noise?");
  add_compare_options(*compare, options);
  std::filesystem::path runs = "results";
  std::size_t keep = 10;
  bool dry = false;
  CLI::App* past = app.add_subcommand("results", "List past runs: when, what, verdict, size; or remove old ones");
  past->add_option("--folder", runs, "Where they are")->default_str("results");
  past->footer(
      "Examples:\n  ./geocommit results\n  ./geocommit results clean --keep 10 --dry-run\n"
      "  ./geocommit results clean --keep 10\n");
  CLI::App* clean = past->add_subcommand("clean", "Remove finished runs but for the newest");
  clean->add_option("--keep", keep, "How many stay")->required();
  clean->add_flag("--dry-run", dry, "Only say which would go");
  clean->footer("Example:\n  ./geocommit results clean --keep 10\n\nWhat is no finished run is left alone.\n");
  CLI::App* list = app.add_subcommand("list", "List shipped experiments and topologies, and the protocols");
  list->footer("Example:\n  ./geocommit list\n");
  std::string name = "experiment";
  CLI::App* starter = app.add_subcommand("init", "Write an experiment to begin with, every key explained");
  starter->add_option("NAME", name, "Of the experiment; the file is NAME.yaml, here")->default_str("experiment");
  starter->footer("Examples:\n  ./geocommit init\n  ./geocommit init mine\n");
  std::string which;
  CLI::App* schema = app.add_subcommand("schema", "Print the JSON Schema of a kind of file, for editors");
  schema->add_option("NAME", which, "experiment or topology")->required();
  schema->footer("Example:\n  ./geocommit schema experiment > experiment.schema.json\n");
  CLI::App* completion = app.add_subcommand("completion", "Print the completion of a shell");
  completion->add_option("SHELL", which, "bash or zsh")->required();
  completion->footer("Example:\n  source <(./geocommit completion bash)\n");
  if (const auto status = parse_arguments(app, argc, argv)) return *status;
  if (schema->parsed()) return print(print_schema(which));
  if (completion->parsed()) return print(print_completion(which));
  if (list->parsed()) return print(print_shipped());
  if (starter->parsed()) return init(name);
  if (clean->parsed()) return clean_results(runs, keep, dry);
  if (past->parsed()) return results(runs);
  return reports->parsed() ? report(folder, open) : compare_runs(options);
}
