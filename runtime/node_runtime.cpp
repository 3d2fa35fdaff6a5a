#include "runtime/node_runtime.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "base/check.h"
#include "measure/names.h"
#include "protocols/registry.h"
#include "runtime/bind_policy.h"
#include "runtime/daemon.h"

namespace geocommit {
namespace {

EngineOptions engine_options(const NodeHost& host, const Protocol& protocol, Epoch epoch, EngineParts parts) {
  const NodeConfig& config = host.config();
  EngineOptions options;
  options.self = config.self;
  options.epoch = epoch;
  options.protocol = &protocol;
  options.protocol_options = config.options;
  options.directory = &host.directory();
  options.timeouts = config.timeouts;
  options.lock_wait = config.lock_wait;
  options.locking = config.locking;
  options.initial_balance = config.initial_balance;
  options.checkpoint_bytes = config.checkpoint_bytes;
  options.home = config.home;
  options.unreachable_home = config.unreachable_home;
  options.unreachable_wait = config.unreachable_wait;
  options.retained_max = config.home_retained_max;
  options.parts = parts;
  options.clock = steady_clock_id();
  return options;
}

}  // namespace

NodeRuntime::NodeRuntime(NodeHost& host, const Protocol& protocol, CommitLog::Opened opened, FaultDisk* disk,
                         EngineParts parts)
    : host_(host),
      directory_(host.config().data_directory),
      durability_(host.config().durability),
      self_(*host.directory().find(host.config().self)),
      telemetry_(host.live(), host.window(), host.directory(), host.config().called(),
                 host.directory().regions()[self_.region.value]),
      log_(std::move(opened.log)),
      points_(host.faults(), observers(opened.epoch)) {
  telemetry_.announce(self_.kind, protocol);
  engine_ = std::make_unique<NodeEngine>(engine_options(host, protocol, opened.epoch, parts), *this, points_);
  log_->start({[this](WriteToken token) { engine_->on_forced(token); },
               [this](Duration took) { telemetry_.force_latency().record(took); },
               [this](const std::string& why) { host_.fail("the log cannot be written: " + why, kLogFailedStatus); }});
  host_.faults().set_disk([this, disk](const DiskState& state) {
    if (disk != nullptr) {
      disk->set(state);
    }
    log_->hold(state.stalled);
  });
  host_.loop().attach(timers_, [this](std::uint64_t token) { engine_->on_timer(token); });
  if (self_.kind == NodeKind::coordinator) {
    host_.transport().set_watermark_source([this] { return engine_->watermark(); });
  }
  spdlog::info("{}: start {}, {}, {} records to recover{}{}", self_.name, opened.epoch.value, host.config().called(),
               opened.state.records.size(), opened.state.checkpoint ? " behind a checkpoint" : "",
               opened.tail_cut ? ", a torn tail was cut" : "");
  engine_->recover(std::move(opened.state));
  engine_->start();
}

Result<void> NodeRuntime::close() {
  host_.faults().end(0);  // a stalled disk must not hold up a clean end
  if (events_) {
    events_->settle();
  }
  return log_->close();
}

NodeRuntime::~NodeRuntime() {
  host_.faults().end(0);
  host_.faults().set_disk({});
  host_.transport().set_watermark_source({});
  host_.loop().detach(timers_);
}

std::vector<Observer*> NodeRuntime::observers(Epoch epoch) {
  const TraceSettings& settings = host_.config().trace;
  if (!settings.on) {
    return {&telemetry_};
  }
  auto opened = EventFiles::open(directory_, self_.id, settings);
  if (!opened) {
    spdlog::warn("no event log: {}", opened.error().message);
    return {&telemetry_};
  }
  event_files_ = std::move(opened).value();
  events_ = std::make_unique<EventLog>(
      settings, event_files_->window(), [] { return steady_now(); },
      [this](const Event* events, std::size_t count) { event_files_->append(events, count); },
      event_files_->kept_bytes());
  events_->started(epoch, steady_clock_id());
  return {&telemetry_, events_.get()};
}

std::string NodeRuntime::missing_peers() const {
  std::string names;
  int missing = 0;
  for (const NodeInfo& node : host_.directory().nodes()) {
    if (node.id != self_.id && node.kind != NodeKind::client && host_.config().addresses.contains(node.id) &&
        !host_.transport().heard_from(node.id) && ++missing <= 5) {
      names += (names.empty() ? "" : ", ") + node.name;
    }
  }
  if (missing > 5) {
    names += " and " + std::to_string(missing - 5) + " more";
  }
  return names;
}

NodeStatus NodeRuntime::status() {
  NodeStatus status;
  status.engine = engine_->status();
  status.ready = status.engine.peers_known >= status.engine.peers_expected;
  if (!status.ready) {
    const std::string missing = missing_peers();
    status.waiting_for = "hello from " + (missing.empty() ? std::string{"a peer"} : missing);
  }
  return status;
}

NodeReport NodeRuntime::report() {
  NodeReport report;
  report.engine = engine_->status();
  report.in_doubt = engine_->open_in_doubt();
  if (self_.kind == NodeKind::agent) {
    report.balances = engine_->balances();
  }
  report.fixed_or_measured_force_p50 =
      durability_.kind == DurabilityKind::fixed ? durability_.fixed_force : telemetry_.force_latency().quantile(0.5);
  return report;
}

void NodeRuntime::refresh(MetricSet& live) {
  const Labels base = telemetry_.labels();
  telemetry_.show(engine_->status());
  const CommitLogStats& log = log_->stats();
  live.counter(metric::kLogBatches, base) = log.batches;
  live.counter(metric::kLogBatchRecords, base) = log.batch_records;
  live.counter(metric::kLogBytes, base) = log.bytes;
  live.counter(metric::kCheckpoints, base) = log.checkpoints;
}

namespace {

Result<int> serve_with(EngineParts parts, EventLoop& loop, const NodeConfig& config, bool deployed) {
  const Protocol* protocol = find_protocol(config.protocol);
  if (protocol == nullptr) {
    return Error{"there is no protocol named \"" + config.protocol + "\""};
  }
  if (config.data_directory.empty()) {
    return Error{"data_directory: a directory for the log was expected"};
  }
  const NodeAddresses& own = config.addresses.at(config.self);
  for (const std::string& address : {own.data, own.control, own.metrics}) {
    if (Result<void> allowed = may_bind(address, config.insecure || config.own_namespace); !allowed) {
      return allowed.error();
    }
  }
  FaultDisk disk{posix_storage(), config.durability.kind == DurabilityKind::fsync};
  Result<CommitLog::Opened> opened = CommitLog::open(
      loop, {config.data_directory.string(), config.self, config.durability, kSegmentBytes, &disk, true});
  if (!opened) {
    return opened.error();
  }
  HostOptions options;
  options.epoch = opened.value().epoch;
  options.remote_release = deployed;
  Result<std::unique_ptr<NodeHost>> host = NodeHost::open(loop, config, options);
  if (!host) {
    return host.error();
  }
  NodeRuntime runtime(*host.value(), *protocol, std::move(opened).value(), &disk, parts);
  return host.value()->run(runtime);
}

}  // namespace

Result<int> serve_engine(EventLoop& loop, const NodeConfig& config, bool deployed) {
  return serve_with({}, loop, config, deployed);
}

ServeCell serve_engine_of(EngineParts parts) {
  return [parts](EventLoop& loop, const NodeConfig& config, bool deployed) {
    return serve_with(parts, loop, config, deployed);
  };
}

}  // namespace geocommit
