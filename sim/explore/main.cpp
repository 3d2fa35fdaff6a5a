// geocommit-explore PROTOCOL [bounds]: the explorer as a program. `./geocommit explore` calls the same run_explore.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <thread>

#include "sim/explore/conflict/conflict.h"
#include "sim/explore/explore.h"
#include "sim/explore/failover/failover.h"
#include "sim/explore/shipping/shipping.h"

namespace {

using namespace geocommit::explore;
using geocommit::all_protocols;
using geocommit::LockingPolicy;
using geocommit::Protocol;

int replay_file(const std::string& path) {
  std::ifstream in(path);
  const std::string file{std::istreambuf_iterator<char>(in), {}};
  if (file.empty()) {
    std::cerr << path << ": cannot be read, or empty\n";
    return 1;
  }
  auto* const run = file.find("\nexplore-shipping ") != std::string::npos   ? run_golden_shipping_trace
                    : file.find("\nexplore-conflict ") != std::string::npos ? run_golden_conflict_trace
                    : file.find("\nexplore-failover ") != std::string::npos ? run_golden_failover_trace
                                                                            : run_golden_trace;
  const GoldenResult result = run(file);
  std::cout << result.text << result.diagram;
  if (!result.error.empty()) {
    std::cerr << path << ": " << result.error << "\n";
    return 1;
  }
  std::cout << (result.text == file ? "as written\n" : "DIFFERS from what is written\n");
  return result.violation.empty() ? kClean : kViolation;
}

struct Arguments {
  Options options;
  ShippingOptions shipping;
  FailoverOptions failover;
  ConflictOptions conflict;
  std::string protocol, replay_path, save{"results/explored"};
  std::size_t mebibytes{2048};
  std::vector<std::string> set;  ///< Of the protocol: "read_only=false".
  bool no_reduction{}, no_symmetry{}, failovers{}, no_fencing{}, conflicts{}, no_wait{};
};

constexpr auto kCount = [](std::uint32_t most) { return CLI::Range(0U, most); };

void add_bounds(CLI::App& app, Options& options) {
  Bounds& bounds = options.bounds;
  app.add_option("--participants", options.participants, "sites of the transaction")
      ->check(CLI::Range(1U, 6U))
      ->capture_default_str();
  app.add_option("--read-only", options.read_only, "so many of them, the last ones, only read");
  app.add_option("--crashes", bounds.crashes, "of any node, at any time")->check(kCount(15));
  app.add_option("--partitions", bounds.partitions, "cuts into two sides, which may heal")->check(kCount(15));
  app.add_option("--duplicates", bounds.duplicates, "second copies of messages, however late")->check(kCount(15));
  app.add_option("--drops", bounds.drops, "messages lost")->check(kCount(15));
  app.add_option("--early-timers", bounds.early_timers, "nodes whose messages may outlast every timeout")
      ->check(kCount(7));
  app.add_option("--early-firings", bounds.early_firings, "single timers that fire too early")->check(kCount(15));
  app.add_option("--denials", bounds.denials, "lock denials")->check(kCount(15));
  app.add_option("--wounds", bounds.wounds, "prepared transactions that an older one asks to abort")->check(kCount(15));
  app.add_option("--restarts", bounds.restarts, "of the dead, while the search is on; 3: all")
      ->check(kCount(Bounds::kEveryRestart))
      ->capture_default_str();
  app.add_flag("--lost-tail", options.lost_tail, "a crash may lose any suffix of the unsynced log");
  // Not bound to the option itself: that would make it false where neither is said.
  app.add_flag_function(
      "--sent-arrives,!--sent-lost", [&options](std::int64_t said) { options.sent_arrives = said > 0; },
      "whether what a process had sent when it crashed arrives, or any subset of it is lost; without "
      "either, lost if the protocol claims to stand that");
}

void add_limits(CLI::App& app, Arguments& arguments) {
  Limits& limits = arguments.options.limits;
  app.add_option("--depth", limits.depth, "no longer traces");
  app.add_option("--states", limits.states, "no more states");
  app.add_option("--seconds", limits.seconds, "time limit; 0: none")->capture_default_str();
  app.add_option("--memory-mib", arguments.mebibytes, "limit of the visited set")->capture_default_str();
  app.add_option("--threads", limits.threads,
                 "that look ahead; what is found does not depend on how many. Default: as many as there are cores. "
                 "--failover: one")
      ->check(CLI::Range(1U, 256U));
  app.add_option("--losses", limits.losses,
                 "of a node's messages in flight at its crash or restart: every subset of so many is lost")
      ->check(CLI::Range(0U, 15U))
      ->capture_default_str();
  app.add_option("--show", arguments.options.show, "stop after so many kinds of violation")->capture_default_str();
  app.add_flag("--no-reduction", arguments.no_reduction, "without partial-order reduction");
  app.add_flag("--no-symmetry", arguments.no_symmetry, "tell interchangeable participants apart");
  app.add_option("--save", arguments.save, "folder for the traces found; empty: none")->capture_default_str();
  app.add_option("--replay", arguments.replay_path, "run a saved trace instead");
}

constexpr const char* kShippingOptions[] = {"--writes", "--replicas", "--late-rounds", "--checkpoint-records"};
void add_shipping(CLI::App& app, ShippingOptions& shipping) {
  app.add_option("--writes", shipping.writes, "home-region: transactions on one key")
      ->check(CLI::Range(1U, 4U))
      ->capture_default_str();
  app.add_option("--replicas", shipping.replicas, "home-region: sites that the home ships to")
      ->check(CLI::Range(1U, 2U))
      ->capture_default_str();
  app.add_option("--late-rounds", shipping.late_rounds, "home-region: shipping again what is not confirmed yet")
      ->check(kCount(15));
  app.add_option("--checkpoint-records", shipping.checkpoint_records,
                 "home-region: nodes checkpoint after so many log records; 0: never");
}

void add_failover(CLI::App& app, Arguments& arguments) {
  FailoverOptions& failover = arguments.failover;
  CLI::Option* on = app.add_flag("--failover", arguments.failovers,
                                 "home-region: how a home changes its master, instead of one transaction; messages may "
                                 "always be late or lost, and a crash keeps any prefix of what was not forced");
  app.add_flag("--no-fencing", arguments.no_fencing, "--failover: as `fencing: off` in an experiment")->needs(on);
  app.add_flag("--heartbeats", failover.heartbeats,
               "--failover: a new master may be heard of before anything of its log has come")
      ->needs(on);
  app.add_option("--sites", failover.sites, "--failover: that keep the home")
      ->check(CLI::Range(2U, 5U))
      ->needs(on)
      ->capture_default_str();
  app.add_option("--failovers", failover.failovers, "--failover: how many are ordered")
      ->check(kCount(3))
      ->needs(on)
      ->capture_default_str();
  app.add_option("--transfers", failover.transfers, "--failover: how many are ordered")->check(kCount(3))->needs(on);
  app.add_option("--renewals", failover.renewals, "--failover: of leases, in all")
      ->check(CLI::Range(1U, 6U))
      ->needs(on)
      ->capture_default_str();
  app.add_option("--half-leases", failover.hours, "--failover: how far time goes")
      ->check(CLI::Range(1U, 12U))
      ->needs(on)
      ->capture_default_str();
  for (const char* other :
       {"--participants", "--read-only", "--partitions", "--duplicates", "--drops", "--early-timers", "--early-firings",
        "--denials", "--wounds", "--restarts", "--sent-arrives"}) {
    on->excludes(app.get_option(other));
  }
  for (const char* other : kShippingOptions) {
    on->excludes(app.get_option(other));
  }
}

void add_conflict(CLI::App& app, Arguments& arguments) {
  CLI::Option* on = app.add_flag("--conflict", arguments.conflicts,
                                 "two transactions of two coordinators, instead of one; both write one key at each of "
                                 "one or two sites (--participants), under wound-wait");
  app.add_flag("--no-wait", arguments.no_wait, "--conflict: a lock that is held is refused instead")->needs(on);
  app.add_option("--checkpoints", arguments.conflict.checkpoints,
                 "--conflict: so many are begun, each by any node, at any time")
      ->check(kCount(15))
      ->needs(on);
  for (const char* other : {"--read-only", "--partitions", "--early-timers", "--early-firings", "--denials", "--wounds",
                            "--restarts", "--failover", "--show"}) {
    on->excludes(app.get_option(other));
  }
  for (const char* other : kShippingOptions) {
    on->excludes(app.get_option(other));
  }
}

Host host_of(const std::string& save) {
  Host host{std::cout,
            [] { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); },
            [] {
              rusage usage{};
              getrusage(RUSAGE_SELF, &usage);
              return static_cast<std::size_t>(usage.ru_maxrss) * 1024;
            },
            {}};
  if (!save.empty()) {
    host.save = [save](const std::string& name, const std::string& text) -> std::string {
      std::error_code problem;
      std::filesystem::create_directories(save, problem);
      std::ofstream out(save + "/" + name);
      out << text << std::flush;
      return out ? "./geocommit explore --replay " + save + "/" + name : "not kept: cannot write to " + save;
    };
  }
  return host;
}

