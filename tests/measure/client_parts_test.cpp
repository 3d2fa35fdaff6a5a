// What a client's load is made of, each part alone: arrivals, what is outstanding, the tally.
#include <catch2/catch.hpp>

#include "client/arrivals.h"
#include "client/load_tally.h"
#include "client/outstanding.h"

using namespace geocommit;

namespace {

const Directory kDirectory({"us", "eu"}, 1, Placement::replicated, 1000);

Arrivals arrivals(Arrival arrival, Duration end) {
  WorkloadSpec spec;
  spec.arrival = arrival;
  spec.rate_per_s = 10;
  spec.clients = 3;
  spec.outstanding_max = 2;
  return {spec, kDirectory, RegionId{0}, 42, end};
}

OutstandingRequest request(std::uint64_t sequence) {
  OutstandingRequest out;
  out.request.id = {NodeId{2001}, sequence};
  return out;
}

TEST_CASE("open loop: an arrival is taken when it is due, and none after the end") {
  Arrivals open = arrivals(Arrival::fixed, 1s);
  CHECK_FALSE(open.next());
  open.start();
  std::size_t taken = 0;
  Duration before{-1};
  while (const std::optional<Duration> next = open.next()) {
    CHECK_FALSE(open.ended());
    REQUIRE(*next > before);
    if (*next < 1s) {
      CHECK_FALSE(open.take(*next - 1ns));
    }
    const std::optional<Planned> planned = open.take(*next);
    if (!planned) {
      CHECK(*next == 1s);
      break;
    }
    CHECK(planned->intended_start == *next);
    CHECK_FALSE(open.answered());
    before = *next;
    ++taken;
  }
  CHECK(taken == 10);
  CHECK(open.ended());
  CHECK_FALSE(open.next());
}

TEST_CASE("open loop: who is late gets all that was due, in order") {
  Arrivals open = arrivals(Arrival::fixed, 1s);
  open.start();
  Duration before{-1};
  std::size_t taken = 0;
  while (const std::optional<Planned> planned = open.take(5s)) {
    CHECK(planned->intended_start > before);
    before = planned->intended_start;
    ++taken;
  }
  CHECK(taken == 10);
  CHECK(open.ended());
}

TEST_CASE("closed loop: each client has its next when it is answered, no more of them than may be outstanding") {
  Arrivals closed = arrivals(Arrival::closed, 1s);
  closed.start();
  CHECK(closed.next() == Duration{0});
  CHECK(closed.take(0s));
  CHECK(closed.take(0s));
  CHECK_FALSE(closed.take(0s));
  CHECK(closed.next() == Duration{1s});
  CHECK(closed.answered());
  CHECK(closed.next() == Duration{0});
  const std::optional<Planned> planned = closed.take(300ms);
  REQUIRE(planned);
  CHECK(planned->intended_start == 300ms);
  CHECK(closed.answered());
  CHECK_FALSE(closed.ended());
  CHECK_FALSE(closed.take(1s));
  CHECK(closed.ended());
  CHECK_FALSE(closed.next());
}

TEST_CASE("what is not answered in time is told once, and asked for at once and then ever more seldom") {
  const Instant start{1000s};
  Outstanding outstanding{2s};
  CHECK_FALSE(outstanding.next());
  outstanding.add(start, request(1));
  outstanding.add(start + 1s, request(2));
  CHECK(outstanding.next() == start + 2s);
  CHECK(outstanding.time_out(start + 2s - 1ns) == nullptr);
  const OutstandingRequest* late = outstanding.time_out(start + 2s);
  REQUIRE(late != nullptr);
  CHECK(late->request.id.sequence == 1);
  CHECK(late->timed_out);
  CHECK(outstanding.time_out(start + 2s) == nullptr);
  REQUIRE(outstanding.take(2));
  CHECK_FALSE(outstanding.take(2));
  std::vector<Duration> asked;
  while (asked.size() < 7) {
    const std::optional<Instant> next = outstanding.next();
    REQUIRE(next);
    outstanding.ask(*next, [&](const OutstandingRequest& unknown) {
      CHECK(unknown.request.id.sequence == 1);
      asked.push_back(*next - (start + 2s));
    });
  }
  // A quarter of the timeout, doubled four times.
  CHECK(asked == std::vector<Duration>{0s, 500ms, 1'500ms, 3'500ms, 7'500ms, 15'500ms, 23'500ms});
  const std::optional<OutstandingRequest> answered = outstanding.take(1);
  REQUIRE(answered);
  CHECK(answered->timed_out);
  CHECK(answered->queries == 7);
  CHECK(outstanding.empty());
  outstanding.ask(start + 1h, [](const OutstandingRequest&) { FAIL("it was answered"); });
  CHECK_FALSE(outstanding.next());
}

TEST_CASE("what was answered in time wakes nobody, and what is left is listed in order") {
  const Instant start{1000s};
  Outstanding outstanding{2s};
  for (const std::uint64_t sequence : {1U, 2U, 3U, 4U}) {
    outstanding.add(start + sequence * 1s, request(sequence));
  }
  (void)outstanding.take(1);
  (void)outstanding.take(2);
  CHECK(outstanding.next() == start + 5s);
  CHECK(outstanding.sequences() == std::vector<std::uint64_t>{3, 4});
  CHECK(outstanding.size() == 2);
}

TEST_CASE("a tally's seconds add up to its totals; a late answer is no longer unknown") {
  LoadTally tally;
  CHECK(tally.second_ends() == 1s);
  tally.offered();
  tally.offered();
  tally.timed_out();
  tally.finished(Outcome::commit, Reason::none, 30ms, false);
  CHECK(tally.counts().unknown == 1);
  const SecondRow first = tally.end_second(1);
  CHECK(first.second == 0);
  CHECK(first.offered == 2);
  CHECK(first.committed == 1);
  CHECK(first.timed_out == 1);
  CHECK(first.outstanding == 1);
  CHECK(first.p50 > 29ms);
  CHECK(tally.counts().recent_p50 == first.p50);
  CHECK(tally.second_ends() == 2s);
  tally.offered();
  tally.shed();
  tally.finished(Outcome::abort, Reason::recovery, 1s, true);
  CHECK(tally.counts().unknown == 0);
  tally.finished(Outcome::undecided, Reason::none, 1s, true);
  CHECK(tally.counts().unknown == 0);
  tally.finished(Outcome::undecided, Reason::forgotten, 1s, false);
  CHECK(tally.counts().unknown == 1);
  const SecondRow second = tally.end_second(0);
  CHECK(second.second == 1);
  CHECK(second.offered == 1);
  CHECK(second.shed == 1);
  CHECK(second.committed == 0);
  CHECK(second.aborted[static_cast<std::size_t>(Reason::recovery)] == 1);
  CHECK(second.p99 == 0s);
  CHECK(tally.counts().offered == 3);
  CHECK(tally.counts().committed == 1);
  CHECK(tally.counts().aborted == 1);
  CHECK(tally.counts().shed == 1);
}

}  // namespace
