#include "runner/cell_load.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

#include "report/progress_lines.h"
#include "runner/live_view.h"
#include "runtime/event_loop.h"

namespace geocommit {
namespace {

using Clock = std::chrono::steady_clock;

/// What a row of timeseries.csv sums up, of one region or of all.
struct Sample {
  std::uint64_t offered{}, committed{}, aborted{}, unknown{}, shed{}, outstanding{};
  std::uint64_t in_doubt{}, blocked{}, locks_held{}, lock_waiters{}, unshipped{};
  Duration oldest_blocked{};
  double p50_ms{}, p99_ms{};  ///< The largest of the origins'.

  void add(const NodeStatus& s) {
    offered += s.offered;
    committed += s.committed;
    aborted += s.aborted;
    unknown += s.unknown;
    shed += s.shed;
    outstanding += s.outstanding;
    in_doubt += s.engine.in_doubt;
    blocked += s.engine.blocked;
    locks_held += s.engine.locks_held;
    lock_waiters += s.engine.lock_waiters;
    unshipped += s.engine.unshipped;
    oldest_blocked = std::max(oldest_blocked, s.engine.oldest_blocked);
    p99_ms = std::max(p99_ms, s.recent_p99_ms);
    p50_ms = std::max(p50_ms, s.recent_p50_ms);
  }
};

std::string number(double value, int decimals) {
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.*f", decimals, value);
  return buffer.data();
}

std::string row(const std::string& cell, double elapsed_s, std::string_view phase, const std::string& region,
                const Sample& s, double commits_per_s, const std::vector<std::string>& faults) {
  std::string out = csv(cell) + "," + number(elapsed_s, 3) + "," + std::string(phase) + "," + csv(region);
  for (const std::uint64_t value : {s.offered, s.committed, s.aborted, s.unknown, s.shed, s.outstanding}) {
    out += "," + std::to_string(value);
  }
  out += "," + number(commits_per_s, 1) + "," + number(s.p99_ms, 3);
  for (const std::uint64_t value : {s.in_doubt, s.blocked}) out += "," + std::to_string(value);
  out += "," + number(to_ms(s.oldest_blocked), 3);
  for (const std::uint64_t value : {s.locks_held, s.lock_waiters, s.unshipped}) out += "," + std::to_string(value);
  std::string names;
  for (const std::string& fault : faults) names += (names.empty() ? "" : "; ") + fault;
  return out + "," + std::to_string(faults.size()) + "," + csv(names);
}

class Sampler {
 public:
  explicit Sampler(const CellContext& context) : context_(context), directory_(context.plan.directory(context.cell)) {}

  /// One look at every node; a row per region and one for all, once a second.
  void take(const std::vector<Result<NodeStatus>>& statuses, Duration elapsed, const std::vector<std::string>& faults) {
    std::map<std::uint32_t, Sample> regions;
    Sample all;
    for (const auto& status : statuses) {
      if (!status) continue;
      regions[directory_.region_of(status.value().node).value].add(status.value());
      all.add(status.value());
    }
    const double seconds = std::max(1e-3, to_seconds(elapsed - last_));
    const double rate = commits_since(kAll, all) / seconds;
    live(regions, all, elapsed, seconds, faults);
    for (const std::string& fault : faults) {
      if (std::find(recent_.begin(), recent_.end(), fault) == recent_.end()) recent_.push_back(fault);
    }
    if (elapsed < next_row_) return;
    next_row_ = elapsed + 1s - elapsed % 1s;
    const Settings& s = context_.plan.point(context_.cell).settings;
    const char* phase = elapsed < s.warmup ? "warmup" : elapsed < s.warmup + s.duration ? "measure" : "tail";
    for (const auto& [region, sample] : regions) {
      write(row(context_.cell.id, to_seconds(elapsed), phase, directory_.regions().at(region), sample,
                commits_since(region, sample) / seconds, recent_));
      committed_[region] = std::max(committed_[region], sample.committed);
    }
    write(row(context_.cell.id, to_seconds(elapsed), phase, "all", all, rate, recent_));
    context_.console.event(load_line({.cell = context_.cell.id,
                                      .elapsed = elapsed,
                                      .total = s.warmup + s.duration,
                                      .commits_per_s = rate,
                                      .client_p50_ms = all.p50_ms,
                                      .client_p99_ms = all.p99_ms,
                                      .in_doubt = all.in_doubt,
                                      .blocked = all.blocked,
                                      .faults = recent_}));
    recent_.clear();
    committed_[kAll] = std::max(committed_[kAll], all.committed);
    last_ = elapsed;
  }

 private:
  static constexpr std::uint32_t kAll = UINT32_MAX;

