// Paxos Commit's values: who accepts, what an acceptor may still promise, what a leader must propose.
#include "protocols/paxos_commit/paxos_commit.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <vector>

#include "protocols/machine_base.h"
#include "protocols/paxos_commit/proposer.h"

using namespace geocommit;
using namespace geocommit::paxos_commit;

namespace {

constexpr NodeId kC{1001};

TxnContext context_of(std::uint32_t sites, std::int32_t f, NodeId self) {
  TxnContext context{{kC, Epoch{1}, 1}, self, kC, {}, {}, {}};
  for (std::uint32_t site = 1; site <= sites; ++site) {
    context.cohort.push_back({NodeId{site}, Epoch{1}});
  }
  context.options.set(kF, f);
  return context;
}

using Does = Acceptor::Does;

}  // namespace

TEST_CASE("acceptors are the coordinator and the first sites, as many as f and the cohort allow") {
  const Acceptors three(context_of(3, 1, kC));
  CHECK(three.members() == std::vector<NodeId>{kC, NodeId{1}, NodeId{2}});
  CHECK(three.majority() == 2);
  CHECK(three.is_first(kC));
  CHECK(three.is_first(NodeId{1}));
  CHECK_FALSE(three.is_first(NodeId{2}));
  CHECK(three.contains(NodeId{2}));
  CHECK_FALSE(three.contains(NodeId{3}));
  CHECK(Acceptors(context_of(3, 2, kC)).members().size() == 3);
  CHECK(Acceptors(context_of(4, 2, kC)).members().size() == 5);
  CHECK(Acceptors(context_of(1, 1, kC)).is_one());
  CHECK(Acceptors(context_of(5, 0, kC)).is_one());
  CHECK_FALSE(three.is_one());
}

TEST_CASE("no two leaders share a ballot, and the next one is above what was heard of") {
  std::vector<Ballot> seen;
  for (const NodeId leader : {kC, NodeId{1}, NodeId{2}, NodeId{3}}) {
    const TxnContext context = context_of(3, 1, leader);
    for (const std::uint32_t above : {0U, 5U, 12U}) {
      const Ballot ballot = next_ballot(context, Ballot{above});
      CHECK(ballot > Ballot{above});
      CHECK(leader_of(context, ballot) == leader);
      CHECK(std::find(seen.begin(), seen.end(), ballot) == seen.end());
      seen.push_back(ballot);
    }
  }
  CHECK(leader_of(context_of(3, 1, kC), Ballot{}) == NodeId{});
  CHECK(leader_of(context_of(3, 1, kC), Ballot{3}) == NodeId{});
}

TEST_CASE("an acceptor refuses what is below its promise, and answers when it is durable") {
  Acceptor acceptor;
  CHECK(acceptor.propose({}, Value::commit) == Does::force);
  CHECK(acceptor.propose({}, Value::commit) == Does::nothing);
  CHECK(acceptor.forced().stands);
  CHECK(acceptor.propose({}, Value::commit) == Does::answer);
  CHECK(acceptor.lead(Ballot{5}) == Does::force);
  CHECK(acceptor.lead(Ballot{5}) == Does::nothing);
  CHECK(acceptor.lead(Ballot{6}) == Does::force);
  const Acceptor::Durable overtaken = acceptor.forced();
  CHECK(overtaken.ballot == Ballot{5});
  CHECK_FALSE(overtaken.stands);
  CHECK(acceptor.forced().stands);
  CHECK(acceptor.lead(Ballot{6}) == Does::answer);
  CHECK(acceptor.lead(Ballot{5}) == Does::refuse);
  CHECK(acceptor.propose(Ballot{5}, Value::abort) == Does::refuse);
  CHECK(acceptor.accepted() == Ballot{});
  CHECK(acceptor.value() == Value::commit);
  CHECK(acceptor.propose(Ballot{6}, Value::abort) == Does::force);
  CHECK(acceptor.value() == Value::abort);
  CHECK(acceptor.accepted() == Ballot{6});
  const Acceptor::Durable accepted = acceptor.forced();
  CHECK((accepted.accepted && accepted.stands && accepted.ballot == Ballot{6}));
  CHECK_FALSE(acceptor.is_forcing());
}

TEST_CASE("a vote that is complete after a promise comes too late") {
  Acceptor acceptor;
  CHECK(acceptor.lead(Ballot{4}) == Does::force);
  CHECK(acceptor.propose({}, Value::commit) == Does::refuse);
  CHECK(acceptor.value() == Value::none);
}

