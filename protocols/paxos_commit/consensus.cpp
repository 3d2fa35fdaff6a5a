#include "protocols/paxos_commit/consensus.h"

#include <algorithm>

#include "protocols/paxos_commit/paxos_commit.h"

namespace geocommit::paxos_commit {
namespace {

SiteState state_of(Value value) {
  switch (value) {
    case Value::none:
      return SiteState::prepared;
    case Value::commit:
      return SiteState::precommitted;
    case Value::abort:
      return SiteState::aborted;
  }
  return SiteState::unknown;
}

Value value_of(SiteState state) {
  return state == SiteState::precommitted ? Value::commit : state == SiteState::aborted ? Value::abort : Value::none;
}

Role role_of(const TxnContext& context, NodeId node) {
  return node == context.coordinator ? Role::coordinator : Role::participant;
}

/// Who has no machine can tell "never asked" from "restarted since".
Message addressed(Effects effects, NodeId to, Kind kind, Ballot ballot, bool retry) {
  const TxnContext& context = effects.context();
  Message message = effects.message(to, role_of(context, to), raw(kind));
  message.ballot = ballot;
  message.retry = retry;
  message.to_epoch = context.txn.epoch;
  for (const Member& member : context.cohort) {
    message.to_epoch = member.node == to ? member.epoch : message.to_epoch;
  }
  return message;
}

}  // namespace

Consensus::Consensus(const TxnContext& context) : acceptors_(context) {
  if (context.self == context.coordinator) {
    proposer_.collect();
  }
}

void Consensus::all_voted(Effects effects) {
  if (!has_begun() && acceptor_.propose({}, Value::commit) == Acceptor::Does::force) {
    force(effects, true, {});
  }
}

void Consensus::lead(Effects effects) {
  const Ballot own = proposer_.ballot();
  const bool stands = own != Ballot{} && own == acceptor_.promised() && own == proposer_.latest();
  if (stands && acceptor_.is_forcing()) {
    return;
  }
  if (stands && (proposer_.is_leading() || proposer_.is_proposing())) {
    return proposer_.is_leading() ? ask(effects, true) : propose(effects, true);
  }
  const Ballot next = next_ballot(effects.context(), std::max(acceptor_.promised(), proposer_.latest()));
  effects.note("ballot-led");
  proposer_.lead(next);
  (void)acceptor_.lead(next);
  force(effects, false, next);
}

/// To every site, for one that is not bound aborts, and one that knows the outcome says it.
void Consensus::ask(Effects effects, bool retry) {
  const TxnContext& context = effects.context();
  if (context.self != context.coordinator) {
    effects.send(addressed(effects, context.coordinator, Kind::lead, proposer_.ballot(), retry));
  }
  for (const Member& member : context.cohort) {
    if (member.node != context.self) {
      effects.send(addressed(effects, member.node, Kind::lead, proposer_.ballot(), retry));
    }
  }
}

void Consensus::propose(Effects effects, bool retry) {
  for (const NodeId acceptor : acceptors_.members()) {
    if (acceptor != effects.context().self) {
      Message message = addressed(effects, acceptor, Kind::propose, proposer_.ballot(), retry);
      message.state = state_of(proposer_.value());
      effects.send(message);
    }
  }
}

Outcome Consensus::message(Effects effects, const Message& in) {
  const TxnContext& context = effects.context();
  const Value value = value_of(in.state);
  switch (static_cast<Kind>(in.kind)) {
    case Kind::lead:
    case Kind::propose: {
      const bool propose = in.kind == raw(Kind::propose);
      if (!acceptors_.contains(context.self) || leader_of(context, in.ballot) != in.from ||
          (propose && value == Value::none)) {
        break;
      }
      perform(effects, propose ? acceptor_.propose(in.ballot, value) : acceptor_.lead(in.ballot), in);
      return Outcome::undecided;
    }
    case Kind::promise:
      proposer_.refused(in.ballot);
      if (proposer_.promised(acceptors_, in.from, in.ballot, in.accepted, value)) {
        propose(effects, false);
        const bool own = acceptors_.contains(context.self);
        if (own && acceptor_.propose(in.ballot, proposer_.value()) == Acceptor::Does::force) {
          force(effects, true, in.ballot);
        }
      }
      return Outcome::undecided;
    case Kind::accepted:
      return chosen(effects, in.from, in.ballot);
    default:
      break;
  }
  effects.ignored();
  return Outcome::undecided;
}

void Consensus::perform(Effects effects, Acceptor::Does does, const Message& in) {
  const bool accepted = in.kind != raw(Kind::lead);
  switch (does) {
    case Acceptor::Does::nothing:
      return;
    case Acceptor::Does::force:
      return force(effects, accepted, in.ballot);
    case Acceptor::Does::answer:
      return answer(effects, in.from, accepted, in.ballot, true);
    case Acceptor::Does::refuse:
      return answer(effects, in.from, false, acceptor_.promised(), in.retry);
  }
}

void Consensus::force(Effects effects, bool accepted, Ballot ballot) {
  const Record kind = !accepted                            ? Record::promised
                      : acceptor_.value() == Value::commit ? Record::accepted_commit
                                                           : Record::accepted_abort;
  LogRecord record = make_record(raw(kind));
  record.ballot = ballot;
  // A coordinator's first: by that it survives. A site has its `prepared`.
  record.with_descriptor = !recorded_ && effects.context().self == effects.context().coordinator;
  recorded_ = true;
  effects.force(std::move(record));
}

void Consensus::answer(Effects effects, NodeId to, bool accepted, Ballot ballot, bool retry) {
  Message message = effects.message(to, role_of(effects.context(), to), raw(accepted ? Kind::accepted : Kind::promise));
  message.ballot = ballot;
  message.retry = retry;
  if (!accepted) {
    message.accepted = acceptor_.accepted();
    message.state = state_of(acceptor_.value());
  }
  effects.send(message);
}

Outcome Consensus::forced(Effects effects, std::uint8_t record) {
  const bool its = record == raw(Record::promised) || record == raw(Record::accepted_commit) ||
                   record == raw(Record::accepted_abort);
  if (!its || !acceptor_.is_forcing()) {
    effects.ignored();
    return Outcome::undecided;
  }
  const TxnContext& context = effects.context();
  const Acceptor::Durable durable = acceptor_.forced();
  if (!durable.stands) {
    return Outcome::undecided;
  }
  const NodeId leader = durable.ballot == Ballot{} ? context.coordinator : leader_of(context, durable.ballot);
  if (durable.accepted) {
    effects.note("accepted");
  }
  if (leader != context.self) {
    answer(effects, leader, durable.accepted, durable.ballot, false);
    return Outcome::undecided;
  }
  if (durable.accepted) {
    return chosen(effects, context.self, durable.ballot);
  }
  ask(effects, false);
  // With more than one acceptor its own promise is no majority.
  (void)proposer_.promised(acceptors_, context.self, durable.ballot, acceptor_.accepted(), acceptor_.value());
  return Outcome::undecided;
}

Outcome Consensus::chosen(Effects effects, NodeId from, Ballot ballot) {
  if (!proposer_.accepted(acceptors_, effects.context().self, from, ballot)) {
    return Outcome::undecided;
  }
  effects.note("chosen");
  return proposer_.value() == Value::commit ? Outcome::commit : Outcome::abort;
}

void Consensus::recovered(const std::vector<LogRecord>& durable) {
  acceptor_.recovered(durable);
  recorded_ = true;
  proposer_ = {};
}

void Consensus::encode(std::string& out) const {
  put_all(out, acceptor_, proposer_, static_cast<std::uint32_t>(recorded_ ? 1 : 0));
}

}  // namespace geocommit::paxos_commit
