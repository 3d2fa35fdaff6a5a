// The tun backend: a TUN device in each node's namespace, and geocommit-router between them.
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <mutex>

#include "wan/echo.h"
#include "wan/node_network.h"
#include "wan/router.h"
#include "wan/router_client.h"
#include "wan/tun_device.h"

namespace geocommit {
namespace {

constexpr std::uint32_t kTunQueuePackets = 10000;
constexpr int kCalibrationPings = 60;
constexpr Duration kCalibrationDelay = 2ms;
constexpr std::int64_t kCalibrationMaxNs = 100'000;

class TunEmulation final : public Emulation {
 public:
  TunEmulation(LinkTable table, const EmulationOptions& options) : table_(std::move(table)), options_(options) {}
  ~TunEmulation() override { TunEmulation::close(); }

  [[nodiscard]] Result<void> start();

  [[nodiscard]] Backend backend() const override { return Backend::tun; }
  [[nodiscard]] std::string wan_address(std::string_view node) const override {
    return to_string(wan_ipv4(table_.index_of(node)));
  }
  [[nodiscard]] std::string management_address(std::string_view node) const override {
    return to_string(management_ipv4(table_.index_of(node)));
  }
  [[nodiscard]] std::string runner_address() const override { return to_string(kRunnerManagement); }
  [[nodiscard]] int namespace_fd(std::string_view node) const override {
    return network_.namespace_fd(table_.index_of(node));
  }
  [[nodiscard]] Result<void> change_link(std::string_view from, std::string_view to,
                                         const LinkChange& change) override {
    const auto pairs = table_.change(from, to, change);
    return pairs ? push(*pairs) : pairs.error();
  }
  [[nodiscard]] Result<LinkSpec> link(std::string_view from_node, std::string_view to_node) const override {
    return table_.between(from_node, to_node);
  }
  [[nodiscard]] Result<void> heal_all() override { return push(table_.heal_all()); }
  [[nodiscard]] Result<RouterStats> stats() override;
  [[nodiscard]] Result<void> reset_stats() override {
    RouterRequest request;
    request.verb = RouterVerb::reset_stats;
    const auto reply = router_.ask(request);
    return reply ? Result<void>{} : reply.error();
  }
  [[nodiscard]] int failure_fd() const override { return router_.pid_fd(); }
  [[nodiscard]] Result<void> health() override { return router_.health(); }
  [[nodiscard]] std::map<std::string, std::string> describe() const override;
  [[nodiscard]] std::vector<int> processes() const override {
    return router_.pid() > 0 ? std::vector<int>{router_.pid()} : std::vector<int>{};
  }
  void close() override {
    router_.stop();
    network_.close();
  }

 private:
  [[nodiscard]] Result<void> push(const LinkTable::Pairs& pairs);
  [[nodiscard]] Result<void> push_all();
  [[nodiscard]] Result<void> calibrate();
  [[nodiscard]] Result<UniqueFd> make_wan_device(std::size_t index) const;

