#include "report/series/run_metrics.h"

#include "measure/names.h"

namespace geocommit {

void RunMetrics::set_gauge(const std::string& name, const Labels& labels, double value) {
  const std::lock_guard lock(mutex_);
  metrics_.gauge(name, labels) = value;
}

void RunMetrics::cell_runs(const std::string& cell, const std::string& protocol, bool running) {
  set_gauge(metric::kCellRunning, {{"cell", cell}, {metric::kProtocol, protocol}}, running ? 1 : 0);
}

void RunMetrics::cell_judged(const std::string& cell, const std::string& protocol, const Verdict& verdict, bool valid) {
  const Labels base{{"cell", cell}, {metric::kProtocol, protocol}};
  set_gauge(metric::kCellValid, base, valid ? 1 : 0);
  Labels judged = base;
  judged["expected"] = verdict.expected ? "true" : "false";
  for (std::size_t i = 0; i < kViolationClasses; ++i) {
    Labels of_class = judged;
    of_class["class"] = std::string(name_of(static_cast<ViolationClass>(i)));
    set_gauge(metric::kViolations, of_class, static_cast<double>(verdict.counts.at(i)));
  }
  judged["verdict"] = std::string(name_of(verdict.judgement));
  set_gauge(metric::kCellVerdict, judged, 1);
}

void RunMetrics::fault(const std::string& cell, const std::string& protocol, const std::string& kind,
                       const std::string& target, bool active) {
  set_gauge(metric::kFaultActive, {{"cell", cell}, {metric::kProtocol, protocol}, {"fault", kind}, {"target", target}},
            active ? 1 : 0);
}

void RunMetrics::router(const std::string& cell, const std::string& protocol, const RouterLateness& late) {
  Labels labels{{"cell", cell}, {metric::kProtocol, protocol}};
  const std::pair<const char*, double> quantiles[] = {{"0.5", late.p50}, {"0.99", late.p99}, {"1", late.max}};
  for (const auto& [quantile, ms] : quantiles) {
    labels["quantile"] = quantile;
    set_gauge(metric::kRouterLateness, labels, ms / 1000);
  }
}

MetricSet RunMetrics::snapshot() const {
  const std::lock_guard lock(mutex_);
  return metrics_;
}

}  // namespace geocommit
