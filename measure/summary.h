// One cell in figures: everything of it that summary.json and the printed comparison hold. Pure aggregation; the
// runner encodes it. Latencies come from merged histograms, never from averaged percentiles.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/observer.h"
#include "measure/histogram.h"
#include "measure/metric_set.h"
#include "measure/offered.h"
#include "measure/prediction.h"
#include "verdict/check.h"

namespace geocommit {

struct LatencySummary {
  std::uint64_t count{};
  Duration mean{}, p50{}, p90{}, p99{}, p999{}, max{};
};
[[nodiscard]] LatencySummary summarise(const Histogram& histogram);

/// A transaction that was still in doubt at the end, at one participant: its times are lower bounds.
struct OpenAtEnd {
  RegionId region;
  Duration in_doubt{};
  Duration blocked{};  ///< Past the decision timeout; 0: not blocked.
  NodeId node;
  TxnId txn;
  BlockingCost cost;
  bool from_log{};  ///< The participant was down: known from its log alone.
};

struct TransactionCounts {
  std::uint64_t offered{};  ///< With an intended start in the window, shed ones included.
  std::uint64_t committed{};
  std::map<std::string, std::uint64_t> aborted;  ///< By reason.
  std::uint64_t unknown{};                       ///< Never learned, or offered without any record of what came of it.
  std::uint64_t forgotten{};                     ///< Of unknown: clients were told that nobody knows any more.
  std::uint64_t shed{};
  [[nodiscard]] std::uint64_t aborted_total() const;
  /// Clients still waited for some, or never sent them: percentiles of the answered are too low.
  [[nodiscard]] bool latencies_are_lower_bounds() const { return unknown + shed > 0; }
};

/// Blocking of transactions that ended, and of those that did not (censored): those count with their lower bounds, so
/// that with any of them every percentile is a lower bound too.
struct BlockingSummary {
  LatencySummary ended;                           ///< Only those that ended.
  LatencySummary all;                             ///< And the censored at their lower bounds.
  std::uint64_t censored{};                       ///< Still blocked at the end.
  Duration lower_bound_sum{}, lower_bound_max{};  ///< Of the censored.
  std::uint64_t in_doubt_at_end{};                ///< Still in doubt, blocked or not.
  Duration lock_time_lost{};                      ///< Locks held past the decision timeout, summed over keys.
  /// Blast radius, summed over blocked participants: others in line for their locks.
  std::uint64_t radius_waited{}, radius_aborted{};
  std::uint64_t radius_max{};                    ///< Of one blocked participant.
  std::map<std::string, std::uint64_t> held_up;  ///< Those others, each once a participant, by what became of them.
  std::vector<OpenAtEnd> open;                   ///< The blocked of them longest first, then the rest.
};

/// Per committed transaction that started in the window, over all its sites, until forgotten; client, forwarding,
/// wound, shipping, heartbeat and retry messages apart.
struct CostSummary {
  double messages{}, wan_messages{}, bytes{}, wan_bytes{}, forced_writes{}, lazy_writes{}, retries{};
  double message_delays{};  ///< On the longest causal chain to the decision.
};

struct RegionSummary {
  TransactionCounts transactions;  ///< Of this origin.
  LatencySummary client_latency, commit_latency, lock_hold, in_doubt;
  LatencySummary lock_hold_all, in_doubt_all;  ///< As CellSummary's.
  BlockingSummary blocking;
  std::map<std::string, LatencySummary> staleness;  ///< Of what is homed here, by the replica's region.
  std::optional<double> availability;
};

struct CellSummary {
  std::string protocol;
  Verdict verdict;
  TransactionCounts transactions;
  OfferedLoad load;                    ///< Goodput, and whether the protocol kept up.
  LatencySummary send_lateness;        ///< Of the load generator: sent - intended start.
  std::optional<double> availability;  ///< Offered with a definite outcome within the objective; none if none offered.
  LatencySummary client_latency;       ///< Of commits, from the intended start.
  LatencySummary abort_latency;        ///< Of aborts, likewise.
  LatencySummary commit_latency, lock_hold, lock_hold_keys, in_doubt;  ///< Of commits.
  /// Of every transaction, aborted ones too, and those that were still in doubt at the end at their lower bounds: with
  /// any of those (blocking.in_doubt_at_end) the percentiles are lower bounds. No participant is blocked for longer
  /// than the longest of these.
  LatencySummary lock_hold_all, in_doubt_all;
  BlockingSummary blocking;
  std::optional<double> lock_wait_share;  ///< Of the pairs of transaction and participant, those that had to queue.
  std::optional<CostSummary> costs_per_commit;  ///< None without a commit.
  bool costs_incomplete{};  ///< A process died with what it had counted: they may be too low, or too high.
  LatencySummary staleness;
  std::map<std::string, LatencySummary> write_gap;  ///< Of homes, by how: "transfer", "failover" (names.h).
  std::map<std::string, RegionSummary> by_region;   ///< Every region of the directory.
  Prediction prediction;
};

struct SummaryInput {
  std::string protocol;
  const Directory* directory{};
  const MetricSet* window{};  ///< Of all nodes, merged: transactions of the measurement window.
  const std::vector<ClientOutcome>* outcomes{};
  std::vector<OpenAtEnd> open_at_end;
  Duration warmup{}, duration{};        ///< The window: [warmup, warmup + duration) since the start of the load.
  std::optional<Duration> first_fault;  ///< When the first fault began; none: none did.
  bool counters_lost{};                 ///< A coordinator or agent died in the run, or gave no report.
  Duration objective{1s};               ///< Availability counts outcomes that are definite within this time.
  Verdict verdict;
  Prediction prediction;
};
[[nodiscard]] CellSummary summarise(SummaryInput input);

/// Distributions over every transaction: commits, aborts and, at the lower bounds that in-doubt time gives, those still
/// in doubt at the end. `where`: labels; `region`: of the latter. Participants that only read are in neither.
struct AllOutcomes {
  Histogram lock_hold, in_doubt;
};
[[nodiscard]] AllOutcomes all_outcomes(const MetricSet& window, const Labels& where, const std::vector<OpenAtEnd>& open,
                                       std::optional<RegionId> region);

/// Of the pairs of transaction and participant that held locks, how many had to queue; predict() wants it.
[[nodiscard]] std::optional<double> lock_wait_share(const MetricSet& window);

}  // namespace geocommit
