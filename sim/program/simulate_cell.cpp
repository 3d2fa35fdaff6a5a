#include "sim/program/simulate_cell.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "engine/status_sum.h"
#include "experiment/theory.h"
#include "measure/names.h"
#include "measure/phases.h"
#include "os/files.h"
#include "report/publish.h"
#include "report/validity.h"
#include "runtime/events/event_log.h"
#include "runtime/telemetry.h"
#include "sim/program/durable_logs.h"
#include "sim/program/fault_records.h"
#include "sim/world.h"
#include "wan/topology.h"

namespace geocommit::sim {
namespace {

/// What one node measures, and what it records of its transactions: the same observers as in the real world.
struct Meter {
  Meter(const Directory& directory, const std::string& protocol, const std::string& region, const TraceSettings& trace,
        EventLog::Clock clock)
      : telemetry(live, window, directory, protocol, region),
        recent(trace.on ? trace.window : 1),
        log(trace, {recent.data(), recent.size(), &written}, std::move(clock),
            [this](const geocommit::Event* events, std::size_t count) {
              kept.insert(kept.end(), events, events + count);
            }),
        both(trace.on ? std::vector<Observer*>{&telemetry, &log} : std::vector<Observer*>{&telemetry}) {}
  MetricSet live, window;
  Telemetry telemetry;
  std::vector<geocommit::Event> recent, kept;
  std::uint64_t written{};
  EventLog log;
  ForwardingObserver both;
};

WorldSpec spec_of(const Plan& plan, const Cell& cell) {
  const Settings& s = plan.point(cell).settings;
  const ResolvedTimeouts& timeouts = plan.timeouts.at(cell.point);
  WorldSpec spec;
  spec.protocol = cell.protocol;
  spec.options = cell.options;
  spec.label = cell.label;
  spec.directory = plan.directory(cell);
  spec.links = region_links(plan.topology(cell));
  spec.timeouts = timeouts.protocol;
  spec.lock_wait = timeouts.lock_wait;
  spec.locking = s.locking;
  spec.home = resolve_home_rules(s, timeouts);
  spec.unreachable_home = s.unreachable_home;
  spec.retained_max = s.home_retained_max;
  spec.unreachable_wait = timeouts.outcome();
  spec.initial_balance = s.initial_balance;
  spec.force = plan.forced_write(cell);
  spec.workload = s.workload;
  spec.origins = plan.origins(cell);
  spec.warmup = s.warmup;
  spec.duration = s.duration;
  spec.outcome_timeout = timeouts.outcome();
  spec.seed = plan.seed(cell);
  spec.faults = plan_of(plan.faults(cell));
  return spec;
}

std::string fixed(double value, int decimals) {
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.*f", decimals, value);
  return buffer.data();
}

/// A row per region and one for all, once a virtual second.
class Sampler {
 public:
  Sampler(const World& world, const Cell& cell, const Settings& settings)
      : world_(world), cell_(cell), settings_(settings) {}

  void take(const std::vector<FaultRecord>& faults, std::vector<std::string>& rows) {
    active_ = active_since(faults, last_);
    const Directory& directory = world_.spec().directory;
    Sample all;
    for (std::uint32_t r = 0; r < directory.region_count(); ++r) {
      Sample sample;
      const auto client = world_.clients().find(RegionId{r});
      if (client != world_.clients().end()) {
        sample.load = client->second.counts();
      }
      for (const NodeInfo& node : directory.nodes()) {
        if (node.region == RegionId{r} && node.kind != NodeKind::client && world_.up(node.id)) {
          sample.add(world_.engine(node.id).status());
        }
      }
      all.add(sample.status);
      all.add(sample.load);
      rows.push_back(row(directory.regions()[r], sample, committed_[r]));
    }
    rows.push_back(row("all", all, committed_[kAll]));
    last_ = world_.since_load();
  }

 private:
  static constexpr std::uint32_t kAll = UINT32_MAX;
  struct Sample {
    LoadCounts load;
    EngineStatus status;
    void add(const EngineStatus& one) { status += one; }
    void add(const LoadCounts& one) {
      load.offered += one.offered;
      load.committed += one.committed;
      load.aborted += one.aborted;
      load.unknown += one.unknown;
      load.shed += one.shed;
      load.outstanding += one.outstanding;
      load.recent_p99 = std::max(load.recent_p99, one.recent_p99);
    }
  };