  LinkTable table_;
  EmulationOptions options_;
  NodeNetwork network_;
  RouterClient router_;
  std::map<std::string, std::string> tcp_;
  Duration advance_{0};
  bool sched_fifo_ = false;
};

Result<UniqueFd> TunEmulation::make_wan_device(std::size_t index) const {
  auto device = open_tun("wan0");
  if (!device) return device;
  auto netlink = Netlink::open();
  if (!netlink) return netlink.error();
  if (auto done = netlink->set_queue_length("wan0", kTunQueuePackets); !done) return done.error();
  if (auto done = netlink->add_address("wan0", wan_ipv4(index), 32); !done) return done.error();
  if (auto done = netlink->set_up("wan0"); !done) return done.error();
  auto routed = netlink->add_route(kWanNetwork, kWanPrefix, "wan0", wan_ipv4(index), route_metrics(options_.tcp));
  if (!routed) routed = netlink->add_route(kWanNetwork, kWanPrefix, "wan0", wan_ipv4(index), {});
  if (!routed) return routed.error();
  return device;
}

Result<void> TunEmulation::start() {
  std::vector<UniqueFd> devices;
  auto network = NodeNetwork::make(table_.size(), options_.tcp, [&](std::size_t index) -> Result<void> {
    auto device = make_wan_device(index);
    if (!device) return device.error();
    devices.push_back(std::move(device).value());
    return {};
  });
  if (!network) return network.error();
  network_ = std::move(network).value();
  if (auto done = router_.start(options_.router_program, options_.router_log); !done) return done;
  RouterRequest hello;
  hello.verb = RouterVerb::hello;
  hello.count = static_cast<std::uint32_t>(table_.size());
  hello.wan_network = kWanNetwork.bits;
  hello.allow_sched_fifo = options_.allow_sched_fifo ? 1 : 0;
  hello.value_ns = options_.spin.count();
  hello.seed = options_.seed;
  const auto answered = router_.ask(hello, router_.pulse_fd());
  if (!answered) return answered.error();
  sched_fifo_ = answered->sched_fifo != 0;
  for (std::size_t i = 0; i < devices.size(); ++i) {
    RouterRequest add;
    add.verb = RouterVerb::add_node;
    add.index = static_cast<std::uint32_t>(i);
    if (auto done = router_.ask(add, devices[i].get()); !done) return done.error();
  }
  if (options_.calibrate && table_.size() > 1) {
    if (auto done = calibrate(); !done) return done;
  }
  tcp_ = network_.describe_tcp();
  if (auto done = push_all(); !done) return done;
  return reset_stats();
}

/// Pings between two nodes over links of a known delay: what comes on top is the constant cost of waking the sender,
/// the router and the receiver. Half of its lower quartile is taken off each direction: the quartile, because a busy
/// machine only ever makes it longer, and packets should rather come late than early.
Result<void> TunEmulation::calibrate() {
  LinkSpec known;
  known.delay = kCalibrationDelay;
  RouterRequest request;
  request.verb = RouterVerb::set_links;
  request.count = 2;
  request.links[0] = to_wire(0, 1, known);
  request.links[1] = to_wire(1, 0, known);
  if (auto done = router_.ask(request); !done) return done.error();
  auto echo = EchoServer::start(network_.namespace_fd(1), to_string(wan_ipv4(1)));
  if (!echo) return echo.error();
  PingPlan plan;
  plan.count = kCalibrationPings;
  plan.interval = 1ms;
  plan.timeout = 1s;
  auto pings = ping(network_.namespace_fd(0), to_string(wan_ipv4(0)), (*echo)->address(), (*echo)->port(), plan);
  if (!pings) return pings.error();
  if (pings->round_trips.size() < kCalibrationPings / 2) return Error{"calibration: the router does not forward"};
  auto& times = pings->round_trips;
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 4), times.end());
  const Duration excess = times[times.size() / 4] - 2 * kCalibrationDelay;
  advance_ = Duration{std::clamp<std::int64_t>(excess.count() / 2, 0, kCalibrationMaxNs)};
  RouterRequest set;
  set.verb = RouterVerb::calibrate;
  set.value_ns = advance_.count();
  const auto done = router_.ask(set);
  return done ? Result<void>{} : done.error();
}

Result<void> TunEmulation::push_all() {
  LinkTable::Pairs all;
  for (std::size_t from = 0; from < table_.size(); ++from) {
    for (std::size_t to = 0; to < table_.size(); ++to) all.emplace_back(from, to);
  }
  return push(all);
}

Result<void> TunEmulation::push(const LinkTable::Pairs& pairs) {
  for (std::size_t at = 0; at < pairs.size(); at += kLinksPerRequest) {
    RouterRequest request;
    request.verb = RouterVerb::set_links;
    for (std::size_t i = at; i < std::min(pairs.size(), at + kLinksPerRequest); ++i) {
      const auto [from, to] = pairs[i];
      request.links[request.count++] = to_wire(from, to, table_.at(from, to));
    }
    if (auto done = router_.ask(request); !done) return done.error();
  }
  return {};
}

Result<RouterStats> TunEmulation::stats() {
  RouterRequest request;
  request.verb = RouterVerb::stats;
  const auto reply = router_.ask(request);
  if (!reply) return reply.error();
  RouterStats stats;
  stats.packets = reply->packets;
  stats.bytes = reply->bytes;
  stats.lost = reply->lost;
  stats.cut = reply->cut;
  stats.queue_full = reply->queue_full;
  stats.no_route = reply->no_route;
  stats.not_ipv4 = reply->not_ipv4;
  stats.write_failed = reply->write_failed;
  stats.in_flight = reply->in_flight;
  stats.has_lateness = true;
  stats.lateness_p50_us = reply->lateness_p50_us;
  stats.lateness_p99_us = reply->lateness_p99_us;
  stats.lateness_max_us = reply->lateness_max_us;
  return stats;
}

std::map<std::string, std::string> TunEmulation::describe() const {
  auto out = tcp_;
  out["backend"] = "tun";
  out["kernel"] = kernel_release();
  out["router_scheduling"] = sched_fifo_ ? "SCHED_FIFO" : "SCHED_OTHER";
  out["router_spin_us"] = std::to_string(options_.spin / 1us);
  out["router_calibration_us"] = std::to_string(advance_ / 1us);
  out["initial_window"] = std::to_string(options_.tcp.initial_window);
  out["nodes"] = std::to_string(table_.size());
  return out;
}

}  // namespace

Result<std::unique_ptr<Emulation>> bring_up_tun(LinkTable table, const EmulationOptions& options) {
  auto emulation = std::make_unique<TunEmulation>(std::move(table), options);
  if (auto done = emulation->start(); !done) return done.error();
  return std::unique_ptr<Emulation>(std::move(emulation));
}

}  // namespace geocommit
