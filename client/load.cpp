#include "client/load.h"

#include <algorithm>
#include <utility>

#include "measure/names.h"
#include "protocols/registry.h"

namespace geocommit {
namespace {

constexpr int kOffersPerStep = 1024;
constexpr int kRowsPerStep = 100;
constexpr Duration kQueryFirst = 1s;  // at most; a quarter of the outcome timeout where that is less
constexpr Duration kQueryLeast = 100ms;
constexpr std::uint32_t kQueryDoublings = 4;
constexpr Duration kDrainExtra = 5s;

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

Load::Load(LoadPlan plan, const Directory& directory, LoadOutput& output, MetricSet& live, MetricSet& window)
    : plan_(std::move(plan)),
      directory_(directory),
      output_(output),
      live_(live),
      window_(window),
      labels_({{metric::kProtocol, plan_.protocol}, {metric::kRegion, directory.regions()[plan_.origin.value]}}),
      generator_(plan_.workload, directory, plan_.origin, plan_.seed),
      end_(plan_.warmup + plan_.duration) {
  live_series_ = series(live_);
  window_series_ = series(window_);
  // What first appears at 1 has no rate: the live counters are there from the start.
  (void)outcome_counter(live_, live_series_, Outcome::commit, Reason::none);
  for (std::size_t reason = 1; reason < kAbortReasons; ++reason) {
    (void)outcome_counter(live_, live_series_, Outcome::abort, static_cast<Reason>(reason));
  }
  (void)outcome_counter(live_, live_series_, Outcome::undecided, Reason::none);
  (void)outcome_counter(live_, live_series_, Outcome::undecided, Reason::forgotten);
}

Load::Series Load::series(MetricSet& set) const {
  Series out;
  out.offered = &set.counter(metric::kClientOffered, labels_);
  out.shed = &set.counter(metric::kClientShed, labels_);
  out.timeouts = &set.counter(metric::kClientTimeouts, labels_);
  out.lateness = &set.histogram(metric::kClientLateness, labels_);
  for (const Outcome outcome : {Outcome::commit, Outcome::abort}) {
    for (const bool wan : {false, true}) {
      Labels labels = labels_;
      labels[metric::kOutcome] = label_of(outcome);
      labels[metric::kScope] = wan ? "wan" : "local";
      out.latency[index(outcome)][wan ? 1 : 0] = &set.histogram(metric::kClientLatency, labels);
    }
  }
  return out;
}

std::uint64_t& Load::outcome_counter(MetricSet& set, Series& series, Outcome outcome, Reason reason) const {
  std::uint64_t*& counter = series.outcomes[index(outcome)][static_cast<std::size_t>(reason)];
  if (counter == nullptr) {
    Labels labels = labels_;
    labels[metric::kOutcome] = label_of(outcome);
    labels[metric::kReason] = std::string(name_of(reason));
    counter = &set.counter(metric::kClientTransactions, labels);
  }
  return *counter;
}

void Load::start(Instant now) {
  if (started_) {
    return;
  }
  started_ = true;
  start_ = now;
  if (closed()) {
    idle_ = std::min(plan_.workload.clients, plan_.workload.outstanding_max);  // so that it never sheds
  } else {
    due_ = generator_.next();
  }
  advance(now);
}

void Load::advance(Instant now) {
  if (!started_ || finished_) {
    return;
  }
  roll_seconds(now);
  offer_due(now);
  time_out(now);
  ask_again(now);
  if (sent_all_ && pending_.empty()) {
    stop(now);
  } else if (now >= at(end_ + 3 * plan_.outcome_timeout + kDrainExtra)) {
    stop(now);
  }
}

void Load::offer_due(Instant now) {
  const Duration elapsed = now - start_;
  if (closed()) {
    for (int i = 0; i < kOffersPerStep && idle_ > 0 && elapsed < end_; ++i) {
      --idle_;
      Planned planned = generator_.next();
      planned.intended_start = elapsed;
      offer(now, std::move(planned));
    }
    sent_all_ = elapsed >= end_;
    return;
  }
  for (int i = 0; i < kOffersPerStep && due_; ++i) {
    if (due_->intended_start >= end_ && elapsed >= end_) {
      due_.reset();
      break;
    }
    if (due_->intended_start > elapsed || due_->intended_start >= end_) {
      break;
    }
    Planned planned = std::move(*due_);
    due_ = generator_.next();
    offer(now, std::move(planned));
  }
  sent_all_ = !due_.has_value();
}

void Load::offer(Instant now, Planned planned) {
  const bool measured = planned.intended_start >= plan_.warmup && planned.intended_start < end_;
  ++counts_.offered;
  ++row_.offered;
  ++*live_series_.offered;
  *window_series_.offered += measured ? 1 : 0;
  if (pending_.size() >= plan_.workload.outstanding_max) {
    ++counts_.shed;
    ++row_.shed;
    ++*live_series_.shed;
    *window_series_.shed += measured ? 1 : 0;
    return;
  }
  const Duration late = now - at(planned.intended_start);
  live_series_.lateness->record(late);
  if (measured) {
    window_series_.lateness->record(late);
  }
  const std::uint64_t sequence = ++last_sequence_;
  planned.request.id = {plan_.self, sequence};
  planned.request.measured = measured;
  Pending pending;
  pending.intended = planned.intended_start;
  pending.wan = std::any_of(planned.request.operations.begin(), planned.request.operations.end(),
                            [this](const Operation& op) { return directory_.home_of(op.entity) != plan_.origin; });
  PeerPayload payload{ClientRequest{std::move(planned.request), coordinator_start_}};
  output_.send(payload);
  pending.request = std::move(std::get<ClientRequest>(payload).request);
  pending_.emplace(sequence, std::move(pending));
  deadlines_.emplace_back(now + plan_.outcome_timeout, sequence);
}

void Load::on_reply(Instant now, const ClientReply& reply) {
  if (reply.id.client != plan_.self || (reply.outcome == Outcome::undecided && reply.reason != Reason::forgotten)) {
    return;  // the next query is scheduled
  }
  const auto found = pending_.find(reply.id.sequence);
  if (found == pending_.end()) {
    return;  // a second answer
  }
  finish(now, found, reply);
  if (closed() && !finished_) {
    ++idle_;
    advance(now);
  }
}

void Load::finish(Instant now, PendingMap::iterator pending, const ClientReply& reply) {
  Pending& it = pending->second;
  const Duration latency = now - at(it.intended);
  const std::size_t wan = it.wan ? 1 : 0;
  const auto record = [&](MetricSet& set, Series& series) {
    ++outcome_counter(set, series, reply.outcome, reply.reason);
    if (reply.outcome != Outcome::undecided) {
      series.latency[index(reply.outcome)][wan]->record(latency);
    }
  };
  record(live_, live_series_);
  if (it.request.measured) {
    record(window_, window_series_);
  }
  switch (reply.outcome) {
    case Outcome::commit:
      ++counts_.committed;
      ++row_.committed;
      second_latency_.record(latency);
      break;
    case Outcome::abort:
      ++counts_.aborted;
      ++row_.aborted[static_cast<std::size_t>(reply.reason)];
      break;
    case Outcome::undecided:
      break;
  }
  if (it.timed_out && reply.outcome != Outcome::undecided) {
    --counts_.unknown;
  } else if (!it.timed_out && reply.outcome == Outcome::undecided) {
    ++counts_.unknown;
  }
  ClientOutcome outcome;
  outcome.request = reply.id;
  outcome.txn = reply.txn;
  outcome.outcome = reply.outcome;
  outcome.reason = reply.reason;
  outcome.origin = plan_.origin;
  outcome.measured = it.request.measured;
  outcome.intended_start = it.intended;
  outcome.latency = latency;
  outcome.operations = std::move(it.request.operations);
  outcome.reads = reply.reads;
  pending_.erase(pending);
  output_.finished(outcome);
}

void Load::time_out(Instant now) {
  while (!deadlines_.empty() && deadlines_.front().first <= now) {
    const auto found = pending_.find(deadlines_.front().second);
    deadlines_.pop_front();
    if (found != pending_.end()) {
      found->second.timed_out = true;
      ++counts_.unknown;
      ++row_.timed_out;
      ++*live_series_.timeouts;
      *window_series_.timeouts += found->second.request.measured ? 1 : 0;
      queries_.emplace(now, found->first);
    }
  }
}

void Load::ask_again(Instant now) {
  for (int i = 0; i < kOffersPerStep && !queries_.empty() && queries_.top().first <= now; ++i) {
    const std::uint64_t sequence = queries_.top().second;
    queries_.pop();
    const auto found = pending_.find(sequence);
    if (found == pending_.end()) {
      continue;
    }
    Pending& pending = found->second;
    output_.send(OutcomeQuery{pending.request.id, pending.request});
    const Duration first = std::clamp<Duration>(plan_.outcome_timeout / 4, kQueryLeast, kQueryFirst);
    queries_.emplace(now + first * (1U << std::min(pending.queries, kQueryDoublings)), sequence);
    ++pending.queries;
  }
}

void Load::roll_seconds(Instant now) {
  for (int i = 0; i < kRowsPerStep && now >= at(Duration{1s} * (row_.second + 1)); ++i) {
    emit_row();
  }
}

void Load::emit_row() {
  row_.outstanding = pending_.size();
  row_.p50 = second_latency_.quantile(0.5);
  row_.p99 = second_latency_.quantile(0.99);
  counts_.recent_p99 = row_.p99;
  counts_.recent_p50 = row_.p50;
  output_.second(row_);
  const std::uint64_t second = row_.second + 1;
  row_ = SecondRow{};
  row_.second = second;
  second_latency_ = Histogram{};
}

std::optional<Instant> Load::next() {
  if (!started_ || finished_) {
    return std::nullopt;
  }
  Instant soonest = at(Duration{1s} * (row_.second + 1));
  const auto also = [&soonest](Instant instant) { soonest = std::min(soonest, instant); };
  if (due_) {
    also(at(std::min(due_->intended_start, end_)));
  }
  if (closed() && !sent_all_) {
    also(idle_ > 0 ? start_ : at(end_));
  }
  while (!deadlines_.empty() && !pending_.contains(deadlines_.front().second)) {
    deadlines_.pop_front();  // answered in time, as nearly all
  }
  if (!deadlines_.empty()) {
    also(deadlines_.front().first);
  }
  if (!queries_.empty()) {
    also(queries_.top().first);
  }
  also(at(end_ + 3 * plan_.outcome_timeout + kDrainExtra));
  return sent_all_ && pending_.empty() ? std::optional{start_} : std::optional{soonest};
}

void Load::stop(Instant now) {
  if (finished_) {
    return;
  }
  if (started_) {
    give_up(now);
    emit_row();
  }
  finished_ = true;
}

void Load::give_up(Instant now) {
  std::vector<std::uint64_t> left;
  left.reserve(pending_.size());
  for (const auto& [sequence, pending] : pending_) {
    left.push_back(sequence);
  }
  std::sort(left.begin(), left.end());  // the file's order must not hang on a hash table's
  for (const std::uint64_t sequence : left) {
    ClientReply unknown;
    unknown.id = {plan_.self, sequence};
    finish(now, pending_.find(sequence), unknown);
  }
}

LoadCounts Load::counts() const {
  LoadCounts out = counts_;
  out.outstanding = pending_.size();
  return out;
}

}  // namespace geocommit
