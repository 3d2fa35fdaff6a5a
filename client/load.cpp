#include "client/load.h"

#include <algorithm>
#include <utility>

#include "measure/names.h"

namespace geocommit {
namespace {

constexpr int kOffersPerStep = 1024;
constexpr int kRowsPerStep = 100;
constexpr Duration kDrainExtra = 5s;

Labels labels_of(const LoadPlan& plan, const Directory& directory) {
  return {{metric::kProtocol, plan.protocol}, {metric::kRegion, directory.regions()[plan.origin.value]}};
}

}  // namespace

Load::Load(LoadPlan plan, const Directory& directory, LoadOutput& output, MetricSet& live, MetricSet& window)
    : plan_(std::move(plan)),
      directory_(directory),
      output_(output),
      live_(live, labels_of(plan_, directory)),
      window_(window, labels_of(plan_, directory)),
      end_(plan_.warmup + plan_.duration),
      arrivals_(plan_.workload, directory, plan_.origin, plan_.seed, end_),
      outstanding_(plan_.outcome_timeout) {
  live_.make_all_outcomes();
}

void Load::start(Instant now) {
  if (started_) {
    return;
  }
  started_ = true;
  start_ = now;
  arrivals_.start();
  advance(now);
}

Instant Load::patience_ends() const { return at(end_ + 3 * plan_.outcome_timeout + kDrainExtra); }

void Load::advance(Instant now) {
  if (!started_ || finished_) {
    return;
  }
  roll_seconds(now);
  offer_due(now);
  time_out(now);
  outstanding_.ask(now, [this](const OutstandingRequest& unknown) {
    output_.send(OutcomeQuery{unknown.request.id, unknown.request});
  });
  if ((arrivals_.ended() && outstanding_.empty()) || now >= patience_ends()) {
    stop(now);
  }
}

void Load::offer_due(Instant now) {
  for (int i = 0; i < kOffersPerStep; ++i) {
    std::optional<Planned> planned = arrivals_.take(now - start_);
    if (!planned) {
      break;
    }
    offer(now, std::move(*planned));
  }
}

void Load::offer(Instant now, Planned planned) {
  const bool measured = planned.intended_start >= plan_.warmup && planned.intended_start < end_;
  tally_.offered();
  live_.offered();
  if (measured) {
    window_.offered();
  }
  if (outstanding_.size() >= plan_.workload.outstanding_max) {
    tally_.shed();
    live_.shed();
    if (measured) {
      window_.shed();
    }
    return;
  }
  const Duration late = now - at(planned.intended_start);
  live_.sent(late);
  if (measured) {
    window_.sent(late);
  }
  planned.request.id = {plan_.self, ++last_sequence_};
  planned.request.measured = measured;
  OutstandingRequest sent;
  sent.intended = planned.intended_start;
  sent.wan = std::any_of(planned.request.operations.begin(), planned.request.operations.end(),
                         [this](const Operation& op) { return directory_.home_of(op.entity) != plan_.origin; });
  PeerPayload payload{ClientRequest{std::move(planned.request), coordinator_start_}};
  output_.send(payload);
  sent.request = std::move(std::get<ClientRequest>(payload).request);
  outstanding_.add(now, std::move(sent));
}

void Load::on_reply(Instant now, const ClientReply& reply) {
  if (reply.id.client != plan_.self || (reply.outcome == Outcome::undecided && reply.reason != Reason::forgotten)) {
    return;  // the next query is scheduled
  }
  std::optional<OutstandingRequest> request = outstanding_.take(reply.id.sequence);
  if (!request) {
    return;  // a second answer
  }
  finish(now, std::move(*request), reply);
  if (!finished_ && arrivals_.answered()) {
    advance(now);
  }
}

void Load::finish(Instant now, OutstandingRequest request, const ClientReply& reply) {
  const Duration latency = now - at(request.intended);
  live_.finished(reply.outcome, reply.reason, request.wan, latency);
  if (request.request.measured) {
    window_.finished(reply.outcome, reply.reason, request.wan, latency);
  }
  tally_.finished(reply.outcome, reply.reason, latency, request.timed_out);
  ClientOutcome outcome;
  outcome.request = reply.id;
  outcome.txn = reply.txn;
  outcome.outcome = reply.outcome;
  outcome.reason = reply.reason;
  outcome.origin = plan_.origin;
  outcome.measured = request.request.measured;
  outcome.intended_start = request.intended;
  outcome.latency = latency;
  outcome.operations = std::move(request.request.operations);
  outcome.reads = reply.reads;
  output_.finished(outcome);
}

void Load::time_out(Instant now) {
  while (const OutstandingRequest* late = outstanding_.time_out(now)) {
    tally_.timed_out();
    live_.timed_out();
    if (late->request.measured) {
      window_.timed_out();
    }
  }
}

void Load::roll_seconds(Instant now) {
  for (int i = 0; i < kRowsPerStep && now >= at(tally_.second_ends()); ++i) {
    output_.second(tally_.end_second(outstanding_.size()));
  }
}

std::optional<Instant> Load::next() {
  if (!started_ || finished_) {
    return std::nullopt;
  }
  if (arrivals_.ended() && outstanding_.empty()) {
    return start_;
  }
  Instant soonest = std::min(at(tally_.second_ends()), patience_ends());
  if (const std::optional<Duration> arrival = arrivals_.next()) {
    soonest = std::min(soonest, at(*arrival));
  }
  if (const std::optional<Instant> due = outstanding_.next()) {
    soonest = std::min(soonest, *due);
  }
  return soonest;
}

void Load::stop(Instant now) {
  if (finished_) {
    return;
  }
  if (started_) {
    give_up(now);
    output_.second(tally_.end_second(outstanding_.size()));
  }
  finished_ = true;
}

void Load::give_up(Instant now) {
  for (const std::uint64_t sequence : outstanding_.sequences()) {
    ClientReply unknown;
    unknown.id = {plan_.self, sequence};
    finish(now, std::move(*outstanding_.take(sequence)), unknown);
  }
}

LoadCounts Load::counts() const {
  LoadCounts out = tally_.counts();
  out.outstanding = outstanding_.size();
  return out;
}

}  // namespace geocommit
