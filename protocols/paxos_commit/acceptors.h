// Who accepts the votes of one transaction, and who leads which ballot (Gray and Lamport 2006, section 4).
#pragma once

#include <cstddef>
#include <vector>

#include "protocols/machine.h"

namespace geocommit::paxos_commit {

/// How many may fail of a transaction with so many sites: option f, as far as sites suffice.
[[nodiscard]] std::size_t faults_of(std::size_t sites, std::size_t f);

/// The coordinator and the first 2F sites of the cohort. In ballot 0 the first F+1 of these are asked.
class Acceptors {
 public:
  explicit Acceptors(const TxnContext& context);

  /// The outcome is the coordinator's alone, as under two-phase commit.
  [[nodiscard]] bool is_one() const { return members_.size() == 1; }
  [[nodiscard]] std::size_t majority() const { return members_.size() / 2 + 1; }
  [[nodiscard]] bool contains(NodeId node) const;
  /// It is asked in ballot 0.
  [[nodiscard]] bool is_first(NodeId node) const;
  /// The coordinator first.
  [[nodiscard]] const std::vector<NodeId>& members() const { return members_; }

 private:
  std::vector<NodeId> members_;
};

/// Ballots of two leaders are never the same: place + round x places. The coordinator has place 0, a site its place in
/// the cohort, counted from 1. Round 0 is ballot 0, which is led by nobody: each site's vote is its own phase 2a.
[[nodiscard]] Ballot next_ballot(const TxnContext& context, Ballot above);
/// NodeId{}: it is nobody's.
[[nodiscard]] NodeId leader_of(const TxnContext& context, Ballot ballot);

}  // namespace geocommit::paxos_commit
