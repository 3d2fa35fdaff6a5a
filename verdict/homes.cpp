#include "verdict/homes.h"

#include <algorithm>
#include <unordered_map>

namespace geocommit::verdict {
namespace {

NodeId home_of(const Directory& directory, const Operation& operation) {
  return directory.agent(directory.home_of(operation.entity), directory.site_of(operation.entity));
}

}  // namespace

void each_change(const NodeHistory& node, const Directory& directory,
                 const std::function<void(TxnId, const Operation&)>& change) {
  std::unordered_map<TxnId, const Fact*> yes;
  std::unordered_map<TxnId, const Fact*> committed;
  const auto apply = [&](TxnId txn, const std::vector<Operation>& operations, bool inverted) {
    for (Operation operation : operations) {
      if (!operation.read && operation.delta != 0) {
        operation.delta = inverted ? -operation.delta : operation.delta;
        change(txn, operation);
      }
    }
  };
  for (const Fact& fact : node.facts) {
    if (fact.kind == FactKind::voted_yes) {
      yes.emplace(fact.txn, &fact);
    }
  }
  for (const Fact& fact : node.facts) {
    switch (fact.kind) {
      case FactKind::committed:
        if (const auto vote = yes.find(fact.txn);
            fact.role == Role::participant && vote != yes.end() && committed.emplace(fact.txn, vote->second).second) {
          apply(fact.txn, vote->second->operations, false);
        }
        break;
      case FactKind::applied_shipped:
        apply(fact.txn, fact.operations, false);
        break;
      case FactKind::discarded:
        if (fact.sequence != 0) {
          apply(fact.txn, fact.operations, true);
        } else if (const auto commit = committed.find(fact.txn); commit != committed.end()) {
          for (const Operation& operation : commit->second->operations) {
            if (home_of(directory, operation) == fact.home) {
              apply(fact.txn, {operation}, true);
            }
          }
        }
        break;
      case FactKind::voted_yes:
      case FactKind::aborted:
      case FactKind::opened:
        break;
    }
  }
}

Homes::Homes(const History& history) {
  const Directory& directory = *history.directory;
  std::map<std::pair<TxnId, NodeId>, std::uint64_t> discarded;  // The lowest sequence it was discarded at.
  for (const auto& [id, node] : history.nodes) {
    for (const Fact& fact : node.facts) {
      if (fact.kind == FactKind::opened) {
        masters_[fact.home].push_back({id, fact.sequence, fact.forced, fact.fenced});
      } else if (fact.kind == FactKind::discarded) {
        const auto [at, made] = discarded.emplace(std::pair(fact.txn, fact.home), fact.sequence);
        at->second = std::min(at->second, fact.sequence);
      }
    }
  }
  if (discarded.empty()) {
    return;
  }
  std::map<std::pair<TxnId, NodeId>, std::vector<Operation>> operations;  // Of what was discarded somewhere.
  std::set<std::pair<TxnId, NodeId>> survives;
  for (const auto& [id, node] : history.nodes) {
    std::map<std::pair<TxnId, NodeId>, std::map<Entity, std::int64_t>> net;
    std::map<std::pair<TxnId, NodeId>, std::vector<Operation>> seen;
    each_change(node, directory, [&](TxnId txn, const Operation& operation) {
      const std::pair key(txn, home_of(directory, operation));
      if (discarded.contains(key)) {
        net[key][operation.entity] += operation.delta;
        std::vector<Operation>& list = seen[key];
        if (std::none_of(list.begin(), list.end(), [&](const Operation& o) { return o.entity == operation.entity; })) {
          list.push_back(operation);
        }
      }
    });
    for (const auto& [key, balances] : net) {
      operations.emplace(key, seen[key]);
      if (std::any_of(balances.begin(), balances.end(), [](const auto& b) { return b.second != 0; })) {
        survives.insert(key);
      }
    }
  }
  for (const auto& [key, sequence] : discarded) {
    if (!survives.contains(key)) {
      lost_[key.first].push_back({key.second, operations[key], accounted_for(key.second, sequence)});
    }
  }
}

bool Homes::accounted_for(NodeId home, std::uint64_t sequence) const {
  const auto found = masters_.find(home);
  if (found == masters_.end()) {
    return false;
  }
  const std::vector<Opening>& openings = found->second;
  return std::all_of(openings.begin(), openings.end(), [](const Opening& o) { return o.fenced; }) &&
         std::any_of(openings.begin(), openings.end(),
                     [&](const Opening& o) { return o.forced && (sequence == 0 || o.start < sequence); });
}

std::set<NodeId> Homes::masters_of(NodeId home) const {
  std::set<NodeId> masters{home};
  if (const auto found = masters_.find(home); found != masters_.end()) {
    for (const Opening& opening : found->second) {
      masters.insert(opening.node);
    }
  }
  return masters;
}

}  // namespace geocommit::verdict
