#include "runner/run.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <optional>
#include <random>
#include <set>

#include "experiment/quick.h"
#include "experiment/theory.h"
#include "os/console.h"
#include "report/judge.h"
#include "report/junit.h"
#include "report/progress_lines.h"
#include "report/publish.h"
#include "report/report.h"
#include "report/results.h"
#include "report/series/openmetrics.h"
#include "runner/cell.h"
#include "runner/environment.h"
#include "runner/network.h"
#include "runner/prometheus/monitor.h"
#include "runner/prometheus/server.h"
#include "runner/simulator.h"
#include "wan/run_state.h"

namespace geocommit {
namespace {

constexpr Duration kProbeTime = 1s;

constexpr Duration kUnmeasuredForce{1ms};

/// An experiment and its topologies, laid out; `measured` tells what a forced write takes, where that matters.
Result<Plan> lay_out(Result<Experiment> experiment, const std::vector<Override>& overrides,
                     const std::function<Result<Duration>()>& measured_force) {
  if (!experiment) return experiment.error();
  auto topologies = load_topologies(*experiment, overrides);
  if (!topologies) return topologies.error();
  Duration force = kUnmeasuredForce;
  for (const SweepPoint& point : experiment->points) {
    if (point.settings.durability.kind != DurabilityKind::fsync || experiment->emulation == EmulationKind::sim)
      continue;
    auto measured = measured_force();
    if (!measured) return measured.error();
    force = *measured;
    break;
  }
  return make_plan(std::move(experiment).value(), std::move(topologies).value(), force);
}

Result<Plan> load_plan(const std::filesystem::path& file, const std::vector<Override>& overrides,
                       const std::function<Result<Duration>()>& measured_force) {
  return lay_out(load_experiment(file, overrides), overrides, measured_force);
}

/// What `predict --topology` predicts: transfers between three replicated accounts, from every region.
Result<Experiment> transfers_from_everywhere(const std::string& topology, const std::vector<Override>& overrides) {
  std::string protocols;
  for (const Protocol& one : all_protocols()) protocols += (protocols.empty() ? "" : ", ") + std::string(one.name);
  return parse_experiment("name: transfers\ntopology: " + topology + "\nprotocols: [" + protocols +
                              "]\ndata: {placement: replicated}\nworkload: {kind: transfer, participants: 3, rate: "
                              "10/s}\nwarmup: 1s\nduration: 10s\n",
                          "--topology " + topology, overrides);
}

std::string make_run_id() {
  std::random_device random;
  char text[17];  // NOLINT: snprintf
  std::snprintf(text, sizeof text, "%08x%08x", random(), random());
  return text;
}

Result<RunPaths> make_results_folder(const RunOptions& options, const Plan& plan) {
  std::error_code error;
  if (auto free = check_prometheus_port(options.prometheus_port, "--prometheus-port"); !free) return free.error();
  RunPaths paths;
  paths.results = options.output;
  if (paths.results.empty()) {
    const std::string name = plan.experiment.name + "-" + wall_clock(true);
    for (int i = 1; i < 100; ++i) {
      paths.results = child_path("results", {name + (i == 1 ? "" : "-" + std::to_string(i))}).value();
      if (!std::filesystem::exists(paths.results, error)) break;
    }
  } else if (std::filesystem::exists(paths.results, error) && (!std::filesystem::is_directory(paths.results, error) ||
                                                               !std::filesystem::is_empty(paths.results, error))) {
    return Error{"--output " + paths.results.string() + ": expected a folder that is empty or not there yet"};
  }
  for (const char* part : {"", "logs", "nodes", "histograms"}) {
    if (auto made = make_folder(paths.results / part); !made) {
      return Error{made.error().message + "; --output DIR puts the results elsewhere"};
    }
  }
  paths.results = std::filesystem::absolute(paths.results, error);
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  paths.programs = self.parent_path().parent_path();
  return paths;
}

/// Needed by tun and netem: everything private, nothing on the host's own network.
Result<void> go_private(const NetworkChoice& choice) {
  if (choice.kind != EmulationKind::tun && choice.kind != EmulationKind::netem) return {};
  return enter_private_namespace();
}

/// /metrics of the run, where the nodes' own addresses do not do: in private namespaces, and beside a Prometheus, which
/// needs one that does not change. Opened before going private, it stays on the host's loopback.
Result<std::optional<HttpProxy>> open_proxy(const NetworkChoice& choice, const RunOptions& options, RunMetrics& own) {
  const bool is_private = choice.kind == EmulationKind::tun || choice.kind == EmulationKind::netem;
  if (!is_private && !options.prometheus) return std::optional<HttpProxy>{};
  auto proxy = HttpProxy::listen();
  if (!proxy) return proxy.error();
  proxy->set_own([&own] { return exposition(own.snapshot()); });
  return std::optional<HttpProxy>(std::move(proxy).value());
}

std::filesystem::path rule_files() { return home() / "dashboards" / "rules" / "*.yaml"; }

/// Started before going private, so that it is reached from outside.
Result<std::optional<PrometheusServer>> start_prometheus(const RunOptions& options, const Plan& plan,
                                                         const RunPaths& paths, const std::optional<HttpProxy>& proxy,
                                                         RunState& state) {
  if (!options.prometheus || !proxy) return std::optional<PrometheusServer>{};
  std::vector<ScrapeTarget> targets{{kRunnerNode, ""}};
  for (const PlannedWan& wan : plan.wans) {
    for (const NodeInfo& node : wan.nodes) {
      const auto same = [&](const ScrapeTarget& one) { return one.node == node.name; };
      if (std::none_of(targets.begin(), targets.end(), same)) targets.push_back({node.name, ""});
    }
  }
  PrometheusSpec spec;
  spec.folder = paths.results / "prometheus";
  spec.config = prometheus_config(valid_utf8(paths.results.filename().string()), targets, proxy->port(), rule_files());
  spec.port = options.prometheus_port;
  auto server = PrometheusServer::start(spec, [&](pid_t pid) { (void)state.add(pid, "prometheus"); });
  if (!server) return server.error();
  return std::optional<PrometheusServer>(std::move(server).value());
}

/// Compares the WAN with its topology before anything is measured on it.
std::vector<ProbePair> check_round_trips(const PlannedWan& wan, Network& network, Console& console) {
  if (network.emulation() == nullptr || network.kind() == EmulationKind::loopback) return {};
  std::vector<WanNode> nodes;
  std::vector<std::string> seen;
  for (const NodeInfo& node : wan.nodes) {
    const std::string& region = wan.topology.regions().at(node.region.value);
    if (node.kind != NodeKind::agent || std::find(seen.begin(), seen.end(), region) != seen.end()) continue;
    seen.push_back(region);
    nodes.push_back({node.name, region, wan.topology.datacenters_of(region).front()});
  }
  console.live("measuring the emulated round trips ...");
  auto pairs = probe_pairs(*network.emulation(), wan.topology, nodes, kProbeTime);
  if (!pairs) {
    console.warn("the emulated round trips could not be measured: " + pairs.error().message);
    return {};
  }
  Duration worst{0};
  for (const ProbePair& pair : *pairs) worst = std::max(worst, std::chrono::abs(pair.p50 - pair.configured));
  console.end_live("WAN checked: " + std::to_string(pairs->size()) + " region pairs, round trips within " +
                   figure(to_ms(worst)) + " ms of the topology at p50");
  if (worst > Duration{1ms} + wan.topology.largest_round_trip() / 50) {
    console.warn("an emulated round trip is off by " + figure(to_ms(worst)) + " ms (see environment.json)");
  }
  return *pairs;
}

/// One run, after everything that can be refused has been.
class Run {
 public:
  Run(const RunOptions& options, Plan plan, RunPaths paths, Console& console, Monitor& monitor)
      : options_(options), plan_(std::move(plan)), paths_(std::move(paths)), console_(console), monitor_(monitor) {}

