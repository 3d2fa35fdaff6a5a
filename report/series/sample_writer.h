// OpenMetrics samples with timestamps, into a file.
#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "measure/metric_set.h"

namespace geocommit {

class SampleWriter {
 public:
  [[nodiscard]] static Result<SampleWriter> open(const std::filesystem::path& file);
  /// The time of the samples that follow.
  void at(std::int64_t unix_ms);
  void sample(const std::string& name, const Labels& labels, double value);
  /// `buckets`: counts by prometheus_bucket(), not cumulative. Bounds from the one before `first` to `last` are
  /// written, and +Inf: without an empty first bucket a quantile would be interpolated from 0.
  void histogram(const std::string& name, const Labels& labels, const std::vector<std::uint64_t>& buckets,
                 std::size_t first, std::size_t last, double sum_s);
  [[nodiscard]] std::uint64_t samples() const { return samples_; }
  /// Writes the end mark. A full disk shows here at the latest.
  [[nodiscard]] Result<void> close();

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  void line(const std::string& name, const std::string& inside, const std::string& value);

  std::unique_ptr<std::FILE, Close> file_;
  std::string name_;
  std::string time_;
  std::uint64_t samples_{};
};

/// `{a="b",c="d"}`, escaped; empty without labels.
[[nodiscard]] std::string braces(const Labels& labels);
[[nodiscard]] std::string number_text(double value);

}  // namespace geocommit
