#include "client/load_tally.h"

namespace geocommit {

void LoadTally::offered() {
  ++counts_.offered;
  ++row_.offered;
}

void LoadTally::shed() {
  ++counts_.shed;
  ++row_.shed;
}

void LoadTally::timed_out() {
  ++counts_.unknown;
  ++row_.timed_out;
}

void LoadTally::finished(Outcome outcome, Reason reason, Duration latency, bool after_timeout) {
  switch (outcome) {
    case Outcome::commit:
      ++counts_.committed;
      ++row_.committed;
      latency_.record(latency);
      break;
    case Outcome::abort:
      ++counts_.aborted;
      ++row_.aborted[static_cast<std::size_t>(reason)];
      break;
    case Outcome::undecided:
      break;
  }
  const bool known = outcome != Outcome::undecided;
  if (after_timeout && known) {
    --counts_.unknown;
  } else if (!after_timeout && !known) {
    ++counts_.unknown;
  }
}

SecondRow LoadTally::end_second(std::uint64_t outstanding) {
  SecondRow over = row_;
  over.outstanding = outstanding;
  over.p50 = latency_.quantile(0.5);
  over.p99 = latency_.quantile(0.99);
  counts_.recent_p99 = over.p99;
  counts_.recent_p50 = over.p50;
  row_ = SecondRow{};
  row_.second = over.second + 1;
  latency_ = Histogram{};
  return over;
}

}  // namespace geocommit
