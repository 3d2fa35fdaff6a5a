#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>
#include <string>

#include "protocols/registry.h"
#include "verdict/check.h"
#include "workload/generator.h"

using namespace geocommit;
using VC = ViolationClass;

namespace {

/// Writes histories as a flawless system would: the tests then plant a fault.
class World {
 public:
  World(const std::string& protocol, Placement placement, std::uint32_t sites = 1, std::uint64_t keys = 50)
      : directory({"us", "eu", "ap"}, sites, placement, keys) {
    history.directory = &directory;
    history.protocol = protocol;
    history.initial_balance = 1000;
    history.drained = true;
    for (const NodeInfo& info : directory.nodes()) {
      if (info.kind != NodeKind::client) {
        NodeHistory& node = history.nodes[info.id];
        node.node = info.id;
        if (info.kind == NodeKind::agent) {
          node.has_balances = true;
          node.balances.assign(keys, 1000);
        }
      }
    }
  }

  /// A transaction as its protocol leaves it; `told` is what the client hears.
  TxnId run(const Request& request, bool commit) {
    const Protocol& protocol = *find_protocol(history.protocol);
    const Route route = protocol.route(request, directory);
    const NodeId coordinator = directory.coordinator(route.coordinator_region);
    const TxnId txn{coordinator, Epoch{1}, ++counter_};
    std::vector<NodeId> cohort;
    for (const SiteWork& work : route.sites) {
      cohort.push_back(work.site);
    }
    const bool writes = !request.operations.front().read;
    for (const SiteWork& work : route.sites) {
      if (writes) {
        fact(work.site, {txn, FactKind::voted_yes, Role::participant, cohort, work.operations, request.id, {}, 0});
      }
    }
    if (writes && commit) {
      fact(coordinator, {txn, FactKind::committed, Role::coordinator, cohort, {}, request.id, {}, 0});
    }
    for (const SiteWork& work : route.sites) {
      if (writes) {
        const std::uint64_t sequence = protocol.ships_to_replicas && commit ? ++shipped_[work.site] : 0;
        fact(work.site,
             {txn, commit ? FactKind::committed : FactKind::aborted, Role::participant, {}, {}, {}, {}, sequence});
        if (commit) {
          apply(work.site, work.operations);
          if (sequence != 0 && directory.placement() == Placement::replicated) {
            ship(work, txn, sequence);
          }
        }
      }
    }
    ClientOutcome outcome;
    outcome.request = request.id;
    outcome.txn = txn;
    outcome.outcome = commit ? Outcome::commit : Outcome::abort;
    outcome.origin = request.origin;
    outcome.operations = request.operations;
    history.outcomes.push_back(outcome);
    return txn;
  }

  /// n transactions of the workload, every tenth aborted, every seventh unknown to its client.
  World& busy(int n = 60, double reads = 0.1) {
    WorkloadSpec spec;
    spec.local = 0.5;
    spec.reads = reads;
    std::vector<Generator> generators;
    for (std::uint32_t r = 0; r < 3; ++r) {
      generators.emplace_back(spec, directory, RegionId{r}, 1);
    }
    for (int i = 0; i < n; ++i) {
      Request request = generators[static_cast<std::size_t>(i % 3)].next().request;
      request.id = {directory.client(request.origin), static_cast<std::uint64_t>(i)};
      run(request, i % 10 != 3);
      if (i % 7 == 6) {
        history.outcomes.back().outcome = Outcome::undecided;
        history.outcomes.back().txn = {};
      }
    }
    return *this;
  }

  TxnId transfer(std::uint64_t from, std::uint64_t to, bool commit = true) {
    Request request;
    request.id = {directory.client(RegionId{0}), ++request_};
    request.operations = {{Entity{from}, -5, false}, {Entity{to}, 5, false}};
    return run(request, commit);
  }

  void fact(NodeId node, Fact fact) { history.nodes[node].facts.push_back(std::move(fact)); }
  void apply(NodeId site, const std::vector<Operation>& operations, std::int64_t times = 1) {
    for (const Operation& op : operations) {
      history.nodes[site].balances[directory.slot_of(op.entity)] += times * op.delta;
    }
  }
  /// Removes a transaction's facts of a kind at a node.
  void erase(NodeId node, TxnId txn, FactKind kind) {
    std::erase_if(history.nodes[node].facts, [&](const Fact& f) { return f.txn == txn && f.kind == kind; });
  }
  [[nodiscard]] NodeId agent(std::uint32_t region) const { return directory.agent(RegionId{region}, 0); }
  [[nodiscard]] Verdict judge(bool partitions = false) const { return check(history, {partitions, 20}); }

  Directory directory;
  History history;

 private:
  void ship(const SiteWork& work, TxnId txn, std::uint64_t sequence) {
    for (std::uint32_t r = 0; r < directory.region_count(); ++r) {
      const NodeId replica = directory.agent(RegionId{r}, directory.find(work.site)->site);
      if (replica != work.site) {
        fact(replica,
             {txn, FactKind::applied_shipped, Role::participant, {}, work.operations, {}, work.site, sequence});
        apply(replica, work.operations);
      }
    }
  }

  std::uint64_t counter_{}, request_{1'000'000};
  std::map<NodeId, std::uint64_t> shipped_;
};

std::string text(const Verdict& verdict) {
  std::string out{name_of(verdict.judgement)};
  for (const Violation& v : verdict.examples) {
    out += "\n  " + std::string(name_of(v.violation)) + ": " + v.what;
  }
  for (const std::string& reason : verdict.unknown_reasons) {
    out += "\n  unknown: " + reason;
  }
  return out;
}

/// A violation, and of these classes only.
void require_only(const Verdict& verdict, std::vector<std::pair<VC, std::uint64_t>> expected) {
  INFO(text(verdict));
  CHECK(verdict.judgement == (expected.empty() ? Judgement::pass : Judgement::violation));
  for (std::size_t i = 0; i < kViolationClasses; ++i) {
    const auto found = std::find_if(expected.begin(), expected.end(),
                                    [i](const auto& e) { return static_cast<std::size_t>(e.first) == i; });
    INFO(name_of(static_cast<VC>(i)));
    CHECK(verdict.counts[i] == (found == expected.end() ? 0 : found->second));
  }
}

}  // namespace

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
