// A run under observation: metrics.series, always; a Prometheus that scrapes, where one was asked for.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "os/console.h"
#include "os/files.h"
#include "report/series/metrics_log.h"
#include "report/series/run_metrics.h"
#include "runner/http_proxy.h"
#include "runtime/control.h"

namespace geocommit {

class Monitor {
 public:
  struct Node {
    NodeId id;
    std::string name;
  };
  /// `own` and `console` must outlive it.
  [[nodiscard]] static Result<Monitor> open(const std::filesystem::path& results, RunMetrics& own, Console& console);

  [[nodiscard]] RunMetrics& own() { return own_; }
  /// From now on somebody scrapes through this proxy: await_scrapes() has something to wait for.
  void scraped_through(const HttpProxy& proxy) { proxy_ = &proxy; }

  /// Asks the nodes what /metrics shows and writes it down; at most once a second unless `now`. A node that does not
  /// answer in time is left out of the sample.
  void sample(const std::string& cell, ControlClient& control, const std::vector<Node>& nodes, bool now = false);

  /// The same of the runner alone.
  void sample_own();

  /// Until each of these names has been scraped `more` times; bounded, and ended by an interrupt. At once without a
  /// proxy.
  void await_scrapes(const std::vector<std::string>& names, std::uint64_t more) const;

 private:
  Monitor(RunMetrics& own, Console& console, LineFile file);
  [[nodiscard]] std::int64_t unix_ms();
  void write(std::int64_t at, std::vector<ShownMetrics> shown);

  RunMetrics& own_;
  Console& console_;
  LineFile file_;
  MetricsLogWriter writer_;
  const HttpProxy* proxy_{};
  std::chrono::steady_clock::time_point began_, next_;
  std::chrono::system_clock::time_point began_wall_;
  std::int64_t last_ms_{};
  bool complained_{};
};

}  // namespace geocommit
