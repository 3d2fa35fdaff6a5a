// What a role's durable records say after a crash.
#pragma once

#include <vector>

#include "protocols/machine.h"

namespace geocommit {

/// The outcome that the records fix; the last one, if more than one does. undecided: none does.
struct RecoveredOutcome {
  Outcome outcome{Outcome::undecided};
  Reason reason{Reason::none};
};
[[nodiscard]] inline RecoveredOutcome outcome_in(const std::vector<LogRecord>& durable) {
  RecoveredOutcome found;
  for (const LogRecord& record : durable) {
    if (record.outcome != Outcome::undecided) {
      found = {record.outcome, record.reason};
    }
  }
  return found;
}

/// Whether one of them is of that kind.
[[nodiscard]] inline bool has_record(const std::vector<LogRecord>& durable, std::uint8_t kind) {
  for (const LogRecord& record : durable) {
    if (record.kind == kind) {
      return true;
    }
  }
  return false;
}

/// Whom phase two concerns: what the record with the descriptor names, or the whole cohort.
[[nodiscard]] inline std::vector<NodeId> sites_in(const std::vector<LogRecord>& durable, const TxnContext& context) {
  std::vector<NodeId> sites;
  for (const LogRecord& record : durable) {
    sites = record.with_descriptor ? record.sites : sites;
  }
  if (sites.empty()) {
    for (const Member& member : context.cohort) {
      sites.push_back(member.node);
    }
  }
  return sites;
}

}  // namespace geocommit
