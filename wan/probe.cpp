#include "wan/probe.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <thread>

#include "wan/echo.h"
#include "wan/forwarder.h"

namespace geocommit {
namespace {

constexpr Duration kGrace = 500ms;  // past the configured round trip, an answer counts as lost

Duration quantile(std::vector<Duration>& values, double q) {
  if (values.empty()) return Duration{0};
  const auto at = static_cast<std::size_t>(q * static_cast<double>(values.size() - 1) + 0.5);
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
  return values[at];
}

sockaddr_in endpoint(const std::string& address, std::uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(port);
  ::inet_pton(AF_INET, address.c_str(), &out.sin_addr);
  return out;
}

void sleep_until(std::int64_t at_ns) {
  const timespec at{at_ns / 1'000'000'000, at_ns % 1'000'000'000};
  ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr);
}

/// Requests at a fixed interval whether or not answers came, so that slow answers are not sampled less often.
struct PairRun {
  UniqueFd socket;
  Duration interval{0};
  std::vector<Duration> round_trips;
  std::size_t sent = 0;

  void receive_until(std::int64_t until_ns) {
    while (true) {
      const std::int64_t left = until_ns - monotonic_ns();
      if (left <= 0) return;
      pollfd waiting{socket.get(), POLLIN, 0};
      const timespec timeout{left / 1'000'000'000, left % 1'000'000'000};
      if (::ppoll(&waiting, 1, &timeout, nullptr) <= 0) continue;
      std::array<std::int64_t, 8> answer{};
      const ssize_t size = ::recv(socket.get(), answer.data(), sizeof answer, MSG_DONTWAIT);
      if (size == static_cast<ssize_t>(sizeof answer)) round_trips.emplace_back(monotonic_ns() - answer[0]);
    }
  }
  void run(Duration phase, Duration duration, Duration configured) {
    ::prctl(PR_SET_TIMERSLACK, 1UL);
    std::int64_t next = monotonic_ns() + phase.count();
    const std::int64_t end = next + duration.count();
    for (; next < end; next += interval.count()) {
      receive_until(next);
      const std::array<std::int64_t, 8> request{monotonic_ns()};
      if (::send(socket.get(), request.data(), sizeof request, 0) > 0) ++sent;
    }
    receive_until(end + (configured + kGrace).count());
  }
};

/// Other packets across the router, every pair in turn, to sockets that nobody reads.
class Load {
 public:
  static Result<std::unique_ptr<Load>> start(Emulation& emulation, const std::vector<WanNode>& nodes,
                                             std::uint32_t per_second) {
    auto load = std::unique_ptr<Load>(new Load(per_second));
    for (const auto& node : nodes) {
      auto socket = udp_socket(emulation.namespace_fd(node.name), emulation.wan_address(node.name));
      if (!socket) return socket.error();
      const int small = 4096;
      ::setsockopt(socket->get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
      load->addresses_.push_back(endpoint(emulation.wan_address(node.name), port_of(socket->get())));
      load->sockets_.push_back(std::move(socket).value());
    }
    load->thread_ = std::thread([pointer = load.get()] { pointer->run(); });
    return load;
  }
  ~Load() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

 private:
  explicit Load(std::uint32_t per_second) : per_second_(per_second) {}
  void run() {
    ::prctl(PR_SET_TIMERSLACK, 1UL);
    const std::int64_t start = monotonic_ns();
    const std::array<char, 200> packet{};
    std::uint64_t sent = 0;
    std::size_t from = 0;
    std::size_t to = 1;
    for (std::int64_t tick = 1; !stop_; ++tick) {
      sleep_until(start + tick * 200'000);
      const auto due = static_cast<std::uint64_t>(tick) * per_second_ / 5000;
      for (; sent < due; ++sent) {
        ::sendto(sockets_[from].get(), packet.data(), packet.size(), MSG_DONTWAIT,
                 reinterpret_cast<const sockaddr*>(&addresses_[to]), sizeof(sockaddr_in));
        to = (to + 1) % sockets_.size();
        if (to == from) {
          from = (from + 1) % sockets_.size();
          to = (from + 1) % sockets_.size();
        }
      }
    }
  }
  std::uint32_t per_second_;
  std::vector<UniqueFd> sockets_;
  std::vector<sockaddr_in> addresses_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

/// Requests over the management network while the WAN is measured: how much of an error is the machine's, not the
/// WAN's.
Result<void> measure_bare(Emulation& emulation, const std::vector<WanNode>& nodes, Duration duration,
                          ProbeReport& report) {
  auto echo = EchoServer::start(emulation.namespace_fd(nodes[1].name), emulation.management_address(nodes[1].name));
  if (!echo) return echo.error();
  PingPlan plan;
  plan.interval = 10ms;
  plan.count = static_cast<int>(std::clamp<std::int64_t>(duration / plan.interval, 1, 100000));
  auto pings = ping(emulation.namespace_fd(nodes[0].name), emulation.management_address(nodes[0].name),
                    (*echo)->address(), (*echo)->port(), plan);
  if (!pings) return pings.error();
  report.bare_p50 = quantile(pings->round_trips, 0.5);
  report.bare_p99 = quantile(pings->round_trips, 0.99);
  return {};
}

}  // namespace

Result<std::vector<ProbePair>> probe_pairs(Emulation& emulation, const Topology& topology,
                                           const std::vector<WanNode>& nodes, Duration duration) {
  std::vector<std::unique_ptr<EchoServer>> echoes;
  for (const auto& node : nodes) {
    auto echo = EchoServer::start(emulation.namespace_fd(node.name), emulation.wan_address(node.name));
    if (!echo) return echo.error();
    echoes.push_back(std::move(echo).value());
  }
  std::vector<ProbePair> pairs;
  std::vector<PairRun> runs;
  for (std::size_t a = 0; a < nodes.size(); ++a) {
    for (std::size_t b = a + 1; b < nodes.size(); ++b) {
      const auto place_a = topology.find(nodes[a].datacenter);
      const auto place_b = topology.find(nodes[b].datacenter);
      GC_CHECK(place_a && place_b);
      ProbePair pair;
      pair.a = nodes[a].datacenter;
      pair.b = nodes[b].datacenter;
      pair.configured = topology.round_trip(*place_a, *place_b);
      PairRun run;
      auto socket = udp_socket(emulation.namespace_fd(nodes[a].name), emulation.wan_address(nodes[a].name));
      if (!socket) return socket.error();
      run.socket = std::move(socket).value();
      const sockaddr_in target = endpoint(echoes[b]->address(), echoes[b]->port());
      ::connect(run.socket.get(), reinterpret_cast<const sockaddr*>(&target), sizeof target);
      pairs.push_back(pair);
      runs.push_back(std::move(run));
    }
  }
  const Duration interval = std::max<Duration>(5ms, 1ms * static_cast<std::int64_t>(2 * pairs.size()));
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    runs[i].interval = interval;
    const Duration phase = interval * static_cast<std::int64_t>(i) / static_cast<std::int64_t>(runs.size());
    threads.emplace_back(
        [&run = runs[i], phase, duration, configured = pairs[i].configured] { run.run(phase, duration, configured); });
  }
  for (auto& thread : threads) thread.join();
  for (std::size_t i = 0; i < runs.size(); ++i) {
    pairs[i].samples = runs[i].round_trips.size();
    pairs[i].lost = runs[i].sent - std::min(runs[i].sent, runs[i].round_trips.size());
    pairs[i].p50 = quantile(runs[i].round_trips, 0.5);
    pairs[i].p99 = quantile(runs[i].round_trips, 0.99);
  }
  return pairs;
}

Result<ProbeReport> probe(const ProbeOptions& options) {
  const auto topology = load_topology(options.topology);
  if (!topology) return topology.error();
  ProbeReport report;
  report.topology = topology->name();
  Backend backend = options.backend.value_or(Backend::tun);
  report.why = "asked for";
  if (!options.backend) {
    const auto choice = choose_backend();
    if (!choice) return choice.error();
    backend = choice->backend;
    report.why = choice->why;
  }
  if (backend == Backend::loopback) return Error{"a probe needs an emulation: tun, netem or auto"};
  report.backend = to_string(backend);
  if (auto done = enter_private_namespace(); !done) return done.error();
  std::vector<WanNode> nodes;
  for (const auto& place : topology->datacenters()) nodes.push_back({place.name, place.region, place.name});
  if (nodes.size() < 2)
    return Error{"topology " + topology->name() + " has one datacenter: there is nothing to measure"};
  auto emulation = bring_up(backend, *topology, nodes, options.emulation);
  if (!emulation) return emulation.error();
  if (auto done = (*emulation)->reset_stats(); !done) return done.error();
  std::unique_ptr<Load> load;
  if (options.load_per_second > 0) {
    auto started = Load::start(**emulation, nodes, options.load_per_second);
    if (!started) return started.error();
    load = std::move(started).value();
  }
  const std::int64_t start = monotonic_ns();
  Result<void> bare;
  std::thread bare_thread([&] { bare = measure_bare(**emulation, nodes, options.duration, report); });
  auto pairs = probe_pairs(**emulation, *topology, nodes, options.duration);
  bare_thread.join();
  if (!bare) return bare.error();
  if (!pairs) return pairs.error();
  load.reset();
  const double seconds = static_cast<double>(monotonic_ns() - start) / 1e9;
  report.pairs = std::move(pairs).value();
  auto stats = (*emulation)->stats();
  if (!stats) return stats.error();
  report.stats = *stats;
  double own = 0;
  for (const auto& pair : report.pairs) own += static_cast<double>(2 * pair.samples);
  if (options.load_per_second > 0) report.load_per_second = (static_cast<double>(stats->packets) - own) / seconds;
  report.environment = (*emulation)->describe();
  (*emulation)->close();
  return report;
}

ProbeBounds worst_error(const ProbeReport& report) {
  ProbeBounds worst{Duration{0}, Duration{0}};
  for (const auto& pair : report.pairs) {
    const Duration median = pair.p50 - pair.configured;
    worst.p50 = std::max(worst.p50, median < Duration{0} ? -median : median);
    worst.p99 = std::max(worst.p99, pair.p99 - pair.configured);
  }
  return worst;
}

ProbeBounds probe_bounds(const ProbeReport& report) {
  const auto scheduling = report.environment.find("router_scheduling");
  const bool fifo = scheduling != report.environment.end() && scheduling->second == "SCHED_FIFO";
  if (report.load_per_second > 0) return {fifo ? 500us : 2ms, fifo ? 500us : 2ms};
  return {150us, 500us};
}

}  // namespace geocommit
