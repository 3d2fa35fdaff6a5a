// What a run will do, before it does any of it: nodes, timeouts, cells, and how long it will take.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "protocols/directory.h"
#include "runner/experiment.h"
#include "wan/topology.h"

namespace geocommit {

/// One protocol at one sweep point, once.
struct Cell {
  std::string id;  ///< "2pc-r1" or, with a sweep, "2pc-p2-r1": names its files.
  const Protocol* protocol{};
  std::size_t point{};
  std::uint32_t repetition{1};  ///< From 1.
};

struct Plan {
  Experiment experiment;
  Topology topology;
  std::vector<NodeInfo> nodes;  ///< Every process: agents, coordinators, and a client per region that originates load.
  std::vector<ResolvedTimeouts> timeouts;  ///< By sweep point.
  Duration disk_force{};                   ///< What a forced write costs on the disk of the results (fsync).
  std::vector<Cell> cells;

  [[nodiscard]] const SweepPoint& point(const Cell& cell) const { return experiment.points.at(cell.point); }
  [[nodiscard]] Directory directory(const Cell& cell) const;
  /// Regions that originate load in a cell.
  [[nodiscard]] std::vector<RegionId> origins(const Cell& cell) const;
  /// The processes of a cell: all agents and coordinators, and the clients of its origins.
  [[nodiscard]] std::vector<NodeInfo> nodes_of(const Cell& cell) const;
  /// What a forced write is taken to cost in a cell.
  [[nodiscard]] Duration forced_write(const Cell& cell) const;
  [[nodiscard]] Duration estimated_time() const;
};

/// Checks the experiment against the topology and lays the run out.
[[nodiscard]] Result<Plan> make_plan(Experiment experiment, Topology topology, Duration disk_force);

/// For --dry-run: what would happen, without prediction (runner/report.h adds it).
[[nodiscard]] std::string describe(const Plan& plan);

/// "workload.rate=50/s durability=none"; empty without a sweep.
[[nodiscard]] std::string describe(const SweepPoint& point);

}  // namespace geocommit
