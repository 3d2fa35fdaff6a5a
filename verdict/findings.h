// Inside the checker: where violations are counted, and what one transaction's evidence looks like.
#pragma once

#include <array>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "protocols/registry.h"
#include "verdict/check.h"

namespace geocommit::verdict {

class Findings {
 public:
  explicit Findings(std::size_t examples_per_class) : most_(examples_per_class) {}
  void add(ViolationClass violation, TxnId txn, std::string what);
  void cannot_judge(std::string reason) { reasons_.push_back(std::move(reason)); }

  [[nodiscard]] std::uint64_t total() const;
  void move_into(Verdict& verdict);

 private:
  std::size_t most_;
  std::array<std::uint64_t, kViolationClasses> counts_{};
  std::array<std::vector<Violation>, kViolationClasses> examples_;
  std::vector<std::string> reasons_;
};

/// One transaction's evidence at one node.
struct SiteEvidence {
  const NodeHistory* node{};
  const Fact* yes{};                      // its first prepared record
  const Fact* commit{};                   // participant's
  bool yes_before_commit{true}, abort{};  // participant's
  bool coordinator_commit{}, coordinator_abort{};
  [[nodiscard]] bool any_commit() const { return commit != nullptr || coordinator_commit; }
  [[nodiscard]] bool any_abort() const { return abort || coordinator_abort; }
};

/// What the logs say of one transaction.
struct Evidence {
  TxnId txn;
  std::vector<SiteEvidence> sites;  // ascending by node id; only those with a record
  const std::vector<NodeId>* cohort{};
  RequestId request;
  Instant first_written{}, last_written{};  // of its records of which that is known
  [[nodiscard]] const SiteEvidence* at(NodeId node) const;
};

/// The evidence of all transactions, ascending by id. Points into `history`.
[[nodiscard]] std::vector<Evidence> collect(const History& history);

/// Balances below 0, in log order and at the end. True if there are none.
[[nodiscard]] bool judge_overdrafts(const History& history, Findings& findings);

/// After draining: balances against logs, sums and copies. `excused` are transactions with both outcomes on record, as
/// the fault model predicts; the return value says whether what was found follows from them alone.
class Homes;
[[nodiscard]] bool judge_money(const History& history, const Protocol& protocol, const Homes& homes,
                               const std::set<TxnId>& excused, Findings& findings);

[[nodiscard]] std::string node_name(const History& history, NodeId node);

}  // namespace geocommit::verdict
