// A comparison for the terminal and for a spreadsheet.
#include <algorithm>
#include <array>
#include <cmath>

#include "os/console.h"
#include "os/files.h"
#include "report/compare/compare.h"

namespace geocommit::compare {
namespace {

constexpr std::size_t kLabelWidth = 27;
constexpr std::size_t kColumnWidth = 24;
constexpr std::size_t kWidth = 100;

std::string change(const Row& row, const Value& value) {
  const double base = row.values.front()->mean.mean;
  std::string out;
  if (base != 0) {
    const double share = 100 * value.difference.mean / base;
    out = (share > 0 ? "+" : "") + figure(share) + " %";
  } else {
    out = (value.difference.mean > 0 ? "+" : "") + figure(value.difference.mean);
  }
  if (value.effect) out += "  g " + figure(*value.effect);
  return out + "  " + std::string(name_of(value.judgement));
}

Colour colour_of(Judgement judgement) {
  switch (judgement) {
    case Judgement::same:
    case Judgement::noise:
      return Colour::dim;
    case Judgement::differs:
      return Colour::bold;
    case Judgement::untold:
      return Colour::yellow;
  }
  return Colour::none;
}

void wrap(std::string& out, const std::string& sentence) {
  std::string line = "-";
  for (std::size_t from = 0; from < sentence.size();) {
    const std::size_t end = std::min(sentence.find(' ', from), sentence.size());
    const std::string word = sentence.substr(from, end - from);
    if (line.size() + 1 + word.size() > kWidth && line.size() > 2) {
      out += line + "\n";
      line = " ";
    }
    line += " " + word;
    from = end + 1;
  }
  out += line + "\n";
}

/// The first side and one other.
std::string pair_table(const Subject& subject, std::size_t side, bool colour) {
  std::string out = paint(left("", kLabelWidth) + left(subject.sides.front(), kColumnWidth) +
                              left(subject.sides[side], kColumnWidth) + "difference",
                          Colour::bold, colour) +
                    "\n" + std::string(kWidth, '-') + "\n";
  for (const Row& row : subject.rows) {
    const auto& a = row.values.front();
    const auto& b = row.values[side];
    if (!a && !b) continue;
    std::string line = left(title_of(row), kLabelWidth) + left(a ? with_interval(a->mean) : "-", kColumnWidth) +
                       left(b ? with_interval(b->mean) : "-", kColumnWidth);
    if (a && b) line += paint(change(row, *b), colour_of(b->judgement), colour);
    while (!line.empty() && line.back() == ' ') line.pop_back();
    out += line + "\n";
  }
  out += left("verdict", kLabelWidth) + left(subject.verdicts.front(), kColumnWidth) + subject.verdicts[side] + "\n";
  return out;
}

std::string number(double value) {
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.9g", value);
  return buffer.data();
}
std::string number(const std::optional<double>& value) { return value ? number(*value) : ""; }

}  // namespace

std::string with_interval(const Estimate& estimate, const std::string& open, const std::string& close) {
  if (!estimate.known() || *estimate.low == *estimate.high) return figure(estimate.mean);
  return figure(estimate.mean) + " " + open + figure(*estimate.low) + ", " + figure(*estimate.high) + close;
}

std::string title_of(const Row& row) { return row.metric + (row.unit.empty() ? "" : ", " + row.unit); }

std::string print(const Comparison& comparison, bool colour) {
  std::string out;
  for (const Subject& subject : comparison.subjects) {
    out += paint(subject.name, Colour::bold, colour) + "\n";
    for (std::size_t side = 1; side < subject.sides.size(); ++side) out += pair_table(subject, side, colour) + "\n";
    for (const std::string& finding : subject.findings) wrap(out, finding);
    out += "\n";
  }
  for (const std::string& note : comparison.notes) wrap(out, note);
  return out +
         "Means over repetitions with 95 % intervals (bootstrap, stretched for few repetitions); g: the difference in\n"
         "standard deviations (Hedges); noise: the interval of the difference includes zero. Simulations of one seed, "
         "and\n"
         "counts that every commit had alike, differ without noise.\n";
}

std::string to_csv(const Comparison& comparison) {
  std::string out =
      "subject,metric,unit,side,repetitions,mean,low,high,against,difference,difference_low,difference_high,hedges_g,"
      "share_larger,judgement\n";
  for (const Subject& subject : comparison.subjects) {
    for (const Row& row : subject.rows) {
      for (std::size_t side = 0; side < row.values.size(); ++side) {
        if (!row.values[side]) continue;
        const Value& v = *row.values[side];
        const bool other = v.difference.count > 0;
        const std::vector<std::string> fields{subject.name,
                                              row.metric,
                                              row.unit,
                                              subject.sides[side],
                                              std::to_string(v.mean.count),
                                              number(v.mean.mean),
                                              number(v.mean.low),
                                              number(v.mean.high),
                                              other ? subject.sides.front() : "",
                                              other ? number(v.difference.mean) : "",
                                              number(v.difference.low),
                                              number(v.difference.high),
                                              number(v.effect),
                                              other ? number(v.larger) : "",
                                              other ? std::string(name_of(v.judgement)) : ""};
        std::string line;
        for (const std::string& field : fields) line += (line.empty() ? "" : ",") + csv(field);
        out += line + "\n";
      }
    }
  }
  return out;
}

}  // namespace geocommit::compare
