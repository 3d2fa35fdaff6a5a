#include "measure/offered.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace geocommit {
namespace {

constexpr double kGrowthShare = 0.1;
constexpr double kDeviations = 3;

bool told(const ClientOutcome& one) { return one.outcome != Outcome::undecided; }
/// Since the start of the load.
Duration end_of(const ClientOutcome& one) { return one.intended_start + one.latency; }

bool backlog_grew(const std::vector<ClientOutcome>& outcomes, Duration from, Duration to) {
  std::int64_t offered = 0;
  std::int64_t at_first = 0;
  std::int64_t at_last = 0;
  for (const ClientOutcome& one : outcomes) {
    offered += one.intended_start >= from && one.intended_start < to ? 1 : 0;
    at_first += one.intended_start < from && !(told(one) && end_of(one) < from) ? 1 : 0;
    at_last += one.intended_start < to && !(told(one) && end_of(one) < to) ? 1 : 0;
  }
  const auto growth = static_cast<double>(at_last - at_first);
  return growth > kGrowthShare * static_cast<double>(offered) &&
         growth > kDeviations * std::sqrt(static_cast<double>(at_last + at_first));
}

}  // namespace

OfferedLoad offered_load(const OfferedInput& input) {
  GC_CHECK(input.outcomes != nullptr);
  OfferedLoad out;
  if (input.duration <= Duration{0}) return out;
  const Duration end = input.warmup + input.duration;
  std::uint64_t done = 0;
  std::uint64_t committed = 0;
  for (const ClientOutcome& one : *input.outcomes) {
    if (!told(one) || end_of(one) < input.warmup || end_of(one) >= end) continue;
    ++done;
    committed += one.outcome == Outcome::commit ? 1 : 0;
  }
  const double seconds = to_seconds(input.duration);
  out.offered_per_s = static_cast<double>(input.offered) / seconds;
  out.done_per_s = static_cast<double>(done) / seconds;
  out.committed_per_s = static_cast<double>(committed) / seconds;
  const Duration judged = std::min(end, input.first_fault.value_or(end));
  out.overloaded =
      (input.shed > 0 && !input.first_fault) ||
      (judged > input.warmup && backlog_grew(*input.outcomes, input.warmup + (judged - input.warmup) / 2, judged));
  return out;
}

}  // namespace geocommit
