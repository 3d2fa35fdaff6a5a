// A comparison as one page: tables, and the intervals of the differences as a drawing. No scripts.
#include <algorithm>
#include <array>
#include <cmath>

#include "os/console.h"
#include "report/compare/compare.h"
#include "report/html_report.h"
#include "report_assets.h"

namespace geocommit::compare {
namespace {

std::string soft_interval(const Estimate& e) { return with_interval(e, "<span class=\"soft\">[", "]</span>"); }

std::string number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f", value);
  return text.data();
}

struct Mark {
  std::string label;
  double mid{}, low{}, high{};  ///< Per cent of the first side.
  bool differs{};
};

constexpr double kWhiskerMax = 60;  // per cent

/// Each difference in per cent with its interval, around a line at zero.
std::string drawing(const Subject& subject, std::size_t side) {
  std::vector<Mark> marks;
  double bound = 1;
  for (const Row& row : subject.rows) {
    if (!row.values.front() || !row.values[side]) continue;
    const Value& v = *row.values[side];
    const double base = row.values.front()->mean.mean;
    if (base == 0 || !v.difference.known()) continue;
    Mark mark{row.metric, 100 * v.difference.mean / base, 100 * *v.difference.low / base,
              100 * *v.difference.high / base, v.judgement == Judgement::differs};
    if (mark.low > mark.high) std::swap(mark.low, mark.high);
    // A whisker that leaves the drawing is cut off; what is known well stays readable beside it.
    bound = std::max({bound, std::fabs(mark.mid), std::min(kWhiskerMax, std::max(-mark.low, mark.high))});
    marks.push_back(std::move(mark));
  }
  if (marks.empty()) return "";
  bound = std::min(bound * 1.1, 400.0);
  const auto x = [&](double percent) { return 450 + 230 * std::clamp(percent / bound, -1.0, 1.0); };
  const double height = 26.0 * static_cast<double>(marks.size()) + 26;
  std::string out = "<svg class=\"draw\" style=\"max-width:44rem\" viewBox=\"0 0 700 " + number(height) +
                    "\" role=\"img\" aria-label=\"Differences in per cent; the table has the numbers\">";
  out += "<line x1=\"450\" x2=\"450\" y1=\"0\" y2=\"" + number(height - 20) + "\" stroke=\"var(--soft)\"/>";
  double y = 16;
  for (const Mark& mark : marks) {
    const std::string colour = mark.differs ? "var(--s1)" : "var(--s0)";
    out += "<text x=\"8\" y=\"" + number(y + 4) + "\">" + escape_html(mark.label) + "</text>";
    out += "<line x1=\"" + number(x(mark.low)) + "\" x2=\"" + number(x(mark.high)) + "\" y1=\"" + number(y) +
           "\" y2=\"" + number(y) + "\" stroke=\"" + colour + "\" stroke-width=\"2.5\"/>";
    // Filled: more than noise. Hollow: noise.
    out += "<circle cx=\"" + number(x(mark.mid)) + "\" cy=\"" + number(y) + "\" r=\"5\" stroke=\"" + colour +
           "\" stroke-width=\"2\" fill=\"" + (mark.differs ? colour : "var(--panel)") + "\"/>";
    y += 26;
  }
  for (const double edge : {-bound, 0.0, bound}) {
    out += "<text class=\"soft\" text-anchor=\"middle\" x=\"" + number(x(edge * 0.92)) + "\" y=\"" +
           number(height - 6) + "\">" + figure(edge * 0.92) + " %</text>";
  }
  return out + "</svg>";
}

std::string table(const Subject& subject) {
  std::string out =
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Comparison\"><table "
      "class=\"wide\"><thead><tr><th></th>";
  for (std::size_t side = 0; side < subject.sides.size(); ++side) {
    out += "<th scope=\"col\">" + escape_html(subject.sides[side]) + "</th>";
    if (side > 0) out += "<th scope=\"col\">difference</th><th scope=\"col\">g</th><th scope=\"col\"></th>";
  }
  out += "</tr></thead><tbody>";
  for (const Row& row : subject.rows) {
    out += "<tr><th scope=\"row\">" + escape_html(title_of(row)) + "</th>";
    for (std::size_t side = 0; side < row.values.size(); ++side) {
      const auto& v = row.values[side];
      out += "<td>" + (v ? soft_interval(v->mean) : "-") + "</td>";
      if (side == 0) continue;
      const bool both = v && row.values.front();
      out += "<td>" + (both ? soft_interval(v->difference) : "-") + "</td><td>" +
             (both && v->effect ? figure(*v->effect) : "-") + "</td><td>" +
             (both ? std::string(name_of(v->judgement)) : "") + "</td>";
    }
    out += "</tr>";
  }
  out += "<tr><th scope=\"row\">verdict</th>";
  for (std::size_t side = 0; side < subject.verdicts.size(); ++side) {
    out += "<td>" + escape_html(subject.verdicts[side]) + "</td>" + (side > 0 ? "<td></td><td></td><td></td>" : "");
  }
  return out + "</tr></tbody></table></div>";
}

}  // namespace

std::string to_html(const Comparison& comparison) {
  std::string out =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\"><meta "
      "http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src "
      "data:\"><link rel=\"icon\" href=\"data:,\"><title>Comparison - geocommit</title><style>";
  out += report_asset("css");
  out += "</style></head><body><header><h1>Comparison</h1></header><main>";
  for (const Subject& subject : comparison.subjects) {
    out += "<section><h2>" + escape_html(subject.name) + "</h2><ul class=\"findings\">";
    for (const std::string& finding : subject.findings) out += "<li>" + escape_html(finding) + "</li>";
    out += "</ul>";
    for (std::size_t side = 1; side < subject.sides.size(); ++side) {
      const std::string drawn = drawing(subject, side);
      if (drawn.empty()) continue;
      out += "<figure><figcaption>" + escape_html(subject.sides[side]) + " against " +
             escape_html(subject.sides.front()) + " <span class=\"soft\">filled: more than noise</span></figcaption>" +
             drawn + "</figure>";
    }
    out += table(subject) + "</section>";
  }
  for (const std::string& note : comparison.notes) out += "<p class=\"soft\">" + escape_html(note) + "</p>";
  return out +
         "</main><footer>Means over repetitions with 95 % intervals (bootstrap, stretched for few repetitions). g: the "
         "difference in standard deviations (Hedges). Noise: the interval of the difference includes "
         "zero.</footer></body></html>\n";
}

}  // namespace geocommit::compare
