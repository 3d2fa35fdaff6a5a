// What the checker and the judge of isolation are made of: what clients were told, what a fault model predicts, which
// sites had to write, and the versions that a log installed.
#include <catch2/catch.hpp>

#include "tests/measure/verdict_world.h"
#include "verdict/predicted.h"
#include "verdict/site_versions.h"
#include "verdict/told.h"
#include "verdict/writers.h"

using namespace geocommit;
using namespace geocommit::verdict;
using verdict_test::World;

namespace {

const NodeId kClient{2001};
TxnId txn(std::uint64_t counter) { return {NodeId{1001}, Epoch{1}, counter}; }

ClientOutcome told(std::uint64_t request, TxnId id, Outcome outcome) {
  ClientOutcome out;
  out.request = {kClient, request};
  out.txn = id;
  out.outcome = outcome;
  return out;
}

Evidence evidence(TxnId id, std::uint64_t request) {
  Evidence out;
  out.txn = id;
  if (request != 0) {
    out.request = {kClient, request};
  }
  return out;
}

TEST_CASE("what a client was told is found by the transaction, or by the request if it was told no name") {
  History history;
  history.outcomes = {told(1, txn(1), Outcome::commit), told(2, {}, Outcome::undecided),
                      told(3, txn(3), Outcome::commit), told(3, txn(9), Outcome::commit)};
  Told all(history);
  CHECK(all.undecided() == 1);
  CHECK(all.repeated() == 1);
  CHECK(all.outcome_of(evidence(txn(1), 1)) == &history.outcomes[0]);
  CHECK(all.outcome_of(evidence(txn(1), 0)) == &history.outcomes[0]);
  CHECK(all.outcome_of(evidence(txn(5), 2)) == &history.outcomes[1]);
  // Another transaction of a request whose client names one, and one whose name is another request's.
  CHECK(all.outcome_of(evidence(txn(6), 1)) == nullptr);
  CHECK(all.asked_by(evidence(txn(6), 1)) == &history.outcomes[0]);
  CHECK(all.outcome_of(evidence(txn(1), 7)) == nullptr);
  CHECK(all.asked_by(evidence(txn(6), 0)) == nullptr);
  CHECK(all.unclaimed(evidence(txn(8), 8)));
  CHECK_FALSE(all.unclaimed(evidence(txn(8), 0)));
  CHECK_FALSE(all.unclaimed(evidence(txn(8), 2)));
  CHECK_FALSE(all.unclaimed(evidence(txn(3), 8)));
  // Of a request with two outcomes the first is judged.
  CHECK(all.untraced_commits() == std::vector<const ClientOutcome*>{&history.outcomes[2]});
  (void)all.outcome_of(evidence(txn(3), 3));
  CHECK(all.untraced_commits().empty());
}

TEST_CASE("a split is predicted of who lived while something was in force that the protocol does not claim to stand") {
  History history;
  history.load_began = Instant{1000s};
  const std::vector<FaultSpan> spans{{2s, 3s}, {9s, std::nullopt}};
  const Predicted predicted(history, spans);
  const Protocol& three_phase = *find_protocol("3pc");
  const auto lived = [&](Duration from, Duration latency) {
    ClientOutcome asked = told(1, txn(1), Outcome::commit);
    asked.intended_start = from;
    asked.latency = latency;
    return predicted.predicts_split(three_phase, evidence(txn(1), 1), &asked);
  };
  CHECK_FALSE(lived(1s, 999ms));
  CHECK(lived(1s, 1s));
  CHECK(lived(3s, 1s));
  CHECK_FALSE(lived(3'001ms, 1s));
  CHECK(lived(8s, 2s));
  CHECK(lived(50s, 1s));
  // By its records, where no client speaks of it; of neither is known when it lived.
  Evidence logged = evidence(txn(1), 0);
  CHECK_FALSE(predicted.predicts_split(three_phase, logged, nullptr));
  logged.first_written = Instant{1001s};
  logged.last_written = Instant{1002s};
  CHECK(predicted.predicts_split(three_phase, logged, nullptr));
  logged.last_written = Instant{1001s};
  CHECK_FALSE(predicted.predicts_split(three_phase, logged, nullptr));
  ClientOutcome asked = told(1, txn(1), Outcome::commit);
  asked.intended_start = 500ms;
  CHECK_FALSE(predicted.predicts_split(three_phase, logged, &asked));
  logged.last_written = Instant{1002s};
  CHECK(predicted.predicts_split(three_phase, logged, &asked));
  // 2PC claims to stand it.
  CHECK_FALSE(predicted.predicts_split(*find_protocol("2pc"), logged, &asked));
}

TEST_CASE("all is explained only if something was excused, and nothing was found that does not follow from it") {
  const History history;
  const std::vector<FaultSpan> none;
  Predicted predicted(history, none);
  CHECK_FALSE(predicted.explains_all());
  predicted.excuse(txn(1));
  predicted.found(true);
  CHECK(predicted.explains_all());
  predicted.found(false);
  predicted.found(true);
  CHECK_FALSE(predicted.explains_all());
}

TEST_CASE("who had to write is known from the request and the placement, else from the cohort on record") {
  const World world("2pc", Placement::replicated);
  const Homes homes(world.history);
  const Protocol& protocol = *find_protocol("2pc");
  const auto of = [&](const Evidence& one, const ClientOutcome* outcome) {
    return writers_of(one, outcome, world.directory, protocol, homes);
  };
  ClientOutcome asked = told(1, txn(1), Outcome::commit);
  asked.operations = {{Entity{9}, 5, false}, {Entity{3}, -5, false}, {Entity{4}, 0, true}};
  const std::vector<Writer> writers = of(evidence(txn(1), 1), &asked);
  REQUIRE(writers.size() == 3);  // Every region has a copy.
  CHECK(writers[0].operations == std::vector<Operation>{{Entity{3}, -5, false}, {Entity{9}, 5, false}});
  asked.operations = {{Entity{4}, 0, true}};
  CHECK(of(evidence(txn(1), 1), &asked).empty());

  const std::vector<NodeId> cohort{world.agent(0), world.agent(2)};
  Fact vote;
  vote.operations = {{Entity{4}, 0, true}};
  Evidence logged = evidence(txn(1), 0);
  logged.cohort = &cohort;
  logged.sites.push_back({nullptr, &vote});
  CHECK(of(logged, nullptr).empty());  // All that is known to have been executed is a read.
  vote.operations.push_back({Entity{4}, 1, false});
  REQUIRE(of(logged, nullptr).size() == 2);
  CHECK(of(logged, nullptr)[1].site == world.agent(2));
  CHECK(of(logged, nullptr)[1].operations.empty());
}

TEST_CASE("a log's versions stand in the order of their commits, with what they left, and one is taken back whole") {
  World world("2pc", Placement::partitioned);
  const NodeId site = world.agent(0);
  const Entity entity{1};
  const auto add = [&](FactKind kind, std::uint64_t counter, std::int64_t delta) {
    Fact fact;
    fact.txn = txn(counter);
    fact.kind = kind;
    fact.operations = {{entity, delta, false}};
    fact.sequence = 1;
    world.fact(site, fact);
  };
  add(FactKind::voted_yes, 1, 5);
  add(FactKind::voted_yes, 2, 7);
  add(FactKind::voted_yes, 3, 9);
  add(FactKind::committed, 2, 0);
  add(FactKind::committed, 1, 0);
  add(FactKind::committed, 1, 0);  // Said twice: installed once.
  add(FactKind::aborted, 3, 0);
  const auto chain = [&] {
    TxnTable txns(world.history);
    CHECK(txns[TxnTable::kInitial].id == TxnId{});
    CHECK(txns[*txns.find(txn(3))].aborted);
    CHECK_FALSE(txns.find(txn(99)));
    std::vector<std::pair<std::uint64_t, std::int64_t>> out;
    for (const SiteVersions& one : replay_versions(world.history, txns)) {
      if (const auto found = one.chains.find(entity); found != one.chains.end()) {
        for (const Version& version : found->second) {
          out.emplace_back(txns[version.writer].id.counter, version.value);
        }
      }
    }
    return out;
  };
  using Chain = std::vector<std::pair<std::uint64_t, std::int64_t>>;
  CHECK(chain() == Chain{{2, 1007}, {1, 1012}});
  add(FactKind::discarded, 1, 5);
  CHECK(chain() == Chain{{2, 1007}});
  world.history.nodes[site].log_complete = false;
  CHECK(chain().empty());
}

}  // namespace