  Result<int> execute(const NetworkChoice& choice, HttpProxy* proxy, RunState& state, const std::string& command_line) {
    facts_ = {make_run_id(), wall_clock(false), &plan_, nullptr, {}, command_line};
    results_.emplace(plan_, paths_, std::string(name_of(choice.kind)), facts_.run_id);
    if (auto done = write_junit(); !done) return done.error();  // Nobody waits for a run whose end cannot be told.
    auto timeseries = LineFile::open(paths_.results / "timeseries.csv");
    if (!timeseries) return timeseries.error();
    if (auto done = timeseries->line(timeseries_header()); !done) return done.error();
    for (const PlannedWan& wan : plan_.wans) {
      if (auto opened = open_network(wan, choice, proxy, state); !opened) {
        results_->note_failure(opened.error().message);
        if (auto done = write_junit(); !done) console_.warn(done.error().message);
        return opened.error();
      }
      auto run = run_cells(wan, timeseries.value(), state);
      network_->close();
      if (!run) return run.error();
      if (failed_ || interrupted()) break;
    }
    return finish();
  }

 private:
  Result<void> open_network(const PlannedWan& wan, const NetworkChoice& choice, HttpProxy* proxy, RunState& state) {
    NetworkOptions how;
    how.router_log = paths_.results / "logs" / "router.log";
    how.sockets = state.path().parent_path();
    how.seed = plan_.experiment.seed;
    how.base_port = options_.base_port;
    network_.reset();
    auto network = Network::open(plan_, wan, choice, how, proxy);
    if (!network) return network.error();
    network_ = std::move(network).value();
    if (network_->emulation() != nullptr) {
      for (const int pid : network_->emulation()->processes()) (void)state.add(pid, "router");
      for (const auto& [key, value] : network_->emulation()->describe()) console_.detail(key + ": " + value);
    }
    facts_.network = network_.get();
    if (const auto open = network_->insecure(); !open.empty()) {
      results_->note_insecure(open);
      console_.warn("insecure: " + open.front() +
                    (open.size() > 1 ? " (and " + std::to_string(open.size() - 1) + " more of its kind)" : "") +
                    "; the results say so");
    }
    if (auto written = write_start(); !written) return written;
    auto pairs = check_round_trips(wan, *network_, console_);
    if (!pairs.empty()) facts_.round_trips.emplace_back(wan.topology.name(), std::move(pairs));
    return write_file(paths_.results / "environment.json", environment_json(facts_));
  }

