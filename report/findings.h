// What a run found, in words: from summary.json to a few plain sentences. The last lines on the terminal and the first
// of report.html.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace geocommit {

/// In order of weight, and so printed.
enum class FindingKind : std::uint8_t {
  violation,   ///< A wrong outcome that the protocol's fault model does not predict.
  expected,    ///< A wrong outcome that it does predict.
  unknown,     ///< The checker could not judge.
  pass,        ///< What was checked and found in order.
  blocking,    ///< Who held locks, how long, and what was wrong meanwhile.
  warning,     ///< What may not be used, or was lost.
  comparison,  ///< What the protocols cost beside each other.
  prediction,  ///< How close theory came.
};
[[nodiscard]] std::string_view name_of(FindingKind kind);

struct Finding {
  FindingKind kind{};
  std::string text;  ///< One sentence, ASCII where the names are.
};

/// Sentences about all cells of a summary.json (schema geocommit/summary/1). Repetitions are taken together. Never
/// empty; at most about ten. Fields that a summary lacks are taken as absent.
[[nodiscard]] std::vector<Finding> find(const nlohmann::ordered_json& summary);

/// As paragraphs of at most `width` columns, for the terminal.
[[nodiscard]] std::string print(const std::vector<Finding>& findings, std::size_t width, bool colour);

}  // namespace geocommit
