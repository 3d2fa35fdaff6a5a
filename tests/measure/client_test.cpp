#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <set>
#include <tuple>

#include "client/load.h"
#include "measure/names.h"

using namespace geocommit;

namespace {

/// Virtual time, and a coordinator that answers `latency` after it was asked, unless `fate` says otherwise.
class Server final : public LoadOutput {
 public:
  explicit Server(WorkloadSpec workload, Duration warmup = 1s, Duration duration = 4s)
      : directory({"us", "eu"}, 1, Placement::replicated, 1000),
        load({directory.client(RegionId{0}), RegionId{0}, "2pc", workload, 42, warmup, duration, 500ms}, directory,
             *this, live, window) {}

  void send(const PeerPayload& payload) override {
    if (const auto* request = std::get_if<ClientRequest>(&payload)) {
      requests.push_back({now, request->request});
      starts.insert(request->to_epoch);
      answer({request->request.id, {NodeId{1001}, Epoch{1}, ++counter_}, Outcome::commit, Reason::none});
    } else if (const auto* query = std::get_if<OutcomeQuery>(&payload)) {
      queries.push_back({now, *query});
      if (answers_queries) {
        answer({query->id, {}, Outcome::abort, Reason::recovery});
      }
    }
  }
  void finished(const ClientOutcome& outcome) override { outcomes.push_back(outcome); }
  void second(const SecondRow& row) override { rows.push_back(row); }

  void answer(ClientReply reply) {
    if (fate) {
      const auto [after, outcome, reason] = fate(now);
      if (after < Duration{0}) {
        return;
      }
      if (reply.outcome == Outcome::commit) {
        reply.outcome = outcome;
        reply.reason = reason;
      }
      replies_.emplace(now + after, reply);
    } else {
      replies_.emplace(now + latency, reply);
    }
  }

  /// To the end of the load, event by event.
  void run() {
    load.start(now);
    for (int i = 0; i < 1'000'000 && !load.finished(); ++i) {
      const auto wake = load.next();
      REQUIRE(wake);
      const bool reply = !replies_.empty() && replies_.begin()->first <= *wake;
      now = std::max(now, reply ? replies_.begin()->first : *wake);
      if (reply) {
        const ClientReply first = replies_.begin()->second;
        replies_.erase(replies_.begin());
        load.on_reply(now, first);
      } else {
        load.advance(now);
      }
      most_outstanding = std::max(most_outstanding, load.counts().outstanding);
    }
    REQUIRE(load.finished());
    CHECK_FALSE(load.next());
  }

  using Fate = std::tuple<Duration, Outcome, Reason>;
  Instant now{Duration{1000s}};
  const Instant begin{now};
  Duration latency{20ms};
  bool answers_queries{true};
  std::function<Fate(Instant)> fate;
  Directory directory;
  MetricSet live, window;
  std::vector<std::pair<Instant, Request>> requests;
  std::set<Epoch> starts;  ///< That they were addressed to.
  std::vector<std::pair<Instant, OutcomeQuery>> queries;
  std::vector<ClientOutcome> outcomes;
  std::vector<SecondRow> rows;
  std::uint64_t most_outstanding{};
  Load load;

 private:
  std::multimap<Instant, ClientReply> replies_;
  std::uint64_t counter_{};
};

WorkloadSpec open_loop(double rate) {
  WorkloadSpec spec;
  spec.rate_per_s = rate;
  spec.local = 0.5;
  return spec;
}
WorkloadSpec closed_loop(std::uint32_t clients) {
  WorkloadSpec spec;
  spec.arrival = Arrival::closed;
  spec.clients = clients;
  return spec;
}

}  // namespace

