#include "sim/program/fuzz_main.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

#include "config/arguments.h"
#include "os/console.h"
#include "os/exit_status.h"
#include "os/process.h"
#include "sim/fuzz.h"

namespace geocommit::sim {
namespace {

struct Options {
  std::string seeds{"1..100"};
  std::string faults, duration, protocol;
  std::vector<std::string> set;  ///< Of the protocol: "read_only=false".
  std::uint32_t regions{}, participants{}, jobs{2};
  bool verbose{}, no_shrink{};
};

struct Range {
  std::uint64_t first{}, last{};
};

/// All of `text`, or nothing.
std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  return problem == std::errc{} && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

/// "1..50" or "1-50", or one number.
Result<Range> parse_range(const std::string& text) {
  const std::size_t end = std::min(text.find(".."), text.find('-'));
  const auto first = number(text.substr(0, end));
  const auto last = end == std::string::npos ? first : number(text.substr(end + (text[end] == '-' ? 1 : 2)));
  if (first && last && *first <= *last) return Range{*first, *last};
  return Error{"--seeds " + text + ": expected A..B with A <= B, or one number"};
}

Result<Reduction> parse_reduction(const Options& options) {
  Reduction out;
  if (!options.faults.empty()) {
    out.faults.emplace();
    std::stringstream list(options.faults == "none" ? "" : options.faults);
    for (std::string item; std::getline(list, item, ',');) {
      const auto index = number(item);
      if (!index) {
        return Error{"--faults " + options.faults + ": expected numbers of faults, as 0,3, or none"};
      }
      out.faults->push_back(*index);
    }
  }
  if (!options.duration.empty()) {
    const bool unit = options.duration.ends_with("ms");
    const auto length = number(options.duration.substr(0, options.duration.size() - (unit ? 2 : 0)));
    if (!unit || !length) {
      return Error{"--duration " + options.duration + ": expected milliseconds, as 400ms"};
    }
    out.duration = std::chrono::milliseconds(*length);
  }
  if (options.regions > 0) {
    out.regions = options.regions;
  }
  if (options.participants > 0) {
    out.participants = options.participants;
  }
  if (options.protocol.empty() && !options.set.empty()) {
    return Error{"--option is of a protocol: say which, with --protocol"};
  }
  if (!options.protocol.empty()) {
    if (find_protocol(options.protocol) == nullptr) {
      return Error{"--protocol " + options.protocol + ": no such protocol; ./geocommit protocols lists them"};
    }
    out.protocol = options.protocol;
    const auto read = read_options(out.protocol.value(), find_protocol(options.protocol)->options, options.set);
    if (!read) {
      return Error{"--" + read.error().message};
    }
    out.options = *read;
  }
  return out;
}

/// What a child process reports; a fixed size, so that one write is whole.
struct Tally {
  std::uint64_t seeds{}, events{}, committed{}, aborted{}, splits{}, failed_seed{};
  bool failed{};
};

/// Runs it in a child: true if it fails, also by an abort. The child's stderr is dropped.
bool fails_in_child(const FuzzCase& one) {
  const pid_t child = fork();
  if (child == 0) {
    (void)!freopen("/dev/null", "w", stderr);
    _exit(run_case(one).failures.empty() ? 0 : 2);
  }
  int status = 0;
  return child < 0 || waitpid(child, &status, 0) < 0 || status != 0;
}

/// True: it passed.
bool print_case(const FuzzCase& one) {
  std::cout << describe(one) << std::flush;
  const FuzzResult result = run_case(one);
  std::cout << "events " << result.events << ", committed " << result.committed << ", aborted " << result.aborted
            << ", virtual time " << to_seconds(result.virtual_time) << " s, trace " << std::hex << result.trace_hash
            << std::dec << (result.split_expected ? ", split as the protocol's fault model predicts" : "") << "\n";
  for (const std::string& failure : result.failures) {
    std::cout << "FAILED " << failure << "\n";
  }
  return result.failures.empty();
}

void report_failure(std::uint64_t seed, const Reduction& reduction, bool shrink_it) {
  std::cout << "  replay: ./geocommit " << replay_arguments(seed, reduction) << " --verbose\n" << std::flush;
  if (!shrink_it) {
    return;
  }
  const Reduction small = shrink(seed, reduction, fails_in_child);
  std::cout << "  minimal: ./geocommit " << replay_arguments(seed, small) << " --verbose\n" << std::flush;
  const pid_t child = fork();
  if (child == 0) {
    (void)print_case(draw_case(seed, small));
    std::cout << std::flush;
    _exit(0);
  }
  int status = 0;
  if (child > 0 && waitpid(child, &status, 0) == child && status != 0) {
    std::cout << "  (the run aborted: a broken invariant)\n" << std::flush;
  }
}

/// Every `step`-th seed from `first`; stops at a failure and says which.
Tally run_share(std::uint64_t first, std::uint64_t last, std::uint64_t step, const Reduction& reduction, int progress) {
  Tally tally;
  for (std::uint64_t seed = first; seed <= last; seed += step) {
    tally.failed_seed = seed;  // Should it abort.
    (void)!write(progress, &tally, sizeof tally);
    const FuzzResult result = run_case(draw_case(seed, reduction));
    ++tally.seeds;
    tally.events += result.events;
    tally.committed += result.committed;
    tally.aborted += result.aborted;
    tally.splits += result.split_expected ? 1 : 0;
    if (!result.failures.empty()) {
      tally.failed = true;
      break;
    }
  }
  if (!tally.failed) {
    tally.failed_seed = 0;
  }
  return tally;
}

struct Share {
  std::uint64_t next{};  ///< First seed not yet run.
  pid_t child{-1};
  int pipe_read{-1};
  Tally last;
};

bool start(Share& share, const Range& range, std::uint64_t step, const Reduction& reduction) {
  int ends[2];
  if (share.next > range.last || pipe(ends) != 0) {
    return false;
  }
  share.last = {};
  share.child = fork();
  if (share.child == 0) {
    (void)std::signal(SIGINT, SIG_DFL);
    (void)std::signal(SIGTERM, SIG_DFL);
    close(ends[0]);
    const Tally tally = run_share(share.next, range.last, step, reduction, ends[1]);
    (void)!write(ends[1], &tally, sizeof tally);
    _exit(0);
  }
  close(ends[1]);
  share.pipe_read = ends[0];
  return share.child > 0;
}

/// Takes what the children say; false while all of them go on. The share whose child has said all is in `ended`.
bool listen(std::vector<Share>& shares, Share*& ended) {
  std::vector<pollfd> pipes;
  std::vector<Share*> whose;
  for (Share& share : shares) {
    if (share.child > 0) {
      pipes.push_back({share.pipe_read, POLLIN, 0});
      whose.push_back(&share);
    }
  }
  if (poll(pipes.data(), pipes.size(), 200) <= 0) {
    return false;
  }
  for (std::size_t i = 0; i < pipes.size(); ++i) {
    Tally one;
    if (pipes[i].revents == 0) {
      continue;
    }
    if (read(whose[i]->pipe_read, &one, sizeof one) == static_cast<ssize_t>(sizeof one)) {
      whose[i]->last = one;
    } else {
      ended = whose[i];
      return true;
    }
  }
  return false;
}

Tally finish(Share& share) {
  close(share.pipe_read);
  int status = 0;
  waitpid(share.child, &status, 0);
  share.child = -1;
  share.last.failed = share.last.failed || status != 0;
  return std::exchange(share.last, {});
}

void add(Tally& sum, const Tally& one) {
  sum.seeds += one.seeds;
  sum.events += one.events;
  sum.committed += one.committed;
  sum.aborted += one.aborted;
  sum.splits += one.splits;
}

int run_seeds(const Range& range, const Options& options, const Reduction& reduction) {
  constexpr std::size_t kMostFailures = 20;
  constexpr std::size_t kShrunk = 3;
  handle_interrupts();
  Console console({});
  const auto began = std::chrono::steady_clock::now();
  Tally sum;
  std::size_t failed = 0;
  std::vector<Share> shares(std::max(1U, options.jobs));
  for (std::size_t i = 0; i < shares.size(); ++i) {
    shares[i].next = range.first + i;
    (void)start(shares[i], range, shares.size(), reduction);
  }
  const auto running = [&] {
    return std::any_of(shares.begin(), shares.end(), [](const Share& share) { return share.child > 0; });
  };
  while (running() && failed < kMostFailures && !interrupted()) {
    Share* ended = nullptr;
    if (!listen(shares, ended)) {
      Tally now = sum;
      for (const Share& share : shares) add(now, share.last);
      if (std::chrono::steady_clock::now() - began < 2s) continue;
      console.live(std::to_string(now.seeds) + " of " + std::to_string(range.last - range.first + 1) + " seeds, " +
                   std::to_string(failed) + " failed");
      continue;
    }
    const Tally tally = finish(*ended);
    add(sum, tally);
    if (tally.failed && !interrupted()) {
      ++failed;
      console.end_live("seed " + std::to_string(tally.failed_seed) + " FAILED (commit " GEOCOMMIT_COMMIT ")");
      report_failure(tally.failed_seed, reduction, !options.no_shrink && failed <= kShrunk);
      ended->next = tally.failed_seed + shares.size();
      (void)start(*ended, range, shares.size(), reduction);
    }
  }
  for (Share& share : shares) {
    if (share.child > 0) {
      add(sum, share.last);
      kill(share.child, SIGKILL);
      (void)finish(share);
    }
  }
  std::ostringstream out;
  out << sum.seeds << " seeds, " << sum.events << " events, " << sum.committed << " committed, " << sum.aborted
      << " aborted, " << sum.splits << " runs with a split that their protocol's fault model predicts, " << failed
      << " failed" << (interrupted() ? "; interrupted" : "");
  console.result(out.str());
  return interrupted() ? kInterrupted : failed == 0 ? kPass : kViolation;
}

}  // namespace

int fuzz_main(int argc, char** argv) {
  CLI::App app{
      "Random simulation: each seed draws a topology, a load, a protocol and faults; the run is healed, "
      "drained and judged.\n  ./geocommit fuzz --seeds 1..1000",
      "./geocommit fuzz"};
  Options options;
  app.add_option("--seeds", options.seeds, "A..B or A-B, or one seed")->capture_default_str();
  app.add_option("--protocol", options.protocol, "only this one, instead of the one that the seed draws");
  app.add_option("--option", options.set, "of the protocol, with --protocol: read_only=false");
  app.add_option("--faults", options.faults, "only these of the plan: 0,3 or none");
  app.add_option("--duration", options.duration, "of the load, at most: 400ms");
  app.add_option("--regions", options.regions, "at most");
  app.add_option("--participants", options.participants, "at most");
  app.add_option("--jobs", options.jobs, "processes")->capture_default_str();
  app.add_flag("--verbose", options.verbose, "one seed: print what it draws and what comes of it");
  app.add_flag("--no-shrink", options.no_shrink, "do not look for a smaller failing case");
  if (const auto refused = parse_arguments(app, argc, argv)) {
    return *refused;
  }
  const auto range = parse_range(options.seeds);
  const auto reduction = parse_reduction(options);
  if (!range || !reduction) {
    return refuse_arguments(app.get_name(), (range ? reduction.error() : range.error()).message);
  }
  if (options.verbose) {
    return print_case(draw_case(range->first, *reduction)) ? 0 : 2;
  }
  return run_seeds(*range, options, *reduction);
}

}  // namespace geocommit::sim
