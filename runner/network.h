// Where the nodes of a run live: an emulated WAN, plain loopback, or daemons deployed elsewhere; and their addresses.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "experiment/plan.h"
#include "runner/http_proxy.h"
#include "runtime/node_config.h"
#include "wan/emulation.h"

namespace geocommit {

struct NetworkChoice {
  EmulationKind kind{EmulationKind::loopback};  ///< Never automatic.
  std::string why;
};

/// What `auto` means here, or whether this machine can do what was asked. Call it before threads exist.
[[nodiscard]] Result<NetworkChoice> choose_network(EmulationKind asked);

struct NetworkOptions {
  std::filesystem::path router_log;
  std::filesystem::path sockets;  ///< Where private_socket() puts what commands the nodes: run_state_folder().
  std::uint64_t seed{1};
  std::optional<std::uint16_t> base_port;  ///< Loopback: consecutive ports from here instead of free ones.
};

class Network {
 public:
  /// For tun and netem the process must be in its private namespace already; `proxy` was opened before that (else
  /// null).
  [[nodiscard]] static Result<std::unique_ptr<Network>> open(const Plan& plan, const PlannedWan& wan,
                                                             const NetworkChoice& choice, const NetworkOptions& options,
                                                             HttpProxy* proxy);
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  [[nodiscard]] EmulationKind kind() const { return choice_.kind; }
  [[nodiscard]] const std::string& why() const { return choice_.why; }
  /// nullptr when deployed.
  [[nodiscard]] Emulation* emulation() { return emulation_.get(); }
  /// To be held by whoever asks the emulation anything while a cell runs: faults change links on threads of their own.
  [[nodiscard]] std::mutex& emulation_mutex() { return emulation_mutex_; }
  [[nodiscard]] const std::map<NodeId, NodeAddresses>& addresses() const { return addresses_; }
  /// Whether the runner starts this node (deployed: clients only).
  [[nodiscard]] bool starts(const NodeInfo& node) const;
  [[nodiscard]] int namespace_fd(const NodeInfo& node) const;
  /// Loopback: other free ports, after one turned out to be taken. False if the ports are not ours to choose.
  [[nodiscard]] bool reassign_ports();
  /// Where a browser on this host finds a node's metrics: "http://127.0.0.1:40000/nodes/agent@a/metrics".
  [[nodiscard]] std::string metrics_url(const NodeInfo& node) const;
  /// A Prometheus configuration that scrapes every node. `run` labels all; `rules`: files, may hold a star.
  [[nodiscard]] std::string prometheus_yaml(const std::string& run, const std::filesystem::path& rules) const;
  /// Sentences on what of this network has no authentication: deployed daemons off loopback, or commanded over TCP.
  [[nodiscard]] std::vector<std::string> insecure() const;
  /// Of this run, for its nodes alone: NodeConfig::secret.
  [[nodiscard]] const std::string& secret() const { return secret_; }
  /// Where the runner listens for what fault points report: "ipc://...".
  [[nodiscard]] const std::string& fault_listener() const { return fault_listener_; }
  /// The router or another helper of the emulation has failed: why.
  [[nodiscard]] std::optional<std::string> failure();
  void close();

 private:
  Network(const Plan& plan, const PlannedWan& wan, NetworkChoice choice, const NetworkOptions& options,
          HttpProxy* proxy);
  [[nodiscard]] Result<void> assign_addresses();
  [[nodiscard]] Result<void> assign_loopback_ports();
  [[nodiscard]] Result<void> assign_control();
  void spread_ports(int tries);
  [[nodiscard]] Result<void> serve_metrics();

  const Plan& plan_;
  const PlannedWan& wan_;
  NetworkChoice choice_;
  NetworkOptions options_;
  HttpProxy* proxy_;
  std::unique_ptr<Emulation> emulation_;
  std::mutex emulation_mutex_;
  std::map<NodeId, NodeAddresses> addresses_;
  std::string secret_, fault_listener_;
  std::uint16_t next_port_{};
  int port_tries_{};
};

}  // namespace geocommit
