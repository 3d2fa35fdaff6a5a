// Goodput is what clients were told within the window; overload is a backlog that grows, and nothing else.
#include "measure/offered.h"

#include <catch2/catch.hpp>

namespace geocommit {
namespace {

/// `per_s` requests a second from 0 to 12 s, each answered `latency(start)` after it began.
template <class Latency>
std::vector<ClientOutcome> offered_at(int per_s, Latency latency) {
  std::vector<ClientOutcome> out;
  for (int i = 0; i < 12 * per_s; ++i) {
    ClientOutcome one;
    one.intended_start = Duration{1s} * i / per_s;
    one.latency = latency(one.intended_start);
    one.outcome = Outcome::commit;
    one.measured = one.intended_start >= 2s;
    out.push_back(one);
  }
  return out;
}

OfferedLoad judge(const std::vector<ClientOutcome>& outcomes, std::optional<Duration> first_fault = {},
                  std::uint64_t shed = 0) {
  std::uint64_t offered = shed;
  for (const ClientOutcome& one : outcomes) offered += one.measured ? 1U : 0U;
  return offered_load({&outcomes, offered, shed, 2s, 10s, first_fault});
}

}  // namespace

TEST_CASE("what a drain did after the window is no throughput, and a backlog that grows is overload") {
  // One after another, 150 ms each: the k-th of 30 a second is done at 0.15 s * (k + 1).
  const auto outcomes = offered_at(30, [](Duration start) {
    const auto k = start.count() * 30 / Duration{1s}.count();
    return (k + 1) * Duration{150ms} - start;
  });
  const OfferedLoad load = judge(outcomes);
  CHECK(load.offered_per_s == Approx(30));
  CHECK(load.committed_per_s == Approx(1 / 0.15).epsilon(0.02));  // 30 by the end of the drain
  CHECK(load.done_per_s == load.committed_per_s);
  CHECK(load.overloaded);
}

TEST_CASE("a protocol that keeps up is not overloaded, however long it takes") {
  for (const Duration latency : {Duration{1ms}, Duration{300ms}, Duration{3s}}) {
    const OfferedLoad load = judge(offered_at(50, [&](Duration) { return latency; }));
    CHECK_FALSE(load.overloaded);
    // The warm-up's last ones are told in the window, its own last ones after it; a long warm-up evens it out.
    CHECK(load.committed_per_s == Approx(latency <= Duration{2s} ? 50 : 45));
  }
}

TEST_CASE("chance, and a handful of transactions, are no overload") {
  // A stall of the last second of a small load: nine in flight.
  const auto stall = [](Duration start) { return start >= 11s ? Duration{5s} : Duration{1ms}; };
  CHECK_FALSE(judge(offered_at(9, stall)).overloaded);
  CHECK(judge(offered_at(100, stall)).overloaded);
}

TEST_CASE("what piles up behind a fault is the fault's doing; what piled up before it is not") {
  const auto cut = [](Duration start) { return start >= 5s ? Duration{30s} : Duration{10ms}; };
  CHECK(judge(offered_at(50, cut)).overloaded);
  CHECK_FALSE(judge(offered_at(50, cut), Duration{5s}).overloaded);
  const auto before = [](Duration) { return Duration{20s}; };
  CHECK_FALSE(judge(offered_at(50, before), Duration{1s}).overloaded);  // nothing of the window came before it
  CHECK(judge(offered_at(50, before), Duration{8s}).overloaded);
}

TEST_CASE("aborts are answers, unknown ones are not; what was shed is overload but behind a fault") {
  auto outcomes = offered_at(50, [](Duration) { return Duration{10ms}; });
  for (std::size_t i = 0; i < outcomes.size(); i += 2) outcomes[i].outcome = Outcome::abort;
  const OfferedLoad aborts = judge(outcomes);
  CHECK(aborts.done_per_s == Approx(50));
  CHECK(aborts.committed_per_s == Approx(25));
  CHECK_FALSE(aborts.overloaded);
  CHECK(judge(outcomes, {}, 1).overloaded);
  CHECK_FALSE(judge(outcomes, Duration{3s}, 1).overloaded);
  for (std::size_t i = 0; i < outcomes.size(); i += 2) outcomes[i].outcome = Outcome::undecided;
  CHECK(judge(outcomes).done_per_s == Approx(25));
  CHECK(judge(outcomes).overloaded);
}

TEST_CASE("the window's ends: its begin belongs to it, its end does not") {
  const auto one = [](Duration start, Duration end, Outcome outcome) {
    ClientOutcome out;
    out.intended_start = start;
    out.latency = end - start;
    out.outcome = outcome;
    return out;
  };
  const auto done_of = [&](Duration end) { return judge({one(1s, end, Outcome::commit)}).done_per_s; };
  CHECK(done_of(2s - 1ns) == 0);
  CHECK(done_of(2s) == Approx(0.1));
  CHECK(done_of(12s - 1ns) == Approx(0.1));
  CHECK(done_of(12s) == 0);

  // 7 s is the half: what came before 12 s and was not answered by then is more than what was so at 7 s.
  const auto overloaded = [&](Duration start, Duration end, Outcome outcome, int count = 11, int others = 80) {
    std::vector<ClientOutcome> out(static_cast<std::size_t>(others), one(8s, 9s, Outcome::commit));
    out.insert(out.end(), static_cast<std::size_t>(count), one(start, end, outcome));
    return judge(out).overloaded;
  };
  CHECK(overloaded(10s, 13s, Outcome::commit));
  CHECK(overloaded(10s, 11s, Outcome::undecided));
  CHECK(overloaded(7s, 12s, Outcome::abort));
  CHECK_FALSE(overloaded(10s, 12s - 1ns, Outcome::commit));
  CHECK(overloaded(12s - 1ns, 13s, Outcome::commit));
  CHECK_FALSE(overloaded(12s, 13s, Outcome::commit));
  CHECK_FALSE(overloaded(7s - 1ns, 13s, Outcome::commit));  // As many as before.
  CHECK_FALSE(overloaded(7s - 1ns, 7s, Outcome::commit));
  // More than a tenth of what was offered in the second half, and more than chance: three deviations.
  CHECK(overloaded(10s, 13s, Outcome::commit, 11, 98));
  CHECK_FALSE(overloaded(10s, 13s, Outcome::commit, 11, 99));
  CHECK(overloaded(10s, 13s, Outcome::commit, 10, 80));
  CHECK_FALSE(overloaded(10s, 13s, Outcome::commit, 9, 20));
  const std::vector<ClientOutcome> nothing;
  CHECK_FALSE(offered_load({&nothing, 7, 0, 2s, 0s, {}}).overloaded);
}

}  // namespace geocommit
