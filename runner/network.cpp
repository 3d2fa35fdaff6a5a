#include "runner/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <random>

#include "os/unique_fd.h"
#include "runner/private_sockets.h"
#include "runner/prometheus/server.h"
#include "runtime/bind_policy.h"

namespace geocommit {
namespace {

// Inside a namespace of its own every node has the same ports.
constexpr std::uint16_t kDataPort = 7001;
constexpr std::uint16_t kMetricsPort = 7003;
// Free ports are looked for below the range that the kernel hands out to outgoing connections (32768 upwards).
constexpr std::uint16_t kFirstPort = 20'000;
constexpr std::uint16_t kLastPort = 32'000;

std::optional<Backend> backend_of(EmulationKind kind) {
  switch (kind) {
    case EmulationKind::netem:
      return Backend::netem;
    case EmulationKind::tun:
      return Backend::tun;
    case EmulationKind::loopback:
      return Backend::loopback;
    case EmulationKind::automatic:
    case EmulationKind::deployed:
    case EmulationKind::sim:
      return std::nullopt;
  }
  GC_CHECK(false);
}

EmulationKind kind_of(Backend backend) {
  switch (backend) {
    case Backend::loopback:
      return EmulationKind::loopback;
    case Backend::tun:
      return EmulationKind::tun;
    case Backend::netem:
      return EmulationKind::netem;
  }
  GC_CHECK(false);
}

bool is_free(std::uint16_t port) {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  at.sin_port = htons(port);
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  return fd.valid() && ::bind(fd.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) == 0 && ::listen(fd.get(), 1) == 0;
}

/// 128 bits from the system's random device.
std::string make_secret() {
  std::random_device random;
  std::string secret;
  for (int word = 0; word < 4; ++word) {
    std::array<char, 9> text{};
    (void)std::snprintf(text.data(), text.size(), "%08x", random());
    secret += text.data();
  }
  return secret;
}

std::string tcp(const std::string& host, std::uint16_t port) { return "tcp://" + host + ":" + std::to_string(port); }

}  // namespace

Result<NetworkChoice> choose_network(EmulationKind asked) {
  switch (asked) {
    case EmulationKind::automatic: {
      auto chosen = choose_backend();
      if (!chosen) return chosen.error();
      return NetworkChoice{kind_of(chosen->backend), "auto: " + chosen->why};
    }
    case EmulationKind::netem:
    case EmulationKind::tun:
      if (auto can = probe_backend(*backend_of(asked)); !can) {
        return Error{"emulation " + std::string(name_of(asked)) + " cannot be done on this machine: " +
                     can.error().message + " (emulation: auto takes what can be done; loopback runs without a WAN)"};
      }
      return NetworkChoice{asked, "asked for"};
    case EmulationKind::loopback:
      return NetworkChoice{asked, "asked for: local processes, no WAN is emulated"};
    case EmulationKind::deployed:
      return NetworkChoice{asked, "asked for: daemons that are already running, no WAN is emulated"};
    case EmulationKind::sim:
      return Error{"emulation sim is no network of processes"};  // run_experiment hands it to the simulator.
  }
  GC_CHECK(false);
}

Network::Network(const Plan& plan, const PlannedWan& wan, NetworkChoice choice, const NetworkOptions& options,
                 HttpProxy* proxy)
    : plan_(plan), wan_(wan), choice_(std::move(choice)), options_(options), proxy_(proxy), secret_(make_secret()) {
  spread_ports(0);
}

/// Runs that begin together have neighbouring pids, and would take each other's ports: their places are far apart.
void Network::spread_ports(int tries) {
  const auto pid = static_cast<std::uint64_t>(::getpid());
  const auto at = (pid * 157 + static_cast<std::uint64_t>(tries) * (1009 + 31 * (pid % 64))) % (kLastPort - kFirstPort);
  next_port_ = static_cast<std::uint16_t>(kFirstPort + at);
}

Network::~Network() { close(); }

Result<std::unique_ptr<Network>> Network::open(const Plan& plan, const PlannedWan& wan, const NetworkChoice& choice,
                                               const NetworkOptions& options, HttpProxy* proxy) {
  std::unique_ptr<Network> network(new Network(plan, wan, choice, options, proxy));
  if (const auto backend = backend_of(choice.kind)) {
    std::vector<WanNode> nodes;
    for (const NodeInfo& node : wan.nodes) {
      nodes.push_back({node.name, wan.topology.regions().at(node.region.value), ""});
    }
    EmulationOptions how;
    how.router_log = options.router_log;
    how.seed = options.seed;
    auto up = bring_up(*backend, wan.topology, nodes, how);
    if (!up) return up.error();
    network->emulation_ = std::move(up).value();
  }
  if (auto assigned = network->assign_addresses(); !assigned) return assigned.error();
  if (auto assigned = network->assign_control(); !assigned) return assigned.error();
  if (auto serves = network->serve_metrics(); !serves) return serves.error();
  return network;
}

Result<void> Network::assign_addresses() {
  switch (choice_.kind) {
    case EmulationKind::netem:
    case EmulationKind::tun:
      for (const NodeInfo& node : wan_.nodes) {
        const std::string management = emulation_->management_address(node.name);
        addresses_[node.id] = {tcp(emulation_->wan_address(node.name), kDataPort), "",
                               management + ":" + std::to_string(kMetricsPort)};
      }
      return {};
    case EmulationKind::loopback:
    case EmulationKind::deployed:
      return assign_loopback_ports();
    case EmulationKind::automatic:
    case EmulationKind::sim:
      break;
  }
  GC_CHECK(false);
}

/// Whatever this runner starts is commanded through its private folder, where no other user of the machine can.
Result<void> Network::assign_control() {
  remove_private_sockets(options_.sockets);
  auto listener = private_socket(options_.sockets, "faults");
  if (!listener) return listener.error();
  fault_listener_ = std::move(listener).value();
  for (const NodeInfo& node : wan_.nodes) {
    if (!starts(node)) continue;
    auto control = private_socket(options_.sockets, "node" + std::to_string(node.id.value));
    if (!control) return control.error();
    addresses_[node.id].control = std::move(control).value();
  }
  return {};
}

Result<void> Network::assign_loopback_ports() {
  int tries = 20'000;
  const auto next = [&]() -> std::optional<std::uint16_t> {
    if (options_.base_port) return next_port_++;
    while (--tries > 0) {
      if (++next_port_ >= kLastPort) next_port_ = kFirstPort;
      if (is_free(next_port_)) return next_port_;
    }
    return std::nullopt;
  };
  if (options_.base_port) next_port_ = *options_.base_port;
  for (const NodeInfo& node : wan_.nodes) {
    const auto given = plan_.experiment.deployed.find(node.name);
    if (choice_.kind == EmulationKind::deployed && given != plan_.experiment.deployed.end()) {
      addresses_[node.id] = given->second;
      continue;
    }
    const auto data = next();
    const auto metrics = next();
    if (!data || !metrics) {
      return Error{"no free port on 127.0.0.1 between " + std::to_string(kFirstPort) + " and " +
                   std::to_string(kLastPort)};
    }
    NodeAddresses& own = addresses_[node.id];
    own.data = tcp("127.0.0.1", *data);
    own.metrics = "127.0.0.1:" + std::to_string(*metrics);
  }
  return {};
}

bool Network::reassign_ports() {
  if (choice_.kind != EmulationKind::loopback || options_.base_port) return false;
  spread_ports(++port_tries_);
  return assign_loopback_ports().ok() && serve_metrics().ok();
}

Result<void> Network::serve_metrics() {
  if (proxy_ == nullptr) return {};
  std::map<std::string, std::string> targets;
  for (const NodeInfo& node : wan_.nodes) targets[node.name] = addresses_.at(node.id).metrics;
  return proxy_->serve(std::move(targets));
}

bool Network::starts(const NodeInfo& node) const {
  return choice_.kind != EmulationKind::deployed || node.kind == NodeKind::client;
}

std::vector<std::string> Network::insecure() const {
  std::vector<std::string> found;
  if (choice_.kind != EmulationKind::deployed) return found;
  for (const NodeInfo& node : wan_.nodes) {
    const NodeAddresses& at = addresses_.at(node.id);
    if (!at.control.starts_with("ipc://")) {
      found.push_back(node.name + " is commanded at " + at.control + ": whoever reaches that can command it too");
    }
    if (!is_loopback(at.data)) {
      found.push_back(node.name + " takes data at " + at.data + ": whoever reaches that can run transactions");
    }
  }
  return found;
}

int Network::namespace_fd(const NodeInfo& node) const { return emulation_ ? emulation_->namespace_fd(node.name) : -1; }

std::string Network::metrics_url(const NodeInfo& node) const {
  if (proxy_ != nullptr) {
    return "http://127.0.0.1:" + std::to_string(proxy_->port()) + "/nodes/" + node.name + "/metrics";
  }
  return "http://" + addresses_.at(node.id).metrics + "/metrics";
}

std::string Network::prometheus_yaml(const std::string& run, const std::filesystem::path& rules) const {
  std::vector<ScrapeTarget> targets;
  for (const NodeInfo& node : wan_.nodes) targets.push_back({node.name, addresses_.at(node.id).metrics});
  if (proxy_ == nullptr) return prometheus_config(run, targets, std::nullopt, rules);
  targets.push_back({HttpProxy::kOwnName, ""});
  return prometheus_config(run, targets, proxy_->port(), rules);
}

std::optional<std::string> Network::failure() {
  if (!emulation_) return std::nullopt;
  const std::lock_guard lock(emulation_mutex_);
  auto health = emulation_->health();
  if (health) return std::nullopt;
  return health.error().message;
}

void Network::close() {
  if (proxy_ != nullptr) proxy_->stop();
  if (emulation_) emulation_->close();
  remove_private_sockets(options_.sockets);
}

}  // namespace geocommit
