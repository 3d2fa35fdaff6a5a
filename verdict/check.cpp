#include "verdict/check.h"

#include <algorithm>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "verdict/homes.h"
#include "verdict/isolation.h"
#include "verdict/predicted.h"
#include "verdict/told.h"
#include "verdict/writers.h"

namespace geocommit {
namespace verdict {
namespace {

class Checker {
 public:
  Checker(const History& history, const CheckOptions& options)
      : history_(history),
        findings_(options.examples_per_class),
        told_(history),
        predicted_(history, options.beyond_model) {}

  Verdict run() {
    if (history_.directory == nullptr) {
      findings_.cannot_judge("the history names no regions and nodes");
      return finish();
    }
    protocol_ = find_protocol(history_.protocol);
    if (protocol_ == nullptr) {
      findings_.cannot_judge("there is no protocol named '" + history_.protocol + "'");
      return finish();
    }
    look_at_evidence();
    look_at_rest();
    look_at_outcomes();
    homes_.emplace(history_);
    const std::vector<Evidence> evidence = collect(history_);
    verdict_.transactions = evidence.size();
    if (evidence.empty() && history_.outcomes.empty()) {
      findings_.cannot_judge("there is no transaction to judge");
    }
    for (const Evidence& one : evidence) {
      judge(one);
    }
    judge_untraced();
    judge_unclaimed(evidence);
    look_for_anomalies();
    if (protocol_->guarantee == Guarantee::atomic) {
      const bool none = judge_overdrafts(history_, findings_);
      predicted_.found(none);
    }
    if (drained_) {
      const bool follows = judge_money(history_, *protocol_, *homes_, predicted_.excused(), findings_);
      predicted_.found(follows);
    }
    return finish();
  }

 private:
  void look_at_evidence() {
    for (const std::string& missing : history_.missing) {
      findings_.cannot_judge(missing);
    }
    for (const NodeInfo& info : history_.directory->nodes()) {
      if (info.kind == NodeKind::client) {
        continue;
      }
      const auto node = history_.nodes.find(info.id);
      if (node == history_.nodes.end()) {
        findings_.cannot_judge("the log of " + info.name + " is missing");
        all_complete_ = false;
      } else if (!node->second.log_complete) {
        const std::string& problem = node->second.log_problem;
        findings_.cannot_judge("the log of " + info.name + " is incomplete" + (problem.empty() ? "" : ": " + problem));
        all_complete_ = false;
      }
    }
  }

  /// Balances and logs may be held against each other only if nothing happened between them.
  void look_at_rest() {
    std::string why = history_.why_not_drained;
    drained_ = history_.drained;
    for (const auto& [node, own] : history_.nodes) {
      if (drained_ && own.has_balances && own.balances_start != Epoch{} && own.last_start > own.balances_start) {
        drained_ = false;
        why = node_name(history_, node) + " started again after it had been asked for its balances";
      }
    }
    if (!drained_) {
      findings_.cannot_judge("the run was not drained: conservation and completeness were not judged" +
                             (why.empty() ? "" : " (" + why + ")"));
    }
  }

  void look_at_outcomes() {
    verdict_.unknown_to_client = told_.undecided();
    if (told_.repeated() > 0) {
      findings_.cannot_judge(std::to_string(told_.repeated()) +
                             " requests have more than one outcome at their clients");
    }
  }

  [[nodiscard]] bool complete(NodeId node) const {
    const auto found = history_.nodes.find(node);
    return found != history_.nodes.end() && found->second.log_complete;
  }

