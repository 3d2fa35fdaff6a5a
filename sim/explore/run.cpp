// The command: prints what was searched and what was found.
#include <cstdio>
#include <map>
#include <ostream>

#include "sim/explore/explore.h"

namespace geocommit::explore {
namespace {

std::string bounds_of(const Options& options) {
  std::string text = std::to_string(options.participants) + " participants";
  const auto add = [&text](std::uint32_t count, const std::string& what) {
    if (count > 0) {
      text += ", " + std::to_string(count) + " " + what;
    }
  };
  add(options.read_only, "of them read-only");
  add(options.bounds.crashes, "crashes");
  add(options.bounds.partitions, "partitions");
  add(options.bounds.duplicates, "duplicates");
  add(options.bounds.drops, "drops");
  add(options.bounds.early_timers, "early timers (nodes whose messages may outlast the timeouts)");
  add(options.bounds.early_firings, "early firings");
  add(options.bounds.denials, "lock denials");
  add(options.bounds.wounds, "wounds");
  if (options.bounds.crashes > 0 && options.bounds.restarts < Bounds::kEveryRestart) {
    text += ", " + std::to_string(options.bounds.restarts) + " restarts";
  }
  text += options.lost_tail ? ", lost tails" : "";
  text += options.reduce ? "" : ", no reduction";
  return text;
}

std::string fixed(double value, int digits) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%.*f", digits, value);
  return buffer;
}

/// A line every two seconds.
class Ticker {
 public:
  explicit Ticker(const Host& host) : host_(host), begin_(host.seconds()), last_(begin_) {}
  [[nodiscard]] double elapsed() const { return host_.seconds() - begin_; }
  void show(const Progress& progress, double now) {
    constexpr double kEvery = 2;
    if (now - last_ < kEvery) {
      return;
    }
    last_ = now;
    host_.out << "  " << fixed(now - begin_, 0) << " s: " << progress.states << " states, " << progress.expanded
              << " of them searched on, depth " << progress.depth << ", " << (progress.bytes >> 20U) << " MiB\n"
              << std::flush;
  }
  bool operator()(const Progress& progress, double limit) {
    const double now = host_.seconds();
    show(progress, now);
    return limit > 0 && now - begin_ > limit;
  }

 private:
  const Host& host_;
  double begin_, last_;
};

void print_totals(const Report& report, double took, const Host& host) {
  host.out << name_of(report.ending) << ": " << report.states << " states, " << report.transitions
           << " transitions, depth " << report.depth << ", " << fixed(took, 1) << " s, "
           << static_cast<std::uint64_t>(static_cast<double>(report.states) / (took > 0 ? took : 1e-9)) << " states/s, "
           << (report.bytes >> 20U) << " MiB of states";
  if (host.peak_bytes) {
    host.out << ", peak memory " << (host.peak_bytes() >> 20U) << " MiB";
  }
  host.out << "\n";
  if (report.ending != Ending::exhausted && report.ending != Ending::violation) {
    host.out << "  searched: everything that can happen in the first " << report.complete << " steps; "
             << report.expanded << " of the " << report.states << " states met were searched on\n";
  }
  host.out << (report.symmetric ? "  interchangeable participants are counted once (checked)\n" : "")
           << "  one node's actions were enough in " << report.reduced << " states; healed and drained from "
           << report.settled << "; " << report.node_states << " node states, " << report.node_steps << " node steps, "
           << report.messages << " distinct messages\n"
           << "  blocking states (a live site in doubt that cannot find out): " << report.blocking << "\n";
}

}  // namespace

int run_explore(const Options& options, const Host& host) {
  host.out << "exploring " << options.protocol->name << ": " << bounds_of(options) << "\n" << std::flush;
  Ticker ticker(host);
  const Report report =
      explore(options, [&](const Progress& progress) { return ticker(progress, options.limits.seconds); });
  print_totals(report, ticker.elapsed(), host);
  std::map<std::string, int> numbers;
  const auto show = [&](const std::string& kind, const Finding& finding) {
    const std::string name(options.protocol->name);
    host.out << "\n"
             << (kind == "violation" ? "VIOLATION" : "BLOCKING") << ": " << finding.what << " (" << finding.steps.size()
             << " steps)\n"
             << finding.diagram;
    if (host.save) {
      host.out << "replay it: "
               << host.save(name + "-" + kind + "-" + std::to_string(++numbers[kind]) + ".explored",
                            golden_trace(options, finding))
               << "\n";
    }
  };
  for (const Finding& finding : report.blocked) {
    show("blocking", finding);
  }
  for (const Finding& finding : report.violations) {
    show("violation", finding);
  }
  if (!report.violations.empty()) {
    return kViolation;
  }
  if (report.ending != Ending::exhausted) {
    host.out << "no violation in what was searched\n";
    return kNotExhausted;
  }
  host.out << "no violation\n";
  return kClean;
}

}  // namespace geocommit::explore