  Result<void> write_start() {
    const auto& root = paths_.results;
    if (auto done = write_file(root / "environment.json", environment_json(facts_)); !done) return done;
    if (auto done = write_file(root / "experiment.yaml", to_yaml(plan_.experiment, network_->kind(), plan_.timeouts));
        !done) {
      return done;
    }
    if (auto done = write_scrape_config(); !done) return done;
    return results_->write();
  }

  Result<void> write_scrape_config() const {
    return write_file(paths_.results / "prometheus.yml",
                      network_->prometheus_yaml(valid_utf8(paths_.results.filename().string()), rule_files()));
  }

  Result<void> run_cells(const PlannedWan& wan, LineFile& timeseries, RunState& state) {
    for (std::size_t i = 0; i < plan_.cells.size() && !failed_ && !interrupted(); ++i) {
      if (&plan_.wan(plan_.cells[i]) != &wan) continue;
      console_.event(cell_line(plan_, i + 1));
      const CellContext context{plan_,    plan_.cells[i],     *network_, paths_,
                                console_, timeseries,         state,     results_->run_id(),
                                i + 1,    plan_.cells.size(), &monitor_};
      auto evidence = run_cell(context);
      if (!evidence) {
        // It never got going: what earlier cells measured is already on disk.
        console_.error(plan_.cells[i].id + ": " + evidence.error().message);
        results_->note_failure(plan_.cells[i].id + ": " + evidence.error().message);
        failed_ = true;
        break;
      }
      CellResult result = judge_cell(context.run(), std::move(evidence).value(), context.console);
      failed_ = !result.failure.empty();
      monitor_.own().cell_judged(result.cell.id, result.cell.label, result.summary.verdict, result.valid());
      monitor_.sample_own();
      if (!interrupted()) monitor_.await_scrapes({kRunnerNode}, 2);
      const std::string line = one_line(plan_, result, console_.coloured());
      options_.quiet ? console_.result(line) : console_.end_live(line);
      console_.event(judged_line(result));
      if (result.failure.empty() && !result.interrupted) {  // those were told when they happened
        for (const std::string& reason : result.invalid_reasons) {
          console_.warn(result.cell.id + " is not valid: " + reason);
        }
      }
      results_->add(std::move(result));
      for (const auto& written : {results_->write(), write_junit()}) {
        if (!written) return written.error();
      }
      // Other ports may have been taken meanwhile.
      if (auto written = write_scrape_config(); !written) {
        return written.error();
      }
    }
    return {};
  }

