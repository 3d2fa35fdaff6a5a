// The command: prints what was searched and what was found.
#include <cstdio>
#include <map>
#include <ostream>

#include "sim/explore/breadth_first.h"

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
  if (options.bounds.crashes > 0 && sent_arrives(options.sent_arrives, *options.protocol)) {
    text += ", what the dead had sent arrives";
  }
  text += options.reduce ? "" : ", no reduction";
  return text;
}

std::string fixed(double value, int digits) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%.*f", digits, value);
  return buffer;
}

void print_totals(const Report& report, const Options& options, double took, const Host& host) {
  print_search_line({report.ending, report.states, report.transitions, report.expanded, report.depth, report.complete,
                     report.bytes, options.limits.losses},
                    took, host);
  host.out << (report.symmetric ? "  interchangeable participants are counted once (checked)\n" : "")
           << "  one node's actions were enough in " << report.reduced << " states; healed and drained from "
           << report.settled << "; " << report.node_states << " node states, " << report.node_steps << " node steps, "
           << report.messages << " distinct messages\n"
           << "  blocking states (a live site in doubt that cannot find out): " << report.blocking << "\n";
}

}  // namespace

bool sent_arrives(std::optional<bool> asked, const Protocol& protocol) {
  return asked.value_or(!protocol.safe_under.survives(Failure::lost_sends));
}

std::string not_driven(const Protocol& protocol) {
  if (protocol.commit_point == CommitPoint::accepted) {
    return std::string(protocol.name) +
           " leads ballot after ballot while acceptors are missing, and no search bounds these yet; ./geocommit fuzz "
           "runs it";
  }
  for (const Role role : protocol.roles) {
    if (role != Role::coordinator && role != Role::participant) {
      return std::string(protocol.name) +
             " has acceptors, and no search drives these yet: its machines wait for answers that would never come. "
             "./geocommit fuzz runs them.";
    }
  }
  return {};
}

std::string beyond_claim(const Options& options) {
  const Bounds& bounds = options.bounds;
  const FaultModel& claim = options.protocol->safe_under;
  std::string beyond;
  if (bounds.crashes > 0 && !sent_arrives(options.sent_arrives, *options.protocol) &&
      !claim.survives(Failure::lost_sends)) {
    beyond = "a crash that loses what was sent";
  }
  if (bounds.partitions + bounds.drops + bounds.early_timers + bounds.early_firings > 0 &&
      !claim.survives(Failure::partition)) {
    beyond += (beyond.empty() ? "" : ", ") + std::string("messages lost or late between the living");
  }
  return beyond;
}

void print_progress(const Progress& progress, double begin, double& last, const Host& host) {
  constexpr double kEvery = 2;
  const double now = host.seconds();
  if (now - last < kEvery) {
    return;
  }
  last = now;
  host.out << "  " << fixed(now - begin, 0) << " s: " << progress.states << " states, " << progress.expanded
           << " of them searched on, depth " << progress.depth << ", " << (progress.bytes >> 20U) << " MiB\n"
           << std::flush;
}

int conclude(Ending ending, std::string_view clean, const Host& host) {
  host.out << (ending == Ending::exhausted ? clean : "no violation in what was searched") << "\n";
  return ending == Ending::exhausted ? kClean : kNotExhausted;
}

void print_search_line(const SearchLine& line, double took, const Host& host) {
  host.out << name_of(line.ending) << ": " << line.states << " states, " << line.transitions << " transitions, depth "
           << line.depth << ", " << fixed(took, 1) << " s, "
           << static_cast<std::uint64_t>(static_cast<double>(line.states) / (took > 0 ? took : 1e-9)) << " states/s, "
           << (line.bytes >> 20U) << " MiB of states";
  if (host.peak_bytes) {
    host.out << ", peak memory " << (host.peak_bytes() >> 20U) << " MiB";
  }
  host.out << "\n";
  if (line.ending == Ending::losses) {
    host.out << "  searched: everything, but that a crash or a restart lost any subset of the first "
             << line.losses_most << " of a node's messages in\n  flight; there were more, and these were not lost\n";
  } else if (line.ending != Ending::exhausted && line.ending != Ending::violation) {
    host.out << "  searched: everything that can happen in the first " << line.complete << " steps; " << line.expanded
             << " of the " << line.states << " states met were searched on\n";
  }
}

int run_plain(const PlainRun& run, const Host& host) {
  host.out << run.title << "\n" << std::flush;
  const double begin = host.seconds();
  double last = begin;
  const PlainReport report = run.search([&](const Progress& progress) {
    print_progress(progress, begin, last, host);
    return run.limits.seconds > 0 && host.seconds() - begin > run.limits.seconds;
  });
  print_search_line({report.ending, report.states, report.transitions, report.expanded, report.depth, report.complete,
                     report.bytes, run.limits.losses},
                    host.seconds() - begin, host);
  host.out << "  drained from " << report.settled << "; " << report.node_states << " node states, " << report.node_steps
           << " node steps, " << report.messages << " distinct messages\n";
  if (!report.violation.empty()) {
    host.out << "\nVIOLATION: " << report.violation << " (" << report.steps.size() << " steps)\n" << report.transcript;
    if (host.save) {
      host.out << "replay it: " << host.save(run.file, run.golden(report)) << "\n";
    }
    return kViolation;
  }
  return conclude(report.ending, "no violation", host);
}

int run_explore(const Options& options, const Host& host) {
  if (const std::string why = not_driven(*options.protocol); !why.empty()) {
    host.out << why << "\n";
    return kRefused;
  }
  host.out << "exploring " << options.protocol->name << ": " << bounds_of(options) << "\n" << std::flush;
  const double begin = host.seconds();
  double last = begin;
  const Report report = explore(options, [&](const Progress& progress) {
    print_progress(progress, begin, last, host);
    return options.limits.seconds > 0 && host.seconds() - begin > options.limits.seconds;
  });
  print_totals(report, options, host.seconds() - begin, host);
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
    if (const std::string beyond = beyond_claim(options); !beyond.empty()) {
      host.out << "\n"
               << options.protocol->name << " claims to be safe under " << options.protocol->safe_under.text()
               << "; beyond it, and allowed here: " << beyond << "\n";
    }
    return kViolation;
  }
  return conclude(report.ending, "no violation", host);
}

}  // namespace geocommit::explore
