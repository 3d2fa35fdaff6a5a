#include "sim/client.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace geocommit::sim {
namespace {
constexpr std::uint32_t kLongestQueryInterval = 8;  // In outcome timeouts.
}

void ClientCounts::add(const ClientCounts& other) {
  offered += other.offered;
  shed += other.shed;
  committed += other.committed;
  unknown += other.unknown;
  for (const auto& [reason, count] : other.aborted) {
    aborted[reason] += count;
  }
  committed_ever += other.committed_ever;
  sent_ever += other.sent_ever;
}

Client::Client(ClientWorld& world, const Directory& directory, std::uint32_t index, NodeId self, RegionId origin,
               const ClientSpec& spec)
    : world_(world),
      index_(index),
      self_(self),
      origin_(origin),
      spec_(spec),
      generator_(spec.workload, directory, origin, spec.seed) {}

void Client::start(Instant load_start) {
  load_start_ = load_start;
  exhausted_ = false;
  if (spec_.workload.arrival == Arrival::closed) {
    for (std::uint32_t i = 0; i < spec_.workload.clients; ++i) {
      send(generator_.next().request, Duration{0});
    }
    return;
  }
  plan_next();
}

void Client::plan_next() {
  next_ = generator_.next();
  if (next_.intended_start >= spec_.warmup + spec_.duration) {
    exhausted_ = true;
    return;
  }
  world_.client_arrival_at(index_, load_start_ + next_.intended_start);
}

void Client::on_arrival() {
  Planned planned = std::move(next_);
  if (outstanding_ >= spec_.workload.outstanding_max) {
    if (in_window(planned.intended_start)) {
      ++counts_.offered;
      ++counts_.shed;
    }
  } else {
    send(std::move(planned.request), planned.intended_start);
  }
  plan_next();
}

void Client::send(Request request, Duration intended) {
  const std::uint64_t sequence = first_ + pending_.size();
  request.id = {self_, sequence};
  request.measured = in_window(intended);
  counts_.offered += request.measured ? 1 : 0;
  ++counts_.sent_ever;
  ++outstanding_;
  ++waiting_;
  const EventSlot timeout = world_.client_timeout_at(index_, world_.client_now() + spec_.outcome_timeout, sequence);
  pending_.push_back({std::move(request), intended, timeout, 0, true, false});
  world_.client_send(index_, ClientRequest{pending_.back().request});
}

void Client::on_timeout(std::uint64_t sequence) {
  Pending& pending = pending_.at(sequence - first_);
  GC_CHECK(pending.waiting);
  if (!pending.unknown) {
    pending.unknown = true;
    counts_.unknown += pending.request.measured ? 1 : 0;
    --outstanding_;
  }
  ++pending.queries;
  const std::uint32_t factor = std::min(1U << std::min(pending.queries, 10U) >> 1U, kLongestQueryInterval);
  pending.timeout =
      world_.client_timeout_at(index_, world_.client_now() + spec_.outcome_timeout * std::max(factor, 1U), sequence);
  world_.client_send(index_, OutcomeQuery{pending.request.id, pending.request});
}

void Client::on_reply(const ClientReply& reply) {
  if (reply.outcome == Outcome::undecided) {
    return;  // Not known there either: asked again later.
  }
  const std::uint64_t sequence = reply.id.sequence;
  const auto told = told_.find(sequence);
  if (told != told_.end() && told->second != reply.outcome) {
    ++contradictions_;
  }
  if (reply.id.client != self_ || sequence < first_ || sequence - first_ >= pending_.size() ||
      !pending_[sequence - first_].waiting) {
    return;  // A second answer.
  }
  Pending& pending = pending_[sequence - first_];
  if (pending.unknown) {
    told_.emplace(sequence, reply.outcome);
  }
  finish(pending, reply);
  while (!pending_.empty() && !pending_.front().waiting) {
    pending_.pop_front();
    ++first_;
  }
  if (spec_.workload.arrival != Arrival::closed || exhausted_) {
    return;
  }
  if (since_start() >= spec_.warmup + spec_.duration) {
    exhausted_ = true;
    return;
  }
  send(generator_.next().request, since_start());
}

void Client::finish(Pending& pending, const ClientReply& reply) {
  world_.cancel(pending.timeout);
  pending.waiting = false;
  --waiting_;
  outstanding_ -= pending.unknown ? 0 : 1;
  const bool commit = reply.outcome == Outcome::commit;
  counts_.committed_ever += commit ? 1 : 0;
  if (pending.request.measured && !pending.unknown) {
    if (commit) {
      ++counts_.committed;
      latency_.record(since_start() - pending.intended);
    } else {
      ++counts_.aborted[reply.reason];
    }
  }
  if (spec_.keep_outcomes) {
    ClientOutcome outcome = outcome_of(pending);
    outcome.txn = reply.txn;
    outcome.outcome = reply.outcome;
    outcome.reason = reply.reason;
    outcomes_.push_back(std::move(outcome));
  }
}

ClientOutcome Client::outcome_of(const Pending& pending) const {
  ClientOutcome outcome;
  outcome.request = pending.request.id;
  outcome.origin = origin_;
  outcome.measured = pending.request.measured;
  outcome.intended_start = pending.intended;
  outcome.latency = since_start() - pending.intended;
  outcome.operations = pending.request.operations;
  return outcome;
}

std::vector<ClientOutcome> Client::outcomes() const {
  std::vector<ClientOutcome> out = outcomes_;
  for (const Pending& pending : pending_) {
    if (pending.waiting) {
      out.push_back(outcome_of(pending));
    }
  }
  return out;
}

}  // namespace geocommit::sim
