// geocommit-report, started by ./geocommit report, compare, schema and completion: reads files, starts nothing.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "experiment/schemas.h"
#include "os/files.h"
#include "report/compare/compare.h"
#include "report/html_report.h"

namespace geocommit {
namespace {

int fail(const std::string& why) {
  std::fprintf(stderr, "error: %s\n", why.c_str());
  return 1;
}

int report(const std::filesystem::path& folder) {
  if (auto written = write_html_report(folder); !written) return fail(written.error().message);
  std::printf("%s\n", (folder / "report.html").string().c_str());
  return 0;
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
};

int compare_runs(const CompareOptions& options) {
  std::vector<compare::Source> sources;
  for (const std::string& argument : options.sources) {
    auto source = compare::load(argument);
    if (!source) return fail(source.error().message);
    const bool taken =
        std::any_of(sources.begin(), sources.end(), [&](const auto& s) { return s.label == source->label; });
    if (taken) source->label = argument;
    sources.push_back(std::move(source).value());
  }
  const auto result = compare::compare(sources, options.seed);
  if (!result) return fail(result.error().message);
  if (!options.html.empty()) {
    if (auto written = write_file(options.html, compare::to_html(*result)); !written)
      return fail(written.error().message);
  }
  const char* plain = std::getenv("NO_COLOR");
  const bool colour = ::isatty(1) == 1 && (plain == nullptr || *plain == '\0');
  std::fputs((options.csv ? compare::to_csv(*result) : compare::print(*result, colour)).c_str(), stdout);
  return 0;
}

}  // namespace
}  // namespace geocommit

int main(int argc, char** argv) {
  CLI::App app{"Reads results folders.", "./geocommit"};
  app.require_subcommand(1);
  std::filesystem::path folder;
  CLI::App* report = app.add_subcommand("report", "Write report.html of a results folder again");
  report->add_option("RESULTS", folder, "The folder of a run")->required();
  report->footer("Example:\n  ./geocommit report results/quickstart-20250101-120000\n");
  geocommit::CompareOptions options;
  CLI::App* compare = app.add_subcommand("compare", "Runs or cells side by side: what differs, and is it noise?");
  compare
      ->add_option("RESULTS", options.sources,
                   "FOLDER, FOLDER:PROTOCOL or FOLDER:CELL; the first is what the others are compared with")
      ->required()
      ->expected(1, 16);
  compare->add_flag("--csv", options.csv, "Print CSV");
  compare->add_option("--html", options.html, "Also write one page to this file");
  compare->add_option("--seed", options.seed, "Of the bootstrap")->default_str("1");
  compare->footer(
      "Examples:\n"
      "  ./geocommit compare results/before results/after         each protocol, run against run\n"
      "  ./geocommit compare results/quickstart                   the protocols of one run\n"
      "  ./geocommit compare results/quickstart:2pc results/quickstart:3pc --html difference.html\n"
      "\nIntervals need repetitions: set repetitions: 5 in the experiment.\n");
  std::string which;
  CLI::App* schema = app.add_subcommand("schema", "Print the JSON Schema of a kind of file, for editors");
  schema->add_option("NAME", which, "experiment or topology")->required();
  schema->footer("Example:\n  ./geocommit schema experiment > experiment.schema.json\n");
  CLI::App* completion = app.add_subcommand("completion", "Print the completion of a shell");
  completion->add_option("SHELL", which, "bash or zsh")->required();
  completion->footer("Example:\n  source <(./geocommit completion bash)\n");
  CLI11_PARSE(app, argc, argv);
  if (schema->parsed()) return geocommit::print(geocommit::print_schema(which));
  if (completion->parsed()) return geocommit::print(geocommit::print_completion(which));
  return report->parsed() ? geocommit::report(folder) : geocommit::compare_runs(options);
}
