#include "measure/summary.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "measure/names.h"
#include "protocols/registry.h"

namespace geocommit {
namespace {

const Labels kCommits{{metric::kOutcome, "commit"}};
/// Participants that only read are out of it before there is an outcome.
const Labels kReaders{{metric::kOutcome, "undecided"}, {metric::kRole, "participant"}};

Labels with_region(Labels labels, const std::string& region) {
  labels[metric::kRegion] = region;
  return labels;
}

/// What one origin's clients saw, or all of them.
struct Seen {
  TransactionCounts counts;
  Histogram commits, aborts;
  std::uint64_t in_time{};

  void add(const ClientOutcome& outcome, Duration objective) {
    ++counts.offered;
    switch (outcome.outcome) {
      case Outcome::commit:
        ++counts.committed;
        commits.record(outcome.latency);
        break;
      case Outcome::abort:
        ++counts.aborted[std::string(name_of(outcome.reason))];
        aborts.record(outcome.latency);
        break;
      case Outcome::undecided:
        ++counts.unknown;
        counts.forgotten += outcome.reason == Reason::forgotten ? 1 : 0;
        break;
    }
    // Turned away for want of a live coordinator, home or replica is not an answer.
    const bool definite = outcome.outcome != Outcome::undecided && outcome.reason != Reason::unavailable &&
                          outcome.reason != Reason::replica_away;
    in_time += definite && outcome.latency <= objective ? 1 : 0;
  }

  /// Shed requests were never sent; and what was offered without any record (a client died) is unknown.
  void complete(const MetricSet& window, const Labels& where) {
    counts.shed = window.total(metric::kClientShed, where);
    counts.offered += counts.shed;
    const std::uint64_t offered = window.total(metric::kClientOffered, where);
    if (offered > counts.offered) {
      counts.unknown += offered - counts.offered;
      counts.offered = offered;
    }
  }

