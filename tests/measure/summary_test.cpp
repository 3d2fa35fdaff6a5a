#include "measure/summary.h"

#include <catch2/catch.hpp>

#include "measure/names.h"

using namespace geocommit;

namespace {

ClientOutcome outcome(std::uint32_t origin, Outcome what, Duration latency, Reason reason = Reason::none,
                      bool measured = true) {
  ClientOutcome o;
  o.origin = RegionId{origin};
  o.outcome = what;
  o.latency = latency;
  o.reason = reason;
  o.measured = measured;
  return o;
}

Labels at(const std::string& region, const std::string& what = "commit") {
  return {{metric::kProtocol, "2pc"}, {metric::kRegion, region}, {metric::kScope, "wan"}, {metric::kOutcome, what}};
}

}  // namespace

TEST_CASE("a summary of a cell, by hand") {
  const Directory directory({"us", "eu"}, 1, Placement::replicated, 100);
  std::vector<ClientOutcome> outcomes{
      outcome(0, Outcome::commit, 100ms),
      outcome(0, Outcome::commit, 300ms),
      outcome(0, Outcome::abort, 50ms, Reason::lock_conflict),
      outcome(1, Outcome::abort, 50ms, Reason::constraint),
      outcome(1, Outcome::commit, 2s),
      outcome(1, Outcome::abort, 1ms, Reason::unavailable),
      outcome(1, Outcome::undecided, 5s),
      outcome(1, Outcome::commit, 1ms, Reason::none, false),  // warm-up
  };
  MetricSet window;
  window.histogram(metric::kCommitLatency, at("us")).record(80ms, 2);
  window.histogram(metric::kCommitLatency, at("eu")).record(120ms);
  window.histogram(metric::kCommitLatency, at("us", "abort")).record(5s);
  window.histogram(metric::kLockHold, at("us")).record(80ms, 3);
  window.histogram(metric::kLockHold, at("eu")).record(80ms, 3);
  window.histogram(metric::kLockHold, at("eu", "abort")).record(10ms, 2);
  window.counter(metric::kLockWaits, at("eu", "abort")) = 2;
  window.histogram(metric::kLockHold, at("eu", "undecided")).record(9s);  // only read
  window.histogram(metric::kClientLateness, {{metric::kRegion, "us"}}).record(4ms);
  window.histogram(metric::kInDoubt, at("us")).record(78ms, 3);
  window.histogram(metric::kInDoubt, at("us", "abort")).record(1900ms);
  window.histogram(metric::kBlocking, at("us", "abort")).record(900ms);
  window.counter(metric::kTransactions, at("us")) = 2;
  window.counter(metric::kTransactions, at("eu")) = 1;
  window.counter(metric::kTransactions, at("us", "abort")) = 9;
  window.counter(metric::kCostMessages, at("us")) = 20;
  window.counter(metric::kCostMessages, at("eu")) = 4;
  window.counter(metric::kCostMessages, at("eu", "abort")) = 100;
  Labels reader = at("eu", "undecided"), silent = reader;
  reader[metric::kRole] = "participant";  // It only read: its vote is the commit's cost.
  silent[metric::kRole] = "coordinator";
  window.counter(metric::kCostMessages, reader) = 3;
  window.counter(metric::kCostMessages, silent) = 50;
  window.counter(metric::kCostForced, at("us")) = 15;
  window.counter(metric::kMessageDelays, at("us")) = 6;
  window.counter(metric::kClientShed, {{metric::kRegion, "us"}}) = 3;
  window.counter(metric::kClientOffered, {{metric::kRegion, "us"}}) = 6;
  window.counter(metric::kClientOffered, {{metric::kRegion, "eu"}}) = 6;  // two more than outcomes on record
  window.histogram(metric::kStaleness, {{metric::kRegion, "us"}, {metric::kReplica, "eu"}}).record(45ms, 4);

  SummaryInput input;
  input.protocol = "2pc";
  input.directory = &directory;
  input.window = &window;
  input.outcomes = &outcomes;
  const Labels at_eu{{metric::kRegion, "eu"}, {metric::kScope, "wan"}};
  window.histogram(metric::kBlockedLockTime, at_eu).record(1s);
  const auto radius = [&](const char* fate) -> std::uint64_t& {
    Labels with = at_eu;
    with[metric::kFate] = fate;
    return window.counter(metric::kBlastRadius, with);
  };
  radius("waited") = 5;
  radius("aborted") = 1;
  window.gauge(metric::kBlastRadiusMax, {{metric::kRegion, "eu"}}) = 6;
  window.counter(metric::kHeldUp, {{metric::kRegion, "eu"}, {metric::kCause, "waited"}}) = 5;
  window.counter(metric::kHeldUp, {{metric::kRegion, "eu"}, {metric::kCause, "lock_timeout"}}) = 1;
  input.open_at_end = {{RegionId{1}, 2s, 1s, NodeId{2}, TxnId{NodeId{1001}, Epoch{1}, 8}, {2s, 2, 0, 0}},
                       {RegionId{1}, 3s, 2s, NodeId{2}, TxnId{NodeId{1001}, Epoch{1}, 7}, {4s, 2, 3, 6}},
                       {RegionId{0}, 100ms, 0s, NodeId{1}, TxnId{}, {}}};
  input.duration = 2s;
  input.counters_lost = true;
  const CellSummary s = summarise(input);

  CHECK(s.transactions.committed == 3);
  CHECK(s.transactions.aborted ==
        std::map<std::string, std::uint64_t>{{"constraint", 1}, {"lock_conflict", 1}, {"unavailable", 1}});
  CHECK(s.transactions.shed == 3);
  CHECK(s.transactions.offered == 12);
  CHECK(s.transactions.unknown == 3);
  CHECK(s.transactions.offered ==
        s.transactions.committed + s.transactions.aborted_total() + s.transactions.unknown + s.transactions.shed);
  CHECK(s.load.offered_per_s == Approx(6));
  CHECK(s.load.committed_per_s == Approx(1.5));  // the warm-up's too, if told in the window; not what took 2 s
  CHECK(s.load.done_per_s == Approx(3));
  CHECK(s.load.overloaded);  // three were shed
  CHECK(*s.availability == Approx(4.0 / 12));
  CHECK(s.client_latency.count == 3);
  CHECK(s.client_latency.max == 2s);
  CHECK(s.abort_latency.count == 3);
  CHECK(s.commit_latency.count == 3);
  CHECK(to_ms(s.commit_latency.p50) == Approx(80).epsilon(0.002));
  CHECK(s.commit_latency.max == 120ms);
  CHECK(s.lock_hold.count == 6);
  // Aborted ones too, and those in doubt at the end with what they have held their locks for so far.
  CHECK(s.lock_hold_all.count == 6 + 2 + 3);
  CHECK(s.lock_hold_all.max == 3s);
  CHECK(s.in_doubt.max == 78ms);
  CHECK(s.in_doubt_all.count == 3 + 1 + 3);
  CHECK(s.in_doubt_all.max == 3s);
  CHECK(s.lock_hold_all.max >= s.blocking.all.max);
  CHECK(s.send_lateness.max == 4ms);
  CHECK(s.costs_incomplete);
  CHECK(*s.lock_wait_share == Approx(2.0 / 9));
  CHECK(s.blocking.ended.count == 1);
  CHECK(s.blocking.censored == 2);
  CHECK(s.blocking.in_doubt_at_end == 3);
  CHECK(s.blocking.lower_bound_max == 2s);
  CHECK(s.blocking.lower_bound_sum == 3s);
  // The censored count, at their lower bounds: never dropped.
  CHECK(s.blocking.all.count == 3);
  CHECK(s.blocking.all.max == 2s);
  CHECK(s.blocking.lock_time_lost == 1s + 4s + 2s);
  CHECK(s.blocking.radius_waited == 5 + 3);
  CHECK(s.blocking.radius_aborted == 1 + 6);
  CHECK(s.blocking.radius_max == 9);
  CHECK(s.blocking.held_up == std::map<std::string, std::uint64_t>{{"lock_timeout", 1}, {"waited", 5}});
  REQUIRE(s.blocking.open.size() == 3);
  CHECK(s.blocking.open[0].blocked == 2s);
  CHECK(s.blocking.open[0].txn.counter == 7);
  CHECK(s.blocking.open[2].blocked == 0s);
  REQUIRE(s.costs_per_commit);
  CHECK(s.costs_per_commit->messages == Approx(9));
  CHECK(s.costs_per_commit->forced_writes == Approx(5));
  CHECK(s.costs_per_commit->message_delays == Approx(2));
  CHECK(s.staleness.count == 4);

  REQUIRE(s.by_region.size() == 2);
  const RegionSummary& us = s.by_region.at("us");
  const RegionSummary& eu = s.by_region.at("eu");
  CHECK(us.transactions.offered == 6);
  CHECK(eu.transactions.offered == 6);
  CHECK(eu.transactions.unknown == 3);
  CHECK(us.commit_latency.count == 2);
  CHECK(eu.commit_latency.count == 1);
  CHECK(us.client_latency.count == 2);
  CHECK(*us.availability == Approx(0.5));
  CHECK(*eu.availability == Approx(1.0 / 6));
  CHECK(us.lock_hold_all.count == 3 + 1);
  CHECK(eu.lock_hold_all.count == 3 + 2 + 2);
  CHECK(eu.in_doubt_all.count == 2);
  CHECK(us.transactions.latencies_are_lower_bounds());
  CHECK(us.blocking.censored == 0);
  CHECK(us.blocking.in_doubt_at_end == 1);
  CHECK(eu.blocking.censored == 2);
  CHECK(us.staleness.at("eu").count == 4);
  CHECK(eu.staleness.empty());
}

TEST_CASE("an empty cell has no figures rather than wrong ones") {
  const Directory directory({"us"}, 1, Placement::replicated, 100);
  const MetricSet window;
  const std::vector<ClientOutcome> outcomes;
  SummaryInput input;
  input.directory = &directory;
  input.window = &window;
  input.outcomes = &outcomes;
  const CellSummary s = summarise(input);
  CHECK_FALSE(s.availability);
  CHECK_FALSE(s.costs_per_commit);
  CHECK_FALSE(s.lock_wait_share);
  CHECK(s.commit_latency.count == 0);
  CHECK(s.by_region.size() == 1);
}
