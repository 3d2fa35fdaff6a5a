#include "report/fault_table.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "os/console.h"

namespace geocommit {
namespace {

constexpr std::size_t kWidth = 80;

std::string clients(const PhaseSummary& phase) {
  const LatencySummary& l = phase.commits;
  if (l.count == 0) return "-";
  return (phase.unknown > 0 ? ">" : "") + figure(to_ms(l.p50)) + "/" + figure(to_ms(l.p99));
}

/// Of every transaction, so that no participant was blocked for longer than the longest of these.
std::string lock_hold(const CellSummary& s) {
  if (s.lock_hold_all.count == 0) return "-";
  return figure(to_ms(s.lock_hold_all.p50)) + "/" + (s.blocking.in_doubt_at_end > 0 ? ">" : "") +
         figure(to_ms(s.lock_hold_all.max));
}

std::string percent(const std::optional<double>& share) { return share ? figure(100 * *share) : "-"; }

std::string violations_of(const Verdict& verdict) {
  const std::uint64_t split = verdict.count(ViolationClass::split_outcome);
  const std::uint64_t sum = std::accumulate(verdict.counts.begin(), verdict.counts.end(), std::uint64_t{0});
  switch (verdict.judgement) {
    case Judgement::pass:
      return "none";
    case Judgement::violation:
      return (split > 0 ? std::to_string(split) + " split" : std::to_string(sum)) + (verdict.expected ? " *" : "");
    case Judgement::unknown:
      return "unknown";
  }
  GC_CHECK(false);
}

/// Of the first column: the longest label and two spaces, 13 at least.
std::size_t label_width(const std::vector<CellResult>& cells) {
  std::size_t width = 13;
  for (const CellResult& cell : cells) width = std::max(width, cell.cell.label.size() + 2);
  return width;
}

std::string row(std::size_t labels, const std::vector<std::string>& fields) {
  static constexpr std::size_t kWidths[] = {10, 11, 11, 13, 13};  // Of those between the first one and the last.
  std::string out = left(fields.front(), labels);
  std::size_t width = labels;
  for (std::size_t i = 1; i + 1 < fields.size(); ++i) {
    width += kWidths[i - 1];
    out = left(out + fields[i], width);
  }
  out += fields.back();
  while (out.back() == ' ') out.pop_back();
  return out + "\n";
}

/// Words after a label, broken where a line would be too long.
std::string listed(const std::string& label, const std::vector<std::string>& words) {
  std::string out = "  " + label;
  std::size_t column = out.size();
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string word = " " + words[i] + (i + 1 < words.size() ? "," : "");
    if (column + word.size() > kWidth) {
      out += "\n" + std::string(4, ' ');
      column = 4;
    }
    out += word;
    column += word.size();
  }
  return out + "\n";
}

std::string row_of(std::size_t labels, const CellResult& cell) {
  // Without phases no fault had a duration: none came about, or a home moved at once.
  const FaultPhases p = cell.phases.value_or(FaultPhases{});
  const BlockingSummary& b = cell.summary.blocking;
  const std::string blocked = b.all.count == 0 ? "none"
                                               : std::to_string(b.all.count) + ", " + (b.censored > 0 ? ">" : "") +
                                                     figure(std::chrono::duration<double>(b.all.max).count()) + " s";
  return row(labels, {cell.cell.label, clients(p.before), clients(p.during), clients(p.after), lock_hold(cell.summary),
                      blocked, violations_of(cell.summary.verdict)});
}

std::string details_of(const CellResult& cell) {
  const std::string& name = cell.cell.label;
  std::string out;
  if (cell.phases) {
    std::vector<std::string> sides;
    for (const auto& [region, figures] : cell.phases->during.by_region) {
      if (figures.offered > 0) sides.push_back(region + " " + percent(figures.availability) + " %");
    }
    out += listed(name + ", available during:", sides);
    if (cell.phases->normal_after) {
      out += listed(name + ", back to normal:", {"after " + figure(to_seconds(*cell.phases->normal_after)) + " s"});
    }
  }
  for (const auto& [how, gap] : cell.summary.write_gap) {
    if (how != "failover") {
      out += listed(name + ", " + how + ":", {"no writes for " + figure(to_ms(gap.max)) + " ms"});
      continue;
    }
    const std::uint64_t lost = cell.summary.verdict.rpo.acknowledged;  // Only a failover leaves any behind.
    out += listed(name + ", failover:",
                  {"open " + figure(to_ms(gap.max)) + " ms after the order",
                   std::to_string(lost) + " acknowledged " + (lost == 1 ? "write" : "writes") + " left behind"});
  }
  std::vector<std::string> causes;
  for (const auto& [cause, count] : cell.summary.transactions.aborted) {
    if (count > 0) causes.push_back(cause + " " + std::to_string(count));
  }
  if (!causes.empty()) out += listed(name + ", aborts:", causes);
  return out;
}

}  // namespace

std::string fault_table(const Plan& plan, const std::vector<CellResult>& cells, bool colour) {
  const std::size_t labels = label_width(cells);
  std::string rows;
  std::string details;
  bool expected = false;
  for (std::size_t point = 0; point < plan.experiment.points.size(); ++point) {
    const std::string swept = describe(plan.experiment.points[point]);
    bool first = true;
    for (const CellResult& cell : cells) {
      if (cell.cell.point != point || cell.faults.empty()) continue;
      if (std::exchange(first, false) && !swept.empty()) {
        rows += paint(swept, Colour::bold, colour) + "\n";
        details += paint(swept, Colour::bold, colour) + "\n";
      }
      rows += row_of(labels, cell);
      expected |= cell.summary.verdict.expected;
      details += details_of(cell);
    }
  }
  if (rows.empty()) return "";
  return paint("Before, during and after the faults", Colour::bold, colour) + "\n" +
         row(labels, {"", "client, p50/p99 ms", "", "", "lock hold,", "blocked,", "violations"}) +
         row(labels, {"", "before", "during", "after", "p50/max ms", "longest", ""}) +
         std::string(kWidth - 13 + labels, '-') + "\n" + rows +
         "\nlock hold: of every transaction, aborted ones too; blocked: past the decision\n"
         "timeout; >: at least, as some had not ended, or clients never learned of them\n" +
         (expected ? "* expected: the protocol's fault model predicts it; split: transactions with\n"
                     "both outcomes\n"
                   : "") +
         "\n" + paint("What the faults did", Colour::bold, colour) + "\n" + details + "\n";
}

}  // namespace geocommit
