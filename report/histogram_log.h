// histograms.hlog: every distribution of a run in HdrHistogram's log format (V2, compressed), which its tools in any
// language read. Tags are CELL/METRIC and CELL/METRIC/REGION; values are nanoseconds.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "measure/histogram.h"

namespace geocommit {

class HistogramLog {
 public:
  HistogramLog();
  /// `tag` without comma, space or line break; `length`: of the interval, the measurement window. Nothing if it is
  /// empty.
  void add(const std::string& tag, const Histogram& histogram, Duration length);
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// By tag; none where a line is not understood.
[[nodiscard]] std::optional<std::map<std::string, Histogram>> read_histogram_log(std::string_view text);

}  // namespace geocommit
