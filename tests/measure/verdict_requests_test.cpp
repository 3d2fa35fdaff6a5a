// What clients were told, by request as well as by transaction; and balances that no site may accept.
#include "tests/measure/verdict_world.h"

using namespace geocommit;
using namespace geocommit::verdict_test;

namespace {

/// The last outcome's request once more, as another transaction of which the client hears nothing.
TxnId again(World& world, RegionId origin = RegionId{0}, bool commit = true) {
  const ClientOutcome first = world.history.outcomes.back();
  const TxnId txn = world.run({first.request, origin, false, first.operations}, commit);
  world.history.outcomes.pop_back();
  return txn;
}

void require_unknown(const Verdict& verdict, const std::string& reason) {
  INFO(text(verdict));
  CHECK(verdict.judgement == Judgement::unknown);
  CHECK(std::any_of(verdict.unknown_reasons.begin(), verdict.unknown_reasons.end(),
                    [&](const std::string& one) { return one.find(reason) != std::string::npos; }));
}

}  // namespace

TEST_CASE("told abort as one transaction, executed as another") {
  World world(GENERATE("2pc", "home-region"), Placement::replicated);
  world.busy();
  const TxnId told = world.transfer(0, 3, false);
  SECTION("both have records") {}
  SECTION("the aborted one left none: abort is presumed") {
    for (auto& [id, node] : world.history.nodes) {
      std::erase_if(node.facts, [&](const Fact& fact) { return fact.txn == told; });
    }
  }
  const TxnId executed = again(world);
  const Verdict verdict = world.judge();
  require_only(verdict, {{VC::told_abort_but_committed, 1}});
  CHECK(verdict.examples.front().txn == executed);
  CHECK(verdict.examples.front().what.find(to_text(told)) != std::string::npos);
}

TEST_CASE("a request that was tried again after an abort is no contradiction") {
  World world("2pc", Placement::replicated);
  world.busy();
  world.transfer(0, 1);
  again(world, RegionId{1}, false);
  require_only(world.judge(), {});
}

TEST_CASE("one request executed twice, whoever knows of it") {
  World world("2pc", Placement::replicated);
  world.busy();
  world.transfer(0, 1);
  SECTION("at the same coordinator, told of one") { again(world); }
  SECTION("at another coordinator, told of one") { again(world, RegionId{2}); }
  SECTION("told of neither: its outcome is unknown to the client") {
    again(world, RegionId{2});
    world.history.outcomes.back().txn = {};
    world.history.outcomes.back().outcome = Outcome::undecided;
  }
  require_only(world.judge(), {{VC::executed_twice, 1}});
}

TEST_CASE("told commit by another transaction's name") {
  World world("2pc", Placement::replicated);
  world.busy();
  const TxnId other = world.transfer(0, 1);
  world.transfer(3, 4);
  world.history.outcomes.back().txn = other;
  require_only(world.judge(), {{VC::lost_acknowledged_write, 1}});
}

TEST_CASE("what clients were told is all there, or the verdict is unknown") {
  World world("2pc", Placement::replicated);
  world.busy();
  SECTION("an outcome is missing") {
    world.transfer(0, 1);
    world.history.outcomes.pop_back();
    require_unknown(world.judge(), "no client has written down");
  }
  SECTION("one request has two outcomes") {
    world.transfer(0, 1);
    world.history.outcomes.push_back(world.history.outcomes.back());
    require_unknown(world.judge(), "more than one outcome");
  }
  SECTION("a client's outcomes could not be read") {
    world.history.missing.emplace_back("what client@eu was told cannot be judged");
    require_unknown(world.judge(), "client@eu");
  }
}

TEST_CASE("a balance below 0") {
  const auto placement = GENERATE(Placement::replicated, Placement::partitioned);
  World world("2pc", placement);
  world.busy();
  const auto move = [&](std::int64_t amount) {
    Request request{{world.directory.client(RegionId{0}), 5'000'000 + static_cast<std::uint64_t>(amount)},
                    RegionId{0},
                    false,
                    {{Entity{0}, -amount, false}, {Entity{1}, amount, false}}};
    return world.run(request, true);
  };
  const std::uint64_t copies = placement == Placement::replicated ? 3 : 1;
  SECTION("at the end") {
    const TxnId txn = move(1500);
    const Verdict verdict = world.judge(true);
    require_only(verdict, {{VC::negative_balance, copies}});
    CHECK(verdict.examples.front().txn == txn);
    CHECK_FALSE(verdict.expected);
  }
  SECTION("only for a while, in the order of the logs") {
    move(1500);
    move(-1200);
    require_only(world.judge(), {{VC::negative_balance, copies}});
  }
  SECTION("before the run was drained, too") {
    move(1500);
    world.history.drained = false;
    CHECK(world.judge().count(VC::negative_balance) == copies);
  }
  SECTION("in what a site reports, whatever its log says") {
    world.history.nodes[world.agent(1)].balances[3] = -1;
    const Verdict verdict = world.judge();
    CHECK(verdict.count(VC::negative_balance) == 1);
    CHECK(verdict.count(VC::money_not_conserved) > 0);
  }
  SECTION("0 is none") {
    std::int64_t& slot = world.history.nodes[world.agent(0)].balances[0];
    move(slot);
    require_only(world.judge(), {});
    CHECK(slot == 0);
  }
}