  Result<void> write_junit() const {
    if (options_.junit.empty()) return {};
    return write_file(options_.junit,
                      to_junit(plan_, results_->cells(), results_->failures(), options_.allow_expected));
  }

  /// What there is to say of it: nothing where there can be none, or none is wanted.
  std::string simulated_twin() {
    if (options_.no_twin || failed_ || interrupted() || network_ == nullptr || network_->emulation() == nullptr)
      return "";
    console_.live("simulating the same ...");
    const auto said = simulate_twin(paths_.results);
    console_.end_live("");
    return "Simulated twin\n" + (said ? *said : "none: " + said.error().message + "\n");
  }

  Result<int> finish() {
    for (const auto& written : {results_->write(), write_junit()}) {
      if (!written) return written.error();
    }
    const std::string twin = simulated_twin();
    const auto found = publish(plan_, results_->cells(), paths_.results, console_.coloured());
    if (!found) console_.warn("no report.html: " + found.error().message);
    if (options_.quiet) {
      console_.result(verdict_line(plan_, results_->cells(), console_.coloured()));
    } else {
      console_.result("\n" + comparison(plan_, results_->cells(), console_.coloured()));
      if (found) console_.result("What this run found\n" + *found);
      if (!twin.empty()) console_.result(twin);
    }
    const std::string near = std::filesystem::proximate(paths_.results).string();
    console_.result("Results: " + (near.starts_with("..") ? paths_.results.string() : near) +
                    " (report.html: to look at)");
    if (interrupted()) return kInterrupted;
    return failed_ ? kFailed : exit_status(results_->cells(), plan_.experiment.thresholds, options_.allow_expected);
  }

