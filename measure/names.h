// The names and labels of all metrics: written by runtime/telemetry and the client, read by the summary, documented in
// docs/METRICS.md. Base labels of every one: protocol, region. A label is never a transaction id or a key.
#pragma once

namespace geocommit::metric {

// Labels and their values.
inline constexpr const char* kProtocol = "protocol";
inline constexpr const char* kRegion = "region";
/// "wan": the cohort (messages: sender and receiver) spans regions; "local": it does not.
inline constexpr const char* kScope = "scope";
inline constexpr const char* kOutcome = "outcome";  ///< "commit", "abort"; the client's also "unknown".
inline constexpr const char* kReason = "reason";    ///< name_of(Reason)
inline constexpr const char* kTraffic = "traffic";  ///< "protocol", "retry", "client", "forward", "wound", "ship", ...
inline constexpr const char* kKind = "kind";        ///< "PREPARE", ...
inline constexpr const char* kRole = "role";        ///< "coordinator", "participant"
inline constexpr const char* kVote = "vote";
inline constexpr const char* kCause = "cause";

// Coordinator: {scope, outcome}.
inline constexpr const char* kCommitLatency = "geocommit_commit_latency_seconds";  // histogram
inline constexpr const char* kTransactions = "geocommit_transactions_total";       // {scope, outcome, reason}
/// Message delays on the longest causal chain, summed over committed transactions; {scope}.
inline constexpr const char* kMessageDelays = "geocommit_message_delays_total";

// Participant: {scope, outcome}.
inline constexpr const char* kLockHold = "geocommit_lock_hold_seconds";          // histogram
inline constexpr const char* kLockHoldKeys = "geocommit_lock_hold_key_seconds";  // histogram; summed over its keys
inline constexpr const char* kLockWaits = "geocommit_lock_waits_total";          // of those in lock hold: had to queue
inline constexpr const char* kInDoubt = "geocommit_in_doubt_seconds";            // histogram
/// Histogram: in-doubt past the decision timeout; only transactions that were blocked at all.
inline constexpr const char* kBlocking = "geocommit_blocking_seconds";
/// Histogram: locks held past the decision timeout, summed over keys; only transactions that were blocked.
inline constexpr const char* kBlockedLockTime = "geocommit_blocked_lock_seconds";
/// Blast radius, summed over blocked transactions: others that stood in line for their locks; {scope, fate}: "waited"
/// to the end, or "aborted" before it. And the largest of one of them (a maximum, not a sum).
inline constexpr const char* kBlastRadius = "geocommit_blast_radius_total";
inline constexpr const char* kFate = "fate";
inline constexpr const char* kBlastRadiusMax = "geocommit_blast_radius_max";  // gauge
/// Transactions that stood in line behind a blocked one, each once a participant; {cause}: "waited" (was granted in the
/// end), or why not.
inline constexpr const char* kHeldUp = "geocommit_held_up_transactions_total";
inline constexpr const char* kVotes = "geocommit_votes_total";                     // {vote, reason}
inline constexpr const char* kBlockedNow = "geocommit_blocked_transactions";       // gauge
inline constexpr const char* kOldestBlocked = "geocommit_oldest_blocked_seconds";  // gauge
inline constexpr const char* kInDoubtNow = "geocommit_in_doubt_transactions";      // gauge

// What transactions cost at a node, counted when their machine is forgotten; {outcome, role}. Per-commit costs are
// those with outcome "commit", and "undecided" of participants (which only read), over the commits in kTransactions.
inline constexpr const char* kCostMessages = "geocommit_cost_messages_total";
inline constexpr const char* kCostWanMessages = "geocommit_cost_wan_messages_total";
inline constexpr const char* kCostBytes = "geocommit_cost_bytes_total";
inline constexpr const char* kCostWanBytes = "geocommit_cost_wan_bytes_total";
inline constexpr const char* kCostForced = "geocommit_cost_forced_writes_total";
inline constexpr const char* kCostLazy = "geocommit_cost_lazy_writes_total";
inline constexpr const char* kCostRetries = "geocommit_cost_retries_total";
/// How many machines these were; {outcome, role}.
inline constexpr const char* kForgotten = "geocommit_forgotten_total";

// Everything that a node sent and wrote, whatever for.
inline constexpr const char* kMessages = "geocommit_messages_total";           // {traffic, kind, scope}
inline constexpr const char* kMessageBytes = "geocommit_message_bytes_total";  // {traffic, scope}
inline constexpr const char* kForcedWrites = "geocommit_forced_writes_total";
inline constexpr const char* kLazyWrites = "geocommit_lazy_writes_total";

// Home region: {replica}: the replica's region.
inline constexpr const char* kStaleness = "geocommit_staleness_seconds";  // histogram
inline constexpr const char* kReplica = "replica";
/// {home}: the first region of the home. Gauge: the round of the newest epoch that this site was master in.
inline constexpr const char* kHomeEpoch = "geocommit_home_epoch";
inline constexpr const char* kHome = "home";
inline constexpr const char* kHomeEvents = "geocommit_home_events_total";  // {home, event}: name_of(HomeEventKind)
/// Histogram {home, how}. "transfer": at the old master, from the last write it accepted until it heard that its
/// successor is open. "failover": at the successor, from the order until it was open.
inline constexpr const char* kHomeGap = "geocommit_home_write_gap_seconds";
inline constexpr const char* kHow = "how";
/// Accepted at this site as master and in no surviving history; {home}.
inline constexpr const char* kHomeLost = "geocommit_home_lost_writes_total";
/// Histogram {home}: between the oldest of them and the newest, on this site's clock.
inline constexpr const char* kHomeLostSpan = "geocommit_home_lost_span_seconds";
inline constexpr const char* kAlarms = "geocommit_alarms_total";  // {what}
inline constexpr const char* kWhat = "what";
inline constexpr const char* kNotes = "geocommit_protocol_points_total";  // {event}
inline constexpr const char* kEvent = "event";

// Client; region is the origin. scope "wan": the homes of the entities, or the origin, span regions.
inline constexpr const char* kClientLatency = "geocommit_client_latency_seconds";          // histogram {outcome, scope}
inline constexpr const char* kClientTransactions = "geocommit_client_transactions_total";  // {outcome, reason}
inline constexpr const char* kClientOffered = "geocommit_client_offered_total";
/// Not answered within the outcome timeout; most are answered later, to a query.
inline constexpr const char* kClientTimeouts = "geocommit_client_timeouts_total";
inline constexpr const char* kClientShed = "geocommit_client_shed_total";
inline constexpr const char* kClientLateness = "geocommit_client_send_lateness_seconds";  // histogram: sent - intended
inline constexpr const char* kClientOutstanding = "geocommit_client_outstanding";         // gauge

}  // namespace geocommit::metric