TEST_CASE("open loop: each request leaves at its intended start, and the window is marked") {
  Server server(open_loop(200));
  server.run();
  Generator same(open_loop(200), server.directory, RegionId{0}, 42);
  std::uint64_t measured = 0;
  std::set<RequestId> ids;
  for (const auto& [sent, request] : server.requests) {
    const Planned planned = same.next();
    REQUIRE(sent - server.begin == planned.intended_start);
    REQUIRE(request.operations == planned.request.operations);
    REQUIRE(request.measured == (planned.intended_start >= 1s));
    measured += request.measured ? 1 : 0;
    ids.insert(request.id);
  }
  CHECK(server.requests.size() > 900);
  CHECK(ids.size() == server.requests.size());
  CHECK(same.next().intended_start >= 5s);
  CHECK(server.outcomes.size() == server.requests.size());
  for (const ClientOutcome& outcome : server.outcomes) {
    REQUIRE(outcome.latency == 20ms);
    REQUIRE(outcome.outcome == Outcome::commit);
    REQUIRE_FALSE(outcome.operations.empty());
  }
  CHECK(server.window.total(metric::kClientOffered) == measured);
  CHECK(server.live.total(metric::kClientOffered) == server.requests.size());
  CHECK(server.window.merged(metric::kClientLatency, {{metric::kOutcome, "commit"}}).count() == measured);
  CHECK(server.window.merged(metric::kClientLatency, {{metric::kScope, "wan"}}).count() > measured / 2);
  CHECK(server.window.merged(metric::kClientLatency, {{metric::kScope, "local"}}).count() > 0);
  std::uint64_t offered = 0;
  std::uint64_t committed = 0;
  for (std::size_t i = 0; i < server.rows.size(); ++i) {
    CHECK(server.rows[i].second == i);
    offered += server.rows[i].offered;
    committed += server.rows[i].committed;
  }
  CHECK(offered == server.requests.size());
  CHECK(committed == server.requests.size());
  CHECK(server.rows[1].p50 == 20ms);
}

TEST_CASE("a client that is late catches up, and the lateness is latency") {
  Server server(open_loop(1000));
  server.load.start(server.now);
  server.now += 800ms;  // as if the process had been stopped
  server.load.advance(server.now);
  CHECK(server.requests.size() > 700);
  server.load.on_reply(server.now, {server.requests.front().second.id, {}, Outcome::commit, Reason::none});
  REQUIRE(server.outcomes.size() == 1);
  CHECK(server.outcomes.front().latency > 780ms);
  CHECK(server.live.merged(metric::kClientLateness).max() > 780ms);
}

TEST_CASE("a stall of the server is in the latencies of all that were meant to start meanwhile") {
  Server server(open_loop(100));
  server.fate = [&](Instant now) -> Server::Fate {
    const Duration elapsed = now - server.begin;
    const bool stalled = elapsed >= 2s && elapsed < 2400ms;
    return {stalled ? Duration{2400ms} - elapsed : Duration{10ms}, Outcome::commit, Reason::none};
  };
  server.run();
  const Histogram h = server.window.merged(metric::kClientLatency);
  // A tenth of the window stalled: the 95th percentile must be about half of the stall.
  CHECK(h.quantile(0.95) > 100ms);
  CHECK(h.quantile(0.5) < 11ms);
}

TEST_CASE("work beyond the cap is shed and counted, never queued") {
  WorkloadSpec spec = open_loop(1000);
  spec.outstanding_max = 10;
  Server server(spec);
  server.latency = 100ms;
  server.run();
  const LoadCounts counts = server.load.counts();
  CHECK(server.most_outstanding == 10);
  CHECK(counts.shed > 4000);
  CHECK(counts.offered == counts.committed + counts.shed);
  CHECK(server.outcomes.size() == counts.committed);
  CHECK(server.live.total(metric::kClientShed) == counts.shed);
  CHECK(server.window.total(metric::kClientShed) < counts.shed);
}

TEST_CASE("closed loop: as many in flight as clients, each at once replaced") {
  Server server(closed_loop(7));
  server.run();
  CHECK(server.most_outstanding == 7);
  // 5 s at 20 ms each, times 7.
  CHECK(server.requests.size() == Approx(5.0 / 0.02 * 7).margin(7));
  CHECK(server.requests.back().first < server.begin + 5s);
  CHECK(server.load.counts().shed == 0);
  CHECK(server.load.counts().outstanding == 0);
}

TEST_CASE("aborts are counted by reason") {
  Server server(open_loop(100));
  int n = 0;
  server.fate = [&](Instant) -> Server::Fate {
    ++n;
    return n % 4 == 0   ? Server::Fate{5ms, Outcome::abort, Reason::constraint}
           : n % 4 == 1 ? Server::Fate{5ms, Outcome::abort, Reason::lock_conflict}
                        : Server::Fate{5ms, Outcome::commit, Reason::none};
  };
  server.run();
  const auto reasons =
      server.live.totals_by(metric::kClientTransactions, metric::kReason, {{metric::kOutcome, "abort"}});
  CHECK(reasons.at("constraint") > 0);
  CHECK(reasons.at("lock_conflict") > 0);
  std::uint64_t sum = 0;  // The other reasons have series too, at 0.
  for (const auto& [reason, count] : reasons) sum += count;
  CHECK(sum == server.load.counts().aborted);
  CHECK(reasons.at("constraint") + reasons.at("lock_conflict") == sum);
  CHECK(server.load.counts().committed + server.load.counts().aborted == server.requests.size());
}

