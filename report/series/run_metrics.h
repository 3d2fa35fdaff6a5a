// What the runner itself knows, as metrics: which cell runs, how each was judged, how late the router was. Served at
// the proxy's /metrics, and part of metrics.series under the node name "runner".
#pragma once

#include <mutex>
#include <string>

#include "measure/metric_set.h"
#include "verdict/check.h"

namespace geocommit {

namespace metric {
inline constexpr const char* kRunInfo = "geocommit_run_info";            // gauge 1; {name, topology, emulation, seed}
inline constexpr const char* kCellRunning = "geocommit_cell_running";    // gauge; {cell, protocol}
inline constexpr const char* kCellValid = "geocommit_cell_valid";        // gauge; {cell, protocol}
inline constexpr const char* kCellVerdict = "geocommit_cell_verdict";    // gauge 1; {cell, protocol, verdict, expected}
inline constexpr const char* kViolations = "geocommit_cell_violations";  // gauge; {cell, protocol, class, expected}
inline constexpr const char* kFaultActive = "geocommit_fault_active";    // gauge 0, 1; {cell, protocol, fault, target}
inline constexpr const char* kRouterLateness =
    "geocommit_router_lateness_seconds";  // gauge; {cell, protocol, quantile}
}  // namespace metric

inline constexpr const char* kRunnerNode = "runner";

/// The router's lateness, in milliseconds.
struct RouterLateness {
  double p50{}, p99{}, max{};
};

/// May be used from several threads.
class RunMetrics {
 public:
  void set_gauge(const std::string& name, const Labels& labels, double value);

  void cell_runs(const std::string& cell, const std::string& protocol, bool running);
  void cell_judged(const std::string& cell, const std::string& protocol, const Verdict& verdict, bool valid);
  /// From before it begins until the run ends, 1 while it lasts. `kind` and `target` as in faults/ (NamedFault).
  void fault(const std::string& cell, const std::string& protocol, const std::string& kind, const std::string& target,
             bool active);
  void router(const std::string& cell, const std::string& protocol, const RouterLateness& late);

  [[nodiscard]] MetricSet snapshot() const;

 private:
  mutable std::mutex mutex_;
  MetricSet metrics_;
};

}  // namespace geocommit