/// Its inner protocol among the homes, and its shipping.
int explore_router(const Protocol& router, const Options& options, ShippingOptions shipping, const Host& host) {
  std::cout << router.name << ": its inner protocol among the homes is " << options.protocol->name << "\n";
  const int inner = run_explore(options, host);
  shipping.crashes = options.bounds.crashes;
  shipping.duplicates = options.bounds.duplicates;
  shipping.drops = options.bounds.drops;
  shipping.lost_tail = options.lost_tail;
  shipping.limits = options.limits;
  shipping.reduce = options.reduce;
  std::cout << "\n";
  const int outer = run_explore_shipping(shipping, host);
  return inner == kViolation || outer == kViolation ? kViolation : std::max(inner, outer);
}

/// "a, b"
std::string names_of(bool shipping_only) {
  std::string names;
  for (const Protocol& protocol : all_protocols()) {
    if (!shipping_only || protocol.ships_to_replicas) {
      names += (names.empty() ? "" : ", ") + std::string(protocol.name);
    }
  }
  return names;
}

int run(const CLI::App& app, Arguments& arguments) {
  const auto refuse = [](const std::string& why) {
    std::cerr << "geocommit explore: " << why << "\n";
    return 1;
  };
  if (!arguments.replay_path.empty()) {
    return replay_file(arguments.replay_path);
  }
  Options& options = arguments.options;
  const Protocol* row = geocommit::find_protocol(arguments.protocol);
  if (row == nullptr) {
    return refuse((arguments.protocol.empty() ? "which protocol?" : "no protocol '" + arguments.protocol + "';") +
                  " expected one of " + names_of(false));
  }
  options.protocol = &row->commits_as();
  const auto set = read_options(row->name, row->options, arguments.set);
  if (!set) {
    return refuse(set.error().message);
  }
  options.protocol_options = *set;
  if (!arguments.set.empty() && (arguments.conflicts || arguments.failovers)) {
    return refuse("--option is of the search of one transaction: not with --conflict or --failover");
  }
  if (arguments.failovers && !row->ships_to_replicas) {
    return refuse("--failover is of " + names_of(true) + ": only there a home has a master");
  }
  for (const char* option : kShippingOptions) {
    if (app.count(option) > 0 && !row->ships_to_replicas) {
      return refuse(std::string(option) + " is of " + names_of(true));
    }
  }
  if (options.read_only > options.participants) {
    return refuse("--read-only: more than participants");
  }
  options.reduce = options.leave_out_inert = !arguments.no_reduction;
  options.symmetry = !arguments.no_symmetry;
  options.limits.bytes = arguments.mebibytes << 20U;
  const Host host = host_of(arguments.save);
  if (arguments.failovers) {
    FailoverOptions& failover = arguments.failover;
    failover.fencing = !arguments.no_fencing;
    failover.crashes = options.bounds.crashes;
    failover.limits = options.limits;
    return run_explore_failover(failover, host);
  }
  if (arguments.conflicts) {
    ConflictOptions& conflict = arguments.conflict;
    conflict.protocol = options.protocol;
    conflict.locking = arguments.no_wait ? LockingPolicy::no_wait : LockingPolicy::wound_wait;
    conflict.sites = app.count("--participants") > 0 ? options.participants : 2;
    if (conflict.sites > 2) {
      return refuse("--conflict: --participants 1 or 2");
    }
    conflict.crashes = options.bounds.crashes;
    conflict.duplicates = options.bounds.duplicates;
    conflict.drops = options.bounds.drops;
    conflict.lost_tail = options.lost_tail;
    conflict.sent_arrives = options.sent_arrives;
    conflict.limits = options.limits;
    return run_explore_conflict(conflict, host);
  }
  return row->ships_to_replicas ? explore_router(*row, options, arguments.shipping, host) : run_explore(options, host);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "Searches every order of deliveries, forces, timers and faults of one transaction, or of two that conflict, "
      "within bounds, over the machines that the agents run.\n"
      "  ./geocommit explore 2pc --participants 3 --crashes 1 --partitions 1\n"
      "  ./geocommit explore 2pc --conflict --crashes 1 --checkpoints 1 --lost-tail\n"
      "Exit code: 0 searched to the end without a violation, 2 a violation, 3 a limit came first, 1 not understood.",
      "geocommit explore"};
  Arguments arguments;
  app.add_option("protocol", arguments.protocol, names_of(false));
  app.add_option("--option", arguments.set, "of the protocol: read_only=false");
  add_bounds(app, arguments.options);
  arguments.options.limits.threads = std::max(1U, std::thread::hardware_concurrency());
  add_limits(app, arguments);
  add_shipping(app, arguments.shipping);
  add_failover(app, arguments);
  add_conflict(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem) == 0 ? 0 : 1;
  }
  return run(app, arguments);
}
