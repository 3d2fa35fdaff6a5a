#include "tests/explore/mutants/mutants.h"

#include "tests/explore/mutants/changes.h"

namespace geocommit::explore {
namespace {

namespace two = two_phase_commit;
namespace three = three_phase_commit;

template <class Change, Role kRole>
Protocol two_with() {
  Protocol row = *find_protocol("2pc");
  row.make = [](Role role, const TxnContext& context) -> std::unique_ptr<CommitMachine> {
    auto real = two::make(role, context);
    return role == kRole ? std::make_unique<Mutated<Change>>(std::move(real), context) : std::move(real);
  };
  return row;
}

template <class Change, Role kRole>
Protocol three_with() {
  Protocol row = *find_protocol("3pc");
  row.make = [](Role role, const TxnContext& context) -> std::unique_ptr<CommitMachine> {
    auto real = three::make(role, context);
    return role == kRole ? std::make_unique<Mutated<Change>>(std::move(real), context) : std::move(real);
  };
  return row;
}

Protocol plain_two() { return *find_protocol("2pc"); }

Protocol two_with_orphans(OrphanRule (*orphan)(const Message&, const Remembered&)) {
  Protocol row = *find_protocol("2pc");
  row.orphan = orphan;
  return row;
}

struct Bound {
  std::uint32_t crashes{}, partitions{}, duplicates{}, drops{}, early_timers{}, denials{};
  std::uint32_t read_only{};
};

Options within(const Bound& bound) {
  Options options;
  options.participants = 2;
  options.read_only = bound.read_only;
  options.lost_tail = true;
  options.bounds = {
      bound.crashes, bound.partitions, bound.duplicates, bound.drops, bound.denials, 0, bound.early_timers, 0};
  return options;
}

Options filtered(const Bound& bound, NodeFilter filter) {
  Options options = within(bound);
  options.filter = filter;
  return options;
}

Message* protocol_message(PeerMessage& message) {
  auto* wire = std::get_if<ProtocolMessage>(&message.payload);
  return wire != nullptr ? &wire->message : nullptr;
}

bool ignore_epochs(NodeId, Epoch epoch, PeerMessage& message) {
  Message* m = protocol_message(message);
  if (m != nullptr && m->kind == raw(two::Kind::prepare)) {
    m->to_epoch = epoch;
  }
  return true;
}

template <Outcome kBelieved>
bool believe_undecided(NodeId, Epoch, PeerMessage& message) {
  Message* m = protocol_message(message);
  if (m != nullptr && m->kind == raw(two::Kind::answer) && m->outcome == Outcome::undecided) {
    m->outcome = kBelieved;
  }
  return true;
}

void forget_operations(std::vector<DurableRecord>& records) {
  for (DurableRecord& durable : records) {
    auto* machine = std::get_if<MachineRecord>(&durable);
    if (machine != nullptr && machine->role == Role::participant && machine->descriptor) {
      machine->descriptor->operations.clear();
    }
  }
}

template <Role kRole, Outcome kOutcome>
void forget_outcome(std::vector<DurableRecord>& records) {
  std::erase_if(records, [](const DurableRecord& durable) {
    const auto* machine = std::get_if<MachineRecord>(&durable);
    return machine != nullptr && machine->role == kRole && machine->record.outcome == kOutcome;
  });
}

void forget_votes(std::vector<DurableRecord>& records) {
  std::erase_if(records, [](const DurableRecord& durable) {
    const auto* machine = std::get_if<MachineRecord>(&durable);
    return machine != nullptr && machine->role == Role::participant &&
           machine->record.kind == raw(two::Record::prepared);
  });
}

void read_aborts_as_commits(std::vector<DurableRecord>& records) {
  for (DurableRecord& durable : records) {
    auto* machine = std::get_if<MachineRecord>(&durable);
    if (machine != nullptr && machine->role == Role::participant && machine->record.outcome == Outcome::abort) {
      machine->record = make_record(raw(two::Record::commit), Outcome::commit, Reason::none);
    }
  }
}

/// No machine can do so: the engine releases what a machine leaves. A fault of the engine's own, then.
void leak_a_lock(EngineStatus& status) {
  status.locks_held += status.open_participant == 0 && status.finished_remembered > 0 ? 1 : 0;
}

/// The newest record is taken for what a power cut left half written.
void take_the_last_for_torn(std::vector<DurableRecord>& records) {
  if (!records.empty()) {
    records.pop_back();
  }
}

OrphanRule readers_answer_abort(const Message& message, const Remembered& remembered) {
  OrphanRule rule = two::orphan(message, remembered);
  if (rule.action == OrphanAction::reply && message.to_role == Role::participant && remembered.voted_read_only &&
      rule.reply.kind == raw(two::Kind::answer)) {
    rule.reply.outcome = Outcome::abort;
    rule.reply.state = SiteState::aborted;
  }
  return rule;
}

OrphanRule presumes_commit(const Message& message, const Remembered& remembered) {
  OrphanRule rule = two::orphan(message, remembered);
  if (rule.action == OrphanAction::reply && message.to_role == Role::coordinator) {
    rule.reply.outcome = Outcome::commit;
    rule.reply.state = SiteState::committed;
  }
  return rule;
}

void add_writes_before_forces(std::vector<Mutant>& all) {
  constexpr Role kSite = Role::participant;
  constexpr Role kCoordinator = Role::coordinator;
  all.push_back({"vote-before-force", "1", "a site votes YES without waiting for its prepared record",
                 two_with<DoesNotWait<raw(two::Record::prepared)>, kSite>(), within({})});
  all.push_back({"ack-before-force", "1", "a site acknowledges without waiting for its commit record",
                 two_with<DoesNotWait<raw(two::Record::commit)>, kSite>(), within({})});
  all.push_back({"decision-before-force", "11", "the client is told before the decision is durable",
                 two_with<DoesNotWait<raw(two::Record::commit_chosen)>, kCoordinator>(), within({})});
  all.push_back({"ctp-abort-not-durable", "1", "a working site tells a peer abort before it is durable",
                 two_with<DoesNotWait<raw(two::Record::abort)>, kSite>(), within({.early_timers = 1})});
  all.push_back({"3pc-vote-before-force", "1", "a 3PC site votes YES without waiting for its prepared record",
                 three_with<DoesNotWait<raw(three::Record::prepared)>, kSite>(), within({})});
  all.push_back({"3pc-ack-before-precommit", "1", "a 3PC site acknowledges PRECOMMIT before it is durable",
                 three_with<DoesNotWait<raw(three::Record::precommit)>, kSite>(), within({})});
  all.push_back({"3pc-precommit-not-forced", "14", "a 3PC coordinator sends PRECOMMIT before its own is durable",
                 three_with<DoesNotWait<raw(three::Record::precommit_chosen)>, kCoordinator>(), within({})});
}

void add_coordinators(std::vector<Mutant>& all) {
  constexpr Role kCoordinator = Role::coordinator;
  all.push_back({"early-forget", "2", "the coordinator takes the first ACK for all of them",
                 two_with<ForgetsAtFirstAck, kCoordinator>(), within({.drops = 1})});
  all.push_back({"error-as-ack", "2", "the coordinator counts an unanswered DECISION as acknowledged",
                 two_with<GivesUpResending, kCoordinator>(), within({.drops = 1})});
  all.push_back({"never-resends", "2", "the coordinator sends DECISION once and waits for ever",
                 two_with<NeverArms<raw(two::Timer::resend)>, kCoordinator>(), within({.drops = 1})});
  all.push_back({"presumes-abort-while-voting", "presumed abort", "an inquiry before the decision is answered: abort",
                 two_with<AnswersWhileVoting, kCoordinator>(), within({.early_timers = 1})});
  all.push_back({"silence-is-consent", "AC3", "a vote that is not in at the timeout counts as YES",
                 two_with<SilenceIsConsent, kCoordinator>(), within({.drops = 1})});
  all.push_back({"counts-votes-not-voters", "12", "one site's YES counts for its neighbour too",
                 two_with<CountsVotesNotVoters, kCoordinator>(), within({.denials = 1})});
  all.push_back({"no-taken-for-read-only", "AC3", "a NO counts as nothing to do there",
                 two_with<TakesNoForReadOnly, kCoordinator>(), within({.denials = 1})});
  all.push_back({"forgotten-means-commit", "3", "what the coordinator does not know, it calls committed",
                 two_with_orphans(presumes_commit), within({.crashes = 1})});
  all.push_back({"decision-lost-at-restart", "8", "the coordinator restarts without its durable decision", plain_two(),
                 filtered({.crashes = 1}, {nullptr, forget_outcome<Role::coordinator, Outcome::commit>})});
  all.push_back({"3pc-restarted-coordinator-commits", "13", "restarted with precommit, it commits without asking",
                 three_with<RecoversByCommitting, kCoordinator>(), within({.crashes = 1})});
}

void add_sites(std::vector<Mutant>& all) {
  constexpr Role kSite = Role::participant;
  all.push_back({"heuristic-abort", "AC1", "a site in doubt aborts alone at its timeout",
                 two_with<AbortsAlone<raw(two::Timer::decision), raw(two::Record::abort)>, kSite>(),
                 within({.drops = 1})});
  all.push_back({"3pc-aborts-alone", "16", "a 3PC site aborts at its timeout instead of asking",
                 three_with<AbortsAlone<raw(three::Timer::decision), raw(three::Record::abort)>, kSite>(),
                 within({.crashes = 1})});
  all.push_back({"releases-in-doubt", "8", "a site releases its locks with its YES",
                 two_with<ReleasesWithVote, kSite>(), within({})});
  all.push_back({"in-doubt-recovers-as-abort", "1", "a site that restarts in doubt aborts",
                 two_with<RecoversByAborting<raw(two::Record::abort)>, kSite>(), within({.crashes = 1})});
  all.push_back({"never-asks", "17", "a site in doubt waits for ever",
                 two_with<NeverArms<raw(two::Timer::decision)>, kSite>(), within({.crashes = 1})});
  all.push_back({"locks-not-reinstated", "8", "a site restarts in doubt without its locks", plain_two(),
                 filtered({.crashes = 1}, {nullptr, forget_operations})});
  all.push_back({"site-loses-commit-at-restart", "3", "a site restarts without its durable commit", plain_two(),
                 filtered({.crashes = 1}, {nullptr, forget_outcome<Role::participant, Outcome::commit>})});
  all.push_back({"site-forgets-its-vote", "1", "a site restarts without its durable YES", plain_two(),
                 filtered({.crashes = 1}, {nullptr, forget_votes})});
  all.push_back({"abort-read-as-commit", "8", "a site that restarts takes its abort for a commit", plain_two(),
                 filtered({.crashes = 1, .denials = 1}, {nullptr, read_aborts_as_commits})});
  all.push_back({"leaks-a-lock", "8", "a site keeps a lock when its transaction is over", plain_two(),
                 filtered({}, {nullptr, nullptr, leak_a_lock})});
  all.push_back({"epoch-ignored", "34", "a PREPARE for an earlier start is taken", plain_two(),
                 filtered({.crashes = 1, .duplicates = 1, .denials = 1}, {ignore_epochs, nullptr})});
  all.push_back({"lost-tombstone", "4, 5", "aborts are forgotten at a restart, and so are epochs", plain_two(),
                 filtered({.crashes = 1, .duplicates = 1, .denials = 1},
                          {ignore_epochs, forget_outcome<Role::participant, Outcome::abort>})});
  all.push_back({"first-answer-is-abort", "13", "a peer's \"in doubt\" is taken for abort", plain_two(),
                 filtered({.crashes = 1}, {believe_undecided<Outcome::abort>, nullptr})});
  all.push_back({"first-answer-is-commit", "13", "a peer's \"in doubt\" is taken for commit", plain_two(),
                 filtered({.crashes = 1}, {believe_undecided<Outcome::commit>, nullptr})});
  all.push_back({"reader-answers-abort", "3", "a site that only read answers a peer: aborted",
                 two_with_orphans(readers_answer_abort), within({.drops = 1, .read_only = 1})});
}

void add_memory(std::vector<Mutant>& all) {
  all.push_back({"recovery-loses-the-last-record", "20", "a restart takes the last whole record for a torn one",
                 plain_two(), filtered({.crashes = 1}, {nullptr, take_the_last_for_torn})});
}

}  // namespace

std::vector<Mutant> all_mutants() {
  std::vector<Mutant> all;
  add_writes_before_forces(all);
  add_coordinators(all);
  add_sites(all);
  add_memory(all);
  return all;
}

}  // namespace geocommit::explore