  void judge(const Evidence& evidence) {
    const ClientOutcome* outcome = told_.outcome_of(evidence);
    const ClientOutcome* asked = told_.asked_by(evidence);
    const Outcome told = outcome != nullptr ? outcome->outcome : Outcome::undecided;
    const SiteEvidence* commit = nullptr;
    const SiteEvidence* abort = nullptr;
    bool open = false;
    for (const SiteEvidence& site : evidence.sites) {
      commit = site.any_commit() && commit == nullptr ? &site : commit;
      abort = site.any_abort() && abort == nullptr ? &site : abort;
      open = open || (site.yes != nullptr && site.commit == nullptr && !site.abort);
    }
    verdict_.committed += commit != nullptr ? 1 : 0;
    verdict_.aborted += abort != nullptr ? 1 : 0;
    verdict_.unresolved += open ? 1 : 0;
    if (protocol_->guarantee == Guarantee::compensated) {
      return;  // its steps commit and are undone one by one: only the money is judged
    }
    if (commit != nullptr) {
      executed_once(evidence);
    }
    const bool both = commit != nullptr && abort != nullptr;
    const bool follows = both && predicted_.predicts_split(*protocol_, evidence, outcome != nullptr ? outcome : asked);
    if (both) {
      if (follows) {
        predicted_.excuse(evidence.txn);
      }
      add(ViolationClass::split_outcome, evidence.txn, name(commit) + " has commit, " + name(abort) + " has abort",
          follows);
    }
    if (told == Outcome::commit && abort != nullptr) {
      add(ViolationClass::told_commit_but_aborted, evidence.txn,
          "the client was told commit, " + name(abort) + " has abort", follows);
    }
    if (told == Outcome::abort && commit != nullptr) {
      add(ViolationClass::told_abort_but_committed, evidence.txn,
          "the client was told abort, " + name(commit) + " has commit", follows);
    }
    if (outcome == nullptr && asked != nullptr && asked->outcome == Outcome::abort && commit != nullptr) {
      add(ViolationClass::told_abort_but_committed, evidence.txn,
          "the client was told that its request aborted, as transaction " + to_text(asked->txn) + "; " + name(commit) +
              " has commit",
          follows);
    }
    judge_lost(evidence.txn, told, outcome);
    if (commit != nullptr) {
      judge_commit(evidence, outcome, *commit);
    } else if (told == Outcome::commit && abort == nullptr && all_complete_) {
      add(ViolationClass::lost_acknowledged_write, evidence.txn,
          "the client was told commit; no log has a record of a commit", false);
    }
  }

  /// Left behind by a failover: RPO if that was fenced.
  void judge_lost(TxnId txn, Outcome told, const ClientOutcome* outcome) {
    const auto found = homes_->lost().find(txn);
    if (found == homes_->lost().end()) {
      return;
    }
    std::size_t lost = 0;
    bool accounted = true;
    for (const LostPart& part : found->second) {
      lost += part.operations.size();
      accounted = accounted && part.accounted;
    }
    if (!accounted) {
      const bool told_commit = told == Outcome::commit;
      add(told_commit ? ViolationClass::lost_acknowledged_write : ViolationClass::split_outcome, txn,
          std::string(told_commit ? "the client was told commit; " : "committed; ") +
              "a new master of the home never had it, and the failover that cut it off does not account for it",
          false);
      return;
    }
    ++(told == Outcome::commit ? verdict_.rpo.acknowledged : verdict_.rpo.unanswered);
    if (outcome != nullptr && !outcome->operations.empty() && sorted_writes(outcome->operations).size() > lost) {
      ++verdict_.rpo.torn;
    }
  }

  void judge_commit(const Evidence& evidence, const ClientOutcome* outcome, const SiteEvidence& committed) {
    const std::vector<Writer> writers = writers_of(evidence, outcome, *history_.directory, *protocol_, *homes_);
    bool yes_missing = false;
    bool torn = false;
    bool altered = false;
    for (const Writer& writer : writers) {
      const SiteEvidence* site = evidence.at(writer.site);
      const std::string who = node_name(history_, writer.site);
      const bool has_yes = site != nullptr && site->yes != nullptr && site->yes_before_commit;
      if (!has_yes && !yes_missing && complete(writer.site)) {
        yes_missing = true;
        add(ViolationClass::commit_without_all_yes, evidence.txn,
            name(&committed) + " has commit, " + who + " has no YES before it", false);
      }
      const bool has_outcome = site != nullptr && (site->commit != nullptr || site->abort);
      if (!has_outcome && !torn && drained_ && complete(writer.site)) {
        torn = true;
        const bool told = outcome != nullptr && outcome->outcome == Outcome::commit;
        add(told ? ViolationClass::lost_acknowledged_write : ViolationClass::split_outcome, evidence.txn,
            name(&committed) + " has commit, " + who + " had to write and has no outcome" +
                (told ? "; the client was told commit" : ""),
            false);
      }
      if (has_yes && !altered && !writer.operations.empty() &&
          sorted_writes(site->yes->operations) != writer.operations) {
        altered = true;
        add(ViolationClass::money_not_conserved, evidence.txn,
            who + " executed other operations than the client asked for", false);
      }
    }
  }

