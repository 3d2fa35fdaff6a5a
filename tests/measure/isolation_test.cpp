// The isolation checker over histories made by hand, one for each anomaly of Adya's, and over random graphs against an
// enumeration of all cycles.
#include "verdict/isolation.h"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "verdict/homes.h"
#include "workload/random.h"

namespace geocommit::verdict {
namespace {

constexpr Entity kX{0}, kY{10}, kZ{20};  // One at each site.
const TxnId kNobody{};

TxnId txn(std::uint64_t counter) { return {NodeId{1001}, Epoch{1}, counter}; }

/// Logs as sites leave them. Every write adds 1.
class Hand {
 public:
  explicit Hand(Placement placement = Placement::partitioned) : directory({"us", "eu", "ap"}, 1, placement, 10) {
    history.directory = &directory;
    history.protocol = "2pc";
    history.initial_balance = 100;
    history.drained = true;
    for (const NodeInfo& info : directory.nodes()) {
      if (info.kind != NodeKind::client) {
        history.nodes[info.id].node = info.id;
      }
    }
  }
  [[nodiscard]] NodeId site(std::uint32_t region) const { return directory.agent(RegionId{region}, 0); }
  [[nodiscard]] NodeId site(Entity entity) const { return site(static_cast<std::uint32_t>(entity.value / 10)); }

  Hand& prepare(TxnId id, NodeId at, std::vector<Operation> operations, std::vector<TxnId> versions) {
    Fact fact;
    fact.txn = id;
    fact.kind = FactKind::voted_yes;
    fact.role = Role::participant;
    fact.operations = std::move(operations);
    fact.versions = std::move(versions);
    history.nodes[at].facts.push_back(std::move(fact));
    return *this;
  }
  Hand& outcome(TxnId id, NodeId at, FactKind kind = FactKind::committed) {
    Fact fact;
    fact.txn = id;
    fact.kind = kind;
    fact.role = Role::participant;
    history.nodes[at].facts.push_back(std::move(fact));
    return *this;
  }
  /// Writes the entity, having seen `saw`; committed there at once.
  Hand& write(TxnId id, Entity entity, TxnId saw) {
    return prepare(id, site(entity), {{entity, 1, false}}, {saw}).outcome(id, site(entity));
  }
  Hand& read(TxnId id, Entity entity, TxnId saw) {
    return prepare(id, site(entity), {{entity, 0, true}}, {saw}).outcome(id, site(entity));
  }
  /// Reads without a record: its client says what it has read.
  Hand& told(TxnId id, std::vector<ReadValue> reads) {
    ClientOutcome outcome;
    outcome.request = {NodeId{2001}, id.counter};
    outcome.txn = id;
    outcome.outcome = Outcome::commit;
    outcome.reads = std::move(reads);
    history.outcomes.push_back(std::move(outcome));
    return *this;
  }
  [[nodiscard]] std::vector<IsolationFinding> judge() const { return judge_isolation(history, Homes(history)); }
  /// The anomalies' names, with what is drawn of the first.
  [[nodiscard]] std::string found() const {
    std::string text;
    for (const IsolationFinding& finding : judge()) {
      text += (text.empty() ? "" : "\n") + finding.what;
    }
    return text;
  }

