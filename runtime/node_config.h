// What a daemon (agent, coordinator, client) needs to run one cell. The runner writes it as JSON; docs/results.md and
// `agent --help` describe it. In an emulated run the file is given on the command line; a deployed daemon receives it
// over its control socket, stores it in its data directory and starts itself anew with it.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "engine/engine.h"
#include "protocols/directory.h"
#include "protocols/options.h"
#include "runtime/events/settings.h"
#include "runtime/faults/fault_order.h"

namespace geocommit {

enum class DurabilityKind : std::uint8_t {
  fsync,  ///< A file log, one fdatasync a batch.
  none,   ///< A file log, written but never synced: a force completes at once.
  fixed,  ///< Memory; each force completes `fixed_force` after it was asked, without a queue: a modelled disk.
};
struct Durability {
  DurabilityKind kind{DurabilityKind::fsync};
  Duration fixed_force{};
};

/// Where a node listens. Data and control are separate sockets; metrics is HTTP.
struct NodeAddresses {
  std::string data;     ///< "tcp://10.1.0.1:7001"
  std::string control;  ///< "tcp://10.254.0.1:7002"; only the runner's address space reaches it.
  std::string metrics;  ///< "10.254.0.1:7003"
};

/// Load of one client process; zero-valued for daemons. See workload/generator.h for the meaning.
struct ClientConfig {
  std::string workload_json;  ///< WorkloadSpec, encoded by client/workload_json.h
  Duration warmup{}, duration{};
  Duration outcome_timeout{};  ///< After that a transaction's outcome counts as unknown and is asked for again.
};

struct NodeConfig {
  std::string run_id;  ///< In every envelope: a message of another run is refused.
  std::string secret;  ///< What nodes of the run show each other (runtime/door.h); empty: everybody is let in.
  std::string cell;    ///< "2pc-r1-s0": names the cell in logs.
  NodeId self;
  std::string protocol;       ///< Registry name.
  ProtocolOptions options{};  ///< Of that row.
  std::string label;          ///< In metrics: what tells it from the same protocol with other options.
  std::vector<std::string> regions;
  std::uint32_t sites_per_region{1};
  Placement placement{Placement::replicated};
  std::uint64_t keys_per_participant{10'000};
  std::int64_t initial_balance{1000};
  std::map<NodeId, NodeAddresses> addresses;  ///< Of every node of the run.
  Timeouts timeouts;
  Duration lock_wait{};
  LockingPolicy locking{LockingPolicy::wound_wait};
  Durability durability;
  std::size_t checkpoint_bytes{64U << 20U};
  HomeRules home;  ///< Only lease and fencing are configured.
  UnreachableHome unreachable_home{UnreachableHome::wait};
  Duration unreachable_wait{10s};
  std::uint64_t home_retained_max{100'000};
  /// Log, checkpoint, epoch; one per node and cell. In a file: from the file's own folder, unless absolute.
  std::filesystem::path data_directory;
  bool insecure{};       ///< Permit sockets off loopback and outside our own namespaces.
  bool own_namespace{};  ///< The runner made this node's network namespace: counts as loopback.
  std::uint64_t seed{};
  std::vector<FaultOrder> faults;  ///< Armed before recovery begins.
  TraceSettings trace;
  bool links_never_cut{};  ///< See TransportOptions.
  ClientConfig client;
  /// Deployed: without a renewal for this long the runner counts as gone, and the daemon is idle again. 0: for ever.
  Duration lease{};

  [[nodiscard]] Directory directory() const;

  /// In metrics and logs.
  [[nodiscard]] const std::string& called() const { return label.empty() ? protocol : label; }
};

[[nodiscard]] Result<NodeConfig> load_node_config(const std::filesystem::path& file);
[[nodiscard]] Result<NodeConfig> parse_node_config(const std::string& json, const std::string& origin);
[[nodiscard]] std::string to_json(const NodeConfig& config);
/// Replaces `file`; nobody else may read it.
[[nodiscard]] Result<void> store_node_config(const std::filesystem::path& file, const NodeConfig& config);

}  // namespace geocommit