  /// Since the last row. A client that does not answer in time is missing from the sum.
  [[nodiscard]] double commits_since(std::uint32_t key, const Sample& s) const {
    const auto before = committed_.find(key);
    const std::uint64_t known = before == committed_.end() ? 0 : before->second;
    return s.committed > known ? static_cast<double>(s.committed - known) : 0.0;
  }
  LiveRow live_row(const std::string& region, std::uint32_t key, const Sample& s, double seconds) const {
    return {region,          commits_since(key, s) / seconds,
            s.p50_ms,        s.p99_ms,
            s.in_doubt,      s.blocked,
            s.locks_held,    s.lock_waiters,
            s.oldest_blocked};
  }
  void live(const std::map<std::uint32_t, Sample>& regions, const Sample& all, Duration elapsed, double seconds,
            const std::vector<std::string>& faults) {
    const Settings& settings = context_.plan.point(context_.cell).settings;
    LiveState state;
    state.cell = context_.cell.id;
    state.protocol = context_.cell.label;
    state.number = context_.number;
    state.of = context_.of;
    state.elapsed = elapsed;
    state.warmup = settings.warmup;
    state.total = settings.warmup + settings.duration;
    state.all = live_row("", kAll, all, seconds);
    for (const auto& [region, sample] : regions) {
      state.regions.push_back(live_row(directory_.regions().at(region), region, sample, seconds));
    }
    state.shed = all.shed;
    state.unknown = all.unknown;
    state.faults = faults;
    Console& console = context_.console;
    const std::size_t rows = console.height() > 8 ? console.height() - 7 : 1;
    console.live(live_line(state), live_block(state, console.width(), rows, console.coloured()));
  }
  void write(const std::string& line) {
    if (auto written = context_.timeseries.line(line); !written && !complained_) {
      complained_ = true;
      context_.console.warn(written.error().message);
    }
  }

  const CellContext& context_;
  Directory directory_;
  std::map<std::uint32_t, std::uint64_t> committed_;  ///< At the last row, by region.
  Duration last_{}, next_row_{1s};
  std::vector<std::string> recent_;  ///< Faults since the last row.
  bool complained_{};
};

bool clients_finished(const std::vector<Result<NodeStatus>>& statuses, const CellContext& context,
                      std::size_t clients) {
  const Directory directory = context.plan.directory(context.cell);
  // A node that does not answer may just have been killed; a client never is.
  std::size_t finished = 0;
  for (const Result<NodeStatus>& status : statuses) {
    if (!status) continue;
    const NodeInfo* node = directory.find(status.value().node);
    finished += node != nullptr && node->kind == NodeKind::client && status.value().load_finished ? 1 : 0;
  }
  return finished == clients;
}

void show_router(const CellContext& context) {
  if (context.monitor == nullptr || context.network.emulation() == nullptr) return;
  const auto stats = [&] {
    const std::lock_guard lock(context.network.emulation_mutex());
    return context.network.emulation()->stats();
  }();
  if (!stats || !stats->has_lateness) return;
  context.monitor->own().router(
      context.cell.id, context.cell.label,
      {stats->lateness_p50_us / 1000, stats->lateness_p99_us / 1000, stats->lateness_max_us / 1000});
}

}  // namespace

std::string timeseries_header() {
  return "cell,elapsed_s,phase,region,offered,committed,aborted,unknown,shed,outstanding,commits_per_s,recent_p99_ms,"
         "in_doubt,blocked,oldest_blocked_ms,locks_held,lock_waiters,unshipped,faults,fault_names";
}

void offer_load(const CellContext& context, CellFleet& fleet, CellEvidence& evidence) {
  const Settings& s = context.plan.point(context.cell).settings;
  const ResolvedTimeouts& timeouts = context.plan.timeouts[context.cell.point];
  evidence.load_began = steady_now();
  evidence.clock = steady_clock_id();
  if (fleet.faults() != nullptr) fleet.faults()->begin();
  const auto begun = fleet.control().command(ControlVerb::start_load, fleet.clients(), 5s);
  for (std::size_t i = 0; i < begun.size(); ++i) {
    if (begun[i]) continue;
    evidence.failure = fleet.name(fleet.clients()[i]) + " did not begin its load: " + begun[i].error().message;
    return;
  }
  const auto start = Clock::now();
  // A client asks again for outcomes that it does not know; past this bound they are counted as unknown.
  const Duration limit = s.warmup + s.duration + 3 * timeouts.outcome() + 15s;
  Sampler sampler(context);
  bool reset = false;
  while (true) {
    const Duration elapsed = Clock::now() - start;
    // The router's lateness counts in the measurement window only.
    if (!reset && elapsed >= s.warmup && context.network.emulation() != nullptr) {
      reset = true;
      const std::lock_guard lock(context.network.emulation_mutex());
      if (auto done = context.network.emulation()->reset_stats(); !done) {
        evidence.invalid_reasons.push_back("the emulation's counters could not be reset: " + done.error().message);
      }
    }
    const auto nodes = fleet.answering(fleet.all());
    const auto statuses = fleet.control().status(nodes, 400ms);
    for (const auto& status : statuses) {
      if (status && fleet.faults() != nullptr) fleet.faults()->saw_fired(status.value().node, status.value().faults);
    }
    sampler.take(statuses, Clock::now() - start,
                 fleet.faults() != nullptr ? fleet.faults()->active() : std::vector<std::string>{});
    show_router(context);
    fleet.sample_metrics();
    if (clients_finished(statuses, context, fleet.clients().size())) return;
    if (fleet.watch(evidence, 250ms)) return;
    if (Clock::now() - start > limit) {
      evidence.invalid_reasons.push_back(
          "the clients had not finished " +
          std::to_string(std::chrono::duration_cast<std::chrono::seconds>(limit).count()) +
          " s after the start of the load");
      return;
    }
  }
}

}  // namespace geocommit
