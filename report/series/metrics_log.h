// metrics.series: what every node of a run showed on /metrics, second by second, small enough to be always written.
// Only what changed since the sample before is in the file; docs/prometheus.md describes its lines. From it
// `geocommit replay` makes the blocks of a Prometheus.
#pragma once

#include <cstdint>
#include <istream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "measure/metric_set.h"

namespace geocommit {

inline constexpr const char* kMetricsLogFile = "metrics.series";

/// One node that answered, and what it showed.
struct ShownMetrics {
  std::string cell, node;
  const MetricSet* metrics{};
};

/// Where in prometheus_bounds() a histogram's value is counted; size(): past the last bound.
[[nodiscard]] std::size_t prometheus_bucket(std::uint32_t histogram_bucket);

class MetricsLogWriter {
 public:
  [[nodiscard]] static std::string header();
  /// The lines of one sample, each with its newline. Times (Unix, milliseconds) must ascend.
  [[nodiscard]] std::string sample(std::int64_t unix_ms, const std::vector<ShownMetrics>& nodes);

 private:
  using Key = std::pair<std::string, Labels>;
  struct Known {
    std::size_t id{};
    double value{};                      ///< Counter, gauge.
    std::uint64_t count{};               ///< Histogram.
    std::vector<std::uint64_t> buckets;  ///< Histogram: by prometheus_bucket(), each on its own.
  };
  struct Source {
    std::size_t id{};
    std::map<Key, Known> series;
  };
  [[nodiscard]] Source& source(const ShownMetrics& node, std::string& out);
  [[nodiscard]] Known& known(Source& source, const char* kind, const std::string& name, const Labels& labels,
                             std::string& out);
  void number(Source& source, const char* kind, const std::string& name, const Labels& labels, double value,
              std::string& out);
  void histogram(Source& source, const std::string& name, const Labels& labels, const Histogram& now, std::string& out);

  std::map<std::pair<std::string, std::string>, Source> sources_;
  std::size_t series_{};
};

/// Reads the file back, a sample at a time.
class MetricsLogReader {
 public:
  enum class Kind : std::uint8_t { counter, gauge, histogram };
  struct Source {
    std::string cell, node;
    std::vector<std::size_t> series;
    bool present{};  ///< In the current sample.
  };
  struct Series {
    Kind kind{};
    std::string name;
    Labels labels;
    std::size_t source{};
    double value{};                      ///< Histogram: the sum, in seconds.
    std::uint64_t count{};               ///< Histogram.
    std::vector<std::uint64_t> buckets;  ///< Histogram; not cumulative.
  };

  /// `in` must outlive the reader.
  explicit MetricsLogReader(std::istream& in) : in_(in) {}
  /// True: the next sample is there. False: the end. A last line that was cut short ends it too.
  [[nodiscard]] Result<bool> next();

  [[nodiscard]] std::int64_t unix_ms() const { return unix_ms_; }
  [[nodiscard]] const std::vector<Source>& sources() const { return sources_; }
  [[nodiscard]] const std::vector<Series>& series() const { return series_; }

 private:
  [[nodiscard]] bool take(const std::string& line);
  [[nodiscard]] bool define_source(std::istream& words);
  [[nodiscard]] bool define_series(std::istream& words);
  [[nodiscard]] bool change(const std::string& line);

  std::istream& in_;
  std::size_t line_{};
  std::string pending_;  ///< The `at` line of the sample that comes next.
  std::int64_t unix_ms_{};
  std::vector<Source> sources_;
  std::vector<Series> series_;
};

}  // namespace geocommit