  std::string row(const std::string& region, const Sample& s, std::uint64_t& committed_before) const {
    const Duration now = world_.since_load();
    const char* phase = now < settings_.warmup                        ? "warmup"
                        : now < settings_.warmup + settings_.duration ? "measure"
                                                                      : "tail";
    const double seconds = std::max(1e-3, to_seconds(now - last_));
    std::string out = cell_.id + "," + fixed(to_seconds(now), 3) + "," + phase + "," + region;
    for (const std::uint64_t value :
         {s.load.offered, s.load.committed, s.load.aborted, s.load.unknown, s.load.shed, s.load.outstanding}) {
      out += "," + std::to_string(value);
    }
    out += "," + fixed(static_cast<double>(s.load.committed - committed_before) / seconds, 1) + "," +
           fixed(to_ms(s.load.recent_p99), 3);
    committed_before = s.load.committed;
    for (const std::uint64_t value : {s.status.in_doubt, s.status.blocked}) {
      out += "," + std::to_string(value);
    }
    out += "," + fixed(to_ms(s.status.oldest_blocked), 3);
    for (const std::uint64_t value : {s.status.locks_held, s.status.lock_waiters, s.status.unshipped}) {
      out += "," + std::to_string(value);
    }
    std::string names;
    for (const std::string& fault : active_) {
      names += (names.empty() ? "" : "; ") + fault;
    }
    return out + "," + std::to_string(active_.size()) + "," + csv(names);
  }

