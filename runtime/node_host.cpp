#include "runtime/node_host.h"

#include <spdlog/spdlog.h>

#include <csignal>
#include <utility>
#include <zmq.hpp>

#include "base/check.h"
#include "measure/names.h"
#include "runtime/bind_policy.h"
#include "runtime/control_server.h"
#include "runtime/faults/wall_clock.h"
#include "runtime/metrics_endpoint.h"
#include "runtime/telemetry.h"

namespace geocommit {

namespace {
constexpr Duration kLastCall = 1s;
}  // namespace

class NodeHost::Impl {
 public:
  Impl(EventLoop& loop, const NodeConfig& config, HostOptions options)
      : loop_(loop), config_(config), options_(options), directory_(config.directory()) {}

  Result<void> open() {
    std::map<NodeId, std::string> data;
    for (const auto& [node, addresses] : config_.addresses) {
      data[node] = addresses.data;
    }
    const NodeAddresses& own = config_.addresses.at(config_.self);
    for (const std::string& address : {own.data, own.control, own.metrics}) {
      if (Result<void> allowed = may_bind(address, config_.insecure || config_.own_namespace); !allowed) {
        return allowed;
      }
    }
    (void)::signal(SIGPIPE, SIG_IGN);
    if (Result<void> watched = loop_.handle_signals([this](int) { loop_.stop(0); }); !watched) {
      return watched;
    }
    context_ = make_zmq_context();
    TransportOptions transport;
    transport.self = config_.self;
    transport.epoch = options_.epoch;
    transport.run_id = config_.run_id;
    transport.secret = config_.secret;
    transport.bind = own.data;
    transport.addresses = std::move(data);
    transport.directory = &directory_;
    transport.links_never_cut = config_.links_never_cut;
    auto opened = Transport::open(*context_, loop_, std::move(transport),
                                  [this](const PeerMessage& message) { service_->on_message(message); });
    if (!opened) {
      return opened.error();
    }
    transport_ = std::move(opened).value();
    if (Result<void> armed = open_faults(); !armed) {
      return armed;
    }
    if (!own.control.empty()) {
      auto control = ControlServer::open(*context_, loop_, own.control, verbs());
      if (!control) {
        return control.error();
      }
      control_ = std::move(control).value();
    }
    if (!own.metrics.empty()) {
      const Labels cell = config_.cell.empty() ? Labels{} : Labels{{"cell", config_.cell}};
      auto metrics = MetricsEndpoint::open(
          own.metrics, loop_,
          [this] {
            refresh();
            return live_;
          },
          cell);
      if (!metrics) {
        return metrics.error();
      }
      metrics_ = std::move(metrics).value();
    }
    renewed_ = loop_.now();
    if (leased()) {
      watch_lease();
    }
    return {};
  }

  int run(NodeService& service) {
    service_ = &service;
    const int code = loop_.run();
    metrics_.reset();
    if (failure_) {
      spdlog::critical("{}", *failure_);
      return failed_status_;
    }
    if (Result<void> closed = service.close(); !closed) {
      failure_ = closed.error().message;
      spdlog::critical("{}", *failure_);
      return 1;
    }
    transport_->flush();
    return code;
  }

  void fail(const std::string& why, int status) {
    if (!failure_) {
      failure_ = why;
      failed_status_ = status;
    }
    loop_.stop(status);
  }

  void refresh() {
    count_transport();
    if (service_ != nullptr) {
      service_->refresh(live_);
    }
  }

  EventLoop& loop_;
  NodeConfig config_;
  HostOptions options_;
  Directory directory_;
  MetricSet live_, window_;
  std::unique_ptr<zmq::context_t> context_;
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<NodeFaults> faults_;

 private:
  Result<void> open_faults() {
    NodeFaults::Seams seams;
    seams.let_leave = [this] {
      if (!transport_->flush_out()) {
        spdlog::error("faults: it is not certain that what was sent before the point has left");
      }
    };
    seams.prepare_leaving = [this] { return transport_->prepare_barrier(); };
    seams.filter_sends = [this](bool filter) {
      transport_->set_loss(filter
                               ? [this](NodeId to, const PeerPayload& payload) { return faults_->drops(to, payload); }
                               : std::function<bool(NodeId, const PeerPayload&)>{});
    };
    seams.step_wall_clock = [](Duration by) {
      if (!step_wall_clock(by)) {
        spdlog::error("faults: this program cannot be given a false wall clock");
      }
    };
    if (leased()) {
      seams.longest_pause = config_.lease;  // a daemon that stands still frees itself no sooner
    }
    faults_ = std::make_unique<NodeFaults>(loop_, *context_, config_.self, directory_, std::move(seams));
    for (const FaultOrder& order : config_.faults) {
      if (Result<void> armed = faults_->arm(order); !armed) {
        return Error{"fault " + std::to_string(order.id) + ": " + armed.error().message};
      }
    }
    return {};
  }

  [[nodiscard]] bool leased() const { return options_.remote_release && config_.lease > Duration::zero(); }

