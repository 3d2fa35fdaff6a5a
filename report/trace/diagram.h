// One transaction as a space-time diagram for a terminal: a column per node, time runs down, arrows where messages
// arrive.
#pragma once

#include <string>

#include "report/trace/model.h"

namespace geocommit::trace {

/// `width`: columns of the terminal; a diagram of many nodes is wider all the same. Long stretches of nothing but
/// repeated questions are folded, unless `all`.
[[nodiscard]] std::string draw(const Cell& cell, const Timeline& timeline, std::size_t width, bool all = false);
/// One line: id, outcome, latency, blocking.
[[nodiscard]] std::string headline(const Timeline& timeline);
/// "243.1 ms", "12.3 s"
[[nodiscard]] std::string span(std::int64_t ns);

}  // namespace geocommit::trace
