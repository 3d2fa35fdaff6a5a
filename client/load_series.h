// A load's metrics in one set, looked up once: a request touches no name or label.
#pragma once

#include <array>
#include <cstdint>

#include "measure/metric_set.h"
#include "protocols/transaction.h"

namespace geocommit {

inline constexpr std::size_t kReasons = static_cast<std::size_t>(Reason::forgotten) + 1;
inline constexpr std::size_t kAbortReasons =
    static_cast<std::size_t>(Reason::forgotten);  ///< 0: none. The last is none.

class LoadSeries {
 public:
  /// `set` outlives it. `labels`: those that all its metrics have.
  LoadSeries(MetricSet& set, Labels labels);
  /// What first appears at 1 has no rate: makes a counter of every outcome and reason.
  void make_all_outcomes();
  void offered() { ++*offered_; }
  void shed() { ++*shed_; }
  void timed_out() { ++*timeouts_; }
  void sent(Duration late) { lateness_->record(late); }
  void finished(Outcome outcome, Reason reason, bool wan, Duration latency);

 private:
  [[nodiscard]] std::uint64_t& outcomes(Outcome outcome, Reason reason);

  MetricSet& set_;
  Labels labels_;
  std::uint64_t *offered_, *shed_, *timeouts_;
  Histogram* lateness_;
  std::array<std::array<Histogram*, 2>, 3> latency_{};              // outcome, wan
  std::array<std::array<std::uint64_t*, kReasons>, 3> outcomes_{};  // outcome, reason; made when first used
};

}  // namespace geocommit