  const RunOptions& options_;
  Plan plan_;
  RunPaths paths_;
  Console& console_;
  Monitor& monitor_;
  std::unique_ptr<Network> network_;
  std::optional<Results> results_;
  EnvironmentFacts facts_;
  bool failed_{};  ///< A cell could not start or lost a daemon: no further one is tried.
};

/// A line on what `auto` is on this machine; nothing where the file says it itself.
std::string what_auto_means(EmulationKind asked) {
  if (asked != EmulationKind::automatic) return "";
  const auto choice = choose_network(asked);
  return choice ? "here, auto means " + std::string(name_of(choice->kind)) + " (" + choice->why + ")\n"
                : "here, auto cannot be had: " + choice.error().message + "\n";
}

std::string dry_run(const Plan& plan, const std::string& emulation) {
  std::string out = describe(plan) + (emulation.empty() ? "" : "\n") + emulation +
                    "\npredictions (p50, no load, no jitter; where the protocol has a closed form)\n";
  for (const Cell& cell : plan.cells) {
    if (cell.repetition != 1) continue;
    const Prediction p =
        predict_cell(plan, cell, plan.forced_write(cell), 0, plan.experiment.emulation != EmulationKind::loopback);
    out += "  " + left(cell.id, 22);
    if (p.commit_latency) {
      out += "commit latency " + figure(to_ms(p.commit_latency->p50)) + " ms";
      // A transaction that only reads, at one site, holds no lock until a decision.
      if (p.lock_hold) out += ", lock hold " + figure(to_ms(p.lock_hold->p50)) + " ms";
      if (p.client_latency) out += ", at the client " + figure(to_ms(p.client_latency->p50)) + " ms";
    } else {
      out += "none: " + p.why_not;
    }
    out += "\n";
  }
  return out + "Dry run: nothing was started.";
}

int fail(Console& console, const Error& error) {
  console.error(error.message);
  return kFailed;
}

}  // namespace

int run_experiment(const RunOptions& asked, const std::string& command_line) {
  RunOptions options = asked;
  Console console({options.quiet, options.verbose, options.events && !options.dry_run});
  if (options.quick) {
    auto experiment = load_experiment(options.file, options.overrides);
    if (!experiment) return fail(console, experiment.error());
    const Quick less = quick(*experiment, options.overrides);
    options.overrides.insert(options.overrides.end(), less.overrides.begin(), less.overrides.end());
    console.say("--quick: " + less.what);
  }
  auto plan = load_plan(options.file, options.overrides, [&]() -> Result<Duration> {
    // The disk that the logs will be on.
    const auto folder = nearest_folder(options.output.empty() ? "results" : options.output);
    auto force = measure_forced_write(folder);
    if (force) return force;
    if (!options.dry_run) return Error{force.error().message + "; --output DIR puts the results elsewhere"};
    console.warn(force.error().message + "; planned with forced writes of 1 ms");
    return kUnmeasuredForce;
  });
  if (!plan) return fail(console, plan.error());
  if (options.dry_run) {
    console.result(dry_run(*plan, what_auto_means(plan->experiment.emulation)));
    return kPass;
  }
  if (plan->experiment.emulation == EmulationKind::sim) {
    console.say(plan->experiment.name + ": emulation sim: in virtual time, no process is started");
    if (options.prometheus)
      console.warn("--prometheus: a simulation is over too soon to watch; ./geocommit replay shows it");
    return fail(console, become_simulator(options));
  }
  auto choice = choose_network(plan->experiment.emulation);
  if (!choice) return fail(console, choice.error());
  auto paths = make_results_folder(options, *plan);
  if (!paths) return fail(console, paths.error());
  auto state = RunState::begin();
  if (!state) return fail(console, state.error());
  remove_on_second_interrupt(state->path());
  handle_interrupts();
  RunMetrics own;
  auto monitor = Monitor::open(paths->results, own, console);
  if (!monitor) return fail(console, monitor.error());
  auto proxy = open_proxy(*choice, options, own);
  if (!proxy) return fail(console, proxy.error());
  auto prometheus = start_prometheus(options, *plan, *paths, *proxy, *state);
  if (!prometheus) return interrupted() ? kInterrupted : fail(console, prometheus.error());
  if (auto entered = go_private(*choice); !entered) return fail(console, entered.error());
  own.set_gauge(metric::kRunInfo,
                {{"name", plan->experiment.name},
                 {"topology", topology_names(*plan)},
                 {"emulation", std::string(name_of(choice->kind))},
                 {"seed", std::to_string(plan->experiment.seed)}},
                1);
  if (*prometheus) {
    monitor->scraped_through(**proxy);
    console.say("Prometheus: " + (*prometheus)->url());
  }
  console.say(plan->experiment.name + ": " + std::to_string(plan->cells.size()) + " cells, about " +
              std::to_string(std::chrono::ceil<std::chrono::seconds>(plan->estimated_time()).count()) +
              " s, on topology " + topology_names(*plan) + " over " + std::string(name_of(choice->kind)) + " (" +
              choice->why + ")");
  console.event(started_line(*plan, std::string(name_of(choice->kind)), paths->results));
  Run run(options, std::move(plan).value(), std::move(paths).value(), console, *monitor);
  auto status = run.execute(*choice, proxy->has_value() ? &**proxy : nullptr, *state, command_line);
  if (*prometheus) {
    if (const auto ended = (*prometheus)->failure()) console.warn("the run's Prometheus had ended: " + *ended);
    (*prometheus)->stop();
  }
  if (!status && !interrupted()) console.error(status.error().message);
  const int ended = status ? *status : interrupted() ? kInterrupted : kFailed;
  console.event(ended_line(ended));
  return ended;
}

int predict_experiment(const RunOptions& options) {
  Console console({});
  const auto force = [] { return Result<Duration>{kUnmeasuredForce}; };
  const auto plan = options.topology.empty() ? load_plan(options.file, options.overrides, force)
                                             : lay_out(transfers_from_everywhere(options.topology, options.overrides),
                                                       options.overrides, force);
  if (!plan) return fail(console, plan.error());
  console.result(describe_predictions(*plan));
  return kPass;
}

int validate_experiment(const std::filesystem::path& file) {
  Console console({});
  const auto plan = load_plan(file, {}, [] { return Result<Duration>{kUnmeasuredForce}; });
  if (!plan) return fail(console, plan.error());
  console.result(file.string() + ": valid; " + std::to_string(plan.value().cells.size()) + " cells, " +
                 std::to_string(plan.value().wans.front().nodes.size()) + " processes, about " +
                 std::to_string(std::chrono::ceil<std::chrono::seconds>(plan.value().estimated_time()).count()) + " s");
  std::set<std::string> said;
  for (const Cell& cell : plan->cells) {
    for (const std::string& warning : plan->warnings(cell)) {
      if (said.insert(warning).second) console.warn(warning);
    }
  }
  return kPass;
}

}  // namespace geocommit
