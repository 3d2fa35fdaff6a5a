// The verdict on a run, from the evidence in a History and nothing else.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "verdict/history.h"

namespace geocommit {

enum class Judgement : std::uint8_t {
  pass,
  violation,  ///< At least one, on positive evidence; also when other evidence is missing.
  unknown,    ///< None seen, but the checker could not look everywhere.
};

enum class ViolationClass : std::uint8_t {
  /// A site (or the coordinator) has commit, another has abort; or, after draining, a writer has neither although the
  /// transaction is committed elsewhere (torn) and no client was told of the commit.
  split_outcome,
  told_commit_but_aborted,  ///< The client was told commit; a durable record says abort.
  /// Committed, although a site that had to write has no prepared record before its commit record.
  commit_without_all_yes,
  /// The client was told commit; no record of it is anywhere, or, after draining, a writer has none, or its balances
  /// lack the change; or a change of masters left it behind and is no RPO.
  lost_acknowledged_write,
  /// After draining: a copy's sum (partitioned: the global sum) is not the initial one, copies of one entity differ, a
  /// balance is not what the site's log adds up to, or a site executed other operations than the client asked for.
  money_not_conserved,
  told_abort_but_committed,  ///< The client was told abort; a durable record says commit.
  executed_twice,            ///< One request, two committed transactions.
  /// A balance below 0, at the end or at any point of a site's log: a site votes NO on a change that it cannot bear,
  /// under the lock that it holds until the outcome.
  negative_balance,
  isolation_anomaly,  ///< What transactions read and wrote has no serial order; named after Adya (G0 ... G2).
};
inline constexpr std::size_t kViolationClasses = 9;
[[nodiscard]] std::string_view name_of(ViolationClass violation);  ///< "split_outcome"
[[nodiscard]] std::string_view name_of(Judgement judgement);       ///< "pass"

/// Writes that were committed at a home's master and that a fenced forced failover left behind: the price of shipping
/// asynchronously, not a violation. Whole transactions, by their clients' or their logs' word.
struct RecoveryPoint {
  std::uint64_t acknowledged{};  ///< Their client was told commit.
  std::uint64_t unanswered{};    ///< It was not (yet).
  std::uint64_t torn{};          ///< Of both: written to several homes, and not lost in all of them.
};

struct Violation {
  ViolationClass violation{};
  TxnId txn;         ///< {} where it is not one transaction's (a sum).
  std::string what;  ///< For people: nodes by name, what they hold.
};

struct CheckOptions {
  /// When something was in force that the run's protocol does not claim to survive (Protocol::safe_under).
  std::vector<FaultSpan> beyond_model;
  std::size_t examples_per_class{20};
};

struct Verdict {
  Judgement judgement{Judgement::unknown};
  std::array<std::uint64_t, kViolationClasses> counts{};
  std::vector<Violation> examples;  ///< The first of each class, in the order of transaction ids.
  /// Violation only: each one is what the protocol's fault model predicts (it does not survive everything, and
  /// all follows from transactions with both outcomes that lived in one of CheckOptions::beyond_model).
  bool expected{};
  std::vector<std::string> unknown_reasons;  ///< Also beside a violation.
  std::uint64_t transactions{};              ///< With a record in any log.
  std::uint64_t committed{}, aborted{};      ///< Of those, by record (a split one counts in both).
  std::uint64_t unresolved{};                ///< A site has voted YES and has no outcome. Not a violation by itself.
  std::uint64_t unknown_to_client{};         ///< Clients that never learned the outcome. Not a violation.
  RecoveryPoint rpo;
  [[nodiscard]] std::uint64_t count(ViolationClass violation) const {
    return counts[static_cast<std::size_t>(violation)];
  }
};

/// Deterministic; O(facts log facts).
[[nodiscard]] Verdict check(const History& history, const CheckOptions& options = {});

}  // namespace geocommit
