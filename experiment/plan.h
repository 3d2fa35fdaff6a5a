// What a run will do, before it does any of it: nodes, timeouts, cells, and how long it will take.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "experiment/experiment.h"
#include "protocols/directory.h"
#include "wan/topology.h"

namespace geocommit {

/// One protocol at one sweep point, once.
struct Cell {
  std::string id;  ///< "2pc-r1" or, with a sweep, "2pc-p2-r1": names its files.
  const Protocol* protocol{};
  std::size_t point{};
  std::uint32_t repetition{1};  ///< From 1.
  ProtocolOptions options{};    ///< Of the protocol.
  std::string label{};          ///< ProtocolChoice::label
};

/// A WAN and every process on it: agents, coordinators, and a client per region that originates load.
struct PlannedWan {
  Topology topology;
  std::vector<NodeInfo> nodes;
};

struct Plan {
  Experiment experiment;
  std::vector<PlannedWan> wans;            ///< One, or as many as the sweep has topologies.
  std::vector<std::size_t> wan_of;         ///< By sweep point: index in wans.
  std::vector<ResolvedTimeouts> timeouts;  ///< By sweep point.
  Duration disk_force{};                   ///< What a forced write costs on the disk of the results (fsync).
  std::vector<Cell> cells;                 ///< Those of one WAN together.

  [[nodiscard]] const SweepPoint& point(const Cell& cell) const { return experiment.points.at(cell.point); }
  [[nodiscard]] const PlannedWan& wan(const Cell& cell) const { return wans.at(wan_of.at(cell.point)); }
  [[nodiscard]] const Topology& topology(const Cell& cell) const { return wan(cell).topology; }
  [[nodiscard]] Directory directory(const Cell& cell) const;
  /// Of a cell's clients: each repetition draws its own load, and every protocol of a repetition gets the same.
  [[nodiscard]] std::uint64_t seed(const Cell& cell) const {
    return experiment.seed + 1'000'003ULL * (cell.repetition - 1);
  }
  /// Regions that originate load in a cell.
  [[nodiscard]] std::vector<RegionId> origins(const Cell& cell) const;
  /// The processes of a cell: all agents and coordinators, and the clients of its origins.
  [[nodiscard]] std::vector<NodeInfo> nodes_of(const Cell& cell) const;
  /// What a forced write is taken to cost in a cell.
  [[nodiscard]] Duration forced_write(const Cell& cell) const;
  /// What goes wrong in a cell, down to nodes and times; the same in every world.
  [[nodiscard]] std::vector<NamedFault> faults(const Cell& cell) const;
  /// As fault_warnings(), of that cell.
  [[nodiscard]] std::vector<std::string> warnings(const Cell& cell) const;
  [[nodiscard]] Duration estimated_time() const;
};

/// Those of the experiment's points, each once, in their order. An error has the place in the experiment's file if the
/// topology is not there, else in the topology's.
[[nodiscard]] Result<std::vector<Topology>> load_topologies(const Experiment& experiment,
                                                            const std::vector<Override>& overrides = {});
/// Checks the experiment against its topologies (as load_topologies gives them) and lays the run out.
[[nodiscard]] Result<Plan> make_plan(Experiment experiment, std::vector<Topology> topologies, Duration disk_force);
/// "aws-3", or "aws-3, aws-5" if the topology is swept.
[[nodiscard]] std::string topology_names(const Plan& plan);

/// For --dry-run: what would happen, without prediction (report/report.h adds it).
[[nodiscard]] std::string describe(const Plan& plan);

/// "workload.rate=50/s durability=none"; empty without a sweep.
[[nodiscard]] std::string describe(const SweepPoint& point);

}  // namespace geocommit
