// The command: prints what was searched and what was found.
#include <cstdio>
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
  add(options.bounds.early_timers, "early timers");
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

}  // namespace

int run_explore(const Options& options, const Host& host) {
  host.out << "exploring " << options.protocol->name << ": " << bounds_of(options) << "\n" << std::flush;
  const double begin = host.seconds();
  const Report report =
      explore(options, [&] { return options.limits.seconds > 0 && host.seconds() - begin > options.limits.seconds; });
  const double took = host.seconds() - begin;
  host.out << name_of(report.ending) << ": " << report.states << " states, " << report.transitions
           << " transitions, depth " << report.depth << ", " << fixed(took, 1) << " s, "
           << static_cast<std::uint64_t>(static_cast<double>(report.states) / (took > 0 ? took : 1e-9)) << " states/s, "
           << (report.bytes >> 20U) << " MiB of states";
  if (host.peak_bytes) {
    host.out << ", peak " << (host.peak_bytes() >> 20U) << " MiB";
  }
  host.out << (report.symmetric ? "\n  interchangeable participants are counted once (checked)" : "")
           << "\n  one node's actions were enough in " << report.reduced << " states; healed and drained from "
           << report.settled << "; " << report.node_states << " node states, " << report.node_steps << " node steps, "
           << report.messages << " distinct messages\n";
  host.out << "  blocking states (a live site in doubt that cannot find out): " << report.blocking << "\n";
  std::size_t number = 0;
  const auto keep = [&](const std::string& kind, const Finding& finding) {
    if (host.save) {
      host.save(std::string(options.protocol->name) + "-" + kind + "-" + std::to_string(++number) + ".explored",
                golden_trace(options, finding));
    }
  };
  for (const Finding& finding : report.blocked) {
    host.out << "\nBLOCKING: " << finding.what << " (" << finding.steps.size() << " steps)\n" << finding.diagram;
    keep("blocking", finding);
  }
  for (const Finding& finding : report.violations) {
    host.out << "\nVIOLATION: " << finding.what << " (" << finding.steps.size() << " steps)\n" << finding.diagram;
    keep("violation", finding);
  }
  if (!report.violations.empty()) {
    return kViolation;
  }
  if (report.ending != Ending::exhausted) {
    return kNotExhausted;
  }
  host.out << "no violation\n";
  return kClean;
}

}  // namespace geocommit::explore
