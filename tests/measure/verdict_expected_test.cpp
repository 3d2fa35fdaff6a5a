// Whether a violation is what the fault model predicts: transaction by transaction, by what each has lived through.
#include "tests/measure/verdict_worlds.h"

using namespace geocommit;
using namespace geocommit::verdict_test;

namespace {

const std::vector<FaultSpan> kCut{{4s, 6s}};

}  // namespace

TEST_CASE("a split is expected if its transaction lived while the network was cut") {
  Split world;
  SECTION("in the middle of it") { world.split(4500ms, 5s); }
  SECTION("begun before") { world.split(3s, 4s); }
  SECTION("begun before, never answered in time") { world.split(1s, 20s); }
  SECTION("at its end") { world.split(6s, 7s); }
  SECTION("its client had its answer before, a site decided during it") {
    const TxnId txn = world.split(3s, 3500ms);
    world.written(world.agent(1), txn, FactKind::aborted, 5s);
  }
  SECTION("its client is not known, its records are") {
    const TxnId txn = world.split(0s, 0s);
    world.history.outcomes.back().request = {world.directory.client(RegionId{0}), 77'777};  // Another's.
    world.history.outcomes.back().txn = {};
    world.history.outcomes.back().outcome = Outcome::undecided;
    world.written(world.agent(0), txn, FactKind::voted_yes, 4500ms);
    world.written(world.agent(1), txn, FactKind::aborted, 5s);
  }
  const Verdict verdict = world.judge(kCut);
  INFO(text(verdict));
  CHECK(verdict.judgement == Judgement::violation);
  CHECK(verdict.count(VC::split_outcome) == 1);
  CHECK(verdict.expected);
  world.history.protocol = "2pc";  // Claims to stand it.
  CHECK_FALSE(world.judge(kCut).expected);
}

TEST_CASE("a split is never expected because the network was cut at another time") {
  Split world;
  SECTION("later") {
    const TxnId txn = world.split(1s, 2s);
    world.written(world.agent(1), txn, FactKind::aborted, 3900ms);
  }
  SECTION("earlier") { world.split(6001ms, 7s); }
  SECTION("its times are not known") {
    world.split(0s, 0s);
    world.history.outcomes.back().request = {world.directory.client(RegionId{0}), 77'777};
    world.history.outcomes.back().txn = {};
    world.history.outcomes.back().outcome = Outcome::undecided;
  }
  SECTION("a record's time by a clock that cannot be compared") {
    const TxnId txn = world.split(1s, 2s);
    world.written(world.agent(1), txn, FactKind::aborted, 5s);
    world.history.load_began = {};
  }
  const Verdict verdict = world.judge(kCut);
  CHECK(verdict.count(VC::split_outcome) == 1);
  CHECK_FALSE(verdict.expected);
}

TEST_CASE("one split that nothing excuses makes them all unexpected, and so does money that only it explains") {
  Split world;
  world.split(4s, 5s);
  CHECK(world.judge(kCut).expected);
  SECTION("another split") { world.split(1s, 2s); }
  SECTION("money that is missing elsewhere") { ++world.history.nodes[world.agent(2)].balances[7]; }
  SECTION("a torn transaction of the same time") {
    const TxnId txn = world.split(4s, 5s);
    world.erase(world.agent(1), txn, FactKind::aborted);
  }
  CHECK_FALSE(world.judge(kCut).expected);
}
