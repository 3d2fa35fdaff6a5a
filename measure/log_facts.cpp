#include "measure/log_facts.h"

#include <algorithm>
#include <utility>

#include "protocols/registry.h"

namespace geocommit {
namespace {

Instant known(Instant written, std::uint64_t by, std::uint64_t clock) {
  return clock == 0 || by == clock ? written : Instant{};
}

/// Home region: what a commit's places and a change of masters prove.
void add_home_facts(const DurableRecord& record, std::vector<Fact>& facts, std::uint64_t clock) {
  if (const auto* machine = std::get_if<MachineRecord>(&record)) {
    for (const ShipPlace& place : machine->ships) {
      if (machine->record.outcome == Outcome::commit && place.sequence == 0) {
        Fact fact;
        fact.txn = machine->txn;
        fact.kind = FactKind::discarded;
        fact.home = place.home;
        fact.places.push_back({place.home, place.epoch, 0});
        facts.push_back(std::move(fact));
      }
    }
  } else if (const auto* home = std::get_if<HomeRecord>(&record)) {
    for (const ShippedWrite& write : home->lost) {
      Fact fact;
      fact.txn = write.txn;
      fact.kind = FactKind::discarded;
      fact.operations = write.operations;
      fact.versions = write.versions;
      fact.home = home->home;
      fact.sequence = write.sequence;
      facts.push_back(std::move(fact));
    }
    if (home->kind == HomeRecordKind::opened) {
      Fact fact;
      fact.kind = FactKind::opened;
      fact.home = home->home;
      fact.sequence = home->history.empty() ? 0 : home->history.back().start;
      fact.forced = home->opening != HomeOpening::planned;
      fact.fenced = home->opening != HomeOpening::unfenced;
      for (const HomeTerm& term : home->history) fact.places.push_back({home->home, term.epoch, term.start});
      fact.written = known(home->written, home->clock, clock);
      facts.push_back(std::move(fact));
    }
  }
}

}  // namespace

void append_facts(const DurableRecord& record, std::vector<Fact>& facts, std::uint64_t clock) {
  if (const auto* machine = std::get_if<MachineRecord>(&record)) {
    if (machine->role == Role::acceptor) return;  // What it has accepted is no vote, outcome or change of this site.
    Fact fact;
    fact.txn = machine->txn;
    fact.role = machine->role;
    for (const ShipPlace& place : machine->ships) fact.places.push_back({place.home, place.epoch, place.sequence});
    fact.written = known(machine->written, machine->clock, clock);
    if (machine->descriptor) {
      for (const Member& member : machine->descriptor->cohort) fact.cohort.push_back(member.node);
      fact.operations = machine->descriptor->operations;
      fact.versions = machine->versions;
      fact.request = machine->descriptor->request;
    }
    switch (machine->record.outcome) {
      case Outcome::commit:
        fact.kind = FactKind::committed;
        break;
      case Outcome::abort:
        fact.kind = FactKind::aborted;
        break;
      case Outcome::undecided: {
        const Protocol* protocol = find_protocol(machine->protocol);
        const bool prepared = machine->role == Role::participant && protocol != nullptr &&
                              protocol->record_meaning(machine->record.kind) == Meaning::yes;
        if (!prepared) return;  // precommit, end: neither a vote nor an outcome
        fact.kind = FactKind::voted_yes;
        break;
      }
    }
    facts.push_back(std::move(fact));
    add_home_facts(record, facts, clock);
    return;
  }
  add_home_facts(record, facts, clock);
  if (const auto* shipped = std::get_if<ShippedRecord>(&record)) {
    Fact fact;
    fact.txn = shipped->write.txn;
    fact.kind = FactKind::applied_shipped;
    fact.operations = shipped->write.operations;
    fact.versions = shipped->write.versions;
    fact.home = shipped->home;
    fact.sequence = shipped->write.sequence;
    facts.push_back(std::move(fact));
  }
}

void append_facts(const DurableRecord& record, NodeHistory& node, std::uint64_t clock) {
  if (const auto* start = std::get_if<EpochRecord>(&record)) {
    node.last_start = std::max(node.last_start, start->epoch);
  }
  append_facts(record, node.facts, clock);
}

}  // namespace geocommit
