#include "verdict/check.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "verdict/homes.h"
#include "verdict/isolation.h"

namespace geocommit {
namespace verdict {
namespace {

bool writes(const std::vector<Operation>& operations) {
  return std::any_of(operations.begin(), operations.end(), [](const Operation& op) { return !op.read; });
}

std::vector<Operation> sorted_writes(const std::vector<Operation>& operations) {
  std::vector<Operation> out;
  std::copy_if(operations.begin(), operations.end(), std::back_inserter(out),
               [](const Operation& op) { return !op.read; });
  std::sort(out.begin(), out.end());
  return out;
}

/// A site that had to write; its operations where the client's request is known.
struct Writer {
  NodeId site;
  std::vector<Operation> operations;
};

class Checker {
 public:
  Checker(const History& history, const CheckOptions& options)
      : history_(history), options_(options), findings_(options.examples_per_class) {}

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
    index_outcomes();
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
      explained_ = explained_ && none;
    }
    if (drained_) {
      const bool follows = judge_money(history_, *protocol_, *homes_, excused_, findings_);
      explained_ = explained_ && follows;
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

  void index_outcomes() {
    by_txn_.reserve(history_.outcomes.size());
    by_request_.reserve(history_.outcomes.size());
    traced_.resize(history_.outcomes.size());
    std::uint64_t repeated = 0;
    for (std::size_t i = 0; i < history_.outcomes.size(); ++i) {
      const ClientOutcome& outcome = history_.outcomes[i];
      verdict_.unknown_to_client += outcome.outcome == Outcome::undecided ? 1 : 0;
      if (outcome.txn != TxnId{}) {
        by_txn_.emplace(outcome.txn, i);
      }
      if (!by_request_.emplace(outcome.request, i).second) {
        ++repeated;
        traced_[i] = true;  // The first is judged.
      }
    }
    if (repeated > 0) {
      findings_.cannot_judge(std::to_string(repeated) + " requests have more than one outcome at their clients");
    }
  }

  /// What the client was told of it, by its name or, where it was told none, by the request; nullptr if it does not
  /// speak of this transaction.
  const ClientOutcome* outcome_of(const Evidence& evidence) {
    const bool has_request = evidence.request != RequestId{};
    const auto by_txn = by_txn_.find(evidence.txn);
    if (by_txn != by_txn_.end() && (!has_request || history_.outcomes[by_txn->second].request == evidence.request)) {
      traced_[by_txn->second] = true;
      return &history_.outcomes[by_txn->second];
    }
    const ClientOutcome* told = asked_by(evidence);
    if (told == nullptr || told->txn != TxnId{}) {
      return nullptr;
    }
    traced_[static_cast<std::size_t>(told - history_.outcomes.data())] = true;
    return told;
  }

  /// The outcome of the request that it was made for, under whatever name; nullptr if no client knows the request.
  [[nodiscard]] const ClientOutcome* asked_by(const Evidence& evidence) const {
    const auto found = by_request_.find(evidence.request);
    return evidence.request == RequestId{} || found == by_request_.end() ? nullptr : &history_.outcomes[found->second];
  }

  [[nodiscard]] bool complete(NodeId node) const {
    const auto found = history_.nodes.find(node);
    return found != history_.nodes.end() && found->second.log_complete;
  }

  /// From the client's request and the placement, which owe nothing to the servers. Without the request: the cohort on
  /// record, unless all that is known to have been executed are reads.
  [[nodiscard]] std::vector<Writer> writers_of(const Evidence& evidence, const ClientOutcome* outcome) const {
    std::vector<Writer> writers;
    if (outcome != nullptr && !outcome->operations.empty()) {
      const Request request{outcome->request, outcome->origin, outcome->measured, outcome->operations};
      if (protocol_->ships_to_replicas && homes_->moved()) {
        return writers_at_masters(evidence, *outcome);
      }
      auto work = protocol_->ships_to_replicas ? place_at_home(request, *history_.directory)
                                               : place_everywhere(request, *history_.directory);
      for (SiteWork& site : work) {
        if (writes(site.operations)) {
          writers.push_back({site.site, sorted_writes(site.operations)});
        }
      }
      return writers;
    }
    const bool any = std::any_of(evidence.sites.begin(), evidence.sites.end(), [](const SiteEvidence& site) {
      return site.commit != nullptr || (site.yes != nullptr && writes(site.yes->operations));
    });
    if (any && evidence.cohort != nullptr) {
      for (const NodeId node : *evidence.cohort) {
        writers.push_back({node, {}});
      }
    }
    return writers;
  }

  /// Homes have moved: of the sites that were master of an entity's home at some time, the one in the cohort that was
  /// asked to write it.
  [[nodiscard]] std::vector<Writer> writers_at_masters(const Evidence& evidence, const ClientOutcome& outcome) const {
    const Directory& directory = *history_.directory;
    std::map<NodeId, std::vector<Operation>> sites;
    for (const Operation& operation : outcome.operations) {
      const NodeId home = directory.agent(directory.home_of(operation.entity), directory.site_of(operation.entity));
      NodeId writer = home;
      bool asked = false;
      for (const NodeId master : homes_->masters_of(home)) {
        const SiteEvidence* site = evidence.at(master);
        const bool has_it = site != nullptr && site->yes != nullptr &&
                            std::any_of(site->yes->operations.begin(), site->yes->operations.end(),
                                        [&](const Operation& o) { return o.entity == operation.entity; });
        const bool member = evidence.cohort != nullptr && std::find(evidence.cohort->begin(), evidence.cohort->end(),
                                                                    master) != evidence.cohort->end();
        if (has_it || (member && !asked)) {
          writer = master;
          asked = asked || has_it;
        }
      }
      sites[writer].push_back(operation);
    }
    std::vector<Writer> writers;
    for (const auto& [site, operations] : sites) {
      if (writes(operations)) {
        writers.push_back({site, sorted_writes(operations)});
      }
    }
    return writers;
  }

  void judge(const Evidence& evidence) {
    const ClientOutcome* outcome = outcome_of(evidence);
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
    const bool follows = both && beyond_model(evidence, outcome);
    if (both) {
      if (follows) {
        excused_.insert(evidence.txn);
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
    const ClientOutcome* asked = asked_by(evidence);
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

  /// From its client's intended start, or its first record where no client speaks of it, to the last that a client or a
  /// log says of it. Whether that overlaps a time in which something was in force that the protocol does not claim to
  /// stand: then its having both outcomes is what the fault model predicts.
  [[nodiscard]] bool beyond_model(const Evidence& evidence, const ClientOutcome* outcome) const {
    const ClientOutcome* asked = outcome != nullptr ? outcome : asked_by(evidence);
    std::optional<Duration> begin;
    std::optional<Duration> end;
    const auto lived = [&](Duration from, Duration to) {
      begin = std::min(begin.value_or(from), from);
      end = std::max(end.value_or(to), to);
    };
    if (asked != nullptr) {
      lived(asked->intended_start, asked->intended_start + asked->latency);
    }
    if (history_.load_began != Instant{} && evidence.first_written != Instant{}) {
      const Duration first = evidence.first_written - history_.load_began;
      lived(asked != nullptr ? *begin : first, evidence.last_written - history_.load_began);
    }
    return !protocol_->safe_under.survives(Failure::partition) && begin &&
           std::any_of(options_.beyond_model.begin(), options_.beyond_model.end(),
                       [&](const FaultSpan& span) { return span.begin <= *end && (!span.end || *span.end >= *begin); });
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
    const std::vector<Writer> writers = writers_of(evidence, outcome);
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
    std::uint64_t unjudged = 0;
    for (std::size_t i = 0; i < history_.outcomes.size(); ++i) {
      const ClientOutcome& outcome = history_.outcomes[i];
      if (outcome.outcome != Outcome::commit || traced_[i] || protocol_->guarantee == Guarantee::compensated) {
        continue;
      }
      if (outcome.operations.empty()) {
        ++unjudged;  // a pure read leaves no record
      } else if (writes(outcome.operations) && all_complete_) {
        add(ViolationClass::lost_acknowledged_write, outcome.txn, "the client was told commit; no log knows of it",
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
    const auto unclaimed = std::count_if(evidence.begin(), evidence.end(), [&](const Evidence& one) {
      return one.request != RequestId{} && asked_by(one) == nullptr && !by_txn_.contains(one.txn);
    });
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
                                       [&](TxnId txn) { return excused_.contains(txn); });
      add(ViolationClass::isolation_anomaly, found.transactions.front(), std::move(found.what), follows);
    }
  }

  void add(ViolationClass violation, TxnId txn, std::string what, bool follows) {
    explained_ = explained_ && follows;
    findings_.add(violation, txn, std::move(what));
  }

  [[nodiscard]] std::string name(const SiteEvidence* site) const { return node_name(history_, site->node->node); }

  Verdict finish() {
    const bool violated = findings_.total() > 0;
    findings_.move_into(verdict_);
    if (violated) {
      verdict_.judgement = Judgement::violation;
      verdict_.expected = explained_ && !excused_.empty();
    } else {
      verdict_.judgement = verdict_.unknown_reasons.empty() ? Judgement::pass : Judgement::unknown;
    }
    return std::move(verdict_);
  }

  const History& history_;
  const CheckOptions& options_;
  Findings findings_;
  Verdict verdict_;
  const Protocol* protocol_{};
  std::optional<Homes> homes_;
  bool all_complete_{true};
  bool drained_{};
  bool explained_{true};     // every violation so far follows from a transaction that is excused
  std::set<TxnId> excused_;  // have both outcomes, and lived through what the protocol does not claim to stand
  std::unordered_map<TxnId, std::size_t> by_txn_;
  std::unordered_map<RequestId, std::size_t> by_request_;
  std::unordered_map<RequestId, TxnId> committed_request_;
  std::vector<bool> traced_;  // outcomes of which a log knows
};

}  // namespace
}  // namespace verdict

Verdict check(const History& history, const CheckOptions& options) { return verdict::Checker(history, options).run(); }

}  // namespace geocommit
