#include "tests/measure/falsified.h"
#include "tests/measure/verdict_worlds.h"

using namespace geocommit;
using namespace geocommit::verdict_test;

TEST_CASE("what cannot be judged is unknown, never a pass") {
  World world("2pc", Placement::replicated);
  world.busy();
  const auto unknown = [&](const std::string& reason) {
    const Verdict verdict = world.judge();
    INFO(text(verdict));
    CHECK(verdict.judgement == Judgement::unknown);
    REQUIRE_FALSE(verdict.unknown_reasons.empty());
    CHECK(verdict.unknown_reasons.front().find(reason) != std::string::npos);
  };
  SECTION("an unreadable log") {
    world.history.nodes[world.agent(1)].log_complete = false;
    unknown("agent@eu is incomplete");
  }
  SECTION("a missing log") {
    world.history.nodes.erase(world.directory.coordinator(RegionId{1}));
    unknown("coordinator@eu is missing");
  }
  SECTION("missing balances") {
    world.history.nodes[world.agent(1)].has_balances = false;
    unknown("balances of agent@eu");
  }
  SECTION("too few balances") {
    world.history.nodes[world.agent(1)].balances.pop_back();
    unknown("49 balances instead of 50");
  }
  SECTION("not drained") {
    world.history.drained = false;
    unknown("not drained");
  }
  SECTION("not at rest, and who was not") {
    world.history.drained = false;
    world.history.why_not_drained = "agent@ap: 1 as participant";
    unknown("agent@ap: 1 as participant");
  }
  SECTION("balances of an earlier start than the end of the log") {
    NodeHistory& node = world.history.nodes[world.agent(1)];
    node.balances_start = Epoch{2};
    node.last_start = Epoch{3};
    unknown("agent@eu started again");
  }
  SECTION("no such protocol") {
    world.history.protocol = "4pc";
    unknown("4pc");
  }
  SECTION("an empty run") {
    World empty("2pc", Placement::replicated);
    const Verdict verdict = empty.judge();
    CHECK(verdict.judgement == Judgement::unknown);
  }
}

TEST_CASE("planted mutants: dropping any one fact, or changing any one balance, is noticed") {
  const auto placement = GENERATE(Placement::replicated, Placement::partitioned);
  World world(GENERATE("2pc", "3pc", "home-region"), placement);
  world.busy(30);
  require_only(world.judge(), {});
  std::size_t planted = 0;
  for (auto& [id, node] : world.history.nodes) {
    for (std::size_t i = 0; i < node.facts.size(); ++i) {
      const Fact fact = node.facts[i];
      // The records without which a restart would still come to the same end: aborts, which are presumed; a YES before
      // an abort; and the coordinator's commit once every site has its own.
      const bool redundant =
          fact.kind == FactKind::aborted || fact.role == Role::coordinator ||
          (fact.kind == FactKind::voted_yes && std::none_of(node.facts.begin(), node.facts.end(), [&](const Fact& f) {
             return f.txn == fact.txn && f.kind == FactKind::committed;
           }));
      if (redundant) {
        continue;
      }
      node.facts.erase(node.facts.begin() + static_cast<std::ptrdiff_t>(i));
      INFO("dropped fact " << i << " of node " << id.value);
      CHECK(world.judge().judgement == Judgement::violation);
      node.facts.insert(node.facts.begin() + static_cast<std::ptrdiff_t>(i), fact);
      ++planted;
    }
    for (std::size_t slot = 0; slot < node.balances.size(); slot += 7) {
      node.balances[slot] -= 3;
      CHECK(world.judge().judgement == Judgement::violation);
      node.balances[slot] += 3;
      ++planted;
    }
  }
  CHECK(planted > 80);
  require_only(world.judge(), {});
}

TEST_CASE("every falsified history is caught, and none of them but for what is false in it") {
  for (const Falsified& one : falsified_histories()) {
    INFO(one.name << ": " << one.what);
    CHECK_FALSE(caught_by(one.judge()).empty());
  }
  Moved moved;
  require_only(moved.judge(), {});
}

TEST_CASE("examples are bounded, counts are not") {
  World world("2pc", Placement::replicated);
  world.busy();
  for (int i = 0; i < 50; ++i) {
    world.transfer(0, 1, false);
    world.history.outcomes.back().outcome = Outcome::commit;
  }
  const Verdict verdict = world.judge();
  CHECK(verdict.count(VC::told_commit_but_aborted) == 50);
  CHECK(verdict.examples.size() == 20);
}

TEST_CASE("a hundred thousand transactions are judged", "[large]") {
  World world("2pc", Placement::replicated, 1, 10'000);
  world.busy(100'000);
  require_only(world.judge(), {});
}
