// geocommit-explore PROTOCOL [bounds]: the explorer as a program. `./geocommit explore` calls the same run_explore.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "sim/explore/explore.h"
#include "sim/explore/failover/failover.h"
#include "sim/explore/shipping/shipping.h"

namespace {

int replay_file(const std::string& path) {
  std::ifstream in(path);
  const std::string file{std::istreambuf_iterator<char>(in), {}};
  const geocommit::explore::GoldenResult result = file.find("\nexplore-shipping ") != std::string::npos
                                                      ? geocommit::explore::run_golden_shipping_trace(file)
                                                      : geocommit::explore::run_golden_trace(file);
  std::cout << result.text << result.diagram;
  if (!result.error.empty() || file.empty()) {
    std::cerr << path << ": " << (result.error.empty() ? "cannot be read" : result.error) << "\n";
    return 1;
  }
  std::cout << (result.text == file ? "as written\n" : "DIFFERS from what is written\n");
  return result.violation.empty() ? geocommit::explore::kClean : geocommit::explore::kViolation;
}

void add_shipping(CLI::App& app, geocommit::explore::ShippingOptions& shipping) {
  app.add_option("--writes", shipping.writes, "home-region: transactions on one key")->check(CLI::Range(1U, 4U));
  app.add_option("--replicas", shipping.replicas, "home-region")->check(CLI::Range(1U, 2U));
  app.add_option("--late-rounds", shipping.late_rounds, "home-region: shipping again what is not confirmed yet")
      ->check(CLI::Range(0U, 15U));
  app.add_option("--checkpoint-records", shipping.checkpoint_records,
                 "home-region: nodes checkpoint after so many log records; 0: never");
}

geocommit::explore::Host host_of(const std::string& save) {
  geocommit::explore::Host host{
      std::cout,
      [] { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); },
      [] {
        rusage usage{};
        getrusage(RUSAGE_SELF, &usage);
        return static_cast<std::size_t>(usage.ru_maxrss) * 1024;
      },
      {}};
  if (!save.empty()) {
    host.save = [save](const std::string& name, const std::string& text) {
      std::filesystem::create_directories(save);
      std::ofstream(save + "/" + name) << text;
      return "./geocommit explore --replay " + save + "/" + name;
    };
  }
  return host;
}

/// Its inner protocol among the homes, and its shipping.
int explore_home_region(const geocommit::explore::Options& options, geocommit::explore::ShippingOptions shipping,
                        const geocommit::explore::Host& host) {
  using namespace geocommit::explore;
  std::cout << "home-region: its inner protocol among the homes is 2pc\n";
  const int inner = run_explore(options, host);
  shipping.crashes = options.bounds.crashes;
  shipping.duplicates = options.bounds.duplicates;
  shipping.drops = options.bounds.drops;
  shipping.lost_tail = options.lost_tail;
  shipping.limits = options.limits;
  std::cout << "\n";
  const int outer = run_explore_shipping(shipping, host);
  return inner == kViolation || outer == kViolation ? kViolation : std::max(inner, outer);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace geocommit::explore;
  CLI::App app{"Searches every order of deliveries, forces, timers and faults of one transaction, within bounds"};
  Options options;
  std::string protocol;
  std::string replay_path;
  std::string save = "results/explored";
  std::size_t mebibytes = 2048;
  bool no_reduction = false;
  bool no_symmetry = false;
  app.add_option("protocol", protocol, "2pc, 3pc, home-region");
  ShippingOptions shipping;
  add_shipping(app, shipping);
  app.add_option("--participants", options.participants)->check(CLI::Range(1U, 6U));
  app.add_option("--read-only", options.read_only, "so many of them, the last ones, only read");
  app.add_option("--crashes", options.bounds.crashes)->check(CLI::Range(0U, 15U));
  app.add_option("--partitions", options.bounds.partitions)->check(CLI::Range(0U, 15U));
  app.add_option("--duplicates", options.bounds.duplicates)->check(CLI::Range(0U, 15U));
  app.add_option("--drops", options.bounds.drops)->check(CLI::Range(0U, 15U));
  app.add_option("--early-timers", options.bounds.early_timers, "nodes whose messages may outlast every timeout")
      ->check(CLI::Range(0U, 7U));
  app.add_option("--early-firings", options.bounds.early_firings, "single timers that fire too early")
      ->check(CLI::Range(0U, 15U));
  app.add_option("--denials", options.bounds.denials, "lock denials")->check(CLI::Range(0U, 15U));
  app.add_option("--wounds", options.bounds.wounds)->check(CLI::Range(0U, 15U));
  app.add_option("--restarts", options.bounds.restarts, "of the dead, while the search is on; 3: all")
      ->check(CLI::Range(0U, Bounds::kEveryRestart));
  app.add_flag("--lost-tail", options.lost_tail, "a crash may lose any suffix of the unsynced log");
  app.add_option("--depth", options.limits.depth);
  app.add_option("--states", options.limits.states);
  app.add_option("--seconds", options.limits.seconds, "time limit; 0: none")->capture_default_str();
  app.add_option("--memory-mib", mebibytes, "limit of the visited set")->capture_default_str();
  app.add_option("--show", options.show, "stop after so many kinds of violation");
  app.add_flag("--no-reduction", no_reduction);
  app.add_flag("--no-symmetry", no_symmetry);
  app.add_option("--save", save, "folder for the traces found; empty: none")->capture_default_str();
  app.add_option("--replay", replay_path, "run a saved trace instead");
  FailoverOptions failover;
  bool failovers = false;
  bool no_fencing = false;
  app.add_flag("--failover", failovers, "home-region: how a home changes its master, instead of one transaction");
  app.add_flag("--no-fencing", no_fencing, "--failover: as `fencing: off` in an experiment");
  app.add_option("--sites", failover.sites, "--failover")->check(CLI::Range(2U, 5U));
  app.add_option("--failovers", failover.failovers, "--failover: how many are ordered")->check(CLI::Range(0U, 3U));
  app.add_option("--transfers", failover.transfers, "--failover: how many are ordered")->check(CLI::Range(0U, 3U));
  app.add_option("--renewals", failover.renewals, "--failover: of leases, in all")->check(CLI::Range(1U, 6U));
  app.add_option("--half-leases", failover.hours, "--failover: how far time goes")->check(CLI::Range(1U, 12U));
  CLI11_PARSE(app, argc, argv);
  if (!replay_path.empty()) {
    return replay_file(replay_path);
  }
  const bool home_region = protocol == "home-region";
  options.protocol = geocommit::find_protocol(home_region ? "2pc" : protocol);
  if (options.protocol == nullptr || options.protocol->make == nullptr) {
    std::cerr << "no such protocol with machines: '" << protocol << "'\n";
    return 1;
  }
  if (options.read_only > options.participants) {
    std::cerr << "--read-only: more than participants\n";
    return 1;
  }
  options.reduce = !no_reduction;
  options.symmetry = !no_symmetry;
  options.limits.bytes = mebibytes << 20U;
  const Host host = host_of(save);
  if (failovers) {
    failover.fencing = !no_fencing;
    failover.crashes = options.bounds.crashes;
    failover.seconds = options.limits.seconds;
    return run_explore_failover(failover, host);
  }
  if (!home_region) {
    return run_explore(options, host);
  }
  return explore_home_region(options, shipping, host);
}
