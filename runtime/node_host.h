// What agent, coordinator and client have in common: event loop, data plane, control server, /metrics. The program
// supplies a NodeService. `daemon_main` (runtime/daemon.h) wraps it in a command line.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/peer_message.h"
#include "measure/metric_set.h"
#include "runtime/control.h"
#include "runtime/event_loop.h"
#include "runtime/faults/node_faults.h"
#include "runtime/node_config.h"
#include "runtime/transport.h"

namespace geocommit {

/// What a node does with what reaches it. All calls come from the event loop's thread.
class NodeService {
 public:
  virtual ~NodeService() = default;
  virtual void on_message(const PeerMessage& message) = 0;
  /// node, run_id, cell are filled by the host.
  [[nodiscard]] virtual NodeStatus status() = 0;
  /// window and live are filled by the host from its metric sets, after this call.
  [[nodiscard]] virtual NodeReport report() = 0;
  [[nodiscard]] virtual Result<void> start_load() { return Error{"this node offers no load"}; }
  [[nodiscard]] virtual Result<void> move_home(const HomeOrder& /*order*/) { return Error{"this node keeps no homes"}; }
  [[nodiscard]] virtual Result<void> quiesce() { return Error{"this node coordinates nothing and keeps nothing"}; }
  /// Before every scrape and report: brings gauges, and counters kept elsewhere, up to date.
  virtual void refresh(MetricSet& /*live*/) {}
  /// Directory whose files list_files and read_file may show; only regular files directly in it or in archive/.
  [[nodiscard]] virtual std::filesystem::path files() const = 0;
  /// Clean end (SIGTERM, shutdown, release): flush and close files. An error makes the exit status 1.
  [[nodiscard]] virtual Result<void> close() = 0;
};

struct HostOptions {
  Epoch epoch{1};         ///< For envelopes. Daemons: already forced.
  bool remote_release{};  ///< Deployed: `release` ends run() with kExitRelease instead of 0.
};

class NodeHost {
 public:
  static constexpr int kExitRelease = 64;  ///< run(): back to idle (never an exit status).

  /// Blocks signals, binds data, control and metrics. Errors name the address. `loop` must outlive the host.
  [[nodiscard]] static Result<std::unique_ptr<NodeHost>> open(EventLoop& loop, const NodeConfig& config,
                                                              HostOptions options);
  ~NodeHost();
  NodeHost(const NodeHost&) = delete;
  NodeHost& operator=(const NodeHost&) = delete;

  [[nodiscard]] EventLoop& loop();
  [[nodiscard]] Transport& transport();
  [[nodiscard]] const NodeConfig& config() const;
  [[nodiscard]] const Directory& directory() const;
  /// `live` is what /metrics shows; `window` only what belongs to measured transactions. Loop's thread only.
  [[nodiscard]] MetricSet& live();
  [[nodiscard]] MetricSet& window();

  /// Armed over the control plane, and from the configuration by open().
  [[nodiscard]] NodeFaults& faults();

  /// Serves until a signal, shutdown, release, or fail(). The exit status: 0, 1, fail()'s, or kExitRelease.
  int run(NodeService& service);
  /// The node cannot go on: `why` becomes the last line on stderr, and run() returns 1 without a further send.
  void fail(const std::string& why, int status = 1);

 private:
  class Impl;
  explicit NodeHost(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace geocommit
