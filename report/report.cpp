#include "report/report.h"

#include <algorithm>

#include "os/console.h"
#include "os/exit_status.h"
#include "report/fault_table.h"
#include "report/thresholds.h"

namespace geocommit {
namespace {

constexpr std::size_t kWidth = 80;  // Of a terminal that nobody has made wider.
constexpr std::size_t kLabelWidth = 29;
constexpr std::size_t kColumnWidth = 17;  // At least: three protocols side by side.
constexpr std::size_t kExamples = 3;      // of violations, per cell

/// The repetitions of one protocol at one sweep point.
struct Column {
  std::string protocol;  ///< Its label.
  std::vector<const CellResult*> cells;
};

Histogram merged(const Column& column, const std::string& name) {
  Histogram out;
  for (const CellResult* cell : column.cells) {
    const auto found = cell->histograms.find(name);
    if (found != cell->histograms.end()) out.merge(found->second);
  }
  return out;
}

/// A lower bound has a mark of its own: how_to_read() says what it means.
constexpr const char* kAtLeast = ">";

std::string pair_of(const Histogram& h, bool at_least = false) {
  if (h.count() == 0) return "-";
  const std::string mark = at_least ? kAtLeast : "";
  return mark + figure(to_ms(h.quantile(0.5))) + " / " + mark + figure(to_ms(h.quantile(0.99)));
}

template <class Is>
bool any_cell(const Column& column, Is is) {
  return std::any_of(column.cells.begin(), column.cells.end(), [&](const CellResult* cell) { return is(*cell); });
}
bool clients_miss_outcomes(const CellResult& cell) { return cell.summary.transactions.latencies_are_lower_bounds(); }
bool open_at_end(const CellResult& cell) { return cell.summary.blocking.in_doubt_at_end > 0; }
bool overloaded(const CellResult& cell) { return cell.summary.load.overloaded; }
bool counters_lost(const CellResult& cell) { return cell.summary.costs_incomplete; }

/// The predicted median; near a step of the distribution (half local, half across the world) what lies on both sides.
std::string predicted(const Column& column, std::optional<Predicted> Prediction::*field) {
  const auto& value = column.cells.front()->summary.prediction.*field;
  if (!value) return "-";
  if (value->p55 <= value->p45 + value->p45 / 20) return figure(to_ms(value->p50));
  return figure(to_ms(value->p45)) + " to " + figure(to_ms(value->p55));
}

std::uint64_t sum(const Column& column, std::uint64_t (*get)(const CellResult&)) {
  std::uint64_t out = 0;
  for (const CellResult* cell : column.cells) out += get(*cell);
  return out;
}

/// Repetitions are of the same length, so the mean of their rates is the rate of all.
std::string rate(const Column& column, double OfferedLoad::*field) {
  double total = 0;
  for (const CellResult* cell : column.cells) total += cell->summary.load.*field;
  return figure(total / static_cast<double>(column.cells.size()));
}

std::string abort_rate(const Column& column) {
  const std::uint64_t offered = sum(column, [](const CellResult& c) { return c.summary.transactions.offered; });
  const std::uint64_t aborted = sum(column, [](const CellResult& c) { return c.summary.transactions.aborted_total(); });
  if (offered == 0) return "-";
  return figure(100.0 * static_cast<double>(aborted) / static_cast<double>(offered)) + " %";
}

std::string main_cause(const Column& column) {
  std::map<std::string, std::uint64_t> causes;
  for (const CellResult* cell : column.cells) {
    for (const auto& [reason, count] : cell->summary.transactions.aborted) causes[reason] += count;
  }
  const auto most =
      std::max_element(causes.begin(), causes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == causes.end() || most->second == 0 ? "-" : most->first;
}

/// Costs are per commit: repetitions weigh by their commits. After a death they are not exact.
std::string cost(const Column& column, double CostSummary::*field) {
  double total = 0;
  double commits = 0;
  for (const CellResult* cell : column.cells) {
    if (!cell->summary.costs_per_commit) continue;
    const auto weight = static_cast<double>(cell->summary.transactions.committed);
    total += weight * ((*cell->summary.costs_per_commit).*field);
    commits += weight;
  }
  return commits > 0 ? (any_cell(column, counters_lost) ? "~" : "") + counted(total / commits) : "-";
}

/// With anyone still in doubt at the end, who knows how long that became.
std::string longest(const Column& column, LatencySummary CellSummary::*field) {
  Duration most{};
  for (const CellResult* cell : column.cells) most = std::max(most, (cell->summary.*field).max);
  return (any_cell(column, open_at_end) ? kAtLeast : "") + figure(to_ms(most));
}

std::string blocked(const Column& column) {
  const std::uint64_t ended = merged(column, "blocking").count();
  const std::uint64_t open = sum(column, [](const CellResult& c) { return c.summary.blocking.censored; });
  return std::to_string(ended) + (open > 0 ? " + " + std::to_string(open) + " still" : "");
}

/// Blocked at some time, or still.
bool any_blocked(const Column& column) {
  return std::any_of(column.cells.begin(), column.cells.end(),
                     [](const CellResult* cell) { return cell->summary.blocking.all.count > 0; });
}

std::string longest_blocked(const Column& column) {
  if (!any_blocked(column)) return "-";
  Duration longest{};
  for (const CellResult* cell : column.cells) longest = std::max(longest, cell->summary.blocking.all.max);
  const bool still = any_cell(column, [](const CellResult& cell) { return cell.summary.blocking.censored > 0; });
  return (still ? kAtLeast : "") + figure(to_ms(longest));
}

double lock_seconds_lost(const BlockingSummary& b) { return to_seconds(b.lock_time_lost); }
double blast_radius(const BlockingSummary& b) { return static_cast<double>(b.radius_waited + b.radius_aborted); }

std::string blocked_cost(const Column& column, double (*get)(const BlockingSummary&)) {
  if (!any_blocked(column)) return "-";
  double total = 0;
  for (const CellResult* cell : column.cells) total += get(cell->summary.blocking);
  return counted(total);
}

struct Verdicts {
  std::string text;
  Colour colour{Colour::none};
};

constexpr const char* kExpected = "VIOLATION (expected)";

Verdicts verdict_of(const Column& column) {
  bool violation = false;
  bool expected = true;
  bool unknown = false;
  for (const CellResult* cell : column.cells) {
    const Verdict& v = cell->summary.verdict;
    violation = violation || v.judgement == Judgement::violation;
    unknown = unknown || v.judgement == Judgement::unknown;
    if (v.judgement == Judgement::violation) expected = expected && v.expected;
  }
  if (violation) return {expected ? kExpected : "VIOLATION", Colour::red};
  if (unknown) return {"unknown", Colour::yellow};
  return {"pass", Colour::green};
}

/// As the table has room for it.
Verdicts short_verdict_of(const Column& column) {
  Verdicts verdict = verdict_of(column);
  if (verdict.text == kExpected) verdict.text = "VIOLATION *";
  return verdict;
}

Verdicts validity_of(const Column& column) {
  for (const CellResult* cell : column.cells) {
    if (cell->interrupted) return {"no: interrupted", Colour::yellow};
    if (!cell->failure.empty()) return {"no: failed", Colour::red};
    if (overloaded(*cell)) return {"no: overloaded", Colour::red};
    if (!cell->valid()) return {"no: see below", Colour::yellow};
  }
  return {"yes", Colour::none};
}

class Table {
 public:
  Table(std::vector<Column> columns, std::size_t width, bool colour)
      : columns_(std::move(columns)), width_(width), colour_(colour) {}

  template <class Text>
  void row(const std::string& label, Text cell_text) {
    std::string line = left(label, kLabelWidth);
    for (const Column& column : columns_) line += left(cell_text(column), width_);
    add(line);
  }
  template <class Judge>
  void verdict_row(const std::string& label, Judge judge) {
    std::string line = left(label, kLabelWidth);
    for (const Column& column : columns_) {
      const Verdicts v = judge(column);
      line += paint(left(v.text, width_), v.colour, colour_);
    }
    add(line);
  }
  void head() {
    std::string line = left("p50 / p99, in ms", kLabelWidth);
    for (const Column& column : columns_) line += left(column.protocol, width_);
    while (line.back() == ' ') line.pop_back();
    out_ += paint(line, Colour::bold, colour_) + "\n" + std::string(kLabelWidth + width_ * columns_.size(), '-') + "\n";
  }
  [[nodiscard]] const std::string& text() const { return out_; }
  [[nodiscard]] const std::vector<Column>& columns() const { return columns_; }

 private:
  void add(std::string line) {
    while (!line.empty() && line.back() == ' ') line.pop_back();
    out_ += line + "\n";
  }
  std::vector<Column> columns_;
  std::size_t width_;
  bool colour_;
  std::string out_;
};

/// Of all its cells: "3 of 4 kept".
Verdicts thresholds_of(const Column& column, const std::vector<Threshold>& thresholds) {
  std::size_t kept = 0, all = 0;
  for (const CellResult* cell : column.cells) {
    for (const ThresholdResult& one : judge_thresholds(thresholds, *cell)) {
      ++all;
      kept += one.kept ? 1 : 0;
    }
  }
  if (all == 0) return {"-", Colour::none};
  if (kept == all) return {std::to_string(all) + " kept", Colour::green};
  return {std::to_string(all - kept) + " of " + std::to_string(all) + " BROKEN", Colour::red};
}

std::string block(std::vector<Column> columns, std::size_t width, const std::vector<Threshold>& thresholds,
                  bool colour) {
  Table table(std::move(columns), width, colour);
  const auto any = [&](const std::string& name) {
    return std::any_of(table.columns().begin(), table.columns().end(),
                       [&](const Column& column) { return merged(column, name).count() > 0; });
  };
  const auto predicted_row = [&](std::optional<Predicted> Prediction::*field) {
    if (std::any_of(table.columns().begin(), table.columns().end(),
                    [&](const Column& c) { return (c.cells.front()->summary.prediction.*field).has_value(); })) {
      table.row("  predicted p50", [&](const Column& c) { return predicted(c, field); });
    }
  };
  table.head();
  table.row("commits measured", [](const Column& c) { return std::to_string(merged(c, "commit_latency").count()); });
  table.row("commit latency", [](const Column& c) { return pair_of(merged(c, "commit_latency")); });
  predicted_row(&Prediction::commit_latency);
  table.row("client latency",
            [](const Column& c) { return pair_of(merged(c, "client_latency"), any_cell(c, clients_miss_outcomes)); });
  predicted_row(&Prediction::client_latency);
  // Theory is of commits; who was aborted, or is in doubt to the end, may have held its locks for longer.
  const bool others = std::any_of(table.columns().begin(), table.columns().end(), [](const Column& c) {
    return merged(c, "lock_hold_all").count() > merged(c, "lock_hold").count();
  });
  table.row("lock hold, commits", [](const Column& c) { return pair_of(merged(c, "lock_hold")); });
  predicted_row(&Prediction::lock_hold);
  if (others) {
    table.row("  aborted too",
              [](const Column& c) { return pair_of(merged(c, "lock_hold_all"), any_cell(c, open_at_end)); });
    table.row("  longest", [](const Column& c) { return longest(c, &CellSummary::lock_hold_all); });
  }
  table.row("in doubt, commits", [](const Column& c) { return pair_of(merged(c, "in_doubt")); });
  if (others) {
    table.row("  aborted too",
              [](const Column& c) { return pair_of(merged(c, "in_doubt_all"), any_cell(c, open_at_end)); });
  }
  table.row("commits per second", [](const Column& c) { return rate(c, &OfferedLoad::committed_per_s); });
  if (std::any_of(table.columns().begin(), table.columns().end(),
                  [](const Column& c) { return any_cell(c, overloaded); })) {
    table.row("  offered / done", [](const Column& c) {
      return rate(c, &OfferedLoad::offered_per_s) + " / " + rate(c, &OfferedLoad::done_per_s);
    });
  }
  table.row("aborted", abort_rate);
  table.row("  main cause", main_cause);
  table.row("messages per commit", [](const Column& c) { return cost(c, &CostSummary::messages); });
  table.row("  across regions", [](const Column& c) { return cost(c, &CostSummary::wan_messages); });
  table.row("forced writes per commit", [](const Column& c) { return cost(c, &CostSummary::forced_writes); });
  table.row("blocked participants", blocked);
  if (std::any_of(table.columns().begin(), table.columns().end(), [](const Column& c) { return any_blocked(c); })) {
    table.row("  longest", longest_blocked);
    table.row("  lock-seconds lost", [](const Column& c) { return blocked_cost(c, lock_seconds_lost); });
    table.row("  others in line, sum", [](const Column& c) { return blocked_cost(c, blast_radius); });
  }
  if (any("staleness")) {
    table.row("staleness", [](const Column& c) { return pair_of(merged(c, "staleness")); });
  }
  const auto lost = [](const Column& c) {
    return sum(c, [](const CellResult& r) { return r.summary.transactions.unknown; }) +
           sum(c, [](const CellResult& r) { return r.summary.transactions.shed; });
  };
  if (std::any_of(table.columns().begin(), table.columns().end(), [&](const Column& c) { return lost(c) > 0; })) {
    table.row("outcome unknown / shed", [](const Column& c) {
      const auto forgotten = sum(c, [](const CellResult& r) { return r.summary.transactions.forgotten; });
      return std::to_string(sum(c, [](const CellResult& r) { return r.summary.transactions.unknown; })) +
             (forgotten > 0 ? " (" + std::to_string(forgotten) + " forgotten)" : "") + " / " +
             std::to_string(sum(c, [](const CellResult& r) { return r.summary.transactions.shed; }));
    });
  }
  table.verdict_row("latencies valid", validity_of);
  table.verdict_row("verdict", short_verdict_of);
  if (!thresholds.empty()) {
    table.verdict_row("thresholds", [&](const Column& c) { return thresholds_of(c, thresholds); });
  }
  return table.text();
}

std::string how_to_read(const Experiment& experiment) {
  return "How to read it: commit latency runs at the coordinator from the request to the\n"
         "durable decision; client latency from the intended start to the outcome, so that\n"
         "waiting in line counts; lock hold from the first lock to the last release, per\n"
         "participant: 1000 / lock hold is the most that one hot key can do a second.\n"
         "Predicted is theory without load. In doubt is from a durable YES to the outcome;\n"
         "blocked is past the decision timeout. Commits per second are those told within\n"
         "the measurement window. >: at least, as some had not ended, or clients never\n"
         "learned of them. ~: a process died with what it had counted. -: nothing of the\n"
         "kind was recorded. The verdict is from the durable logs: every outcome agreed,\n"
         "nothing acknowledged lost, money conserved. *: the protocol's fault model\n"
         "predicts it.\n" +
         std::string(
             experiment.repetitions > 1 ? "" : "Each cell was run once: --repetitions 3 shows how far figures vary.\n");
}

std::string problems(const std::vector<CellResult>& cells, const std::vector<Threshold>& thresholds, bool colour) {
  std::string out;
  for (const CellResult& cell : cells) {
    const Verdict& v = cell.summary.verdict;
    for (std::size_t i = 0; i < v.examples.size(); ++i) {
      const Violation& one = v.examples[i];
      if (i == kExamples) {
        out += cell.cell.id + ": and more: ./geocommit trace RESULTS --violations, verdict_detail in summary.json\n";
        break;
      }
      const std::string whose = one.txn == TxnId{} ? "" : " of " + to_text(one.txn);
      out += paint(cell.cell.id + ": " + std::string(name_of(one.violation)) + whose + ": " + one.what, Colour::red,
                   colour) +
             "\n";
    }
    for (const std::string& reason : v.unknown_reasons)
      out += cell.cell.id + ": the verdict is unknown: " + reason + "\n";
    if (!cell.drained) {
      out += cell.cell.id + ": not drained at the end: " + std::to_string(cell.left.open()) + " transactions open, " +
             std::to_string(cell.left.in_doubt) + " in doubt, " + std::to_string(cell.left.locks_held) +
             " locks held, " + std::to_string(cell.left.unshipped) + " writes not shipped" +
             (cell.failure.empty() ? "" : " (of the nodes that could still be asked)") + "\n";
    }
    if (!cell.summary.prediction.why_not.empty() && cell.faults.empty()) {
      out += cell.cell.id + ": no prediction: " + cell.summary.prediction.why_not + "\n";
    }
    for (const std::string& reason : cell.invalid_reasons) out += cell.cell.id + ": not valid: " + reason + "\n";
    for (const ThresholdResult& one : judge_thresholds(thresholds, cell)) {
      if (one.kept) continue;
      out += paint(cell.cell.id + ": threshold " + to_text(one.threshold) + ": " + one.why, Colour::red, colour) + "\n";
    }
  }
  return out;
}

}  // namespace

std::string one_line(const Plan& plan, const CellResult& result, bool colour) {
  const Verdicts verdict = verdict_of({result.cell.label, {&result}});
  const CellSummary& s = result.summary;
  const std::string point = describe(plan.point(result.cell));
  std::string out = result.cell.id + (point.empty() ? "" : " (" + point + ")") + "  " +
                    paint(verdict.text, verdict.colour, colour) + "  " + std::to_string(s.transactions.committed) +
                    " commits, " + figure(s.load.committed_per_s) + "/s";
  if (s.commit_latency.count > 0) {
    out += ", commit p50 " + figure(to_ms(s.commit_latency.p50)) + " ms, p99 " + figure(to_ms(s.commit_latency.p99)) +
           " ms";
  }
  if (!result.valid()) out += paint("  (not valid)", Colour::yellow, colour);
  return out;
}

std::string verdict_line(const Plan& plan, const std::vector<CellResult>& cells, bool colour) {
  Column all{"", {}};
  for (const CellResult& cell : cells) all.cells.push_back(&cell);
  Verdicts verdict = verdict_of(all);
  const bool failed = any_cell(all, [](const CellResult& cell) { return !cell.failure.empty(); });
  if (cells.empty() || (failed && verdict.text == "pass")) verdict = {"unknown", Colour::yellow};
  std::string out = "verdict: " + paint(verdict.text, verdict.colour, colour);
  if (cells.size() < plan.cells.size()) {
    out += " (" + std::to_string(cells.size()) + " of " + std::to_string(plan.cells.size()) + " cells)";
  }
  if (const auto& thresholds = plan.experiment.thresholds; !thresholds.empty()) {
    const Verdicts kept = thresholds_of(all, thresholds);
    out += ", thresholds: " + paint(kept.text, kept.colour, colour);
  }
  return out;
}

std::string comparison(const Plan& plan, const std::vector<CellResult>& cells, bool colour) {
  if (cells.empty()) return "No cell got as far as a result.\n";
  std::string out = fault_table(plan, cells, colour);
  // With many points the one table is what people can take in; summary.csv and report.html have the others.
  if (!out.empty() && plan.experiment.points.size() > 2) {
    Column all{"", {}};
    for (const CellResult& cell : cells) all.cells.push_back(&cell);
    if (const auto& thresholds = plan.experiment.thresholds; !thresholds.empty()) {
      const Verdicts of_all = thresholds_of(all, thresholds);
      out += "thresholds: " + paint(of_all.text, of_all.colour, colour) + "\n\n";
    }
    const std::string wrong = problems(cells, plan.experiment.thresholds, colour);
    return out + (wrong.empty() ? "" : wrong + "\n") + how_to_read(plan.experiment);
  }
  for (std::size_t point = 0; point < plan.experiment.points.size(); ++point) {
    std::vector<Column> columns;
    for (const ProtocolChoice& protocol : plan.experiment.protocols) {
      Column column{protocol.label, {}};
      for (const CellResult& cell : cells) {
        if (cell.cell.label == protocol.label && cell.cell.point == point) column.cells.push_back(&cell);
      }
      if (!column.cells.empty()) columns.push_back(std::move(column));
    }
    const std::string swept = describe(plan.experiment.points[point]);
    if (!columns.empty() && !swept.empty()) out += paint(swept, Colour::bold, colour) + "\n";
    std::size_t width = kColumnWidth;
    for (const Column& column : columns) width = std::max(width, column.protocol.size() + 2);
    const std::size_t most = std::max<std::size_t>((kWidth - kLabelWidth) / width, 1);
    for (std::size_t from = 0; from < columns.size(); from += most) {
      const std::size_t to = std::min(from + most, columns.size());
      out += block({columns.begin() + static_cast<std::ptrdiff_t>(from),
                    columns.begin() + static_cast<std::ptrdiff_t>(to)},
                   width, plan.experiment.thresholds, colour) +
             "\n";
    }
  }
  const std::string wrong = problems(cells, plan.experiment.thresholds, colour);
  return out + (wrong.empty() ? "" : wrong + "\n") + how_to_read(plan.experiment);
}

int exit_status(const std::vector<CellResult>& cells, const std::vector<Threshold>& thresholds, bool allow_expected) {
  int status = all_kept(thresholds, cells) ? kPass : kThreshold;
  for (const CellResult& cell : cells) {
    switch (cell.summary.verdict.judgement) {
      case Judgement::pass:
        break;
      case Judgement::violation:
        if (!(cell.summary.verdict.expected && allow_expected)) return kViolation;
        break;
      case Judgement::unknown:
        status = kUnknown;
        break;
    }
  }
  return status;
}

}  // namespace geocommit
