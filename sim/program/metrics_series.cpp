#include "sim/program/metrics_series.h"

#include <algorithm>

namespace geocommit::sim {
namespace {

constexpr std::int64_t kBegin = 1'767'225'600'000;  // 2026-01-01T00:00:00Z
constexpr std::int64_t kBetweenCells = 10'000;

}  // namespace

MetricsSeries::MetricsSeries(const Plan& plan) : plan_(plan), text_(MetricsLogWriter::header()), now_(kBegin) {
  own_.set_gauge(metric::kRunInfo,
                 {{"name", plan.experiment.name},
                  {"topology", topology_names(plan)},
                  {"emulation", "sim"},
                  {"seed", std::to_string(plan.experiment.seed)}},
                 1);
}

void MetricsSeries::begin(const Cell& cell) {
  cell_ = &cell;
  cell_began_ = now_ == kBegin ? now_ : now_ + kBetweenCells;
  faults_ = plan_.faults(cell);
  own_.cell_runs(cell.id, cell.label, true);
}

void MetricsSeries::sample(Duration since_load, const std::map<std::string, const MetricSet*>& nodes) {
  const std::string& protocol = cell_->label;
  for (const NamedFault& fault : faults_) {
    if (!fault.first().on.empty()) continue;  // on a protocol point: only the world knows when
    const Duration at = fault.first().at;
    const bool over = fault.first().length != kForever && since_load >= at + fault.first().length;
    own_.fault(cell_->id, protocol, fault.kind, fault.target, since_load >= at && !over);
  }
  std::vector<ShownMetrics> shown;
  for (const auto& [name, metrics] : nodes) shown.push_back({cell_->id, name, metrics});
  write(cell_began_ + std::chrono::duration_cast<std::chrono::milliseconds>(since_load).count(), std::move(shown));
}

void MetricsSeries::judged(const Verdict& verdict) {
  const std::string& protocol = cell_->label;
  for (const NamedFault& fault : faults_) {
    if (fault.first().on.empty()) own_.fault(cell_->id, protocol, fault.kind, fault.target, false);
  }
  own_.cell_runs(cell_->id, protocol, false);
  own_.cell_judged(cell_->id, protocol, verdict, true);
  write(now_ + 1, {});
}

void MetricsSeries::write(std::int64_t at, std::vector<ShownMetrics> shown) {
  now_ = std::max(at, now_ + 1);
  const MetricSet own = own_.snapshot();
  shown.push_back({"", kRunnerNode, &own});
  text_ += writer_.sample(now_, shown);
}

}  // namespace geocommit::sim
