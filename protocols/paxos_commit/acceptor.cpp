#include "protocols/paxos_commit/acceptor.h"

#include <algorithm>

#include "base/check.h"
#include "protocols/machine_base.h"
#include "protocols/paxos_commit/paxos_commit.h"

namespace geocommit::paxos_commit {

Acceptor::Does Acceptor::ask(const Forcing& wanted) {
  return std::find(forcing_.begin(), forcing_.end(), wanted) != forcing_.end() ? Does::nothing : Does::answer;
}

Acceptor::Does Acceptor::lead(Ballot ballot) {
  if (ballot < promised_) {
    return Does::refuse;
  }
  if (ballot == promised_) {
    return ask({ballot, false});
  }
  promised_ = ballot;
  forcing_.push_back({ballot, false});
  return Does::force;
}

Acceptor::Does Acceptor::propose(Ballot ballot, Value value) {
  if (ballot < promised_) {
    return Does::refuse;
  }
  if (value_ != Value::none && ballot == accepted_) {
    return ask({ballot, true});
  }
  promised_ = accepted_ = ballot;
  value_ = value;
  forcing_.push_back({ballot, true});
  return Does::force;
}

Acceptor::Durable Acceptor::forced() {
  GC_CHECK(is_forcing());
  const Forcing oldest = forcing_.front();
  forcing_.pop_front();
  return {oldest.ballot, oldest.accepted, oldest.ballot == promised_};
}

void Acceptor::recovered(const std::vector<LogRecord>& durable) {
  for (const LogRecord& record : durable) {
    const bool commit = record.kind == raw(Record::accepted_commit);
    const bool accepted = commit || record.kind == raw(Record::accepted_abort);
    if (accepted) {
      accepted_ = record.ballot;
      value_ = commit ? Value::commit : Value::abort;
    }
    if (accepted || record.kind == raw(Record::promised)) {
      promised_ = record.ballot;
    }
  }
}

void Acceptor::encode(std::string& out) const {
  put_all(out, promised_.value, accepted_.value, value_, static_cast<std::uint32_t>(forcing_.size()));
  for (const Forcing& forcing : forcing_) {
    put_all(out, forcing.ballot.value, static_cast<std::uint32_t>(forcing.accepted ? 1 : 0));
  }
}

}  // namespace geocommit::paxos_commit
