// The simulated twin of a real cell: the same plan and seed in virtual time, with the forced write that was measured,
// and figure by figure how far reality is from it. Closed forms end where faults, contention and jitter begin; this
// does not.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "measure/summary.h"

namespace geocommit::sim {

/// One figure of a cell, three ways. Nullopt: there is none.
struct TwinFigure {
  std::string name;  ///< "commit latency p50, ms"
  std::optional<double> measured, theory, simulated;
  double allowed{};      ///< How far `measured` may be from `simulated`, as a share of it. 0: it is shown, not judged.
  bool is_whole{};       ///< A count.
  std::string unlike{};  ///< Further apart than that: the likely reason. Empty: it is not.
  /// measured / simulated - 1; nullopt where one of them is not there, or nothing can be divided by.
  [[nodiscard]] std::optional<double> residual() const;
};

/// `real`: a cell of summary.json. Medians may be 3 % apart, 99th percentiles 10 %.
[[nodiscard]] std::vector<TwinFigure> hold_against(const nlohmann::ordered_json& real, const CellSummary& simulated);
/// The table, at most 80 columns wide, with a line for each figure that is apart. `only_apart`: those alone; empty
/// without one.
[[nodiscard]] std::string print(const std::vector<TwinFigure>& figures, bool only_apart);
/// {"figures": [{"name", "measured", "theory", "simulated", "residual", "apart"}]}; what is not there is null.
[[nodiscard]] nlohmann::ordered_json to_json(const std::vector<TwinFigure>& figures);

}  // namespace geocommit::sim
