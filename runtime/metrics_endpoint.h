// GET /metrics. A scrape asks the event loop for a snapshot and waits for it: the hot path takes no lock.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "measure/metric_set.h"
#include "runtime/event_loop.h"

namespace geocommit {

class MetricsEndpoint {
 public:
  /// `snapshot` is called on the loop's thread; `more` labels every series. Error: the address is taken or not ours; it
  /// is named.
  [[nodiscard]] static Result<std::unique_ptr<MetricsEndpoint>> open(const std::string& address, EventLoop& loop,
                                                                     std::function<MetricSet()> snapshot,
                                                                     Labels more = {});
  /// Call it while the loop no longer runs: a scrape that waits is given up.
  ~MetricsEndpoint();

 private:
  class Impl;
  explicit MetricsEndpoint(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace geocommit
