#include "client/load_series.h"

#include <string>
#include <utility>

#include "measure/names.h"
#include "protocols/registry.h"

namespace geocommit {
namespace {

std::size_t index(Outcome outcome) { return static_cast<std::size_t>(outcome); }

const char* label_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::commit:
      return "commit";
    case Outcome::abort:
      return "abort";
    case Outcome::undecided:
      return "unknown";
  }
  return "?";
}

}  // namespace

LoadSeries::LoadSeries(MetricSet& set, Labels labels)
    : set_(set),
      labels_(std::move(labels)),
      offered_(&set.counter(metric::kClientOffered, labels_)),
      shed_(&set.counter(metric::kClientShed, labels_)),
      timeouts_(&set.counter(metric::kClientTimeouts, labels_)),
      lateness_(&set.histogram(metric::kClientLateness, labels_)) {
  for (const Outcome outcome : {Outcome::commit, Outcome::abort}) {
    for (const bool wan : {false, true}) {
      Labels both = labels_;
      both[metric::kOutcome] = label_of(outcome);
      both[metric::kScope] = wan ? "wan" : "local";
      latency_[index(outcome)][wan ? 1 : 0] = &set.histogram(metric::kClientLatency, both);
    }
  }
}

void LoadSeries::make_all_outcomes() {
  (void)outcomes(Outcome::commit, Reason::none);
  for (std::size_t reason = 1; reason < kAbortReasons; ++reason) {
    (void)outcomes(Outcome::abort, static_cast<Reason>(reason));
  }
  (void)outcomes(Outcome::undecided, Reason::none);
  (void)outcomes(Outcome::undecided, Reason::forgotten);
}

void LoadSeries::finished(Outcome outcome, Reason reason, bool wan, Duration latency) {
  ++outcomes(outcome, reason);
  if (outcome != Outcome::undecided) {
    latency_[index(outcome)][wan ? 1 : 0]->record(latency);
  }
}

std::uint64_t& LoadSeries::outcomes(Outcome outcome, Reason reason) {
  std::uint64_t*& counter = outcomes_[index(outcome)][static_cast<std::size_t>(reason)];
  if (counter == nullptr) {
    Labels labels = labels_;
    labels[metric::kOutcome] = label_of(outcome);
    labels[metric::kReason] = std::string(name_of(reason));
    counter = &set_.counter(metric::kClientTransactions, labels);
  }
  return *counter;
}

}  // namespace geocommit
