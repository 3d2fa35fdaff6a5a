// The history as Elle reads it.
#include "verdict/elle.h"

#include <catch2/catch.hpp>
#include <string>

namespace geocommit::verdict {
namespace {

constexpr Entity kX{3}, kY{14};

TxnId txn(std::uint64_t counter) { return {NodeId{1001}, Epoch{1}, counter}; }

/// A transfer that commits, one that aborts, one whose outcome its client never learned, and a read of both entities.
struct Four {
  Four() : directory({"us", "eu"}, 1, Placement::partitioned, 10) {
    history.directory = &directory;
    add(1, txn(1), Outcome::commit, 0ms, 10ms, {{kX, -1, false}, {kY, 1, false}});
    add(2, {}, Outcome::abort, 5ms, 10ms, {{kX, -1, false}, {kY, 1, false}});
    add(3, {}, Outcome::undecided, 12ms, 100ms, {{kX, -1, false}});
    add(4, txn(4), Outcome::commit, 20ms, 1ms, {{kX, 0, true}, {kY, 0, true}});
    add(5, txn(5), Outcome::commit, 200ms, 1ms, {{kX, 0, true}});
    history.outcomes[4].reads = {{directory.agent(RegionId{0}, 0), kX, txn(3), 98}};
    const NodeId us = directory.agent(RegionId{0}, 0), eu = directory.agent(RegionId{1}, 0);
    vote(us, 1, {{kX, -1, false}}, {TxnId{}});
    vote(eu, 1, {{kY, 1, false}}, {TxnId{}});
    vote(us, 3, {{kX, -1, false}}, {txn(1)});
    vote(us, 4, {{kX, 0, true}}, {txn(3)});
    vote(eu, 4, {{kY, 0, true}}, {txn(1)});
    Fact committed;  // By its coordinator: the client of the third never heard of it.
    committed.txn = txn(3);
    committed.kind = FactKind::committed;
    committed.role = Role::coordinator;
    committed.request = {NodeId{2001}, 3};
    history.nodes[NodeId{1001}].facts.push_back(committed);
  }
  void add(std::uint64_t sequence, TxnId id, Outcome told, Duration start, Duration latency,
           std::vector<Operation> what) {
    ClientOutcome outcome;
    outcome.request = {NodeId{2001}, sequence};
    outcome.txn = id;
    outcome.outcome = told;
    outcome.intended_start = start;
    outcome.latency = latency;
    outcome.operations = std::move(what);
    history.outcomes.push_back(std::move(outcome));
  }
  void vote(NodeId at, std::uint64_t counter, std::vector<Operation> what, std::vector<TxnId> saw) {
    Fact fact;
    fact.txn = txn(counter);
    fact.kind = FactKind::voted_yes;
    fact.role = Role::participant;
    fact.operations = std::move(what);
    fact.versions = std::move(saw);
    history.nodes[at].facts.push_back(std::move(fact));
  }
  Directory directory;
  History history;
};

}  // namespace

TEST_CASE("a history of lists: each holds what its version's writer saw, and the writer") {
  CHECK(elle_history(Four().history, ElleModel::list_append, ElleFormat::edn).value() ==
        "{:index 0, :time 0, :type :invoke, :process 0, :f :txn, :value [[:r 3 nil] [:append 3 1] [:r 14 nil] [:append "
        "14 1]]}\n"
        "{:index 1, :time 5000000, :type :invoke, :process 1, :f :txn, :value [[:r 3 nil] [:append 3 2] [:r 14 nil] "
        "[:append 14 2]]}\n"
        "{:index 2, :time 10000000, :type :ok, :process 0, :f :txn, :value [[:r 3 []] [:append 3 1] [:r 14 []] "
        "[:append 14 1]]}\n"
        "{:index 3, :time 12000000, :type :invoke, :process 0, :f :txn, :value [[:r 3 nil] [:append 3 3]]}\n"
        "{:index 4, :time 15000000, :type :fail, :process 1, :f :txn, :value [[:r 3 nil] [:append 3 2] [:r 14 nil] "
        "[:append 14 2]]}\n"
        "{:index 5, :time 20000000, :type :invoke, :process 1, :f :txn, :value [[:r 3 nil] [:r 14 nil]]}\n"
        "{:index 6, :time 21000000, :type :ok, :process 1, :f :txn, :value [[:r 3 [1 3]] [:r 14 [1]]]}\n"
        "{:index 7, :time 112000000, :type :info, :process 0, :f :txn, :value [[:r 3 nil] [:append 3 3]]}\n"
        "{:index 8, :time 200000000, :type :invoke, :process 1, :f :txn, :value [[:r 3 nil]]}\n"
        "{:index 9, :time 201000000, :type :ok, :process 1, :f :txn, :value [[:r 3 [1 3]]]}\n");
}

TEST_CASE("what was read and nobody names is left out: nil would be the initial version") {
  Four four;
  four.history.outcomes[4].reads.clear();
  for (const ElleModel model : {ElleModel::rw_register, ElleModel::list_append}) {
    CHECK(elle_history(four.history, model, ElleFormat::edn)
              .value()
              .ends_with(":type :ok, :process 1, :f :txn, :value []}\n"));
  }
}

TEST_CASE("a history in EDN: one operation a line, in the order of time") {
  CHECK(elle_history(Four().history, ElleModel::rw_register, ElleFormat::edn).value() ==
        "{:index 0, :time 0, :type :invoke, :process 0, :f :txn, :value [[:r 3 nil] [:w 3 1] [:r 14 nil] [:w 14 1]]}\n"
        "{:index 1, :time 5000000, :type :invoke, :process 1, :f :txn, :value [[:r 3 nil] [:w 3 2] [:r 14 nil] [:w 14 "
        "2]]}\n"
        "{:index 2, :time 10000000, :type :ok, :process 0, :f :txn, :value [[:r 3 nil] [:w 3 1] [:r 14 nil] [:w 14 "
        "1]]}\n"
        "{:index 3, :time 12000000, :type :invoke, :process 0, :f :txn, :value [[:r 3 nil] [:w 3 3]]}\n"
        "{:index 4, :time 15000000, :type :fail, :process 1, :f :txn, :value [[:r 3 nil] [:w 3 2] [:r 14 nil] [:w 14 "
        "2]]}\n"
        "{:index 5, :time 20000000, :type :invoke, :process 1, :f :txn, :value [[:r 3 nil] [:r 14 nil]]}\n"
        "{:index 6, :time 21000000, :type :ok, :process 1, :f :txn, :value [[:r 3 3] [:r 14 1]]}\n"
        "{:index 7, :time 112000000, :type :info, :process 0, :f :txn, :value [[:r 3 nil] [:w 3 3]]}\n"
        "{:index 8, :time 200000000, :type :invoke, :process 1, :f :txn, :value [[:r 3 nil]]}\n"
        "{:index 9, :time 201000000, :type :ok, :process 1, :f :txn, :value [[:r 3 3]]}\n");
}

TEST_CASE("a history in JSON: the same, as one list") {
  Four four;
  four.history.outcomes.resize(1);
  CHECK(elle_history(four.history, ElleModel::rw_register, ElleFormat::json).value() ==
        "[\n"
        R"({"index": 0, "time": 0, "type": "invoke", "process": 0, "f": "txn", "value": [["r", 3, null], ["w", 3, 1], )"
        R"(["r", 14, null], ["w", 14, 1]]},)"
        "\n"
        R"({"index": 1, "time": 10000000, "type": "ok", "process": 0, "f": "txn", "value": [["r", 3, null], )"
        R"(["w", 3, 1], ["r", 14, null], ["w", 14, 1]]})"
        "\n]\n");
  four.history.outcomes.clear();
  CHECK(elle_history(four.history, ElleModel::rw_register, ElleFormat::json).value() == "[]\n");
  CHECK(elle_history(four.history, ElleModel::rw_register, ElleFormat::edn).value().empty());
}

}  // namespace geocommit::verdict
