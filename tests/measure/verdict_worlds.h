// Histories in which a home has changed its master, or a protocol for crashes alone has split.
#pragma once

#include "tests/measure/verdict_world.h"

namespace geocommit::verdict_test {

using home_region::HomeEpoch;

/// The home of us, whose master it is in term 3; a failover to eu opens term 7, a later one to ap term 11.
struct Moved : World {
  Moved() : World("home-region", Placement::replicated) {
    busy();
    shared = shipped(us);
  }

  /// A master accepts, votes on and commits a write that no replica gets; the client is told.
  TxnId accept(NodeId master, HomeEpoch term, std::uint64_t sequence, Instant voted = {}) {
    const TxnId txn{directory.coordinator(directory.region_of(master)), Epoch{1}, 9000 + ++count};
    const RequestId request{directory.client(RegionId{0}), 9000 + count};
    Fact yes{txn, FactKind::voted_yes, Role::participant, {master}, write, request, {}, 0};
    yes.written = voted;
    fact(master, yes);
    Fact commit;
    commit.txn = txn;
    commit.places.push_back({us, term, sequence});
    fact(master, commit);
    apply(master, write);
    ClientOutcome told;
    told.request = request;
    told.txn = txn;
    told.outcome = Outcome::commit;
    told.operations = write;
    history.outcomes.push_back(told);
    return txn;
  }

  void open(NodeId master, std::vector<HomePlace> terms, bool forced = true, Instant at = {}) {
    Fact opened;
    opened.kind = FactKind::opened;
    opened.home = us;
    opened.sequence = terms.back().sequence;
    opened.forced = forced;
    opened.places = std::move(terms);
    opened.written = at;
    fact(master, opened);
  }

  /// Follows a log that lacks it.
  void cut(NodeId site, TxnId txn, std::uint64_t sequence) {
    Fact discarded;
    discarded.txn = txn;
    discarded.kind = FactKind::discarded;
    discarded.operations = write;
    discarded.home = us;
    discarded.sequence = sequence;
    fact(site, discarded);
    apply(site, write, -1);
  }

  static constexpr HomeEpoch kFirst{3}, kSecond{7}, kThird{11};
  NodeId us{agent(0)}, eu{agent(1)}, ap{agent(2)};
  std::vector<Operation> write{{Entity{0}, -5, false}, {Entity{3}, 5, false}};  // Both at home in us.
  std::uint64_t shared{};                                                       // What all three have.
  std::uint64_t count{};
};

/// A commit without a place in its home's order: the site was no master any more.
inline void without_place(Moved& world, NodeId site, TxnId txn, HomeEpoch term) {
  for (Fact& fact : world.history.nodes[site].facts) {
    if (fact.txn == txn && fact.kind == FactKind::committed) {
      fact.places = {{world.us, term, 0}};
    }
  }
  world.cut(site, txn, 0);
  world.history.nodes[site].facts.back().operations.clear();
}

struct Split : World {
  Split() : World("3pc", Placement::partitioned) {
    busy();
    history.load_began = Instant{1h};
  }

  /// Told commit; the second site has aborted. Its client waits from `begin` to `end`, both since the start of the
  /// load.
  TxnId split(Duration begin, Duration end) {
    const TxnId txn = transfer(0, 1);
    erase(agent(1), txn, FactKind::committed);
    fact(agent(1), {txn, FactKind::aborted, Role::participant, {}, {}, {}, {}, 0});
    apply(agent(1), {{Entity{1}, 5, false}}, -1);
    history.outcomes.back().intended_start = begin;
    history.outcomes.back().latency = end - begin;
    return txn;
  }

  void written(NodeId node, TxnId txn, FactKind kind, Duration when) {
    for (Fact& fact : history.nodes[node].facts) {
      if (fact.txn == txn && fact.kind == kind) {
        fact.written = history.load_began + when;
      }
    }
  }
};

}  // namespace geocommit::verdict_test
