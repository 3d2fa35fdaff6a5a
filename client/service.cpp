#include "client/service.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>

#include "client/workload_json.h"
#include "measure/names.h"
#include "protocols/registry.h"

namespace geocommit {
namespace {

constexpr std::uint64_t kStep = 1;  // timer tokens
constexpr std::uint64_t kHello = 2;
constexpr Duration kHelloInterval = 100ms;
constexpr const char* kTimeseriesFile = "timeseries.csv";

LoadPlan plan_of(const NodeHost& host, WorkloadSpec workload) {
  const NodeConfig& config = host.config();
  LoadPlan plan;
  plan.self = config.self;
  plan.origin = host.directory().region_of(config.self);
  plan.protocol = config.called();
  plan.workload = std::move(workload);
  plan.seed = config.seed;
  plan.warmup = config.client.warmup;
  plan.duration = config.client.duration;
  plan.outcome_timeout = config.client.outcome_timeout;
  return plan;
}

}  // namespace

LoadService::File::~File() {
  if (handle != nullptr) {
    std::fclose(handle);
  }
}

LoadService::LoadService(NodeHost& host, WorkloadSpec workload)
    : host_(host),
      coordinator_(host.directory().coordinator(host.directory().region_of(host.config().self))),
      load_(plan_of(host, std::move(workload)), host.directory(), *this, host.live(), host.window()) {
  host_.loop().attach(timers_, [this](std::uint64_t token) {
    if (token == kHello) {
      say_hello();
    } else {
      armed_.reset();
      step();
    }
  });
}

LoadService::~LoadService() { host_.loop().detach(timers_); }

Result<std::unique_ptr<LoadService>> LoadService::create(NodeHost& host) {
  const NodeConfig& config = host.config();
  auto workload = parse_workload(config.client.workload_json);
  if (!workload) {
    return workload.error();
  }
  const NodeInfo* self = host.directory().find(config.self);
  if (self == nullptr || self->kind != NodeKind::client) {
    return Error{"node " + std::to_string(config.self.value) + " is not a client of this run"};
  }
  if (config.client.outcome_timeout <= Duration{0}) {
    return Error{"the client's outcome timeout must be more than zero"};
  }
  std::error_code failed;
  std::filesystem::create_directories(config.data_directory, failed);
  if (failed) {
    return Error{"cannot make " + config.data_directory.string() + ": " + failed.message()};
  }
  auto service = std::unique_ptr<LoadService>(new LoadService(host, std::move(workload).value()));
  auto outcomes = OutcomeWriter::create(config.data_directory / kOutcomesFile, config.self, self->region);
  if (!outcomes) {
    return outcomes.error();
  }
  service->outcomes_ = std::move(outcomes).value();
  const std::string timeseries = (config.data_directory / kTimeseriesFile).string();
  service->timeseries_.handle = std::fopen(timeseries.c_str(), "we");
  if (service->timeseries_.handle == nullptr) {
    return Error{"cannot write " + timeseries + ": " + std::strerror(errno)};
  }
  std::string header = "second,offered,committed";
  for (std::size_t reason = 1; reason < kAbortReasons; ++reason) {
    header += ",aborted_" + std::string(name_of(static_cast<Reason>(reason)));
  }
  std::fprintf(service->timeseries_.handle, "%s,timed_out,shed,outstanding,p50_ms,p99_ms\n", header.c_str());
  service->say_hello();
  return service;
}

bool LoadService::ready() const { return host_.transport().heard_from(coordinator_); }

/// Until the coordinator answers: shows that it lives, and warms the connections both ways.
void LoadService::say_hello() {
  if (!ready()) {
    host_.transport().send(coordinator_, Hello{true});
    timers_.set(kHello, host_.loop().now() + kHelloInterval);
  }
}

/// An earlier wake-up than needed is harmless, so the timer is only ever brought forward.
void LoadService::arm() {
  const std::optional<Instant> next = load_.next();
  if (next && (!armed_ || *next < *armed_)) {
    armed_ = next;
    timers_.set(kStep, *next);
  }
}

void LoadService::step() {
  const bool before = load_.finished();
  load_.advance(host_.loop().now());
  if (load_.finished() && !before) {
    flush();
  }
  arm();
}

void LoadService::on_message(const PeerMessage& message) {
  if (message.from == coordinator_) {
    load_.heard(message.from_epoch);
  }
  if (const auto* reply = std::get_if<ClientReply>(&message.payload)) {
    load_.on_reply(host_.loop().now(), *reply);
    arm();
  }
}

Result<void> LoadService::start_load() {
  if (!load_.started()) {
    if (!ready()) {
      return Error{"not ready: " + status().waiting_for};
    }
    load_.start(host_.loop().now());
    arm();
  }
  return {};
}

NodeStatus LoadService::status() {
  NodeStatus status;
  status.ready = ready();
  if (!status.ready) {
    status.waiting_for = host_.directory().find(coordinator_)->name + " has not answered";
  }
  const LoadCounts counts = load_.counts();
  status.load_finished = load_.finished();
  status.offered = counts.offered;
  status.committed = counts.committed;
  status.aborted = counts.aborted;
  status.unknown = counts.unknown;
  status.shed = counts.shed;
  status.outstanding = counts.outstanding;
  status.recent_p99_ms = to_ms(counts.recent_p99);
  status.recent_p50_ms = to_ms(counts.recent_p50);
  return status;
}

NodeReport LoadService::report() { return NodeReport{}; }

void LoadService::refresh(MetricSet& live) {
  const Labels labels{
      {metric::kProtocol, host_.config().called()},
      {metric::kRegion, host_.directory().regions()[host_.directory().region_of(host_.config().self).value]}};
  live.gauge(metric::kClientOutstanding, labels) = static_cast<double>(load_.counts().outstanding);
}

std::filesystem::path LoadService::files() const { return host_.config().data_directory; }

Result<void> LoadService::close() {
  load_.stop(host_.loop().now());
  if (auto done = outcomes_->flush(); !done) {
    return done;
  }
  if (std::fflush(timeseries_.handle) != 0 || std::ferror(timeseries_.handle) != 0) {
    return Error{std::string("cannot write ") + kTimeseriesFile + ": " + std::strerror(errno)};
  }
  return {};
}

void LoadService::send(const PeerPayload& payload) { host_.transport().send(coordinator_, payload); }

void LoadService::finished(const ClientOutcome& outcome) { outcomes_->append(outcome); }

void LoadService::second(const SecondRow& row) {
  std::string line =
      std::to_string(row.second) + "," + std::to_string(row.offered) + "," + std::to_string(row.committed);
  for (std::size_t reason = 1; reason < kAbortReasons; ++reason) {
    line += "," + std::to_string(row.aborted[reason]);
  }
  std::fprintf(timeseries_.handle, "%s,%llu,%llu,%llu,%.3f,%.3f\n", line.c_str(),
               static_cast<unsigned long long>(row.timed_out), static_cast<unsigned long long>(row.shed),
               static_cast<unsigned long long>(row.outstanding), to_ms(row.p50), to_ms(row.p99));
  flush();
}

void LoadService::flush() {
  if (auto done = outcomes_->flush(); !done) {
    host_.fail(done.error().message);
  } else if (std::fflush(timeseries_.handle) != 0) {
    host_.fail(std::string("cannot write ") + kTimeseriesFile + ": " + std::strerror(errno));
  }
}

}  // namespace geocommit
