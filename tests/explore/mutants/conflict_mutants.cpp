// Broken locks and checkpoints, seen by two transactions that conflict.
#include <set>

#include "protocols/two_phase_commit/two_phase_commit.h"
#include "tests/explore/mutants/changes.h"
#include "tests/explore/mutants/mutants.h"

namespace geocommit::explore {
namespace {

bool swallow_wounds(Epoch /*epoch*/, PeerMessage& message) { return !std::holds_alternative<Wound>(message.payload); }

bool ignore_epochs(Epoch epoch, PeerMessage& message) {
  auto* wire = std::get_if<ProtocolMessage>(&message.payload);
  if (wire != nullptr && wire->message.kind == raw(two_phase_commit::Kind::prepare)) {
    wire->message.to_epoch = epoch;
  }
  return true;
}

/// Who has aborted is forgotten with all that was written of it.
void forget_the_aborted(DurableState& disk) {
  std::set<TxnId> aborted;
  for (const DurableRecord& durable : disk.records) {
    const auto& machine = std::get<MachineRecord>(durable);
    if (machine.role == Role::participant && machine.record.outcome == Outcome::abort) {
      aborted.insert(machine.txn);
    }
  }
  std::erase_if(disk.records,
                [&](const DurableRecord& durable) { return aborted.contains(std::get<MachineRecord>(durable).txn); });
}

void forget_the_open(Checkpoint& checkpoint) { checkpoint.open.clear(); }
void forget_balances(Checkpoint& checkpoint) {
  for (std::int64_t& balance : checkpoint.balances) {
    balance = 0;
  }
}

struct Bound {
  std::uint32_t sites{1}, crashes{}, duplicates{}, checkpoints{};
};

ConflictMutant mutant(std::string name, std::string pitfall, std::string what, const Bound& bound,
                      const ConflictFilter& filter) {
  ConflictOptions options;
  options.sites = bound.sites;
  options.crashes = bound.crashes;
  options.duplicates = bound.duplicates;
  options.checkpoints = bound.checkpoints;
  options.lost_tail = true;
  options.filter = filter;
  return {std::move(name), std::move(pitfall), std::move(what), options, *find_protocol("2pc")};
}

ConflictMutant releases_with_its_vote() {
  ConflictMutant one = mutant("releases-with-its-vote", "8", "a site grants to another what it voted YES on", {}, {});
  one.row.make = [](Role role, const TxnContext& context) -> std::unique_ptr<CommitMachine> {
    auto real = two_phase_commit::make(role, context);
    return role == Role::participant ? std::make_unique<Mutated<ReleasesWithVote>>(std::move(real), context)
                                     : std::move(real);
  };
  return one;
}

}  // namespace

std::vector<ConflictMutant> all_conflict_mutants() {
  return {
      releases_with_its_vote(),
      mutant("wounds-are-lost", "wound-wait",
             "a coordinator ignores WOUND: an older transaction waits for a younger one", {.sites = 2},
             {swallow_wounds, nullptr, nullptr}),
      mutant("site-forgets-its-aborts", "4, 5", "a site restarts without what it aborted, and epochs are ignored",
             {.crashes = 1, .duplicates = 1}, {ignore_epochs, forget_the_aborted, nullptr}),
      mutant("checkpoint-forgets-the-open", "checkpoint", "a checkpoint leaves out the records of open transactions",
             {.crashes = 1, .checkpoints = 1}, {nullptr, nullptr, forget_the_open}),
      mutant("checkpoint-forgets-balances", "checkpoint", "a checkpoint has the first balances",
             {.crashes = 1, .checkpoints = 1}, {nullptr, nullptr, forget_balances}),
  };
}

}  // namespace geocommit::explore