  void executed_once(const Evidence& evidence) {
    if (evidence.request == RequestId{}) {
      return;
    }
    const auto [first, inserted] = committed_request_.emplace(evidence.request, evidence.txn);
    if (!inserted) {
      add(ViolationClass::executed_twice, evidence.txn,
          "the same request was committed as transaction " + to_text(first->second), false);
    }
  }

  /// Told commit, and no log has heard of the transaction.
  void judge_untraced() {
    if (protocol_->guarantee == Guarantee::compensated) {
      return;
    }
    std::uint64_t unjudged = 0;
    for (const ClientOutcome* outcome : told_.untraced_commits()) {
      if (outcome->operations.empty()) {
        ++unjudged;  // a pure read leaves no record
      } else if (writes(outcome->operations) && all_complete_) {
        add(ViolationClass::lost_acknowledged_write, outcome->txn, "the client was told commit; no log knows of it",
            false);
      }
    }
    if (unjudged > 0) {
      findings_.cannot_judge(
          std::to_string(unjudged) +
          " transactions that were told commit left no record, and what they asked for is not known");
    }
  }

  /// A transaction in a log that no client has written down: what clients were told is not all there.
  void judge_unclaimed(const std::vector<Evidence>& evidence) {
    const auto unclaimed =
        std::count_if(evidence.begin(), evidence.end(), [&](const Evidence& one) { return told_.unclaimed(one); });
    if (unclaimed > 0) {
      findings_.cannot_judge(std::to_string(unclaimed) +
                             " transactions are of requests that no client has written down: part of what clients were "
                             "told is missing");
    }
  }

  void look_for_anomalies() {
    if (protocol_->guarantee == Guarantee::compensated) {
      return;  // Dirty reads are its nature.
    }
    for (IsolationFinding& found : judge_isolation(history_, *homes_)) {
      const bool follows = std::any_of(found.transactions.begin(), found.transactions.end(),
                                       [&](TxnId txn) { return predicted_.excused().contains(txn); });
      add(ViolationClass::isolation_anomaly, found.transactions.front(), std::move(found.what), follows);
    }
  }

  void add(ViolationClass violation, TxnId txn, std::string what, bool follows) {
    predicted_.found(follows);
    findings_.add(violation, txn, std::move(what));
  }

  [[nodiscard]] std::string name(const SiteEvidence* site) const { return node_name(history_, site->node->node); }

  Verdict finish() {
    const bool violated = findings_.total() > 0;
    findings_.move_into(verdict_);
    if (violated) {
      verdict_.judgement = Judgement::violation;
      verdict_.expected = predicted_.explains_all();
    } else {
      verdict_.judgement = verdict_.unknown_reasons.empty() ? Judgement::pass : Judgement::unknown;
    }
    return std::move(verdict_);
  }

  const History& history_;
  Findings findings_;
  Verdict verdict_;
  const Protocol* protocol_{};
  std::optional<Homes> homes_;
  bool all_complete_{true};
  bool drained_{};
  Told told_;
  Predicted predicted_;
  std::unordered_map<RequestId, TxnId> committed_request_;
};

}  // namespace
}  // namespace verdict

Verdict check(const History& history, const CheckOptions& options) { return verdict::Checker(history, options).run(); }

}  // namespace geocommit