  [[nodiscard]] std::optional<double> availability() const {
    return counts.offered == 0 ? std::nullopt
                               : std::optional(static_cast<double>(in_time) / static_cast<double>(counts.offered));
  }
};

BlockingSummary blocking(const MetricSet& window, const Labels& where, const std::vector<OpenAtEnd>& open,
                         std::optional<RegionId> region) {
  BlockingSummary out;
  Histogram blocked = window.merged(metric::kBlocking, where);
  out.ended = summarise(blocked);
  out.lock_time_lost =
      Duration{static_cast<Duration::rep>(std::llround(window.merged(metric::kBlockedLockTime, where).sum_ns()))};
  const auto radius = [&](const char* fate) {
    Labels with = where;
    with[metric::kFate] = fate;
    return window.total(metric::kBlastRadius, with);
  };
  out.radius_waited = radius("waited");
  out.radius_aborted = radius("aborted");
  out.radius_max = static_cast<std::uint64_t>(window.largest(metric::kBlastRadiusMax, where));
  out.held_up = window.totals_by(metric::kHeldUp, metric::kCause, where);
  for (const OpenAtEnd& one : open) {
    if (region && one.region != *region) {
      continue;
    }
    ++out.in_doubt_at_end;
    out.open.push_back(one);
    if (one.blocked > Duration{0}) {
      ++out.censored;
      out.lower_bound_sum += one.blocked;
      out.lower_bound_max = std::max(out.lower_bound_max, one.blocked);
      blocked.record(one.blocked);
      out.lock_time_lost += one.cost.lock_time;
      out.radius_waited += one.cost.waited;
      out.radius_aborted += one.cost.aborted;
      out.radius_max = std::max<std::uint64_t>(out.radius_max, one.cost.waited + one.cost.aborted);
    }
  }
  std::stable_sort(out.open.begin(), out.open.end(), [](const OpenAtEnd& a, const OpenAtEnd& b) {
    return std::pair(a.blocked, a.in_doubt) > std::pair(b.blocked, b.in_doubt);
  });
  out.all = summarise(blocked);
  return out;
}

std::optional<CostSummary> costs(const MetricSet& window) {
  const std::uint64_t commits = window.total(metric::kTransactions, kCommits);
  if (commits == 0) {
    return std::nullopt;
  }
  const auto per_commit = [&](const char* name) {
    const std::uint64_t total = window.total(name, kCommits) + window.total(name, kReaders);
    return static_cast<double>(total) / static_cast<double>(commits);
  };
  CostSummary out;
  out.messages = per_commit(metric::kCostMessages);
  out.wan_messages = per_commit(metric::kCostWanMessages);
  out.bytes = per_commit(metric::kCostBytes);
  out.wan_bytes = per_commit(metric::kCostWanBytes);
  out.forced_writes = per_commit(metric::kCostForced);
  out.lazy_writes = per_commit(metric::kCostLazy);
  out.retries = per_commit(metric::kCostRetries);
  out.message_delays = static_cast<double>(window.total(metric::kMessageDelays)) / static_cast<double>(commits);
  return out;
}

}  // namespace

LatencySummary summarise(const Histogram& histogram) {
  LatencySummary out;
  out.count = histogram.count();
  out.mean = Duration{static_cast<Duration::rep>(std::llround(histogram.mean_ns()))};
  out.p50 = histogram.quantile(0.5);
  out.p90 = histogram.quantile(0.9);
  out.p99 = histogram.quantile(0.99);
  out.p999 = histogram.quantile(0.999);
  out.max = histogram.max();
  return out;
}

std::uint64_t TransactionCounts::aborted_total() const {
  std::uint64_t sum = 0;
  for (const auto& [reason, count] : aborted) {
    sum += count;
  }
  return sum;
}

AllOutcomes all_outcomes(const MetricSet& window, const Labels& where, const std::vector<OpenAtEnd>& open,
                         std::optional<RegionId> region) {
  AllOutcomes out;
  for (const char* outcome : {"commit", "abort"}) {  // Those that only read have none.
    Labels with = where;
    with[metric::kOutcome] = outcome;
    out.lock_hold.merge(window.merged(metric::kLockHold, with));
    out.in_doubt.merge(window.merged(metric::kInDoubt, with));
  }
  for (const OpenAtEnd& one : open) {
    if (region && one.region != *region) continue;
    out.in_doubt.record(one.in_doubt);
    out.lock_hold.record(one.in_doubt);  // It took its locks before it voted.
  }
  return out;
}

std::optional<double> lock_wait_share(const MetricSet& window) {
  const std::uint64_t holds = window.merged(metric::kLockHold).count();
  if (holds == 0) {
    return std::nullopt;
  }
  return static_cast<double>(window.total(metric::kLockWaits)) / static_cast<double>(holds);
}

CellSummary summarise(SummaryInput input) {
  GC_CHECK(input.directory != nullptr && input.window != nullptr && input.outcomes != nullptr);
  const MetricSet& window = *input.window;
  Seen all;
  std::vector<Seen> by_origin(input.directory->region_count());
  for (const ClientOutcome& outcome : *input.outcomes) {
    if (outcome.measured) {
      all.add(outcome, input.objective);
      if (outcome.origin.value < by_origin.size()) {
        by_origin[outcome.origin.value].add(outcome, input.objective);
      }
    }
  }
  all.complete(window, {});
  CellSummary out;
  out.client_latency = summarise(all.commits);
  out.abort_latency = summarise(all.aborts);
  out.availability = all.availability();
  out.commit_latency = summarise(window.merged(metric::kCommitLatency, kCommits));
  out.lock_hold = summarise(window.merged(metric::kLockHold, kCommits));
  out.lock_hold_keys = summarise(window.merged(metric::kLockHoldKeys, kCommits));
  out.in_doubt = summarise(window.merged(metric::kInDoubt, kCommits));
  const AllOutcomes every = all_outcomes(window, {}, input.open_at_end, std::nullopt);
  out.lock_hold_all = summarise(every.lock_hold);
  out.in_doubt_all = summarise(every.in_doubt);
  out.blocking = blocking(window, {}, input.open_at_end, std::nullopt);
  out.lock_wait_share = lock_wait_share(window);
  out.costs_per_commit = costs(window);
  out.costs_incomplete = input.counters_lost;
  out.staleness = summarise(window.merged(metric::kStaleness));
  for (const char* how : {"transfer", "failover"}) {
    if (const Histogram h = window.merged(metric::kHomeGap, {{metric::kHow, how}}); h.count() > 0) {
      out.write_gap[how] = summarise(h);
    }
  }
  out.load = offered_load(
      {input.outcomes, all.counts.offered, all.counts.shed, input.warmup, input.duration, input.first_fault});
  out.send_lateness = summarise(window.merged(metric::kClientLateness));
  out.transactions = std::move(all.counts);
  for (std::uint32_t r = 0; r < input.directory->region_count(); ++r) {
    const std::string& name = input.directory->regions()[r];
    const Labels where = with_region({}, name);
    const Labels commits = with_region(kCommits, name);
    RegionSummary& region = out.by_region[name];
    by_origin[r].complete(window, where);
    region.availability = by_origin[r].availability();
    region.client_latency = summarise(by_origin[r].commits);
    region.commit_latency = summarise(window.merged(metric::kCommitLatency, commits));
    region.lock_hold = summarise(window.merged(metric::kLockHold, commits));
    region.in_doubt = summarise(window.merged(metric::kInDoubt, commits));
    const AllOutcomes there = all_outcomes(window, where, input.open_at_end, RegionId{r});
    region.lock_hold_all = summarise(there.lock_hold);
    region.in_doubt_all = summarise(there.in_doubt);
    region.blocking = blocking(window, where, input.open_at_end, RegionId{r});
    region.transactions = std::move(by_origin[r].counts);
    for (const std::string& replica : input.directory->regions()) {
      Labels of = where;
      of[metric::kReplica] = replica;
      if (const Histogram h = window.merged(metric::kStaleness, of); h.count() > 0) {
        region.staleness[replica] = summarise(h);
      }
    }
  }
  out.protocol = std::move(input.protocol);
  out.verdict = std::move(input.verdict);
  out.prediction = std::move(input.prediction);
  return out;
}

}  // namespace geocommit
