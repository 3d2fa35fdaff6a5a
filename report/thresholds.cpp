#include "report/thresholds.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"
#include "measure/percentiles.h"
#include "report/rounding.h"

namespace geocommit {
namespace {

struct Figure {
  std::optional<double> value;
  bool at_least{};  ///< It may be more.
  bool latency{};   ///< Means nothing where the cell's latencies are not valid.
  bool guess{};     ///< It may be less, or more.
};

Figure percentile(const LatencySummary& summary, Duration LatencySummary::*which, bool at_least = false,
                  std::uint64_t needed = 1) {
  return {summary.count >= needed ? std::optional(rounded_ms(summary.*which)) : std::nullopt, at_least, true};
}

Figure count(std::uint64_t value, bool at_least = false) { return {static_cast<double>(value), at_least}; }

Figure figure_of(ThresholdFigure figure, const CellSummary& s) {
  const bool clients_miss = s.transactions.latencies_are_lower_bounds();
  const bool open = s.blocking.in_doubt_at_end > 0;
  const bool evidence_lacks = s.verdict.judgement == Judgement::unknown || !s.verdict.unknown_reasons.empty();
  const auto cost = [&](double CostSummary::*which) {
    const auto& costs = s.costs_per_commit;
    return Figure{costs ? std::optional(six_decimals((*costs).*which)) : std::nullopt, false, false,
                  s.costs_incomplete};
  };
  switch (figure) {
    case ThresholdFigure::client_p50:
      return percentile(s.client_latency, &LatencySummary::p50, clients_miss);
    case ThresholdFigure::client_p99:
      return percentile(s.client_latency, &LatencySummary::p99, clients_miss);
    case ThresholdFigure::client_p999:
      return percentile(s.client_latency, &LatencySummary::p999, clients_miss, kSamplesForP999);
    case ThresholdFigure::commit_p50:
      return percentile(s.commit_latency, &LatencySummary::p50);
    case ThresholdFigure::commit_p99:
      return percentile(s.commit_latency, &LatencySummary::p99);
    case ThresholdFigure::lock_hold_p50:
      return percentile(s.lock_hold, &LatencySummary::p50);
    case ThresholdFigure::lock_hold_p99:
      return percentile(s.lock_hold, &LatencySummary::p99);
    case ThresholdFigure::longest_lock_hold:
      return percentile(s.lock_hold_all, &LatencySummary::max, open);
    case ThresholdFigure::commits_per_s:
      return {six_decimals(s.load.committed_per_s)};
    case ThresholdFigure::availability:
      return {s.availability ? std::optional(six_decimals(*s.availability)) : std::nullopt};
    case ThresholdFigure::aborted_share: {
      const auto offered = static_cast<double>(s.transactions.offered);
      const auto aborted = static_cast<double>(s.transactions.aborted_total());
      return {offered > 0 ? std::optional(six_decimals(aborted / offered)) : std::nullopt, clients_miss};
    }
    case ThresholdFigure::unknown:
      return count(s.transactions.unknown);
    case ThresholdFigure::blocked:
      return count(s.blocking.ended.count + s.blocking.censored);
    case ThresholdFigure::longest_blocked:
      return {rounded_ms(s.blocking.all.max), s.blocking.censored > 0};
    case ThresholdFigure::violations:
      return count(std::accumulate(s.verdict.counts.begin(), s.verdict.counts.end(), std::uint64_t{}), evidence_lacks);
    case ThresholdFigure::lost:
      return count(s.verdict.rpo.acknowledged, evidence_lacks);
    case ThresholdFigure::messages_per_commit:
      return cost(&CostSummary::messages);
    case ThresholdFigure::forced_writes_per_commit:
      return cost(&CostSummary::forced_writes);
    case ThresholdFigure::staleness_p99:
      return percentile(s.staleness, &LatencySummary::p99);
  }
  GC_CHECK(false);
}

ThresholdResult judge(const Threshold& threshold, const CellResult& cell) {
  const Figure figure = figure_of(threshold.figure, cell.summary);
  const auto broken = [&](const std::string& why) { return ThresholdResult{threshold, figure.value, false, why}; };
  if (!cell.failure.empty()) return broken("the cell failed: " + cell.failure);
  if (cell.interrupted) return broken("the cell was interrupted");
  if (!figure.value) {
    const bool few = threshold.figure == ThresholdFigure::client_p999 && cell.summary.client_latency.count > 0;
    return broken(few ? "there were fewer than " + std::to_string(kSamplesForP999) + " commits"
                      : "nothing was recorded");
  }
  const std::string is = (figure.at_least ? "is at least " : "is ") + yaml::format_real(*figure.value);
  if (figure.guess) return broken(is + ", more or less: a process died with what it had counted");
  if (!threshold.kept_by(*figure.value)) return broken(is);
  if (figure.at_least && threshold.is_upper()) return broken(is + ", and may be more");
  if (figure.latency && !cell.valid()) return broken(is + ", which is not valid: " + cell.invalid_reasons.front());
  return {threshold, figure.value, true, ""};
}

}  // namespace

std::vector<ThresholdResult> judge_thresholds(const std::vector<Threshold>& thresholds, const CellResult& cell) {
  std::vector<ThresholdResult> out;
  for (const Threshold& threshold : thresholds) {
    if (threshold.concerns(cell.cell.label)) out.push_back(judge(threshold, cell));
  }
  return out;
}

bool all_kept(const std::vector<Threshold>& thresholds, const std::vector<CellResult>& cells) {
  return std::all_of(cells.begin(), cells.end(), [&](const CellResult& cell) {
    const auto results = judge_thresholds(thresholds, cell);
    return std::all_of(results.begin(), results.end(), [](const ThresholdResult& one) { return one.kept; });
  });
}

}  // namespace geocommit
