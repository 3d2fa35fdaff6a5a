// The control plane: one request, one reply, between the runner and a daemon, on a socket of its own. Verbs are a
// closed enum with typed parameters (control.proto): no shell, no path, no URL (docs/pitfalls.md, at its end).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "measure/metric_set.h"
#include "runtime/faults/fault_order.h"
#include "runtime/node_config.h"

namespace geocommit {

enum class ControlVerb : std::uint8_t {
  status,      ///< -> NodeStatus
  configure,   ///< Deployed, idle daemon: here is your cell (a NodeConfig); it starts itself anew with it.
  start_load,  ///< Client: begin now. Ignored when already begun.
  report,      ///< -> NodeReport
  release,     ///< Deployed: drop the cell, go back to idle. Emulated: same as shutdown.
  shutdown,    ///< Flush and exit 0.
  list_files,  ///< -> names and sizes of this node's durable files and outcome log.
  read_file,   ///< One of those, from an offset, up to 1 MiB.
  metrics,     ///< -> NodeReport with nothing but `live`: what /metrics shows, cheap enough for every second.
  arm_fault,   ///< A FaultOrder (runtime/faults/fault_order.h).
  end_fault,   ///< Heals and disarms one, or all of them.
  move_home,   ///< A HomeOrder.
  quiesce,     ///< Begin nothing any more (NodeEngine::quiesce).
  renew,       ///< Deployed: the runner of this run lives, its lease begins anew (NodeConfig::lease).
};

/// Home region: the entities of `home` get their master in `successor` (NodeEngine::move_home). For every agent.
struct HomeOrder {
  RegionId home, successor;
  bool forced{};  ///< A failover, without the old master; else a planned transfer.
};

struct NodeStatus {
  NodeId node;
  std::string run_id, cell;
  bool idle{};              ///< Deployed daemon without a cell.
  bool ready{};             ///< Sockets open, log recovered, every peer that it needs known by hello.
  std::string waiting_for;  ///< When not ready: what for, in words.
  EngineStatus engine;
  // Client only.
  bool load_finished{};  ///< Nothing more will be sent and nothing is outstanding (or timed out).
  std::uint64_t offered{}, committed{}, aborted{}, unknown{}, shed{}, outstanding{};
  double recent_p99_ms{};          ///< Over the last second.
  double recent_p50_ms{};          ///< Likewise.
  std::vector<FiredFault> faults;  ///< What has fired here since this start, oldest first; the newest 256.
};

/// All that a node measured. `window`: transactions whose intended start lies in the measurement window.
/// `live`: everything since the start, as /metrics shows it.
struct NodeReport {
  NodeId node;
  MetricSet window, live;
  EngineStatus engine;
  std::vector<OpenInDoubt> in_doubt;       ///< Censored at the moment of the report.
  std::vector<std::int64_t> balances;      ///< By slot; agents only.
  Duration fixed_or_measured_force_p50{};  ///< What a force took here (fsync) or was told to take (fixed).
};

inline constexpr std::uint64_t kFilePieceBytes = 1U << 20U;

/// The runner's end. Not thread-safe; several requests to different nodes may be under way at once.
class ControlClient {
 public:
  ControlClient();
  ~ControlClient();
  /// Connects lazily; `address` as in NodeAddresses::control.
  void add(NodeId node, const std::string& address);
  void remove(NodeId node);

  /// One verb to many nodes at once; the results in the order of `nodes`. A node that does not answer within `timeout`
  /// gives an Error.
  [[nodiscard]] std::vector<Result<NodeStatus>> status(const std::vector<NodeId>& nodes, Duration timeout);
  [[nodiscard]] std::vector<Result<NodeReport>> report(const std::vector<NodeId>& nodes, Duration timeout);
  [[nodiscard]] std::vector<Result<MetricSet>> metrics(const std::vector<NodeId>& nodes, Duration timeout);
  [[nodiscard]] std::vector<Result<void>> command(ControlVerb verb, const std::vector<NodeId>& nodes, Duration timeout);
  /// The node has checked and armed it when this returns; without a point it is in force by then (and its report has
  /// been answered, so not from the listener's callback). A crash without a point gives an Error: nobody is left to
  /// answer. `give_up`: asked some ten times a second; true ends the wait, as no answer.
  [[nodiscard]] Result<void> arm(NodeId node, const FaultOrder& order, Duration timeout,
                                 const std::function<bool()>& give_up = {});
  /// To all at once; one result for each node.
  [[nodiscard]] std::vector<Result<void>> move_home(const std::vector<NodeId>& nodes, const HomeOrder& order,
                                                    Duration timeout);
  /// `id` 0: all orders. Fine if there is none of that id. Does not end what is the runner's (cut, link, ...).
  [[nodiscard]] std::vector<Result<void>> end_fault(const std::vector<NodeId>& nodes, std::uint32_t id,
                                                    Duration timeout);
  [[nodiscard]] std::vector<Result<void>> renew(const std::vector<NodeId>& nodes, const std::string& run_id,
                                                Duration timeout);
  [[nodiscard]] Result<void> configure(NodeId node, const NodeConfig& config, Duration timeout);
  struct RemoteFile {
    std::string name;
    std::uint64_t bytes{};
  };
  [[nodiscard]] Result<std::vector<RemoteFile>> list_files(NodeId node, Duration timeout);
  struct Fetch {
    Duration patience{60s};                            ///< For each answer.
    std::uint64_t bytes_max{std::uint64_t{4} << 30U};  ///< A larger file is an Error.
    std::function<bool()> give_up;                     ///< Asked at least ten times a second; true: an Error at once.
  };
  /// Whole file, in pieces; the number of its bytes.
  [[nodiscard]] Result<std::uint64_t> fetch_file(NodeId node, const std::string& name, const std::filesystem::path& to,
                                                 const Fetch& limits);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace geocommit
