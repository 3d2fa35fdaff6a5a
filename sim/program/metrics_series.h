// metrics.series of a simulation: what the nodes would show on /metrics, once a virtual second, as the runner writes
// it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "experiment/plan.h"
#include "report/series/metrics_log.h"
#include "report/series/run_metrics.h"

namespace geocommit::sim {

class MetricsSeries {
 public:
  explicit MetricsSeries(const Plan& plan);

  /// Cells follow each other on one time axis, which begins with 2026: a simulation is of no time.
  void begin(const Cell& cell);
  /// `since_load` ascends within a cell.
  void sample(Duration since_load, const std::map<std::string, const MetricSet*>& nodes);
  void judged(const Verdict& verdict);

  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  void write(std::int64_t at, std::vector<ShownMetrics> shown);

  const Plan& plan_;
  const Cell* cell_{};
  std::vector<NamedFault> faults_;
  RunMetrics own_;
  MetricsLogWriter writer_;
  std::string text_;
  std::int64_t cell_began_{}, now_;
};

}  // namespace geocommit::sim
