// The command and its files.
#include <cstdlib>
#include <ostream>
#include <sstream>

#include "sim/explore/failover/failover.h"
#include "sim/explore/kept_trace.h"

namespace geocommit::explore {
namespace {

constexpr std::string_view kFile = "explore-failover";

struct Setting {
  std::string_view name;
  std::uint32_t FailoverOptions::*value;
};
constexpr Setting kSettings[] = {
    {"sites", &FailoverOptions::sites},         {"failovers", &FailoverOptions::failovers},
    {"transfers", &FailoverOptions::transfers}, {"crashes", &FailoverOptions::crashes},
    {"renewals", &FailoverOptions::renewals},   {"half-leases", &FailoverOptions::hours},
    {"writes", &FailoverOptions::writes},
};

std::string bounds_of(const FailoverOptions& options) {
  std::string text;
  for (const Setting& setting : kSettings) {
    text += " " + std::string(setting.name) + " " + std::to_string(options.*setting.value);
  }
  return text + " fencing " + (options.fencing ? "1" : "0") + (options.heartbeats ? " heartbeats 1" : "");
}

bool parse_bounds(std::istringstream& words, FailoverOptions& options) {
  std::string word;
  std::uint32_t number = 0;
  while (words >> word >> number) {
    bool known = word == "fencing" || word == "heartbeats";
    if (known) {
      (word == "fencing" ? options.fencing : options.heartbeats) = number != 0;
    }
    for (const Setting& setting : kSettings) {
      if (setting.name == word && number < 100) {
        options.*setting.value = number;
        known = true;
      }
    }
    if (!known) {
      return false;
    }
  }
  return words.eof() && options.sites >= 2 && options.sites <= 5;
}

}  // namespace

std::string golden_failover_trace(const FailoverOptions& options, const FailoverReport& report) {
  return "# " + report.violation + "\n" + std::string(kFile) + bounds_of(options) + "\n" +
         replay_failover(options, report.steps).transcript;
}

GoldenResult run_golden_failover_trace(const std::string& file) {
  FailoverOptions options;
  return run_kept_trace(
      file, kFile,
      [&](const std::string& line) {
        std::istringstream words(line.substr(kFile.size()));
        return parse_bounds(words, options);
      },
      [&](const std::vector<std::string>& steps) { return replay_failover(options, steps); });
}

int run_explore_failover(const FailoverOptions& options, const Host& host) {
  host.out << "exploring home-region's mastership:" << bounds_of(options) << "\n" << std::flush;
  const double begin = host.seconds();
  double last = begin;
  const FailoverReport report = explore_failover(options, [&](const Progress& progress) {
    print_progress(progress, begin, last, host);
    return options.limits.seconds > 0 && host.seconds() - begin > options.limits.seconds;
  });
  const double took = host.seconds() - begin;
  print_search_line(
      {report.ending, report.states, report.transitions, report.expanded, report.depth, report.complete, report.bytes},
      took, host);
  host.out << "  " << report.site_states << " states of single sites, " << report.messages << " distinct messages; "
           << report.together << " states of all sites together,\n  each searched with most of what can be in flight\n";
  if (!report.steps.empty()) {
    const std::string trace = golden_failover_trace(options, report);
    host.out << "\nVIOLATION: " << report.violation << " (" << report.steps.size() << " steps)\n"
             << replay_failover(options, report.steps).transcript;
    if (host.save) {
      host.out << "replay it: " << host.save("home-region-failover-violation.explored", trace) << "\n";
    }
    return kViolation;
  }
  return conclude(report.ending, "no state has two masters, and nobody opens without what a site that promised held",
                  host);
}

}  // namespace geocommit::explore