TEST_CASE("an acceptor has from its log what it had promised and accepted") {
  std::vector<LogRecord> log{make_record(4), make_record(6), make_record(5), make_record(6)};
  log[1].ballot = log[2].ballot = Ballot{5};
  log[3].ballot = Ballot{7};
  Acceptor acceptor;
  acceptor.recovered(log);
  CHECK(acceptor.promised() == Ballot{7});
  CHECK(acceptor.accepted() == Ballot{5});
  CHECK(acceptor.value() == Value::abort);
  CHECK(acceptor.lead(Ballot{6}) == Does::refuse);
  Acceptor first;
  first.recovered({make_record(4)});
  CHECK(first.value() == Value::commit);
}

TEST_CASE("a leader proposes what was accepted in the latest ballot that a majority tells of, else abort") {
  const Acceptors acceptors(context_of(4, 2, NodeId{3}));
  Proposer free;
  free.lead(Ballot{8});
  CHECK_FALSE(free.promised(acceptors, NodeId{1}, Ballot{8}, {}, Value::none));
  CHECK_FALSE(free.promised(acceptors, NodeId{1}, Ballot{8}, {}, Value::none));  // Once each.
  CHECK_FALSE(free.promised(acceptors, NodeId{9}, Ballot{8}, {}, Value::none));  // No acceptor.
  CHECK_FALSE(free.promised(acceptors, NodeId{2}, Ballot{7}, {}, Value::none));  // Another ballot.
  CHECK_FALSE(free.promised(acceptors, NodeId{2}, Ballot{8}, {}, Value::none));
  CHECK(free.promised(acceptors, NodeId{3}, Ballot{8}, {}, Value::none));
  CHECK(free.value() == Value::abort);

  Proposer bound;
  bound.lead(Ballot{8});
  CHECK_FALSE(bound.promised(acceptors, NodeId{1}, Ballot{8}, {}, Value::commit));
  CHECK_FALSE(bound.promised(acceptors, NodeId{2}, Ballot{8}, Ballot{6}, Value::abort));
  Proposer later = bound;
  CHECK(bound.promised(acceptors, NodeId{3}, Ballot{8}, {}, Value::none));
  CHECK(bound.value() == Value::abort);
  CHECK(later.promised(acceptors, NodeId{4}, Ballot{8}, Ballot{7}, Value::commit));
  CHECK(later.value() == Value::commit);
}

TEST_CASE("chosen is what a majority has accepted, its leader among them") {
  const Acceptors acceptors(context_of(3, 1, kC));
  Proposer first;
  first.collect();
  CHECK_FALSE(first.accepted(acceptors, kC, NodeId{1}, {}));
  CHECK_FALSE(first.accepted(acceptors, kC, NodeId{1}, {}));
  CHECK_FALSE(first.accepted(acceptors, kC, NodeId{2}, {}));  // Not durable where the client is answered.
  CHECK(first.accepted(acceptors, kC, kC, {}));
  CHECK(first.value() == Value::commit);
  Proposer outside;  // Site 3 leads, and is no acceptor.
  outside.lead(Ballot{7});
  CHECK_FALSE(outside.promised(acceptors, kC, Ballot{7}, {}, Value::none));
  CHECK(outside.promised(acceptors, NodeId{2}, Ballot{7}, {}, Value::none));
  CHECK_FALSE(outside.accepted(acceptors, NodeId{3}, kC, Ballot{7}));
  CHECK(outside.accepted(acceptors, NodeId{3}, NodeId{1}, Ballot{7}));
}

TEST_CASE("a leader that was refused goes on in no ballot below") {
  const Acceptors acceptors(context_of(3, 1, kC));
  Proposer proposer;
  proposer.lead(Ballot{4});
  proposer.refused(Ballot{4});
  CHECK(proposer.is_leading());
  proposer.refused(Ballot{6});
  CHECK_FALSE(proposer.is_leading());
  CHECK(proposer.latest() == Ballot{6});
  CHECK_FALSE(proposer.promised(acceptors, kC, Ballot{4}, {}, Value::none));
  CHECK_FALSE(proposer.promised(acceptors, NodeId{1}, Ballot{4}, {}, Value::none));
  CHECK_FALSE(proposer.is_proposing());
}
