// Inside the checker: which violations are what the protocol's fault model predicts. A transaction with both outcomes
// is excused if it lived through something that the protocol does not claim to stand.
#pragma once

#include <set>
#include <vector>

#include "verdict/findings.h"

namespace geocommit::verdict {

class Predicted {
 public:
  /// `beyond_model`: when something was in force that the run's protocol does not claim to survive.
  Predicted(const History& history, const std::vector<FaultSpan>& beyond_model)
      : history_(history), beyond_model_(beyond_model) {}
  /// The transaction lived at such a time: from its client's intended start, or its first record where no client speaks
  /// of it, to the last that a client or a log says of it. Then its having both outcomes is what the fault model
  /// predicts. `asked`: what its client was told, if anything.
  [[nodiscard]] bool predicts_split(const Protocol& protocol, const Evidence& evidence,
                                    const ClientOutcome* asked) const;
  void excuse(TxnId txn) { excused_.insert(txn); }
  [[nodiscard]] const std::set<TxnId>& excused() const { return excused_; }
  /// A violation was found. `follows`: from excused transactions alone.
  void found(bool follows) { explained_ = explained_ && follows; }
  /// There are excused transactions, and every violation so far follows from them.
  [[nodiscard]] bool explains_all() const { return explained_ && !excused_.empty(); }

 private:
  const History& history_;
  const std::vector<FaultSpan>& beyond_model_;
  std::set<TxnId> excused_;
  bool explained_{true};
};

}  // namespace geocommit::verdict
