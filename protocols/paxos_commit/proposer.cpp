#include "protocols/paxos_commit/proposer.h"

#include <algorithm>

#include "protocols/machine_base.h"

namespace geocommit::paxos_commit {

void Proposer::lead(Ballot ballot) {
  phase_ = Phase::leading;
  ballot_ = latest_ = ballot;
  best_ = {};
  value_ = Value::none;
  heard_.clear();
}

bool Proposer::counts(const Acceptors& acceptors, NodeId from) {
  const auto at = std::lower_bound(heard_.begin(), heard_.end(), from);
  if (!acceptors.contains(from) || (at != heard_.end() && *at == from)) {
    return false;
  }
  heard_.insert(at, from);
  return true;
}

bool Proposer::promised(const Acceptors& acceptors, NodeId from, Ballot ballot, Ballot accepted, Value value) {
  if (phase_ != Phase::leading || ballot != ballot_ || !counts(acceptors, from)) {
    return false;
  }
  if (value != Value::none && (value_ == Value::none || best_ < accepted)) {
    best_ = accepted;
    value_ = value;
  }
  if (heard_.size() < acceptors.majority()) {
    return false;
  }
  phase_ = Phase::proposing;
  value_ = value_ == Value::none ? Value::abort : value_;
  best_ = {};
  heard_.clear();
  return true;
}

bool Proposer::accepted(const Acceptors& acceptors, NodeId self, NodeId from, Ballot ballot) {
  if (phase_ != Phase::proposing || ballot != ballot_ || !counts(acceptors, from)) {
    return false;
  }
  const bool own = !acceptors.contains(self) || std::binary_search(heard_.begin(), heard_.end(), self);
  return own && heard_.size() >= acceptors.majority();
}

void Proposer::refused(Ballot later) {
  if (ballot_ < later) {
    latest_ = std::max(latest_, later);
    phase_ = Phase::idle;
  }
}

void Proposer::encode(std::string& out) const {
  put_all(out, phase_, ballot_.value, latest_.value, best_.value, value_, heard_);
}

}  // namespace geocommit::paxos_commit
