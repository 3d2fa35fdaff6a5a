#include "tests/measure/verdict_world.h"

using namespace geocommit;
using namespace geocommit::verdict_test;

TEST_CASE("a clean history passes, under every protocol and placement") {
  for (const Protocol& protocol : all_protocols()) {
    for (const Placement placement : {Placement::replicated, Placement::partitioned}) {
      for (const std::uint32_t sites : {1U, 2U}) {
        INFO(protocol.name);
        World world(std::string(protocol.name), placement, sites);
        world.busy();
        const Verdict verdict = world.judge();
        require_only(verdict, {});
        CHECK(verdict.transactions > 30);
        CHECK(verdict.committed > verdict.aborted);
        CHECK(verdict.aborted > 0);
        CHECK(verdict.unknown_to_client == 8);
        CHECK(verdict.unresolved == 0);
      }
    }
  }
}

TEST_CASE("a clean history passes also without what the clients asked for") {
  World world("2pc", Placement::replicated);
  world.busy(60, 0.0);
  for (ClientOutcome& outcome : world.history.outcomes) {
    outcome.operations.clear();
  }
  require_only(world.judge(), {});
}

TEST_CASE("without what the clients asked for, neither readers nor logs without cohorts make a violation up") {
  World world("2pc", Placement::replicated);
  world.busy(60, 0.6);
  for (ClientOutcome& outcome : world.history.outcomes) {
    outcome.operations.clear();
  }
  CHECK(world.judge().judgement == Judgement::unknown);  // Told commit, no record: who knows what was to be written?
  for (auto& [node, left] : world.history.nodes) {
    for (Fact& fact : left.facts) {
      fact.cohort.clear();
    }
  }
  CHECK(world.judge().judgement == Judgement::unknown);
}

TEST_CASE("split outcome: one site committed, another aborted") {
  World world("2pc", Placement::partitioned);
  world.busy();
  const TxnId txn = world.transfer(0, 1);
  const NodeId loser = world.agent(1);
  world.erase(loser, txn, FactKind::committed);
  world.fact(loser, {txn, FactKind::aborted, Role::participant, {}, {}, {}, {}, 0});
  world.apply(loser, {{Entity{1}, 5, false}}, -1);
  SECTION("and the client was told commit: 2pc never expects that") {
    const Verdict verdict = world.judge(true);
    require_only(verdict, {{VC::split_outcome, 1}, {VC::told_commit_but_aborted, 1}, {VC::money_not_conserved, 1}});
    CHECK_FALSE(verdict.expected);
    CHECK(verdict.examples.front().txn == txn);
    CHECK(verdict.examples.front().what.find("agent@eu") != std::string::npos);
  }
  SECTION("3pc expects it, if there was a partition") {
    world.history.protocol = "3pc";
    CHECK(world.judge(true).expected);
    CHECK_FALSE(world.judge(false).expected);
  }
  SECTION("nothing else may hide behind an expected split") {
    world.history.protocol = "3pc";
    ++world.history.nodes[world.agent(2)].balances[7];
    const Verdict verdict = world.judge(true);
    CHECK(verdict.judgement == Judgement::violation);
    CHECK_FALSE(verdict.expected);
  }
  SECTION("it stays a violation when another log cannot be read") {
    world.history.nodes[world.agent(2)].log_complete = false;
    const Verdict verdict = world.judge();
    CHECK(verdict.judgement == Judgement::violation);
    CHECK(verdict.count(VC::split_outcome) == 1);
    CHECK_FALSE(verdict.unknown_reasons.empty());
  }
}

TEST_CASE("a split in replicated placement is seen in the copies too, and still expected of 3pc") {
  World world("3pc", Placement::replicated);
  world.busy();
  const TxnId txn = world.transfer(0, 1);
  for (const std::uint32_t r : {1U, 2U}) {
    world.erase(world.agent(r), txn, FactKind::committed);
    world.fact(world.agent(r), {txn, FactKind::aborted, Role::participant, {}, {}, {}, {}, 0});
    world.apply(world.agent(r), {{Entity{0}, -5, false}, {Entity{1}, 5, false}}, -1);
  }
  const Verdict verdict = world.judge(true);
  require_only(verdict, {{VC::split_outcome, 1}, {VC::told_commit_but_aborted, 1}, {VC::money_not_conserved, 2}});
  CHECK(verdict.expected);
}

