// Chrome's trace event format (https://ui.perfetto.dev reads it): a process per node, a few tracks per transaction.
#pragma once

#include <string>
#include <vector>

#include "report/trace/model.h"

namespace geocommit::trace {

struct Traced {
  const Cell* cell{};
  std::vector<Timeline> timelines;
};
/// Times are microseconds since the first event of all. One cell after another has processes of its own.
[[nodiscard]] std::string perfetto_json(const std::vector<Traced>& traced);

}  // namespace geocommit::trace