  Directory directory;
  History history;
};

}  // namespace

TEST_CASE("a serial history has no anomaly") {
  Hand hand;
  hand.write(txn(1), kX, kNobody).write(txn(1), kY, kNobody);
  hand.read(txn(2), kX, txn(1)).read(txn(2), kY, txn(1));
  hand.write(txn(3), kY, txn(1)).write(txn(3), kX, txn(1));
  hand.told(txn(4), {{hand.site(kX), kX, txn(3), 102}, {hand.site(kY), kY, txn(3), 102}, {hand.site(kZ), kZ, {}, 100}});
  CHECK(hand.found().empty());
}

TEST_CASE("G0: two sites commit two writers in different orders") {
  Hand hand;
  hand.write(txn(1), kX, kNobody).write(txn(2), kX, txn(1));
  hand.write(txn(2), kY, kNobody).write(txn(1), kY, txn(2));
  CHECK(hand.found() == "G0: 1001.1.1 -ww(entity 0 at agent@us)-> 1001.1.2 -ww(entity 10 at agent@eu)-> 1001.1.1");
}

TEST_CASE("G0: copies of one entity disagree on its order") {
  Hand hand(Placement::replicated);
  const Entity e{3};
  for (const auto& [region, first, second] : {std::tuple(0U, 1U, 2U), std::tuple(1U, 2U, 1U)}) {
    hand.prepare(txn(first), hand.site(region), {{e, 1, false}}, {kNobody}).outcome(txn(first), hand.site(region));
    hand.prepare(txn(second), hand.site(region), {{e, 1, false}}, {txn(first)}).outcome(txn(second), hand.site(region));
  }
  REQUIRE(hand.judge().size() == 1);
  CHECK(hand.judge()[0].anomaly == Anomaly::g0);
  CHECK(hand.judge()[0].transactions == std::vector<TxnId>{txn(1), txn(2)});
}

TEST_CASE("G1a: a version that aborted was read") {
  Hand hand;
  hand.prepare(txn(1), hand.site(kX), {{kX, 1, false}}, {kNobody});
  hand.outcome(txn(1), hand.site(kX), FactKind::aborted);
  SECTION("by a transaction that commits") {
    hand.write(txn(2), kY, kNobody).read(txn(2), kX, txn(1));
    CHECK(hand.found() == "G1a: 1001.1.2 read entity 0 at agent@us as 1001.1.1 wrote it, which aborted");
  }
  SECTION("by a client") {
    hand.told(txn(2), {{hand.site(kX), kX, txn(1), 101}});
    CHECK(hand.found() == "G1a: 1001.1.2 read entity 0 at agent@us as 1001.1.1 wrote it, which aborted");
  }
  SECTION("by a transaction that aborts: none") {
    hand.prepare(txn(2), hand.site(kX), {{kX, 1, false}}, {txn(1)}).outcome(txn(2), hand.site(kX), FactKind::aborted);
    CHECK(hand.found().empty());
  }
}

TEST_CASE("G1a: a version of which no log knows was read") {
  Hand hand;
  hand.read(txn(2), kX, txn(1));
  CHECK(hand.found() == "G1a: 1001.1.2 read entity 0 at agent@us as 1001.1.1 wrote it, which never committed");
  SECTION("but a run that was not drained may commit it yet") {
    hand.history.drained = false;
    CHECK(hand.found().empty());
  }
  SECTION("and an incomplete log may have had it") {
    hand.history.nodes[hand.site(kY)].log_complete = false;
    CHECK(hand.found().empty());
  }
}

TEST_CASE("G1b: a value was read that its writer did not leave") {
  Hand hand;
  hand.prepare(txn(1), hand.site(kX), {{kX, 5, false}, {kX, -2, false}}, {kNobody, kNobody});
  hand.outcome(txn(1), hand.site(kX));
  SECTION("in the middle of its work") {
    hand.told(txn(2), {{hand.site(kX), kX, txn(1), 105}});
    CHECK(hand.found() == "G1b: 1001.1.2 read 105 of entity 0 at agent@us, which 1001.1.1 left at 103");
  }
  SECTION("as it was left: none") {
    hand.told(txn(2), {{hand.site(kX), kX, txn(1), 103}, {hand.site(kY), kY, {}, 100}});
    CHECK(hand.found().empty());
  }
  SECTION("before anybody wrote") {
    hand.told(txn(2), {{hand.site(kY), kY, {}, 99}});
    CHECK(hand.found() == "G1b: 1001.1.2 read 99 of entity 10 at agent@eu, which nobody has written and left at 100");
  }
}

TEST_CASE("G1c: two transactions have read of each other") {
  Hand hand;
  hand.write(txn(1), kX, kNobody).read(txn(1), kY, txn(2));
  hand.write(txn(2), kY, kNobody).read(txn(2), kX, txn(1));
  CHECK(hand.found() == "G1c: 1001.1.1 -wr(entity 0 at agent@us)-> 1001.1.2 -wr(entity 10 at agent@eu)-> 1001.1.1");
}

TEST_CASE("G-single: half a transfer was read") {
  Hand hand;
  hand.write(txn(1), kX, kNobody).write(txn(1), kY, kNobody);
  const std::string drawn =
      "G-single: 1001.1.1 -wr(entity 10 at agent@eu)-> 1001.1.2 -rw(entity 0 at agent@us)-> 1001.1.1";
  SECTION("by a transaction with records") {
    hand.read(txn(2), kX, kNobody).read(txn(2), kY, txn(1));
    CHECK(hand.found() == drawn);
  }
  SECTION("by a client's word") {
    hand.told(txn(2), {{hand.site(kX), kX, {}, 100}, {hand.site(kY), kY, txn(1), 101}});
    CHECK(hand.found() == drawn);
  }
}

TEST_CASE("G-single: an update is lost") {
  Hand hand;
  hand.write(txn(1), kX, kNobody).write(txn(2), kX, kNobody);
  CHECK(hand.found() == "G-single: 1001.1.1 -ww(entity 0 at agent@us)-> 1001.1.2 -rw(entity 0 at agent@us)-> 1001.1.1");
}

TEST_CASE("G2: write skew") {
  Hand hand;
  hand.write(txn(1), kX, kNobody).read(txn(1), kY, kNobody);
  hand.write(txn(2), kY, kNobody).read(txn(2), kX, kNobody);
  CHECK(hand.found() == "G2: 1001.1.1 -rw(entity 10 at agent@eu)-> 1001.1.2 -rw(entity 0 at agent@us)-> 1001.1.1");
}

TEST_CASE("G2: a reader between two writers (Fekete, O'Neil and O'Neil, SIGMOD Record 2004)") {
  Hand hand;
  hand.write(txn(1), kX, kNobody).read(txn(1), kY, kNobody);  // Saw y before 2.
  hand.write(txn(2), kY, kNobody);
  hand.told(txn(3), {{hand.site(kX), kX, {}, 100}, {hand.site(kY), kY, txn(2), 101}});  // 2 before 3 before 1.
  REQUIRE(hand.judge().size() == 1);
  CHECK(hand.judge()[0].anomaly == Anomaly::g2);
  CHECK(hand.judge()[0].transactions.size() == 3);
}

TEST_CASE("what the evidence does not say is not judged") {
  Hand hand;
  hand.write(txn(1), kX, kNobody).write(txn(2), kX, kNobody);  // An update is lost.
  REQUIRE(hand.judge().size() == 1);
  SECTION("a log from before versions") {
    for (Fact& fact : hand.history.nodes[hand.site(kX)].facts) {
      fact.versions.clear();
    }
    CHECK(hand.found().empty());
  }
  SECTION("an incomplete log") {
    hand.history.nodes[hand.site(kX)].log_complete = false;
    CHECK(hand.found().empty());
  }
}

TEST_CASE("writes that a failover has left behind are a matter of the recovery point") {
  Hand hand(Placement::replicated);
  hand.history.protocol = "home-region";
  const Entity e{3};
  const NodeId old = hand.site(0), next = hand.site(1);
  const auto ship = [&](NodeId at, std::uint64_t counter, std::uint64_t sequence, FactKind kind) {
    Fact fact;
    fact.txn = txn(counter);
    fact.kind = kind;
    fact.role = Role::participant;
    fact.operations = {{e, 1, false}};
    fact.home = old;
    fact.sequence = sequence;
    hand.history.nodes[at].facts.push_back(std::move(fact));
  };
  const auto writes = [&](NodeId at, std::uint64_t counter, TxnId saw) {
    hand.prepare(txn(counter), at, {{e, 1, false}}, {saw}).outcome(txn(counter), at);
  };
  writes(old, 1, kNobody);
  ship(next, 1, 1, FactKind::applied_shipped);
  writes(old, 2, txn(1));  // Never shipped.
  Fact opened;
  opened.kind = FactKind::opened;
  opened.home = old;
  opened.sequence = 1;
  opened.forced = true;
  hand.history.nodes[next].facts.push_back(opened);
  writes(next, 3, txn(1));
  ship(old, 2, 2, FactKind::discarded);
  ship(old, 3, 2, FactKind::applied_shipped);
  hand.told(txn(4), {{old, e, txn(2), 102}});  // Read at the old master: left behind with it.
  CHECK(hand.found().empty());
  SECTION("but the new master's order is judged like any other") {
    writes(next, 5, txn(1));
    CHECK(hand.judge().size() == 1);
  }
}

TEST_CASE("of each set of transactions in a circle the lowest anomaly is named, as an enumeration of cycles says") {
  Random random(7, 1);
  std::map<Anomaly, int> met;
  for (int round = 0; round < 4000; ++round) {
    const auto nodes = static_cast<std::uint32_t>(2 + random.below(4));
    std::vector<Dependency> edges;
    for (std::uint64_t i = 0, n = 1 + random.below(8); i < n; ++i) {
      const auto from = static_cast<std::uint32_t>(random.below(nodes));
      const auto to = static_cast<std::uint32_t>(random.below(nodes));
      edges.push_back({from, to, static_cast<DependencyKind>(random.below(3)), Entity{i}, NodeId{1}});
    }
    // Closed walks of at most nodes + 2 edges, by their anti-dependencies and reads: more of each never names it lower.
    std::optional<Anomaly> lowest;
    std::set<std::uint32_t> on_a_cycle;
    for (std::uint32_t start = 0; start < nodes; ++start) {
      std::set<std::array<std::uint32_t, 3>> reached{{start, 0, 0}};  // node, reads, anti-dependencies (2: or more)
      for (std::size_t length = 0; length < 4 * nodes; ++length) {
        std::set<std::array<std::uint32_t, 3>> next = reached;
        for (const auto& [node, reads, against] : reached) {
          for (const Dependency& edge : edges) {
            if (edge.from != node || edge.from == edge.to) {
              continue;
            }
            const std::uint32_t r = edge.kind == DependencyKind::wr ? 1 : reads;
            const std::uint32_t a = std::min(2U, against + (edge.kind == DependencyKind::rw ? 1U : 0U));
            next.insert({edge.to, r, a});
            if (edge.to == start) {
              on_a_cycle.insert(start);
              const Anomaly found = a >= 2   ? Anomaly::g2
                                    : a == 1 ? Anomaly::g_single
                                    : r == 1 ? Anomaly::g1c
                                             : Anomaly::g0;
              lowest = lowest ? std::min(*lowest, found) : found;
            }
          }
        }
        reached = std::move(next);
      }
    }
    const std::vector<Cycle> cycles = find_cycles(nodes, edges);
    std::optional<Anomaly> named;
    std::size_t members = 0;
    for (const Cycle& cycle : cycles) {
      named = named ? std::min(*named, cycle.anomaly) : cycle.anomaly;
      members += cycle.transactions;
      REQUIRE_FALSE(cycle.dependencies.empty());
      for (std::size_t i = 0; i < cycle.dependencies.size(); ++i) {
        CHECK(cycle.dependencies[i].to == cycle.dependencies[(i + 1) % cycle.dependencies.size()].from);
      }
      ++met[cycle.anomaly];
    }
    CHECK(named == lowest);
    CHECK(members == on_a_cycle.size());
  }
  CHECK(met.size() == 4);
}

TEST_CASE("hundreds of thousands of transactions in one circle") {
  constexpr std::uint32_t kMany = 300'000;
  std::vector<Dependency> edges;
  for (std::uint32_t i = 0; i < kMany; ++i) {
    edges.push_back({i, (i + 1) % kMany, i % 2 == 0 ? DependencyKind::rw : DependencyKind::ww, Entity{i}, NodeId{1}});
  }
  const std::vector<Cycle> cycles = find_cycles(kMany, edges);
  REQUIRE(cycles.size() == 1);
  CHECK(cycles[0].anomaly == Anomaly::g2);
  CHECK(cycles[0].dependencies.size() == kMany);
}

TEST_CASE("the cycle that is drawn is the shortest of those looked for: from 64 transactions of each set") {
  constexpr std::uint32_t kNodes = 200;
  const auto drawn = [](std::vector<Dependency> edges) {
    const std::vector<Cycle> cycles = find_cycles(kNodes, std::move(edges));
    REQUIRE(cycles.size() == 1);
    return std::pair(cycles[0].anomaly, cycles[0].dependencies.size());
  };
  using Kind = DependencyKind;
  const auto edge = [](std::uint32_t from, std::uint32_t to, Kind kind) {
    return Dependency{from, to, kind, Entity{from}, NodeId{1}};
  };
  // A ring of all, and two that also depend on each other alone.
  for (const auto& [kind, anomaly] :
       {std::pair(Kind::ww, Anomaly::g0), {Kind::wr, Anomaly::g1c}, {Kind::rw, Anomaly::g2}}) {
    for (const auto& [pair, length] : {std::pair(0U, 2U), {63U, 2U}, {64U, kNodes}}) {
      std::vector<Dependency> edges;
      for (std::uint32_t i = 0; i < kNodes; ++i) {
        edges.push_back(edge(i, (i + 1) % kNodes, kind));
      }
      edges.push_back(edge(pair + 1, pair, kind));
      CHECK(drawn(std::move(edges)) == std::pair<Anomaly, std::size_t>{anomaly, length});
    }
  }
  // A chain, and from each of its transactions an anti-dependency to its begin: the first looked at closes all of it.
  for (const auto& [anti, length] : {std::pair(1U, 200U), {2U, 199U}, {64U, 137U}, {200U, 137U}}) {
    std::vector<Dependency> edges;
    for (std::uint32_t i = 0; i + 1 < kNodes; ++i) {
      edges.push_back(edge(i + 1, i, Kind::wr));
    }
    for (std::uint32_t i = 0; i < anti; ++i) {
      edges.push_back(edge(i, kNodes - 1, Kind::rw));
    }
    CHECK(drawn(std::move(edges)) == std::pair<Anomaly, std::size_t>{Anomaly::g_single, length});
  }
}

}  // namespace geocommit::verdict
