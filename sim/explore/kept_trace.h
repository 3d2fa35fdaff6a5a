// A trace that was kept, run again: the same for every search.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/explore/explore.h"

namespace geocommit::explore {

/// The line that begins with `keyword` says within which bounds the steps are possible: `parse` takes it, before
/// `replay` takes the steps. Comments and that line are kept in the text that comes out.
[[nodiscard]] GoldenResult run_kept_trace(const std::string& file, std::string_view keyword,
                                          const std::function<bool(const std::string& line)>& parse,
                                          const std::function<Replayed(const std::vector<std::string>& steps)>& replay);

}  // namespace geocommit::explore
