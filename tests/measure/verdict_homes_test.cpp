// Home region after a change of masters: a loss is RPO if it belongs to a fenced failover, by term and by time; every
// other one is a violation.
#include "tests/measure/verdict_worlds.h"

using namespace geocommit;
using namespace geocommit::verdict_test;

namespace {

void require_lost(const Moved& world, std::uint64_t violations, std::uint64_t rpo) {
  const Verdict verdict = world.judge();
  std::vector<std::pair<VC, std::uint64_t>> expected;
  if (violations > 0) {
    expected.emplace_back(VC::lost_acknowledged_write, violations);
  }
  require_only(verdict, std::move(expected));
  CHECK(verdict.rpo.acknowledged == rpo);
}

Instant at(Duration since) { return Instant{1h + since}; }

}  // namespace

TEST_CASE("what a fenced failover left behind is RPO") {
  Moved world;
  const TxnId txn = world.accept(world.us, Moved::kFirst, world.shared + 1);
  world.open(world.eu, {{world.us, Moved::kFirst, 0}, {world.us, Moved::kSecond, world.shared}});
  world.cut(world.us, txn, world.shared + 1);
  require_lost(world, 0, 1);
}

TEST_CASE("after a failover a later loss of another kind is a violation") {
  Moved world;
  const std::vector<HomePlace> second{{world.us, Moved::kFirst, 0}, {world.us, Moved::kSecond, world.shared}};
  std::vector<HomePlace> third = second;
  third.push_back({world.us, Moved::kThird, world.shared});
  const TxnId first = world.accept(world.us, Moved::kFirst, world.shared + 1);
  world.open(world.eu, second);
  world.cut(world.us, first, world.shared + 1);
  const TxnId later = world.accept(world.eu, Moved::kSecond, world.shared + 1);
  SECTION("its own master drops it") {
    world.cut(world.eu, later, world.shared + 1);
    require_lost(world, 1, 1);
  }
  SECTION("a planned transfer leaves it behind") {
    world.open(world.ap, third, false);
    world.cut(world.eu, later, world.shared + 1);
    require_lost(world, 1, 1);
  }
  SECTION("a transfer that the failover had overtaken deposes the master") {
    world.open(world.ap, {{world.us, Moved::kFirst, 0}, {world.us, Moved::kThird, world.shared}}, false);
    world.cut(world.eu, later, world.shared + 1);
    require_lost(world, 1, 1);
  }
  SECTION("it commits without a place, and no later master accounts for it") {
    without_place(world, world.eu, later, Moved::kSecond);
    require_lost(world, 1, 1);
  }
  SECTION("but a second failover accounts for its own") {
    world.open(world.ap, third);
    world.cut(world.eu, later, world.shared + 1);
    require_lost(world, 0, 2);
  }
  SECTION("an unfenced one for nothing") {
    world.open(world.ap, third);
    world.history.nodes[world.ap].facts.back().fenced = false;
    world.cut(world.eu, later, world.shared + 1);
    require_lost(world, 1, 1);
  }
}

TEST_CASE("what the successor had before it opened is not its failover's to lose") {
  Moved world;
  const TxnId txn = world.accept(world.us, Moved::kFirst, world.shared + 1);
  world.open(world.eu, {{world.us, Moved::kFirst, 0}, {world.us, Moved::kSecond, world.shared + 1}});
  world.cut(world.us, txn, world.shared + 1);
  require_lost(world, 1, 0);
}

TEST_CASE("what an old master accepts after its successor has opened was not fenced") {
  Moved world;
  const bool late = GENERATE(false, true);
  const TxnId txn =
      world.accept(world.us, Moved::kFirst, world.shared + 1, late ? at(Duration{5s} + 1ns) : at(Duration{5s} - 1ns));
  world.open(world.eu, {{world.us, Moved::kFirst, 0}, {world.us, Moved::kSecond, world.shared}}, true, at(5s));
  world.cut(world.us, txn, world.shared + 1);
  require_lost(world, late ? 1 : 0, late ? 0 : 1);
}

TEST_CASE("a write that was lost and acknowledged to nobody is no RPO of another failover either") {
  Moved world;
  const TxnId txn = world.accept(world.us, Moved::kFirst, world.shared + 1);
  world.history.outcomes.back().outcome = Outcome::undecided;
  SECTION("no failover at all") {
    world.cut(world.us, txn, world.shared + 1);
    require_only(world.judge(), {{VC::split_outcome, 1}});
  }
  SECTION("its own failover") {
    world.open(world.eu, {{world.us, Moved::kFirst, 0}, {world.us, Moved::kSecond, world.shared}});
    world.cut(world.us, txn, world.shared + 1);
    const Verdict verdict = world.judge();
    require_only(verdict, {});
    CHECK(verdict.rpo.unanswered == 1);
  }
}

TEST_CASE("a commit without a place has no effect: its site never held what it would have left") {
  Moved world;
  world.write = {{Entity{0}, -5000, false}, {Entity{3}, 5000, false}};
  const TxnId txn = world.accept(world.us, Moved::kFirst, 0);
  without_place(world, world.us, txn, Moved::kFirst);
  world.open(world.eu, {{world.us, Moved::kFirst, 0}, {world.us, Moved::kSecond, world.shared}});
  require_lost(world, 0, 1);
}
