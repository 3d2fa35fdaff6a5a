#include "experiment/thresholds.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "base/check.h"

namespace geocommit {
namespace {

using yaml::Node;

constexpr std::array kRelations{std::pair{"<=", Relation::at_most}, std::pair{">=", Relation::at_least},
                                std::pair{"==", Relation::equal}, std::pair{"<", Relation::below},
                                std::pair{">", Relation::above}};

std::string spell(const Threshold& threshold) {
  for (const auto& [text, relation] : kRelations) {
    if (relation == threshold.relation) return std::string(text) + " " + yaml::format_real(threshold.bound);
  }
  GC_CHECK(false);
}

std::string_view name_of(ThresholdFigure figure) {
  for (const auto& [name, value] : kThresholdFigures) {
    if (value == figure) return name;
  }
  GC_CHECK(false);
}

/// "< 400"
std::optional<std::pair<Relation, double>> parse(std::string_view text) {
  for (const auto& [sign, relation] : kRelations) {
    if (!text.starts_with(sign)) continue;
    text.remove_prefix(std::string_view(sign).size());
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    double bound = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), bound);
    if (failure != std::errc{} || end != text.data() + text.size() || !std::isfinite(bound)) return std::nullopt;
    return std::pair{relation, bound};
  }
  return std::nullopt;
}

Result<void> read_of(const std::string& label, const Node& node, std::vector<Threshold>& out) {
  if (!node.is_map()) {
    return node.error("expected a map such as {client_p99_ms: \"< 400\"}, found " + node.describe());
  }
  yaml::MapReader map(node);
  for (const auto& [name, figure] : kThresholdFigures) {
    const auto value = map.take(name);
    if (!value) continue;
    const auto bound = value->is_scalar() ? parse(value->text()) : std::nullopt;
    if (bound) {
      out.push_back({label, figure, bound->first, bound->second});
    } else {
      map.add(value->error("expected <, <=, ==, >= or > and a number, in quotes, such as \"< 400\", found " +
                           value->describe()));
    }
  }
  return map.finish();
}

}  // namespace

bool Threshold::kept_by(double value) const {
  switch (relation) {
    case Relation::below:
      return value < bound;
    case Relation::at_most:
      return value <= bound;
    case Relation::equal:
      return value == bound;
    case Relation::at_least:
      return value >= bound;
    case Relation::above:
      return value > bound;
  }
  GC_CHECK(false);
}

std::string to_text(const Threshold& threshold) {
  return std::string(name_of(threshold.figure)) + " " + spell(threshold);
}

yaml::Reader<std::vector<Threshold>> thresholds(const std::vector<ProtocolChoice>& protocols) {
  std::vector<std::string> labels{"all"};
  for (const ProtocolChoice& choice : protocols) labels.push_back(choice.label);
  for (const Protocol& row : all_protocols()) labels.emplace_back(row.name);
  const bool known = !protocols.empty();  // Else they have a mistake of their own.
  return [labels, known](const Node& node) -> Result<std::vector<Threshold>> {
    std::vector<Threshold> out;
    if (node.is_null()) return out;
    if (!node.is_map()) {
      return node.error(
          "expected a map such as {all: {violations: \"== 0\"}, 2pc: {client_p99_ms: \"< 400\"}}, found " +
          node.describe());
    }
    std::vector<std::string> errors;
    for (const auto& [label, figures] : node.entries()) {
      if (known && std::find(labels.begin(), labels.end(), label) == labels.end()) {
        errors.push_back(node.key_error(label, "expected all, a protocol, or a label of this experiment" +
                                                   yaml::did_you_mean_or_list(label, labels))
                             .message);
      } else if (auto read = read_of(label, figures, out); !read) {
        errors.push_back(read.error().message);
      }
    }
    if (!errors.empty()) return yaml::join_errors(errors);
    return out;
  };
}

std::string to_yaml(const std::vector<Threshold>& thresholds) {
  std::string out = "{";
  std::string_view label;
  for (const Threshold& one : thresholds) {
    const bool next = one.label != label;
    if (next) out += std::string(label.empty() ? "" : "}, ") + "\"" + one.label + "\": {";
    out += std::string(next ? "" : ", ") + std::string(name_of(one.figure)) + ": \"" + spell(one) + "\"";
    label = one.label;
  }
  return out + (thresholds.empty() ? "}" : "}}");
}

}  // namespace geocommit
