// What a run of a cell leaves behind, before it is judged, and where.
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "experiment/fault_record.h"
#include "experiment/plan.h"
#include "runtime/child_path.h"
#include "runtime/control.h"
#include "wan/emulation.h"

namespace geocommit {

/// Where the programs and the results are.
struct RunPaths {
  std::filesystem::path programs;  ///< The build folder that holds agent/, coordinator/, client/.
  std::filesystem::path results;
  /// Below `results`. What the names are was checked when they were read: anything else by now is a bug of ours.
  [[nodiscard]] std::filesystem::path in(std::initializer_list<std::string_view> names) const {
    return child_path(results, names).value();
  }
  [[nodiscard]] std::filesystem::path node_folder(const Cell& cell, const NodeInfo& node) const {
    return in({"nodes", cell.id, node.name});
  }
  [[nodiscard]] std::filesystem::path log(const Cell& cell, const NodeInfo& node) const {
    return in({"logs", cell.id, node.name + ".log"});
  }
  [[nodiscard]] std::filesystem::path histogram(const Cell& cell, const std::string& name) const {
    return in({"histograms", cell.id + "." + name + ".csv"});
  }
};

/// What a cell left behind, before it is judged.
struct CellEvidence {
  std::map<NodeId, NodeReport> reports;  ///< Of the nodes that could still be asked.
  bool drained{};                        ///< Proven at rest (engine/quiescence.h), and so were the reports.
  std::string why_not_drained;
  EngineStatus left;  ///< What remained, summed over nodes.
  bool interrupted{};
  std::string failure;                       ///< Empty: none. Which daemon (or the router) failed, and why.
  std::vector<std::string> invalid_reasons;  ///< Why the latencies cannot be trusted.
  std::optional<RouterStats> router;         ///< Over the measurement window.
  Duration started{}, loaded{}, drain{};     ///< How long it took to start, to offer the load, to drain.
  std::vector<std::string> incomplete;       ///< Nodes whose durable files could not be had, and why.
  std::vector<FaultRecord> faults;           ///< In the order of the plan.
  std::vector<NodeReport> last_reports;      ///< Of processes that were to be killed: what died with them.
  /// A coordinator or agent died: what it had counted since its last report, and of the transactions under way then.
  bool counters_lost{};
  Instant load_began{};   ///< On this host's steady clock, ...
  std::uint64_t clock{};  ///< ... which is this one (steady_clock_id()).
  Instant collected{};    ///< When the daemons were asked for their reports, on this host's clock.
};

/// A cell that ran, for whoever judges it.
struct CellRun {
  const Plan& plan;
  const Cell& cell;
  const RunPaths& paths;
  std::string run_id;
  bool emulated{};  ///< Over a WAN, by this machine.
};

}  // namespace geocommit