  const World& world_;
  const Cell& cell_;
  const Settings& settings_;
  std::map<std::uint32_t, std::uint64_t> committed_;  ///< At the last row.
  Duration last_{};
  std::vector<std::string> active_;  ///< Faults, of this row.
};

/// What every node that is up would show now.
void show(const World& world, const std::map<NodeId, std::unique_ptr<Meter>>& meters, MetricsSeries* series) {
  if (series == nullptr) {
    return;
  }
  const Directory& directory = world.spec().directory;
  std::map<std::string, const MetricSet*> nodes;
  std::vector<std::unique_ptr<MetricSet>> clients;
  for (const auto& [id, meter] : meters) {
    if (directory.find(id)->kind != NodeKind::client && world.up(id)) {
      meter->telemetry.show(world.engine(id).status());
      nodes[directory.find(id)->name] = &meter->live;
    }
  }
  for (const auto& [region, client] : world.clients()) {
    clients.push_back(std::make_unique<MetricSet>(client.live()));
    const Labels labels{{metric::kProtocol, world.spec().label}, {metric::kRegion, directory.regions()[region.value]}};
    clients.back()->gauge(metric::kClientOutstanding, labels) = static_cast<double>(client.counts().outstanding);
    nodes[directory.find(client.self())->name] = clients.back().get();
  }
  series->sample(world.since_load(), nodes);
}

void sum_up(const Plan& plan, const World& world, const MetricSet& window, const History& history, CellResult& out) {
  const Directory& directory = world.spec().directory;
  SummaryInput input;
  input.protocol = out.cell.label;
  input.directory = &directory;
  input.window = &window;
  input.outcomes = &history.outcomes;
  for (const NodeInfo& node : directory.nodes()) {
    if (node.kind == NodeKind::client || !world.up(node.id)) {
      continue;
    }
    for (const OpenInDoubt& open : world.engine(node.id).open_in_doubt()) {
      if (open.descriptor.measured) {
        input.open_at_end.push_back(
            {node.region, open.in_doubt, open.blocked, node.id, open.descriptor.txn, open.cost});
      }
    }
  }
  input.warmup = world.spec().warmup;
  input.duration = world.spec().duration;
  CheckOptions options;
  out.faults = fault_records(plan, out.cell, world);
  input.first_fault = first_fault(out.faults);
  input.counters_lost = killed_nodes(out.faults);
  const Settings& settings = plan.point(out.cell).settings;
  out.phases = fault_phases(history.outcomes, directory, settings.warmup, settings.duration, spans_of(out.faults),
                            plan.timeouts.at(out.cell.point).outcome());
  options.beyond_model = beyond(out.cell.protocol->safe_under, kSimulatedCrash, out.faults);
  input.verdict = check(history, options);
  if (out.faults.empty()) {
    input.prediction =
        predict_cell(plan, out.cell, out.forced_write, lock_wait_share(window).value_or(0.0), /*emulated=*/true);
  } else {
    input.prediction.why_not = "theory without faults says nothing of a run with them";
  }
  out.summary = summarise(std::move(input));

  out.invalid_reasons = against_load(out.summary);
  out.histograms = cell_histograms(window, history.outcomes, out.summary.blocking.open);
  out.region_histograms = region_histograms(window, history.outcomes, out.summary.blocking.open, directory);
}

/// As the runner does after a real cell: what violates is kept, and what some other node has kept.
std::map<NodeId, std::vector<geocommit::Event>> settled_logs(const std::map<NodeId, std::unique_ptr<Meter>>& meters,
                                                             const Verdict& verdict) {
  std::set<TxnId> wanted;
  for (const Violation& one : verdict.examples) {
    wanted.insert(one.txn);
  }
  for (const auto& [node, meter] : meters) {
    meter->log.settle();
    for (const geocommit::Event& event : meter->kept) {
      wanted.insert(event.txn());
    }
  }
  std::map<NodeId, std::vector<geocommit::Event>> out;
  for (const auto& [node, meter] : meters) {
    for (const TxnId& txn : wanted) {
      meter->log.keep(txn);
    }
    meter->log.settle();
    out.emplace(node, std::move(meter->kept));
  }
  return out;
}

}  // namespace

std::string timeseries_columns() {
  return "cell,elapsed_s,phase,region,offered,committed,aborted,unknown,shed,outstanding,commits_per_s,recent_p99_ms,"
         "in_doubt,blocked,oldest_blocked_ms,locks_held,lock_waiters,unshipped,faults,fault_names";
}

SimulatedCell simulate_cell(const Plan& plan, const Cell& cell, MetricsSeries* series,
                            const std::filesystem::path& logs) {
  const Directory directory = plan.directory(cell);
  std::map<NodeId, std::unique_ptr<Meter>> meters;
  const World* in_time = nullptr;  // While it is being made, nothing happens in it.
  const EventLog::Clock clock = [&in_time] { return in_time != nullptr ? in_time->now() : Instant{1s}; };
  const auto observer_of = [&](NodeId node) -> Observer* {
    const std::string& region = directory.regions()[directory.region_of(node).value];
    const auto [made, fresh] =
        meters.emplace(node, std::make_unique<Meter>(directory, cell.label, region, plan.experiment.trace, clock));
    if (fresh) {
      made->second->telemetry.announce(directory.find(node)->kind, *cell.protocol);
    }
    return &made->second->both;
  };
  DurableLogs files(logs, directory);
  WorldSpec spec = spec_of(plan, cell);
  if (!logs.empty()) {
    spec.durable = [&files](NodeId node, const DurableRecord& record) { files.append(node, record); };
  }
  World world(std::move(spec), observer_of);
  in_time = &world;
  SimulatedCell out;
  out.result.cell = cell;
  out.result.forced_write = world.spec().force;
  const Instant born = world.now();
  if (!world.become_ready()) {
    out.result.failure = "the nodes did not come to know each other";
  }
  out.result.started = world.now() - born;
  if (series != nullptr) {
    series->begin(cell);
  }
  world.start_load();
  out.load_began = world.now();
  show(world, meters, series);
  const Settings& settings = plan.point(cell).settings;
  Sampler sampler(world, cell, settings);
  const Duration load = settings.warmup + settings.duration;
  while (world.since_load() < load) {
    world.run_for(std::min<Duration>(1s, load - world.since_load()));
    sampler.take(fault_records(plan, cell, world), out.timeseries);
    show(world, meters, series);
  }
  out.result.loaded = world.since_load();
  world.run_for(world.let_faults_end());
  const auto& spans = world.fault_spans();
  const bool forever = std::any_of(spans.begin(), spans.end(), [](const FaultSpan& span) { return !span.ended; });
  const ResolvedTimeouts& timeouts = plan.timeouts.at(cell.point);
  // As in a real run: what never heals may leave transactions in doubt for ever. What is left is censored.
  out.result.drained = world.drain(forever ? 18s + 6 * timeouts.outcome() : 60s + 20 * timeouts.outcome());
  out.result.drain = world.since_load() - out.result.loaded;
  sampler.take(fault_records(plan, cell, world), out.timeseries);
  show(world, meters, series);

  MetricSet window;
  for (const auto& [node, meter] : meters) {
    window.merge(meter->window);
    for (const auto& [traffic, count] : meter->live.totals_by(metric::kMessages, metric::kTraffic)) {
      out.result.traffic[traffic] += count;
    }
  }
  for (const auto& [region, client] : world.clients()) {
    window.merge(client.window());
  }
  out.result.left = world.status();
  out.result.alarms = {world.alarms().begin(), world.alarms().end()};
  sum_up(plan, world, window, world.history(out.result.drained), out.result);
  if (series != nullptr) {
    series->judged(out.result.summary.verdict);
  }
  if (plan.experiment.trace.on) {
    out.event_logs = settled_logs(meters, out.result.summary.verdict);
  }
  if (!logs.empty()) {
    world.write_out();
    for (const auto& [node, one] : world.history(out.result.drained).nodes) {
      if (one.has_balances) {
        out.balances.emplace(node, one.balances);
      }
    }
    if (const auto written = files.finish(world); !written) {
      out.result.failure = written.error().message;
    }
  }
  out.events = world.events();
  out.trace_hash = world.trace_hash();
  return out;
}

Result<Plan> load_simulation(const std::filesystem::path& file, const std::vector<Override>& overrides) {
  auto experiment = load_experiment(file, overrides);
  if (!experiment) {
    return experiment.error();
  }
  auto topology = load_topologies(*experiment, overrides);
  if (!topology) {
    return topology.error();
  }
  return make_plan(std::move(experiment).value(), std::move(topology).value(), kModelledForce);
}

}  // namespace geocommit::sim
