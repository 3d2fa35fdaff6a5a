#include "tests/trace/invariants.h"

#include <algorithm>

namespace geocommit::trace {
namespace {

bool durable_outcome(const Node& node, Outcome outcome) {
  return std::any_of(node.log.begin(), node.log.begin() + static_cast<std::ptrdiff_t>(node.durable),
                     [outcome](const MachineRecord& r) { return r.record.outcome == outcome; });
}

bool durable_record(const World& world, const Node& node, Meaning meaning) {
  return std::any_of(node.log.begin(), node.log.begin() + static_cast<std::ptrdiff_t>(node.durable),
                     [&](const MachineRecord& r) { return world.protocol().record_meaning(r.record.kind) == meaning; });
}

/// By some site, as far as any that looks at one record can tell.
bool accepted(const World& world) {
  return std::any_of(world.nodes().begin(), world.nodes().end(),
                     [&](const Node& node) { return durable_record(world, node, Meaning::precommit); });
}

bool anybody_decided(const World& world, Outcome outcome) {
  return std::any_of(world.nodes().begin(), world.nodes().end(),
                     [outcome](const Node& node) { return node.decided == outcome; });
}

bool all_read_only(const World& world) {
  return std::all_of(world.nodes().begin(), world.nodes().end(),
                     [](const Node& node) { return node.role == Role::coordinator || node.voted == Vote::read_only; });
}

/// `node` has sent a commit to every other site that has to know.
bool told_all(const World& world, const Node& node) {
  return std::all_of(world.nodes().begin(), world.nodes().end(), [&](const Node& other) {
    return other.role == Role::coordinator || other.id == node.id || other.voted == Vote::read_only ||
           std::any_of(world.sent().begin(), world.sent().end(), [&](const PeerMessage& sent) {
             const Message& m = std::get<ProtocolMessage>(sent.payload).message;
             return m.from == node.id && m.to == other.id && m.outcome == Outcome::commit;
           });
  });
}

/// Nobody who votes, or has voted for it.
bool promised(const Node& node) {
  return node.role == Role::coordinator || node.voted == Vote::yes || node.voted == Vote::read_only;
}

/// What is acknowledged may be forgotten. A site that is not bound by a YES has nothing of an abort to make durable.
bool may_acknowledge(const World& world, const Node& node, Outcome outcome) {
  const bool unbound =
      outcome == Outcome::commit ? node.voted == Vote::read_only : !durable_record(world, node, Meaning::yes);
  return unbound || durable_outcome(node, outcome);
}

/// A presumed commit in answer to a late question: it has been answered, the abort is durable there, and forgotten.
bool is_void(const World& world, const Message& message) {
  return world.protocol().presumes == Outcome::commit && message.from == world.nodes().front().id &&
         std::any_of(world.nodes().begin(), world.nodes().end(),
                     [&](const Node& node) { return node.id == message.to && durable_outcome(node, Outcome::abort); });
}

std::string in_quotes(const World& world, Meaning meaning) {
  return "`" + std::string(world.protocol().record_name(meaning)) + "`";
}

}  // namespace

void check_send(World& world, const Node& node, const Message& message) {
  const std::string kind{world.protocol().kind_name(message.kind)};
  const Meaning after = world.protocol().sent_after(message.kind);
  if (message.vote == Vote::yes && !durable_record(world, node, Meaning::yes)) {
    world.violation(node.name + " votes YES before " + in_quotes(world, Meaning::yes) + " is durable");
  }
  if (message.vote == Vote::yes && node.voted == Vote::no) {
    world.violation(node.name + " votes YES after NO");
  }
  if (after == Meaning::outcome && !may_acknowledge(world, node, world.protocol().acknowledged_by(message.kind))) {
    world.violation(node.name + " acknowledges a" +
                    (world.protocol().acknowledged_by(message.kind) == Outcome::commit ? " commit" : "n abort") +
                    " that is not durable there");
  }
  if (after == Meaning::precommit && !durable_record(world, node, Meaning::precommit)) {
    world.violation(node.name + " sends " + kind + " before " + in_quotes(world, Meaning::precommit) + " is durable");
  }
  if (message.outcome == Outcome::commit && !is_void(world, message)) {
    const bool durable = std::any_of(world.nodes().begin(), world.nodes().end(),
                                     [](const Node& n) { return durable_outcome(n, Outcome::commit); });
    if (world.protocol().commit_point == CommitPoint::forced && !durable) {
      world.violation(node.name + " tells commit, which is durable nowhere");
    }
    if (world.protocol().commit_point == CommitPoint::accepted && !durable && !accepted(world)) {
      world.violation(node.name + " tells commit, which nobody has accepted durably");
    }
    if (!std::all_of(world.nodes().begin(), world.nodes().end(), promised)) {
      world.violation(node.name + " tells commit without every YES");
    }
  }
  // A site that never voted may abort alone, but a peer may act on its word: durable first.
  if (message.outcome == Outcome::abort && node.role == Role::participant && !durable_outcome(node, Outcome::abort) &&
      !node.told_abort) {
    world.violation(node.name + " tells abort before it is durable");
  }
}

void check_reply(World& world, const Node& node, const ClientReply& reply) {
  if (reply.outcome != node.decided.value_or(Outcome::undecided)) {
    world.violation(node.name + " tells the client what it has not decided");
  }
}

void check_decide(World& world, const Node& node, Outcome outcome) {
  if (node.decided && node.decided != outcome) {
    world.violation(node.name + " changes its decision");
  }
  if (outcome == Outcome::commit) {
    for (const Node& other : world.nodes()) {
      if (!promised(other)) {
        world.violation(node.name + " commits without the YES of " + other.name);
      }
    }
    const bool sent = world.protocol().commit_point == CommitPoint::sent && told_all(world, node);
    const bool chosen = world.protocol().commit_point == CommitPoint::accepted && accepted(world);
    if (node.role == Role::coordinator && !durable_outcome(node, Outcome::commit) && !sent && !chosen &&
        !all_read_only(world)) {
      world.violation(node.name + " answers the client before commit is irrevocable");
    }
  }
  const Outcome other = outcome == Outcome::commit ? Outcome::abort : Outcome::commit;
  if (anybody_decided(world, other)) {
    world.violation(kSplit);
  }
}

void check_release(World& world, const Node& node) {
  if (node.voted == Vote::yes && !node.decided) {
    world.violation(node.name + " releases its locks in doubt");
  }
}

void check_forget(World& world, const Node& node) {
  if (node.role != Role::coordinator || !node.decided || node.decided == world.protocol().presumes) {
    return;
  }
  const bool commit = node.decided == Outcome::commit;
  for (const Node& other : world.nodes()) {
    const bool split = other.decided && other.decided != node.decided;  // Reported as such.
    const bool sent = commit && world.protocol().commit_point == CommitPoint::sent && told_all(world, node);
    if (other.voted == Vote::yes && !split && !sent && !durable_outcome(other, *node.decided)) {
      world.violation(std::string("C forgets a") + (commit ? " commit" : "n abort") + " that " + other.name +
                      " has not made durable");
    }
  }
}

void check_end(World& world, bool blocked) {
  const bool committed = anybody_decided(world, Outcome::commit);
  bool any_blocked = false;
  const bool still_asked = blocked && world.nodes().front().machine().has_value();  // C has not given up on anybody.
  for (const Node& node : world.nodes()) {
    const std::optional<std::string> machine = node.machine();
    const bool in_doubt = machine.has_value();
    any_blocked = any_blocked || in_doubt;
    if (in_doubt && !blocked) {
      world.violation(node.name + " is still open: " + *machine);
    }
    if (node.locks() && !(in_doubt && blocked)) {
      world.violation(node.name + " still holds locks");
    }
    if (in_doubt || node.role == Role::coordinator) {
      continue;
    }
    const bool applied = std::any_of(node.log.begin(), node.log.end(),
                                     [](const MachineRecord& r) { return r.record.outcome == Outcome::commit; });
    const bool writes = node.vote != Vote::read_only;  // Else there is nothing to apply, however it voted.
    if (node.balance() != node.initial_balance + (applied && writes ? kChange : 0)) {
      world.violation(node.name + " has a balance that its log does not explain");
    }
    if (node.voted == Vote::yes && !node.decided && !blocked) {
      world.violation(node.name + " voted YES and never learnt the outcome");
    }
    // Any commit => in the end all commit (pitfall 33); a site on the other side of a split is reported as such.
    const bool durable = durable_outcome(node, Outcome::commit) ||
                         (applied && world.protocol().presumes == Outcome::commit);  // Or it can ask for it again.
    if (committed && !still_asked && node.voted == Vote::yes && node.decided != Outcome::abort && !durable) {
      world.violation(node.name + " has no durable commit of a committed transaction");
    }
  }
  if (blocked && !any_blocked) {
    world.violation("expected to stay blocked, yet all is done");
  }
}

}  // namespace geocommit::trace