TEST_CASE("told commit, and every site aborted") {
  World world("2pc", Placement::replicated);
  world.busy();
  world.transfer(0, 1, false);
  world.history.outcomes.back().outcome = Outcome::commit;
  require_only(world.judge(), {{VC::told_commit_but_aborted, 1}});
}

TEST_CASE("told abort, and the transaction committed") {
  World world("2pc", Placement::replicated);
  world.busy();
  world.transfer(0, 1);
  world.history.outcomes.back().outcome = Outcome::abort;
  SECTION("named by its transaction") {}
  SECTION("named by its request alone") { world.history.outcomes.back().txn = {}; }
  require_only(world.judge(), {{VC::told_abort_but_committed, 1}});
}

TEST_CASE("commit without all YES") {
  World world("2pc", Placement::replicated);
  world.busy();
  const TxnId txn = world.transfer(0, 1);
  const NodeId site = world.agent(2);
  SECTION("a site's prepared record is nowhere") {
    world.erase(site, txn, FactKind::voted_yes);
    // Its operations were in that record: the balances now hold more than the log explains.
    const Verdict verdict = world.judge();
    INFO(text(verdict));
    CHECK(verdict.judgement == Judgement::violation);
    CHECK(verdict.count(VC::commit_without_all_yes) == 1);
    CHECK(verdict.count(VC::split_outcome) == 0);
  }
  SECTION("also when only the cohort on record tells who had to vote") {
    world.history.outcomes.back().operations.clear();
    world.erase(site, txn, FactKind::voted_yes);
    CHECK(world.judge().count(VC::commit_without_all_yes) == 1);
  }
  SECTION("the record is there, but after the commit") {
    auto& facts = world.history.nodes[site].facts;
    std::swap(facts[facts.size() - 1], facts[facts.size() - 2]);
    require_only(world.judge(), {{VC::commit_without_all_yes, 1}});
  }
  SECTION("an incomplete log is no evidence that it is missing") {
    world.erase(site, txn, FactKind::voted_yes);
    world.history.nodes[site].log_complete = false;
    world.history.nodes[site].log_problem = "CRC mismatch at 4096";
    const Verdict verdict = world.judge();
    CHECK(verdict.judgement == Judgement::unknown);
    CHECK(verdict.unknown_reasons.front() == "the log of agent@ap is incomplete: CRC mismatch at 4096");
  }
}

TEST_CASE("lost acknowledged write") {
  World world("2pc", Placement::replicated);
  world.busy();
  const TxnId txn = world.transfer(0, 1);
  SECTION("no log has heard of it") {
    for (auto& [id, node] : world.history.nodes) {
      for (const FactKind kind : {FactKind::voted_yes, FactKind::committed}) {
        world.erase(id, txn, kind);
      }
      if (node.has_balances) {
        world.apply(id, {{Entity{0}, -5, false}, {Entity{1}, 5, false}}, -1);
      }
    }
    require_only(world.judge(), {{VC::lost_acknowledged_write, 1}});
    SECTION("which an unreadable log leaves open") {
      world.history.nodes[world.agent(0)].log_complete = false;
      CHECK(world.judge().judgement == Judgement::unknown);
    }
    SECTION("as does a client that did not write down what it asked for") {
      world.history.outcomes.back().operations.clear();
      CHECK(world.judge().judgement == Judgement::unknown);
    }
    SECTION("but the drain does not matter: what is told must be durable first") {
      world.history.drained = false;
      CHECK(world.judge().count(VC::lost_acknowledged_write) == 1);
    }
  }
  SECTION("every site is prepared, and no one has the commit") {
    for (auto& [id, node] : world.history.nodes) {
      world.erase(id, txn, FactKind::committed);
      if (node.has_balances) {
        world.apply(id, {{Entity{0}, -5, false}, {Entity{1}, 5, false}}, -1);
      }
    }
    require_only(world.judge(), {{VC::lost_acknowledged_write, 1}});
  }
  SECTION("one site never got the outcome") {
    world.erase(world.agent(1), txn, FactKind::committed);
    world.apply(world.agent(1), {{Entity{0}, -5, false}, {Entity{1}, 5, false}}, -1);
    const Verdict verdict = world.judge();
    require_only(verdict, {{VC::lost_acknowledged_write, 1}, {VC::money_not_conserved, 2}});
    CHECK(verdict.unresolved == 1);
  }
  SECTION("one site erased it altogether") {
    world.erase(world.agent(1), txn, FactKind::committed);
    world.erase(world.agent(1), txn, FactKind::voted_yes);
    world.apply(world.agent(1), {{Entity{0}, -5, false}, {Entity{1}, 5, false}}, -1);
    require_only(world.judge(),
                 {{VC::lost_acknowledged_write, 1}, {VC::commit_without_all_yes, 1}, {VC::money_not_conserved, 2}});
  }
  SECTION("the log has it, the balance does not") {
    world.apply(world.agent(1), {{Entity{1}, 5, false}}, -1);
    const Verdict verdict = world.judge();
    // The slot lacks it; and so that copy's sum is wrong and the copies differ.
    require_only(verdict, {{VC::lost_acknowledged_write, 1}, {VC::money_not_conserved, 2}});
    CHECK(verdict.examples.front().txn == txn);
  }
}

