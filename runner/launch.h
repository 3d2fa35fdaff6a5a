// The processes of one cell: their configuration, their start, and who of them is still there.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "runner/cell.h"
#include "runner/faults/controller.h"
#include "runner/lease_keeper.h"

namespace geocommit {

class CellFleet {
 public:
  explicit CellFleet(const CellContext& context);
  /// Kills what still runs, and releases deployed daemons that were configured.
  ~CellFleet();
  CellFleet(const CellFleet&) = delete;
  CellFleet& operator=(const CellFleet&) = delete;

  /// Folders, configurations, processes (deployed: the configuration over control).
  [[nodiscard]] Result<void> start();
  /// Until every node is ready. An error names who died or who waits for whom. `port_taken`: a daemon could not bind.
  [[nodiscard]] Result<void> wait_ready(bool& port_taken);

  [[nodiscard]] ControlClient& control() { return control_; }
  [[nodiscard]] const std::vector<NodeId>& all() const { return all_; }
  [[nodiscard]] const std::vector<NodeId>& clients() const { return clients_; }
  [[nodiscard]] const std::vector<NodeId>& engines() const { return engines_; }
  /// Those of `nodes` whose process has not ended and does not stand still.
  [[nodiscard]] std::vector<NodeId> living(const std::vector<NodeId>& nodes) const;
  /// Of those, the ones that will answer soon: not those that were just started again.
  [[nodiscard]] std::vector<NodeId> answering(const std::vector<NodeId>& nodes) const;
  [[nodiscard]] std::string name(NodeId node) const;

  /// Waits `wait`, or less if a process ends, the emulation fails or Ctrl-C comes. True if the cell cannot go on; what
  /// happened is in the evidence then, and on the console unless `tell` is false.
  [[nodiscard]] bool watch(CellEvidence& evidence, Duration wait, bool tell = true);

  /// Who knows which nodes are to die and to come back; null: none are. Outlives the fleet, or is taken back.
  void set_faults(FaultController* faults) { faults_ = faults; }
  [[nodiscard]] FaultController* faults() const { return faults_; }
  /// From any thread: a signal to a node's process; false if it has none. And: watch() returns now.
  bool signal(NodeId node, int number);
  void wake() const;

  /// For metrics.series: what every living node shows, at most once a second unless `now`.
  void sample_metrics(bool now = false);
  /// With a Prometheus beside the run: until it has scraped every living node `more` times. Bounded.
  void await_scrapes(std::uint64_t more) const;

  /// Ends these processes now.
  void stop(const std::vector<NodeId>& nodes);
  /// Asks every node to flush and exit (deployed: to go idle); notes those that did not end well.
  void shut_down(Duration grace, CellEvidence& evidence);

 private:
  [[nodiscard]] NodeConfig config_of(const NodeInfo& node) const;
  [[nodiscard]] Result<void> start_node(const NodeInfo& node);
  [[nodiscard]] Result<void> start_process(const NodeInfo& node);
  void note_deaths(const std::vector<Death>& deaths, CellEvidence& evidence, bool tell);
  /// What crashed and is to come back does.
  void restart_due(CellEvidence& evidence, bool tell);
  [[nodiscard]] Result<void> restart(const FaultController::Restart& how);
  void ask_restarted();
  /// Until a deployed daemon is idle: one that was just released is still tidying up.
  [[nodiscard]] Result<void> wait_idle(const NodeInfo& node);
  [[nodiscard]] Result<void> configure_deployed(const NodeInfo& node, const NodeConfig& config);
  [[nodiscard]] std::string who_waits(const std::vector<Result<NodeStatus>>& statuses) const;

  const CellContext& context_;
  std::vector<NodeInfo> nodes_;
  std::vector<NodeId> all_, clients_, engines_;
  Fleet fleet_;
  std::vector<NodeId> configured_;  ///< Deployed daemons that hold this cell.
  LeaseKeeper leases_;              ///< Theirs.
  std::vector<std::string> ended_;  ///< Names of processes that have ended.
  ControlClient control_;
  FaultController* faults_{};
  UniqueFd wake_;  ///< An eventfd.
  std::mutex signal_mutex_;
  std::map<NodeId, UniqueFd> signal_fds_;  ///< A pidfd for each process: what it signals is never another one.
};

}  // namespace geocommit