TEST_CASE("an unknown outcome is asked for until it is known") {
  Server server(open_loop(50));
  bool dead = true;
  server.fate = [&](Instant now) -> Server::Fate {
    dead = now - server.begin < 3s;
    return {dead ? Duration{-1} : Duration{10ms}, Outcome::commit, Reason::none};
  };
  server.run();
  CHECK_FALSE(server.queries.empty());
  std::map<RequestId, std::vector<Instant>> asked;
  for (const auto& [when, query] : server.queries) {
    REQUIRE(query.request);
    CHECK(query.request->id == query.id);
    asked[query.id].push_back(when);
  }
  for (const auto& [id, times] : asked) {
    for (std::size_t i = 2; i < times.size(); ++i) {
      CHECK(times[i] - times[i - 1] >= times[i - 1] - times[i - 2]);  // backs off
    }
  }
  CHECK(server.load.counts().unknown == 0);
  CHECK(server.live.total(metric::kClientTimeouts) == asked.size());
  CHECK(server.outcomes.size() == server.requests.size());
  const auto& late = *std::find_if(server.outcomes.begin(), server.outcomes.end(),
                                   [](const ClientOutcome& o) { return o.outcome == Outcome::abort; });
  CHECK(late.reason == Reason::recovery);
  CHECK(late.latency > 500ms);
}

TEST_CASE("what is never known ends as unknown, in bounded time") {
  WorkloadSpec spec = GENERATE(open_loop(50), closed_loop(5));
  Server server(spec);
  server.answers_queries = false;
  server.fate = [](Instant) -> Server::Fate { return {Duration{-1}, Outcome::commit, Reason::none}; };
  server.run();
  CHECK(server.now - server.begin <= 5s + 3 * Duration{500ms} + 5s);
  CHECK(server.outcomes.size() == server.requests.size());
  CHECK(server.load.counts().unknown == server.requests.size());
  CHECK(server.load.counts().outstanding == 0);
  for (const ClientOutcome& outcome : server.outcomes) {
    REQUIRE(outcome.outcome == Outcome::undecided);
  }
  CHECK(server.live.total(metric::kClientTransactions, {{metric::kOutcome, "unknown"}}) == server.requests.size());
  CHECK(server.live.merged(metric::kClientLatency).count() == 0);
  // Asked at most about a dozen times each: no storm.
  CHECK(server.queries.size() < server.requests.size() * 15);
}

TEST_CASE("the books add up: rows, counts and series are those of the outcomes") {
  WorkloadSpec spec = GENERATE(open_loop(120), closed_loop(9));
  spec.outstanding_max = 60;
  Server server(spec);
  int n = 0;
  server.fate = [&](Instant) -> Server::Fate {
    ++n;
    const Duration latency{1'000'003 * (1 + n * 37 % 101)};  // up to 101 ms, never on a whole second
    return n % 50 == 7   ? Server::Fate{Duration{-1}, Outcome::commit, Reason::none}
           : n % 7 == 0  ? Server::Fate{latency, Outcome::abort, Reason::lock_timeout}
           : n % 11 == 0 ? Server::Fate{latency, Outcome::abort, Reason::constraint}
                         : Server::Fate{latency, Outcome::commit, Reason::none};
  };
  server.run();
  REQUIRE(server.outcomes.size() > 300);
  std::vector<SecondRow> rows(server.rows.size());
  std::vector<Histogram> latencies(rows.size());
  std::map<std::pair<std::string, std::string>, Histogram> window;
  std::uint64_t measured = 0, slow = 0, committed = 0, aborted = 0;
  const auto second = [&](Duration since_start) -> std::size_t {
    return std::min(static_cast<std::size_t>(since_start / 1s), rows.size() - 1);
  };
  for (const ClientOutcome& outcome : server.outcomes) {
    const Duration ended = outcome.intended_start + outcome.latency;
    const bool wan = std::any_of(outcome.operations.begin(), outcome.operations.end(), [&](const Operation& operation) {
      return server.directory.home_of(operation.entity) != RegionId{0};
    });
    CHECK(outcome.measured == (outcome.intended_start >= 1s));
    measured += outcome.measured ? 1 : 0;
    ++rows[second(outcome.intended_start)].offered;
    for (std::size_t s = second(outcome.intended_start); s < second(ended); ++s) {
      ++rows[s].outstanding;
    }
    if (outcome.latency >= 500ms) {
      ++slow;
      ++rows[second(outcome.intended_start + 500ms)].timed_out;
    }
    const bool commit = outcome.outcome == Outcome::commit;
    (commit ? committed : aborted) += 1;
    if (commit) {
      ++rows[second(ended)].committed;
      latencies[second(ended)].record(outcome.latency);
    } else {
      ++rows[second(ended)].aborted[static_cast<std::size_t>(outcome.reason)];
    }
    if (outcome.measured) {
      window[{commit ? "commit" : "abort", wan ? "wan" : "local"}].record(outcome.latency);
    }
  }
  for (std::size_t s = 0; s < rows.size(); ++s) {
    INFO("second " << s);
    const SecondRow& row = server.rows[s];
    CHECK(row.second == s);
    CHECK(row.offered == rows[s].offered + row.shed);
    CHECK(row.committed == rows[s].committed);
    CHECK(row.aborted == rows[s].aborted);
    CHECK(row.timed_out == rows[s].timed_out);
    CHECK(row.outstanding == rows[s].outstanding);
    CHECK(row.p50 == latencies[s].quantile(0.5));
    CHECK(row.p99 == latencies[s].quantile(0.99));
  }
  CHECK(slow > 0);
  CHECK(server.live.total(metric::kClientTimeouts) == slow);
  CHECK(server.window.total(metric::kClientTimeouts) < slow);
  CHECK(server.load.counts().committed == committed);
  CHECK(server.load.counts().aborted == aborted);
  CHECK(server.load.counts().unknown == 0);
  CHECK(server.window.total(metric::kClientOffered) - server.window.total(metric::kClientShed) == measured);
  CHECK(server.window.merged(metric::kClientLateness).count() == measured);
  CHECK(server.live.merged(metric::kClientLateness).count() == server.outcomes.size());
  CHECK(window.size() == 4);
  for (const auto& [labels, histogram] : window) {
    const Histogram series = server.window.merged(metric::kClientLatency,
                                                  {{metric::kOutcome, labels.first}, {metric::kScope, labels.second}});
    CHECK(series.buckets() == histogram.buckets());
  }
}

