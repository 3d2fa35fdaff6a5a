#include "measure/phases.h"

#include <algorithm>
#include <array>

namespace geocommit {
namespace {

enum class Phase : std::uint8_t { before, during, after };

/// The union of the spans, in order, within [from, to].
std::vector<std::pair<Duration, Duration>> merged(const std::vector<FaultSpan>& spans, Duration from, Duration to) {
  std::vector<std::pair<Duration, Duration>> out;
  for (const FaultSpan& span : spans) {
    const Duration begin = std::max(span.begin, from);
    const Duration end = std::min(span.end.value_or(to), to);
    if (begin < end) out.emplace_back(begin, end);
  }
  std::sort(out.begin(), out.end());
  std::size_t kept = 0;
  for (std::size_t i = 1; i < out.size(); ++i) {
    if (out[i].first <= out[kept].second) {
      out[kept].second = std::max(out[kept].second, out[i].second);
    } else {
      out[++kept] = out[i];
    }
  }
  if (!out.empty()) out.resize(kept + 1);
  return out;
}

struct Seen {
  PhaseSummary summary;
  Histogram commits;
  std::uint64_t in_time{};
  std::uint64_t commits_told{};  ///< Within its time, whenever they began.
  std::map<RegionId, std::pair<PhaseFigures, std::uint64_t>> regions;

  static void count(PhaseFigures& figures, const ClientOutcome& outcome) {
    ++figures.offered;
    switch (outcome.outcome) {
      case Outcome::commit:
        ++figures.committed;
        break;
      case Outcome::abort:
        ++figures.aborted;
        break;
      case Outcome::undecided:
        ++figures.unknown;
        break;
    }
  }
  void add(const ClientOutcome& outcome, bool timely) {
    count(summary, outcome);
    auto& [figures, timely_there] = regions[outcome.origin];
    count(figures, outcome);
    in_time += timely ? 1 : 0;
    timely_there += timely ? 1 : 0;
    if (outcome.outcome == Outcome::commit) commits.record(outcome.latency);
  }
  static void rate(PhaseFigures& figures, std::uint64_t timely) {
    if (figures.offered > 0) {
      figures.availability = static_cast<double>(timely) / static_cast<double>(figures.offered);
    }
  }
  PhaseSummary finish(const Directory& directory, Duration time) {
    summary.time = time;
    summary.commits = summarise(commits);
    rate(summary, in_time);
    if (time > Duration{0}) summary.goodput_per_s = static_cast<double>(commits_told) / to_seconds(time);
    for (auto& [region, of] : regions) {
      rate(of.first, of.second);
      summary.by_region[directory.regions().at(region.value)] = of.first;
    }
    return summary;
  }
};

/// In which of the phases a moment is.
Phase phase_at(const std::vector<std::pair<Duration, Duration>>& faults, Duration moment) {
  Phase phase = Phase::before;
  for (const auto& [from, to] : faults) {
    if (moment >= to) phase = Phase::after;
    if (moment >= from && moment < to) phase = Phase::during;
  }
  return phase;
}

bool definite(const ClientOutcome& outcome) {
  return outcome.outcome != Outcome::undecided && outcome.reason != Reason::unavailable;
}

}  // namespace

std::optional<FaultPhases> fault_phases(const std::vector<ClientOutcome>& outcomes, const Directory& directory,
                                        Duration warmup, Duration duration, const std::vector<FaultSpan>& spans,
                                        Duration asked_after, Duration objective) {
  if (spans.empty()) return std::nullopt;
  const Duration end = warmup + duration;
  const auto faults = merged(spans, Duration{0}, end);
  if (faults.empty()) return std::nullopt;
  std::array<Seen, 3> seen;
  for (const ClientOutcome& outcome : outcomes) {
    const Duration told = outcome.intended_start + outcome.latency;
    if (outcome.outcome == Outcome::commit && told >= warmup && told < end) {
      ++seen.at(static_cast<std::size_t>(phase_at(faults, told))).commits_told;
    }
    if (!outcome.measured) continue;
    // One that nobody could tell the outcome of has no end.
    const Duration ended = outcome.outcome == Outcome::undecided ? end : outcome.intended_start + outcome.latency;
    Phase phase = Phase::before;
    for (const auto& [from, to] : faults) {
      if (outcome.intended_start < to && ended >= from) {
        phase = Phase::during;
        break;
      }
      if (outcome.intended_start >= to) phase = Phase::after;
    }
    seen.at(static_cast<std::size_t>(phase)).add(outcome, definite(outcome) && outcome.latency <= objective);
  }
  Duration during{0};
  for (const auto& [from, to] : faults) during += std::max(Duration{0}, to - std::max(from, warmup));
  const Duration before = std::clamp(faults.front().first - warmup, Duration{0}, duration);
  FaultPhases out;
  out.before = seen[0].finish(directory, before);
  out.during = seen[1].finish(directory, during);
  out.after = seen[2].finish(directory, duration - before - during);

  const bool lasts = std::any_of(spans.begin(), spans.end(), [](const FaultSpan& span) { return !span.end; });
  if (lasts || faults.back().second >= end) return out;
  out.healed = faults.back().second;
  if (out.before.commits.count == 0) return out;
  const Duration slow = std::max(2 * out.before.commits.p99, out.before.commits.p99 + Duration{1ms});
  Duration last = *out.healed;
  for (const ClientOutcome& outcome : outcomes) {
    if (!outcome.measured || (definite(outcome) && outcome.latency <= slow)) continue;
    const bool told = definite(outcome) && outcome.latency < asked_after;
    last = std::max(last, outcome.intended_start + (told ? outcome.latency : Duration{0}));
  }
  if (last <= end - (end - *out.healed) / 10) out.normal_after = last - *out.healed;
  return out;
}

}  // namespace geocommit
