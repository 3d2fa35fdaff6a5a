// A comparison as text to paste into other documents.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "report/compare/compare.h"

namespace geocommit::compare {
namespace {

std::size_t repetitions_of(const Subject& subject) {
  std::size_t most = 1;
  for (const Row& row : subject.rows) {
    for (const auto& value : row.values) most = std::max(most, value ? value->repetitions.size() : 0);
  }
  return most;
}

/// What the figures are, under a table.
std::string caption(const Subject& subject) {
  const std::size_t repetitions = repetitions_of(subject);
  return repetitions == 1 ? "One repetition."
                          : "Means of " + std::to_string(repetitions) + " repetitions [95 % confidence interval].";
}

std::string markdown(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("|*_`<>[]\\").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string latex(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '\\':
        out += "\\textbackslash{}";
        break;
      case '~':
        out += "\\textasciitilde{}";
        break;
      case '^':
        out += "\\textasciicircum{}";
        break;
      default:
        if (std::string_view("&%$#_{}").find(c) != std::string_view::npos) out += '\\';
        out += c;
    }
  }
  return out;
}

}  // namespace

std::string to_markdown(const Comparison& comparison) {
  std::string out;
  for (const Subject& subject : comparison.subjects) {
    out += (out.empty() ? "" : "\n") + std::string("**") + markdown(subject.name) + "**\n\n|";
    for (const std::string& side : subject.sides) out += " | " + markdown(side);
    out += " |\n|---";
    for (std::size_t i = 0; i < subject.sides.size(); ++i) out += "|---:";
    out += "|\n";
    for (const Row& row : subject.rows) {
      out += "| " + markdown(title_of(row));
      for (const auto& value : row.values) out += " | " + (value ? with_interval(value->mean, "\\[", "\\]") : "-");
      out += " |\n";
    }
    out += "| verdict";
    for (const std::string& verdict : subject.verdicts) out += " | " + markdown(verdict);
    out += " |\n\n" + markdown(caption(subject)) + "\n";
  }
  for (const std::string& note : comparison.notes) out += "\n" + markdown(note) + "\n";
  return out;
}

std::string to_latex(const Comparison& comparison) {
  std::string out = "% \\usepackage{booktabs}\n";
  for (const Subject& subject : comparison.subjects) {
    out +=
        "\\begin{table}\n\\centering\n\\begin{tabular}{l" + std::string(subject.sides.size(), 'r') + "}\n\\toprule\n";
    for (const std::string& side : subject.sides) out += " & " + latex(side);
    out += " \\\\\n\\midrule\n";
    for (const Row& row : subject.rows) {
      out += latex(title_of(row));
      for (const auto& value : row.values) out += " & " + (value ? with_interval(value->mean) : "--");
      out += " \\\\\n";
    }
    out += "verdict";
    for (const std::string& verdict : subject.verdicts) out += " & " + latex(verdict);
    out += " \\\\\n\\bottomrule\n\\end{tabular}\n\\caption{" + latex(subject.name + ". " + caption(subject)) +
           "}\n\\end{table}\n";
  }
  for (const std::string& note : comparison.notes) out += "% " + note + "\n";
  return out;
}

std::string to_json(const Comparison& comparison) {
  using Json = nlohmann::ordered_json;
  Json subjects = Json::array();
  for (const Subject& subject : comparison.subjects) {
    Json sides = Json::array();
    for (std::size_t i = 0; i < subject.sides.size(); ++i) {
      Json figures = Json::array();
      for (const Row& row : subject.rows) {
        const auto& value = row.values[i];
        if (!value) continue;
        const auto bound = [](const std::optional<double>& edge) { return edge ? Json(*edge) : Json(nullptr); };
        figures.push_back({{"metric", row.metric},
                           {"unit", row.unit},
                           {"mean", value->mean.mean},
                           {"low", bound(value->mean.low)},
                           {"high", bound(value->mean.high)},
                           {"repetitions", value->repetitions}});
      }
      sides.push_back({{"name", subject.sides[i]}, {"verdict", subject.verdicts[i]}, {"figures", std::move(figures)}});
    }
    subjects.push_back({{"name", subject.name}, {"sides", std::move(sides)}});
  }
  const Json out{{"schema", "geocommit/comparison/1"}, {"subjects", std::move(subjects)}, {"notes", comparison.notes}};
  return out.dump(1) + "\n";
}

}  // namespace geocommit::compare