TEST_CASE(
    "an outcome that does not come is asked for at the timeout, then after 1, 2, 4 ... 16 quarters of it, to the end") {
  Server server(closed_loop(1), 1s, 2s);
  server.answers_queries = false;
  server.fate = [](Instant) -> Server::Fate { return {Duration{-1}, Outcome::commit, Reason::none}; };
  server.run();
  REQUIRE(server.requests.size() == 1);
  std::vector<Duration> asked;
  for (const auto& [when, query] : server.queries) {
    CHECK(query.id == server.requests.front().second.id);
    asked.push_back(when - server.begin);
  }
  CHECK(asked == std::vector<Duration>{500ms, 625ms, 875ms, 1375ms, 2375ms, 4375ms, 6375ms, 8375ms});
  CHECK(server.now - server.begin == 3s + 3 * Duration{500ms} + 5s);
}

TEST_CASE("a forgotten outcome is final, unknown, and counted as forgotten") {
  Server server(open_loop(50));
  server.answers_queries = false;
  int n = 0;
  server.fate = [&n](Instant) -> Server::Fate {
    return {20ms, Outcome::undecided, ++n % 2 == 0 ? Reason::forgotten : Reason::stale_epoch};
  };
  server.run();
  std::uint64_t forgotten = 0;
  for (const ClientOutcome& outcome : server.outcomes) {
    REQUIRE(outcome.outcome == Outcome::undecided);
    forgotten += outcome.reason == Reason::forgotten ? 1 : 0;
    CHECK((outcome.latency == 20ms) == (outcome.reason == Reason::forgotten));
  }
  CHECK(forgotten == server.requests.size() / 2);
  CHECK(server.load.counts().unknown == server.requests.size());
  CHECK(server.load.counts().aborted == 0);
  CHECK(server.live.total(metric::kClientTransactions,
                          {{metric::kOutcome, "unknown"}, {metric::kReason, "forgotten"}}) == forgotten);
}

TEST_CASE("a request is addressed to the newest start that its coordinator has been heard of") {
  Server server(open_loop(50));
  server.load.heard(Epoch{3});
  server.load.heard(Epoch{2});
  server.run();
  CHECK(server.starts == std::set{Epoch{3}});
}

TEST_CASE("answers that are late, double or another's change nothing") {
  Server server(open_loop(50));
  server.run();
  const LoadCounts before = server.load.counts();
  server.load.on_reply(server.now, {server.requests.front().second.id, {}, Outcome::abort, Reason::recovery});
  server.load.on_reply(server.now, {{NodeId{2002}, 1}, {}, Outcome::abort, Reason::recovery});
  CHECK(server.load.counts().aborted == before.aborted);
  CHECK(server.outcomes.size() == server.requests.size());
}