  /// The runner has gone if nothing is heard of it: faults end, and the daemon is idle again.
  void watch_lease() {
    (void)loop_.call_at(renewed_ + config_.lease, [this] {
      if (loop_.now() < renewed_ + config_.lease) {
        watch_lease();
        return;
      }
      // After a time in which this process stood still, what has come meanwhile is heard first.
      const Instant heard = renewed_;
      (void)loop_.call_at(loop_.now() + kLastCall, [this, heard] {
        if (renewed_ != heard) {
          watch_lease();
          return;
        }
        spdlog::warn("the runner of {} has not been heard for {:.0f} s: its cell is dropped", config_.run_id,
                     to_seconds(loop_.now() - renewed_));
        faults_->end(0);
        loop_.stop(kExitRelease);
      });
    });
  }

  void count_transport() {
    const NodeInfo* self = directory_.find(config_.self);
    const Labels base{{metric::kProtocol, config_.called()}, {metric::kRegion, config_.regions[self->region.value]}};
    const auto with = [&base](const char* label, std::string_view value) {
      Labels labels = base;
      labels[label] = std::string{value};
      return labels;
    };
    const TransportStats& stats = transport_->stats();
    const Labels sent = with(metric::kDirection, "sent"), received = with(metric::kDirection, "received");
    live_.counter(metric::kTransportFrames, sent) = stats.frames_sent;
    live_.counter(metric::kTransportFrames, received) = stats.frames_received;
    live_.counter(metric::kTransportItems, sent) = stats.items_sent;
    live_.counter(metric::kTransportItems, received) = stats.items_received;
    live_.counter(metric::kTransportBytes, sent) = stats.bytes_sent;
    live_.counter(metric::kTransportBytes, received) = stats.bytes_received;
    for (std::size_t cause = 0; cause < kDropCauses; ++cause) {
      live_.counter(metric::kTransportDropped, with(metric::kCause, name_of(static_cast<Drop>(cause)))) =
          stats.dropped[cause];
    }
  }

  ControlVerbs verbs() {
    ControlVerbs verbs;
    verbs.status = [this] {
      NodeStatus status = service_->status();
      status.node = config_.self;
      status.run_id = config_.run_id;
      status.cell = config_.cell;
      status.faults = faults_->fired();
      return status;
    };
    verbs.report = [this] {
      NodeReport report = service_->report();
      refresh();
      report.node = config_.self;
      report.live = live_;
      report.window = window_;
      return report;
    };
    verbs.metrics = [this] {
      refresh();
      NodeReport report;
      report.node = config_.self;
      report.live = live_;
      return report;
    };
    verbs.arm_fault = [this](const FaultOrder& order) { return faults_->arm(order); };
    verbs.move_home = [this](const HomeOrder& order) -> Result<void> {
      if (order.home.value >= directory_.region_count() || order.successor.value >= directory_.region_count()) {
        return Error{"an order about a region that there is not"};
      }
      return service_->move_home(order);
    };
    verbs.quiesce = [this] { return service_->quiesce(); };
    verbs.end_fault = [this](std::uint32_t id) -> Result<void> {
      faults_->end(id);
      return {};
    };
    verbs.renew = [this](const std::string& run_id) -> Result<void> {
      if (run_id != config_.run_id) {
        return Error{"busy with run " + config_.run_id};
      }
      renewed_ = loop_.now();
      return {};
    };
    verbs.start_load = [this] { return service_->start_load(); };
    verbs.shutdown = [this]() -> Result<void> {
      loop_.stop(0);
      return {};
    };
    verbs.release = [this]() -> Result<void> {
      loop_.stop(options_.remote_release ? kExitRelease : 0);
      return {};
    };
    verbs.files = [this] { return service_->files(); };
    return verbs;
  }

  NodeService* service_{};
  std::unique_ptr<ControlServer> control_;
  std::unique_ptr<MetricsEndpoint> metrics_;
  std::optional<std::string> failure_;
  int failed_status_{1};
  Instant renewed_{};  ///< When the runner was heard last.
};

Result<std::unique_ptr<NodeHost>> NodeHost::open(EventLoop& loop, const NodeConfig& config, HostOptions options) {
  auto impl = std::make_unique<Impl>(loop, config, options);
  if (Result<void> opened = impl->open(); !opened) {
    return opened.error();
  }
  return std::unique_ptr<NodeHost>{new NodeHost(std::move(impl))};
}

NodeHost::NodeHost(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
NodeHost::~NodeHost() = default;
EventLoop& NodeHost::loop() { return impl_->loop_; }
Transport& NodeHost::transport() { return *impl_->transport_; }
const NodeConfig& NodeHost::config() const { return impl_->config_; }
const Directory& NodeHost::directory() const { return impl_->directory_; }
MetricSet& NodeHost::live() { return impl_->live_; }
MetricSet& NodeHost::window() { return impl_->window_; }
int NodeHost::run(NodeService& service) { return impl_->run(service); }
NodeFaults& NodeHost::faults() { return *impl_->faults_; }
void NodeHost::fail(const std::string& why, int status) { impl_->fail(why, status); }

}  // namespace geocommit
