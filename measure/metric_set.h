// Counters, gauges and histograms by name and labels: one node's measurements. Merged over nodes for summary.json, and
// the source of /metrics. Names and labels are listed in docs/METRICS.md; labels never hold a transaction id or a key.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "measure/histogram.h"

namespace geocommit {

using Labels = std::map<std::string, std::string>;

/// Ordered, so that every output is in a stable order. References stay valid while the set lives: hot paths keep them.
class MetricSet {
 public:
  [[nodiscard]] std::uint64_t& counter(const std::string& name, const Labels& labels = {}) {
    return counters_[name][labels];
  }
  [[nodiscard]] double& gauge(const std::string& name, const Labels& labels = {}) { return gauges_[name][labels]; }
  [[nodiscard]] Histogram& histogram(const std::string& name, const Labels& labels = {}) {
    return histograms_[name][labels];
  }

  /// Adds counters and histograms; gauges are added too (they count things per node), but for those whose name ends in
  /// "_max": of them the largest stays.
  void merge(const MetricSet& other);

  /// Sums over every label set that has all of `where`. 0 / empty if there is none.
  [[nodiscard]] std::uint64_t total(const std::string& name, const Labels& where = {}) const;
  /// The largest gauge of that name; 0 if there is none.
  [[nodiscard]] double largest(const std::string& name, const Labels& where = {}) const;
  [[nodiscard]] Histogram merged(const std::string& name, const Labels& where = {}) const;
  /// Totals by the value of one label.
  [[nodiscard]] std::map<std::string, std::uint64_t> totals_by(const std::string& name, const std::string& label,
                                                               const Labels& where = {}) const;

  template <class T>
  using Family = std::map<std::string, std::map<Labels, T>>;
  [[nodiscard]] const Family<std::uint64_t>& counters() const { return counters_; }
  [[nodiscard]] const Family<double>& gauges() const { return gauges_; }
  [[nodiscard]] const Family<Histogram>& histograms() const { return histograms_; }

 private:
  Family<std::uint64_t> counters_;
  Family<double> gauges_;
  Family<Histogram> histograms_;
};

/// Upper bounds of the Prometheus buckets: from 0.1 ms, each 1.25 times the one before, up to 65 s (the last is >= 65
/// s).
[[nodiscard]] const std::vector<Duration>& prometheus_bounds();

}  // namespace geocommit
