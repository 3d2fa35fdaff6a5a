// geocommit-report, started by ./geocommit report: reads results folders, starts nothing.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "runner/html_report.h"

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

}  // namespace
}  // namespace geocommit

int main(int argc, char** argv) {
  CLI::App app{"Reads results folders.", "./geocommit"};
  app.require_subcommand(1);
  std::filesystem::path folder;
  CLI::App* report = app.add_subcommand("report", "Write report.html of a results folder again");
  report->add_option("RESULTS", folder, "The folder of a run")->required();
  report->footer("Example:\n  ./geocommit report results/quickstart-20250101-120000\n");
  CLI11_PARSE(app, argc, argv);
  return geocommit::report(folder);
}
