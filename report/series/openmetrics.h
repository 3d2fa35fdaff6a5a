// Results as OpenMetrics with timestamps: what `promtool tsdb create-blocks-from openmetrics` makes blocks of. And one
// MetricSet as the text that a scrape gets.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "measure/metric_set.h"

namespace geocommit {

struct ReplaySpan {
  std::int64_t from_ms{}, to_ms{};  ///< Of the samples, Unix.
  std::uint64_t samples{};          ///< Lines written.
  bool per_second{};                ///< From metrics.series; else from timeseries.csv and histograms/, by region only.
};

/// Writes all of a results folder to `file`. `run` labels every series.
[[nodiscard]] Result<ReplaySpan> write_openmetrics(const std::filesystem::path& results, const std::string& run,
                                                   const std::filesystem::path& file);

/// Counters and gauges in the Prometheus text format.
[[nodiscard]] std::string exposition(const MetricSet& metrics);

}  // namespace geocommit