TEST_CASE("a torn transaction of which no client was told") {
  World world("2pc", Placement::partitioned);
  world.busy();
  const TxnId txn = world.transfer(0, 1);
  world.history.outcomes.back().outcome = Outcome::undecided;
  world.erase(world.agent(1), txn, FactKind::committed);
  world.apply(world.agent(1), {{Entity{1}, 5, false}}, -1);
  SECTION("after draining it is a violation, and no fault model predicts it") {
    const Verdict verdict = world.judge(true);
    require_only(verdict, {{VC::split_outcome, 1}, {VC::money_not_conserved, 1}});
    CHECK_FALSE(verdict.expected);
    world.history.protocol = "3pc";
    CHECK_FALSE(world.judge(true).expected);
  }
  SECTION("before draining it is merely unresolved") {
    world.history.drained = false;
    const Verdict verdict = world.judge();
    CHECK(verdict.judgement == Judgement::unknown);
    CHECK(verdict.unresolved == 1);
  }
}

TEST_CASE("money from nowhere") {
  const auto placement = GENERATE(Placement::replicated, Placement::partitioned);
  World world(GENERATE("2pc", "home-region"), placement);
  world.busy();
  world.history.nodes[world.agent(0)].balances[3] += 1;
  const Verdict verdict = world.judge();
  INFO(text(verdict));
  CHECK(verdict.judgement == Judgement::violation);
  CHECK(verdict.count(VC::money_not_conserved) >= 2);
  CHECK(verdict.count(VC::lost_acknowledged_write) == 0);
}

TEST_CASE("a site that executes something else than was asked") {
  World world("2pc", Placement::partitioned);
  const TxnId txn = world.transfer(0, 1);
  for (Fact& fact : world.history.nodes[world.agent(1)].facts) {
    if (fact.txn == txn && fact.kind == FactKind::voted_yes) {
      fact.operations.front().delta = 6;
    }
  }
  world.history.nodes[world.agent(1)].balances[0] += 1;
  require_only(world.judge(), {{VC::money_not_conserved, 2}});  // what it executed, and the sum
}

TEST_CASE("home region: a replica that missed a shipped write") {
  World world("home-region", Placement::replicated);
  world.busy();
  const TxnId txn = world.transfer(0, 3);  // both homed in us
  world.erase(world.agent(2), txn, FactKind::applied_shipped);
  world.apply(world.agent(2), {{Entity{0}, -5, false}, {Entity{3}, 5, false}}, -1);
  require_only(world.judge(), {{VC::money_not_conserved, 2}});
}

TEST_CASE("home region: a replica that applied a shipped write twice") {
  World world("home-region", Placement::replicated);
  world.busy();
  world.transfer(0, 3);
  world.fact(world.agent(2), world.history.nodes[world.agent(2)].facts.back());
  world.apply(world.agent(2), {{Entity{0}, -5, false}, {Entity{3}, 5, false}});
  require_only(world.judge(), {{VC::money_not_conserved, 2}});
}

TEST_CASE("one request executed twice") {
  World world("2pc", Placement::replicated);
  world.busy();
  world.transfer(0, 1);
  const ClientOutcome first = world.history.outcomes.back();
  Request again{first.request, first.origin, false, first.operations};
  world.run(again, true);
  world.history.outcomes.pop_back();
  require_only(world.judge(), {{VC::executed_twice, 1}});
}
