// One cell of an experiment in virtual time, with everything that a real cell leaves behind: the same summary, judged
// by the same checker.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "experiment/plan.h"
#include "report/judge.h"
#include "runtime/events/event.h"
#include "sim/program/metrics_series.h"

namespace geocommit::sim {

/// `fsync` stands for a modelled disk here: each forced write takes this long. Plans for the simulator are made with
/// it.
inline constexpr Duration kModelledForce = 1ms;

struct SimulatedCell {
  CellResult result;                    ///< Times of start, load and drain are virtual.
  std::vector<std::string> timeseries;  ///< Rows of timeseries.csv (timeseries_columns()).
  std::uint64_t events{}, trace_hash{};
  std::map<NodeId, std::vector<geocommit::Event>> event_logs;  ///< For ./geocommit trace.
  std::map<NodeId, std::vector<std::int64_t>> balances;        ///< At the end, of agents; only with logs.
  Instant load_began{};                                        ///< In their time.
};
/// `series`: may be null; gets what the nodes show, once a virtual second. `logs`: where the durable logs go, for
/// check; empty: nowhere.
[[nodiscard]] SimulatedCell simulate_cell(const Plan& plan, const Cell& cell, MetricsSeries* series = nullptr,
                                          const std::filesystem::path& logs = {});
[[nodiscard]] std::string timeseries_columns();

/// Experiment and topology, read and laid out for the simulator: nothing of this machine is measured.
[[nodiscard]] Result<Plan> load_simulation(const std::filesystem::path& file, const std::vector<Override>& overrides);

}  // namespace geocommit::sim
