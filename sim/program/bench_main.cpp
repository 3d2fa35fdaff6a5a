#include "sim/program/bench_main.h"

#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <ctime>

#include "config/arguments.h"
#include "sim/world.h"

namespace geocommit::sim {
namespace {

struct Options {
  std::string protocol{all_protocols().front().name};
  std::uint32_t regions{3}, sites{1}, participants{3};
  double rate{2000};  ///< Over all regions.
  double seconds{20};
};

WorldSpec spec_of(const Options& options) {
  WorldSpec spec;
  spec.protocol = find_protocol(options.protocol);
  std::vector<std::string> names;
  for (std::uint32_t r = 0; r < options.regions; ++r) {
    names.push_back("r" + std::to_string(r));
  }
  spec.directory = Directory(names, options.sites, Placement::partitioned, 10'000);
  for (std::uint32_t a = 0; a < options.regions; ++a) {
    std::vector<LinkSpec> row(options.regions);
    for (std::uint32_t b = 0; b < options.regions; ++b) {
      row[b].delay = a == b ? 250us : Duration{20ms + 1ms * ((a * 7 + b * 13) % 50)};
    }
    spec.links.push_back(std::move(row));
  }
  spec.timeouts = {800ms, 800ms, 400ms};
  spec.lock_wait = 800ms;
  spec.workload.participants = options.participants;
  spec.workload.local = 0.0;
  spec.workload.rate_per_s = options.rate / options.regions;
  spec.workload.outstanding_max = 1'000'000;
  spec.duration = std::chrono::round<Duration>(std::chrono::duration<double>(options.seconds));
  spec.keep_history = false;
  return spec;
}

/// Of this process's one thread: another process on the core does not count.
double processor_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

}  // namespace

int bench_main(int argc, char** argv) {
  CLI::App app{
      "Simulated events per second of one core: open loop, every transaction across regions, fault-free.\n"
      "  geocommit-sim bench --regions 100 --sites 10",
      "geocommit-sim bench"};
  Options options;
  app.add_option("--protocol", options.protocol)->capture_default_str();
  app.add_option("--regions", options.regions)->capture_default_str();
  app.add_option("--sites", options.sites, "agents per region")->capture_default_str();
  app.add_option("--participants", options.participants, "per transaction")->capture_default_str();
  app.add_option("--rate", options.rate, "transactions per virtual second, over all regions")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--seconds", options.seconds, "of virtual load")->capture_default_str();
  if (const auto refused = parse_arguments(app, argc, argv)) {
    return *refused;
  }
  if (find_protocol(options.protocol) == nullptr || options.regions == 0 || options.sites == 0) {
    std::fprintf(stderr, "geocommit-sim bench: no such protocol, or no agents\n");
    return 1;
  }
  World world(spec_of(options));
  if (!world.become_ready()) {
    return 1;
  }
  world.run_for(2s);  // The last hellos.
  const std::uint64_t before = world.events();
  const double start = processor_seconds();
  world.start_load();
  world.run_load();
  const bool drained = world.drain(60s);
  const double took = processor_seconds() - start;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const LoadCounts counts = world.client_counts();
  const auto events = static_cast<double>(world.events() - before);
  const auto commits = static_cast<double>(counts.committed);
  std::printf("%s, %u agents in %u regions: %.2f M events/s, %.0f commits/s, %.1f events per commit\n",
              options.protocol.c_str(), options.regions * options.sites, options.regions, events / took / 1e6,
              commits / took, events / commits);
  std::printf(
      "  %.0f events and %.0f commits of %llu in %.2f processor seconds (%.1f x virtual time), %s; %ld MiB, %zu "
      "slots\n",
      events, commits, static_cast<unsigned long long>(counts.offered), took, options.seconds / took,
      drained ? "drained" : "not drained", usage.ru_maxrss / 1024, world.memory_slots());
  return drained ? 0 : 2;
}

}  // namespace geocommit::sim
