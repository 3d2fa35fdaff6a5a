#include "verdict/predicted.h"

#include <algorithm>
#include <optional>

namespace geocommit::verdict {

bool Predicted::predicts_split(const Protocol& protocol, const Evidence& evidence, const ClientOutcome* asked) const {
  std::optional<Duration> begin;
  std::optional<Duration> end;
  const auto lived = [&](Duration from, Duration to) {
    begin = std::min(begin.value_or(from), from);
    end = std::max(end.value_or(to), to);
  };
  if (asked != nullptr) {
    lived(asked->intended_start, asked->intended_start + asked->latency);
  }
  if (history_.load_began != Instant{} && evidence.first_written != Instant{}) {
    const Duration first = evidence.first_written - history_.load_began;
    lived(asked != nullptr ? *begin : first, evidence.last_written - history_.load_began);
  }
  return !protocol.safe_under.survives(Failure::partition) && begin &&
         std::any_of(beyond_model_.begin(), beyond_model_.end(),
                     [&](const FaultSpan& span) { return span.begin <= *end && (!span.end || *span.end >= *begin); });
}

}  // namespace geocommit::verdict
