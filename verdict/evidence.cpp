#include <algorithm>
#include <cstddef>

#include "verdict/findings.h"

namespace geocommit::verdict {
namespace {

struct Entry {
  TxnId txn;
  const NodeHistory* node;
  const Fact* fact;  // facts of one node lie in one array: their addresses are in log order
};

void take(SiteEvidence& site, const Fact& fact) {
  const bool coordinator = fact.role == Role::coordinator;
  switch (fact.kind) {
    case FactKind::voted_yes:
      if (site.yes == nullptr) {
        site.yes = &fact;
        site.yes_before_commit = site.commit == nullptr;
      }
      return;
    case FactKind::committed:
      if (coordinator) {
        site.coordinator_commit = true;
      } else if (site.commit == nullptr) {
        site.commit = &fact;
      }
      return;
    case FactKind::aborted:
      (coordinator ? site.coordinator_abort : site.abort) = true;
      return;
    case FactKind::applied_shipped:
    case FactKind::discarded:
    case FactKind::opened:
      return;  // a copy's business, not the commitment's
  }
}

}  // namespace

void Findings::add(ViolationClass violation, TxnId txn, std::string what) {
  const auto index = static_cast<std::size_t>(violation);
  ++counts_[index];
  if (examples_[index].size() < most_) {
    examples_[index].push_back({violation, txn, std::move(what)});
  }
}

std::uint64_t Findings::total() const {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : counts_) {
    sum += count;
  }
  return sum;
}

void Findings::move_into(Verdict& verdict) {
  verdict.counts = counts_;
  for (auto& of_class : examples_) {
    for (Violation& violation : of_class) {
      verdict.examples.push_back(std::move(violation));
    }
  }
  verdict.unknown_reasons = std::move(reasons_);
}

const SiteEvidence* Evidence::at(NodeId node) const {
  const auto found =
      std::find_if(sites.begin(), sites.end(), [node](const SiteEvidence& site) { return site.node->node == node; });
  return found == sites.end() ? nullptr : &*found;
}

std::vector<Evidence> collect(const History& history) {
  std::vector<Entry> entries;
  std::size_t size = 0;
  for (const auto& [id, node] : history.nodes) {
    size += node.facts.size();
  }
  entries.reserve(size);
  for (const auto& [id, node] : history.nodes) {
    for (const Fact& fact : node.facts) {
      if (fact.kind == FactKind::voted_yes || fact.kind == FactKind::committed || fact.kind == FactKind::aborted) {
        entries.push_back({fact.txn, &node, &fact});
      }
    }
  }
  // Stable: within a transaction the nodes stay ascending, and each node's facts in log order.
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.txn < b.txn; });
  std::vector<Evidence> all;
  for (const Entry& entry : entries) {
    if (all.empty() || all.back().txn != entry.txn) {
      all.emplace_back().txn = entry.txn;
    }
    Evidence& evidence = all.back();
    if (evidence.sites.empty() || evidence.sites.back().node != entry.node) {
      evidence.sites.push_back({});
      evidence.sites.back().node = entry.node;
    }
    take(evidence.sites.back(), *entry.fact);
    if (evidence.cohort == nullptr && !entry.fact->cohort.empty()) {
      evidence.cohort = &entry.fact->cohort;
    }
    if (evidence.request == RequestId{}) {
      evidence.request = entry.fact->request;
    }
    if (const Instant written = entry.fact->written; written != Instant{}) {
      evidence.first_written =
          evidence.first_written == Instant{} ? written : std::min(evidence.first_written, written);
      evidence.last_written = std::max(evidence.last_written, written);
    }
  }
  return all;
}

std::string node_name(const History& history, NodeId node) {
  const NodeInfo* info = history.directory->find(node);
  return info != nullptr ? info->name : "node " + std::to_string(node.value);
}

}  // namespace geocommit::verdict
