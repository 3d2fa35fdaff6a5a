#include "verdict/told.h"

namespace geocommit::verdict {

Told::Told(const History& history) : outcomes_(history.outcomes), traced_(outcomes_.size()) {
  by_txn_.reserve(outcomes_.size());
  by_request_.reserve(outcomes_.size());
  for (std::size_t i = 0; i < outcomes_.size(); ++i) {
    const ClientOutcome& outcome = outcomes_[i];
    undecided_ += outcome.outcome == Outcome::undecided ? 1 : 0;
    if (outcome.txn != TxnId{}) {
      by_txn_.emplace(outcome.txn, i);
    }
    if (!by_request_.emplace(outcome.request, i).second) {
      ++repeated_;
      traced_[i] = true;  // The first is judged.
    }
  }
}

const ClientOutcome* Told::outcome_of(const Evidence& evidence) {
  const bool has_request = evidence.request != RequestId{};
  const auto by_txn = by_txn_.find(evidence.txn);
  if (by_txn != by_txn_.end() && (!has_request || outcomes_[by_txn->second].request == evidence.request)) {
    traced_[by_txn->second] = true;
    return &outcomes_[by_txn->second];
  }
  const ClientOutcome* told = asked_by(evidence);
  if (told == nullptr || told->txn != TxnId{}) {
    return nullptr;
  }
  traced_[static_cast<std::size_t>(told - outcomes_.data())] = true;
  return told;
}

const ClientOutcome* Told::asked_by(const Evidence& evidence) const {
  const auto found = by_request_.find(evidence.request);
  return evidence.request == RequestId{} || found == by_request_.end() ? nullptr : &outcomes_[found->second];
}

bool Told::unclaimed(const Evidence& evidence) const {
  return evidence.request != RequestId{} && asked_by(evidence) == nullptr && !by_txn_.contains(evidence.txn);
}

std::vector<const ClientOutcome*> Told::untraced_commits() const {
  std::vector<const ClientOutcome*> out;
  for (std::size_t i = 0; i < outcomes_.size(); ++i) {
    if (outcomes_[i].outcome == Outcome::commit && !traced_[i]) {
      out.push_back(&outcomes_[i]);
    }
  }
  return out;
}

}  // namespace geocommit::verdict
