#include "runtime/telemetry.h"

#include <algorithm>
#include <utility>

#include "measure/names.h"
#include "protocols/registry.h"

namespace geocommit {
namespace {

constexpr const char* kScopeNames[] = {"local", "wan"};

const char* text_of(Traffic traffic) {
  switch (traffic) {
    case Traffic::protocol:
      return "protocol";
    case Traffic::retry:
      return "retry";
    case Traffic::client:
      return "client";
    case Traffic::forward:
      return "forward";
    case Traffic::wound:
      return "wound";
    case Traffic::ship:
      return "ship";
    case Traffic::heartbeat:
      return "heartbeat";
    case Traffic::hello:
      return "hello";
  }
  return "?";
}

std::string text(std::string_view name) { return std::string{name}; }

}  // namespace

Telemetry::Telemetry(MetricSet& live, MetricSet& window, const Directory& directory, std::string protocol,
                     std::string region)
    : directory_(directory), protocol_(std::move(protocol)), region_(std::move(region)) {
  live_.set = &live;
  window_.set = &window;
  forced_writes_ = &live.counter(metric::kForcedWrites, labels());
  lazy_writes_ = &live.counter(metric::kLazyWrites, labels());
  force_latency_ = &live.histogram(metric::kForceLatency, labels());
}

void Telemetry::announce(NodeKind kind, const Protocol& protocol) {
  roles_ = protocol.roles;
  for (const Role role : roles_) {
    if (host_of(role) == kind) {
      announce(role);
    }
  }
}

void Telemetry::announce(Role role) {
  for (std::size_t scope = 0; scope < kScopes; ++scope) {
    for (const Outcome outcome : {Outcome::commit, Outcome::abort}) {
      (void)find_costs(live_, role, outcome);
      switch (role) {
        case Role::coordinator:
          (void)find(live_, live_.latency, metric::kCommitLatency, scope, outcome);
          for (std::size_t reason = 0; reason < static_cast<std::size_t>(Reason::forgotten); ++reason) {
            if ((reason == 0) == (outcome == Outcome::commit)) {
              (void)find_decided(live_, scope, outcome, static_cast<Reason>(reason));
            }
          }
          break;
        case Role::participant:
          (void)find(live_, live_.hold, metric::kLockHold, scope, outcome);
          (void)find(live_, live_.in_doubt, metric::kInDoubt, scope, outcome);
          (void)find(live_, live_.blocking, metric::kBlocking, scope, outcome);
          break;
        case Role::acceptor:
          break;
      }
    }
  }
}

void Telemetry::show(const EngineStatus& status) {
  const Labels base = labels();
  MetricSet& live = *live_.set;
  live.gauge(metric::kBlockedNow, base) = static_cast<double>(status.blocked);
  live.gauge(metric::kOldestBlocked, base) = to_seconds(status.oldest_blocked);
  live.gauge(metric::kInDoubtNow, base) = static_cast<double>(status.in_doubt);
  live.gauge(metric::kLocksHeld, base) = static_cast<double>(status.locks_held);
  live.gauge(metric::kLockWaiters, base) = static_cast<double>(status.lock_waiters);
  live.gauge(metric::kUnshipped, base) = static_cast<double>(status.unshipped);
  live.gauge(metric::kPeersKnown, base) = static_cast<double>(status.peers_known);
  for (const Role role : roles_) {
    live.gauge(metric::kOpen, labels({{metric::kRole, text(name_of(role))}})) =
        static_cast<double>(status.open_as(role));
  }
}

Labels Telemetry::labels(Labels more) const {
  more[metric::kProtocol] = protocol_;
  more[metric::kRegion] = region_;
  return more;
}

Labels Telemetry::scoped(std::size_t scope, Outcome outcome) const {
  return labels({{metric::kScope, kScopeNames[scope]}, {metric::kOutcome, text(name_of(outcome))}});
}

std::size_t Telemetry::scope_of(const TxnDescriptor& txn) const {
  for (const Member& member : txn.cohort) {
    if (!directory_.same_region(member.node, txn.cohort.front().node)) {
      return 1;
    }
  }
  return 0;
}

Histogram& Telemetry::find(Cache& cache, std::array<std::array<Histogram*, kOutcomes>, kScopes>& table,
                           const char* name, std::size_t scope, Outcome outcome) {
  Histogram*& found = table[scope][static_cast<std::size_t>(outcome)];
  if (found == nullptr) {
    found = &cache.set->histogram(name, scoped(scope, outcome));
  }
  return *found;
}

std::uint64_t& Telemetry::find_decided(Cache& cache, std::size_t scope, Outcome outcome, Reason reason) {
  std::uint64_t*& count =
      cache.transactions[scope][static_cast<std::size_t>(outcome)][static_cast<std::size_t>(reason)];
  if (count == nullptr) {
    Labels with = scoped(scope, outcome);
    with[metric::kReason] = text(name_of(reason));
    count = &cache.set->counter(metric::kTransactions, with);
  }
  return *count;
}

void Telemetry::transaction_begun(const TxnDescriptor& /*txn*/) {}

void Telemetry::transaction_decided(const TxnDescriptor& txn, Outcome outcome, Reason reason, Duration latency,
                                    std::uint32_t delays) {
  const std::size_t scope = scope_of(txn);
  both(txn.measured, [&](Cache& cache) {
    ++find_decided(cache, scope, outcome, reason);
    find(cache, cache.latency, metric::kCommitLatency, scope, outcome).record(latency);
    if (outcome == Outcome::commit) {
      if (cache.delays[scope] == nullptr) {
        cache.delays[scope] =
            &cache.set->counter(metric::kMessageDelays, labels({{metric::kScope, kScopeNames[scope]}}));
      }
      *cache.delays[scope] += delays;
    }
  });
}

void Telemetry::locks_released(const TxnDescriptor& txn, Outcome outcome, Duration held, Duration summed_over_keys,
                               bool waited) {
  const std::size_t scope = scope_of(txn);
  both(txn.measured, [&](Cache& cache) {
    find(cache, cache.hold, metric::kLockHold, scope, outcome).record(held);
    find(cache, cache.hold_keys, metric::kLockHoldKeys, scope, outcome).record(summed_over_keys);
    if (waited) {
      std::uint64_t*& count = cache.waits[scope][static_cast<std::size_t>(outcome)];
      if (count == nullptr) {
        count = &cache.set->counter(metric::kLockWaits, scoped(scope, outcome));
      }
      ++*count;
    }
  });
}

void Telemetry::in_doubt_ended(const TxnDescriptor& txn, Outcome outcome, Duration in_doubt, Duration blocked) {
  const std::size_t scope = scope_of(txn);
  both(txn.measured, [&](Cache& cache) {
    find(cache, cache.in_doubt, metric::kInDoubt, scope, outcome).record(in_doubt);
    if (blocked > Duration::zero()) {
      find(cache, cache.blocking, metric::kBlocking, scope, outcome).record(blocked);
    }
  });
}

// Rare, hence by name.
void Telemetry::blocking_ended(const TxnDescriptor& txn, Outcome outcome, const BlockingCost& cost) {
  const std::size_t scope = scope_of(txn);
  both(txn.measured, [&](Cache& cache) {
    cache.set->histogram(metric::kBlockedLockTime, scoped(scope, outcome)).record(cost.lock_time);
    const auto radius = [&](const char* fate) -> std::uint64_t& {
      return cache.set->counter(metric::kBlastRadius,
                                labels({{metric::kScope, kScopeNames[scope]}, {metric::kFate, fate}}));
    };
    radius("waited") += cost.waited;
    radius("aborted") += cost.aborted;
    double& most = cache.set->gauge(metric::kBlastRadiusMax, labels());
    most = std::max(most, static_cast<double>(cost.waited + cost.aborted));
  });
}

void Telemetry::held_up_by_blocked(const TxnDescriptor& txn, std::string_view cause) {
  both(txn.measured, [&](Cache& cache) {
    ++cache.set->counter(metric::kHeldUp, labels({{metric::kCause, text(cause)}}));
  });
}

void Telemetry::voted(const TxnDescriptor& txn, Vote vote, Reason reason) {
  both(txn.measured, [&](Cache& cache) {
    std::uint64_t*& count = cache.votes[static_cast<std::size_t>(vote)][static_cast<std::size_t>(reason)];
    if (count == nullptr) {
      count = &cache.set->counter(
          metric::kVotes, labels({{metric::kVote, text(name_of(vote))}, {metric::kReason, text(name_of(reason))}}));
    }
    ++*count;
  });
}

Telemetry::CostCounters& Telemetry::find_costs(Cache& cache, Role role, Outcome outcome) {
  CostCounters& found = cache.costs[static_cast<std::size_t>(role)][static_cast<std::size_t>(outcome)];
  if (found.messages == nullptr) {
    const Labels with = labels({{metric::kOutcome, text(name_of(outcome))}, {metric::kRole, text(name_of(role))}});
    MetricSet& set = *cache.set;
    found = {&set.counter(metric::kCostMessages, with), &set.counter(metric::kCostWanMessages, with),
             &set.counter(metric::kCostBytes, with),    &set.counter(metric::kCostWanBytes, with),
             &set.counter(metric::kCostForced, with),   &set.counter(metric::kCostLazy, with),
             &set.counter(metric::kCostRetries, with),  &set.counter(metric::kForgotten, with)};
  }
  return found;
}

void Telemetry::transaction_forgotten(const TxnDescriptor& txn, Role role, Outcome outcome, const TxnCost& cost) {
  both(txn.measured, [&](Cache& cache) {
    CostCounters& counters = find_costs(cache, role, outcome);
    *counters.messages += cost.messages;
    *counters.wan_messages += cost.wan_messages;
    *counters.bytes += cost.bytes;
    *counters.wan_bytes += cost.wan_bytes;
    *counters.forced += cost.forced_writes;
    *counters.lazy += cost.lazy_writes;
    *counters.retries += cost.retries;
    ++*counters.forgotten;
  });
}

std::uint64_t* Telemetry::find_named(const std::vector<Named>& table, std::string_view name) {
  // Names are static strings, so the address identifies them; a second address for the same name ends at the same
  // counter.
  for (const Named& named : table) {
    if (named.name == name.data()) {
      return named.counter;
    }
  }
  return nullptr;
}

void Telemetry::message_sent(Traffic traffic, std::string_view kind, bool wan, std::size_t bytes) {
  const auto index = static_cast<std::size_t>(traffic);
  const std::size_t scope = wan ? 1 : 0;
  std::vector<Named>& table = messages_[index][scope];
  std::uint64_t* count = find_named(table, kind);
  if (count == nullptr) {
    count = &live_.set->counter(metric::kMessages, labels({{metric::kTraffic, text_of(traffic)},
                                                           {metric::kKind, text(kind)},
                                                           {metric::kScope, kScopeNames[scope]}}));
    table.push_back({kind.data(), count});
  }
  ++*count;
  std::uint64_t*& total = message_bytes_[index][scope];
  if (total == nullptr) {
    total = &live_.set->counter(metric::kMessageBytes,
                                labels({{metric::kTraffic, text_of(traffic)}, {metric::kScope, kScopeNames[scope]}}));
  }
  *total += bytes;
}

void Telemetry::noted(const TxnDescriptor& /*txn*/, Role /*role*/, std::string_view event) {
  std::uint64_t* count = find_named(notes_, event);
  if (count == nullptr) {
    count = &live_.set->counter(metric::kNotes, labels({{metric::kEvent, text(event)}}));
    notes_.push_back({event.data(), count});
  }
  ++*count;
}

void Telemetry::staleness(NodeId replica, Duration age) {
  const Labels with = labels({{metric::kReplica, directory_.regions()[directory_.region_of(replica).value]}});
  live_.set->histogram(metric::kStaleness, with).record(age);
  window_.set->histogram(metric::kStaleness, with).record(age);
}

void Telemetry::home_changed(const HomeEvent& event) {
  const Labels home{{metric::kHome, directory_.regions()[directory_.region_of(event.home).value]}};
  const auto with = [&](const char* name, std::string value) {
    Labels more = home;
    more[name] = std::move(value);
    return labels(std::move(more));
  };
  for (MetricSet* set : {live_.set, window_.set}) {
    ++set->counter(metric::kHomeEvents, with(metric::kEvent, text(name_of(event.kind))));
    if (event.kind == HomeEventKind::opened) {
      set->gauge(metric::kHomeEpoch, labels(home)) = static_cast<double>(event.round);
    }
    if (event.kind == HomeEventKind::transferred || (event.kind == HomeEventKind::opened && event.gap > Duration{0})) {
      set->histogram(metric::kHomeGap,
                     with(metric::kHow, event.kind == HomeEventKind::transferred ? "transfer" : "failover"))
          .record(event.gap);
    }
    if (event.kind == HomeEventKind::writes_lost) {
      set->counter(metric::kHomeLost, labels(home)) += event.writes;
      set->histogram(metric::kHomeLostSpan, labels(home)).record(event.gap);
    }
  }
}

void Telemetry::alarm(std::string_view what) {
  ++live_.set->counter(metric::kAlarms, labels({{metric::kWhat, text(what)}}));
}

}  // namespace geocommit
