#include "experiment/fault_record.h"

#include <algorithm>

namespace geocommit {
namespace {

constexpr Duration kRetransmissionMost = 120s;  // RFC 6298 (2.5) lets it be bounded; Linux' TCP_RTO_MAX.

/// How long a real network feels it when it is over. A connection that lost packets doubles its patience with each (RFC
/// 6298, 5.5): its next attempt comes at most as long after the end as the loss had lasted, and all that follows waits
/// behind it. A link's queue, and what was on its way, arrives late.
Duration lingers(const Fault& fault, Duration lasted) {
  switch (fault.kind) {
    case FaultKind::cut:
      return std::min(lasted, kRetransmissionMost);
    case FaultKind::link: {
      const bool backlog = fault.probability < 1.0 || fault.rate.has_value();
      return fault.extra + 4 * fault.jitter.value_or(Duration{0}) +
             (backlog ? std::min(lasted, kRetransmissionMost) : Duration{0});
    }
    case FaultKind::crash:
    case FaultKind::pause:
    case FaultKind::disk_stall:
    case FaultKind::disk_fail_sync:
    case FaultKind::disk_full:
    case FaultKind::clock_step:
    case FaultKind::drop:
    case FaultKind::duplicate:
    case FaultKind::reorder:
    case FaultKind::transfer:
    case FaultKind::failover:
      return Duration{0};
  }
  return Duration{0};
}

}  // namespace

std::vector<FaultSpan> spans_of(const std::vector<FaultRecord>& faults) {
  std::vector<FaultSpan> out;
  for (const FaultRecord& record : faults) {
    if (record.fault.first().length == Duration{0}) continue;
    for (const FaultTimes& time : record.times) out.push_back({time.begin, time.end});
  }
  return out;
}

std::vector<FaultSpan> beyond(const FaultModel& claim, Failure crash, const std::vector<FaultRecord>& faults) {
  const auto survived = [&](const Fault& fault) { return survives(claim, fault, crash); };
  std::vector<FaultSpan> out;
  for (const FaultRecord& record : faults) {
    const FaultPlan& parts = record.fault.parts;
    if (std::all_of(parts.begin(), parts.end(), survived)) continue;
    for (const FaultTimes& time : record.times) {
      FaultSpan span{time.begin, time.end};
      if (time.end && time.felt) {
        span.end = time.felt;
      } else if (time.end) {
        for (const Fault& part : parts) {
          span.end = std::max(*span.end, *time.end + lingers(part, *time.end - time.begin));
        }
      }
      out.push_back(span);
    }
  }
  return out;
}

}  // namespace geocommit
