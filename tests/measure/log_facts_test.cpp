// From durable records to the facts that are judged: each record says what it proves, and no more.
#include "measure/log_facts.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <tuple>

#include "protocols/registry.h"
#include "tests/runtime/samples.h"

namespace geocommit {
namespace {

std::vector<Fact> facts_of(const DurableRecord& record) {
  std::vector<Fact> facts;
  append_facts(record, facts);
  return facts;
}

TEST_CASE("a commit says who, what and where in the order; a place that it lost says so too") {
  MachineRecord record = samples::machine_record();
  const std::vector<Fact> facts = facts_of(record);
  REQUIRE(facts.size() == 2);
  CHECK(facts[0].kind == FactKind::committed);
  CHECK(facts[0].txn == record.txn);
  CHECK(facts[0].role == Role::participant);
  CHECK(facts[0].request == record.descriptor->request);
  CHECK(facts[0].cohort == std::vector<NodeId>{NodeId{1}, NodeId{2}});
  CHECK(facts[0].operations == samples::operations());
  REQUIRE(facts[0].places.size() == 2);
  CHECK((facts[0].places[0].home == NodeId{2} && facts[0].places[0].sequence == 31));
  CHECK(facts[0].places[0].term == HomeEpoch{4});
  CHECK(facts[0].written == record.written);
  CHECK(facts[1].kind == FactKind::discarded);  // the second home's place is 0: no longer its master
  CHECK(facts[1].txn == record.txn);
  CHECK(facts[1].home == NodeId{3});
  CHECK(facts[1].sequence == 0);
  CHECK(facts[1].places.at(0).term == HomeEpoch{5});

  record.ships.pop_back();
  CHECK(facts_of(record).size() == 1);
  record.ships.clear();
  record.descriptor.reset();
  record.role = Role::coordinator;
  const std::vector<Fact> bare = facts_of(record);
  REQUIRE(bare.size() == 1);
  CHECK(bare[0].role == Role::coordinator);
  CHECK(bare[0].places.empty());
  CHECK(bare[0].cohort.empty());
  CHECK(bare[0].operations.empty());
  record.role = Role::acceptor;
  CHECK(facts_of(record).empty());
}

TEST_CASE("a time counts if it is of the clock that is asked for") {
  const MachineRecord machine = samples::machine_record();
  HomeRecord home = samples::home_record();
  home.kind = HomeRecordKind::opened;
  for (const auto& [record, written, clock] :
       {std::tuple<DurableRecord, Instant, std::uint64_t>(machine, machine.written, machine.clock),
        std::tuple<DurableRecord, Instant, std::uint64_t>(home, home.written, home.clock)}) {
    const auto known = [&, &one = record](std::uint64_t by) {
      std::vector<Fact> facts;
      append_facts(one, facts, by);
      return std::find_if(
                 facts.begin(), facts.end(),
                 [](const Fact& fact) { return fact.kind == FactKind::committed || fact.kind == FactKind::opened; })
          ->written;
    };
    CHECK(written != Instant{});
    CHECK(known(0) == written);
    CHECK(known(clock) == written);
    CHECK(known(clock + 1) == Instant{});
  }
}

TEST_CASE("an abort is an abort, whatever its places") {
  MachineRecord record = samples::machine_record();
  record.record.outcome = Outcome::abort;
  const std::vector<Fact> facts = facts_of(record);
  REQUIRE(facts.size() == 1);
  CHECK(facts[0].kind == FactKind::aborted);
  CHECK(facts[0].txn == record.txn);
}

TEST_CASE("without an outcome only a participant's prepared record is a vote") {
  MachineRecord record = samples::machine_record();
  record.record.outcome = Outcome::undecided;
  for (const Protocol& protocol : all_protocols()) {
    record.protocol = protocol.wire_id;
    std::size_t votes = 0;
    for (std::uint8_t kind = 0; kind < 20; ++kind) {
      record.record.kind = kind;
      record.role = Role::participant;
      const std::vector<Fact> facts = facts_of(record);
      const bool prepared = protocol.record_meaning(kind) == Meaning::yes;
      INFO(protocol.name << " " << protocol.record_name(kind));
      REQUIRE(facts.size() == (prepared ? 1 : 0));
      CHECK((facts.empty() || facts[0].kind == FactKind::voted_yes));
      CHECK((facts.empty() || facts[0].operations == samples::operations()));
      votes += facts.size();
      record.role = Role::coordinator;
      CHECK(facts_of(record).empty());
    }
    CHECK(votes == 1);
  }
  record.protocol = 255;
  record.role = Role::participant;
  CHECK(facts_of(record).empty());
}

TEST_CASE("a replica's write, and a change of masters") {
  const std::vector<Fact> shipped = facts_of(ShippedRecord{NodeId{2}, samples::shipped(5)});
  REQUIRE(shipped.size() == 1);
  CHECK(shipped[0].kind == FactKind::applied_shipped);
  CHECK(shipped[0].home == NodeId{2});
  CHECK(shipped[0].sequence == 5);
  CHECK(shipped[0].txn == samples::txn(5));
  CHECK(shipped[0].operations == samples::operations());

  HomeRecord home = samples::home_record();  // adopted, with two writes cut off
  const std::vector<Fact> lost = facts_of(home);
  REQUIRE(lost.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(lost[i].kind == FactKind::discarded);
    CHECK(lost[i].home == NodeId{3});
    CHECK(lost[i].sequence == 4 - i);
    CHECK(lost[i].txn == samples::txn(4 - i));
    CHECK(lost[i].operations == samples::operations());
  }
  home.lost.clear();
  CHECK(facts_of(home).empty());
  home.kind = HomeRecordKind::opened;
  for (const HomeOpening opening : {HomeOpening::planned, HomeOpening::fenced, HomeOpening::unfenced}) {
    home.opening = opening;
    const std::vector<Fact> opened = facts_of(home);
    REQUIRE(opened.size() == 1);
    CHECK(opened[0].kind == FactKind::opened);
    CHECK(opened[0].home == NodeId{3});
    CHECK(opened[0].sequence == 2);  // where the newest term starts
    REQUIRE(opened[0].places.size() == 2);
    CHECK((opened[0].places[0].term == HomeEpoch{4} && opened[0].places[0].sequence == 0));
    CHECK((opened[0].places[1].term == HomeEpoch{8} && opened[0].places[1].sequence == 2));
    CHECK(opened[0].written == home.written);
    CHECK(opened[0].forced == (opening != HomeOpening::planned));
    CHECK(opened[0].fenced == (opening != HomeOpening::unfenced));
  }
  home.history.clear();
  CHECK(facts_of(home).at(0).sequence == 0);
  for (const HomeRecordKind kind : {HomeRecordKind::promised, HomeRecordKind::handed_over}) {
    home.kind = kind;
    CHECK(facts_of(home).empty());
  }
  CHECK(facts_of(EpochRecord{Epoch{3}}).empty());
  CHECK(facts_of(ShipAckedRecord{3, NodeId{1}}).empty());
}

}  // namespace
}  // namespace geocommit
