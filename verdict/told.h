// Inside the checker: what clients were told, found by the transaction or the request, and of which of it a log knows.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "verdict/findings.h"

namespace geocommit::verdict {

class Told {
 public:
  /// Of `history`, which it points into.
  explicit Told(const History& history);
  /// Clients that never learned an outcome.
  [[nodiscard]] std::uint64_t undecided() const { return undecided_; }
  /// Outcomes of requests that have an earlier one: the first is judged.
  [[nodiscard]] std::uint64_t repeated() const { return repeated_; }

  /// What the client was told of it, by its name or, where it was told none, by the request; nullptr if it does not
  /// speak of this transaction. From now on a log knows of that.
  [[nodiscard]] const ClientOutcome* outcome_of(const Evidence& evidence);
  /// The outcome of the request that it was made for, under whatever name; nullptr if no client knows the request.
  [[nodiscard]] const ClientOutcome* asked_by(const Evidence& evidence) const;
  /// The logs name a request for it, and no client has written down that request or this transaction.
  [[nodiscard]] bool unclaimed(const Evidence& evidence) const;
  /// Told commit, and outcome_of() came upon none of these.
  [[nodiscard]] std::vector<const ClientOutcome*> untraced_commits() const;

 private:
  const std::vector<ClientOutcome>& outcomes_;
  std::uint64_t undecided_{}, repeated_{};
  std::unordered_map<TxnId, std::size_t> by_txn_;
  std::unordered_map<RequestId, std::size_t> by_request_;
  std::vector<bool> traced_;
};

}  // namespace geocommit::verdict
