#include "verdict/homes.h"

#include <algorithm>
#include <unordered_map>

namespace geocommit::verdict {

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
            if (home_region::home_site(directory, operation.entity) == fact.home) {
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

void Homes::note_openings(const History& history) {
  for (const auto& [id, node] : history.nodes) {
    for (const Fact& fact : node.facts) {
      if (fact.kind == FactKind::opened) {
        const HomeEpoch term = fact.places.empty() ? HomeEpoch{} : fact.places.back().term;
        masters_[fact.home].push_back({id, term, fact.places, fact.forced, fact.fenced, fact.written});
      }
    }
  }
  for (auto& [home, openings] : masters_) {
    std::stable_sort(openings.begin(), openings.end(),
                     [](const Opening& a, const Opening& b) { return a.term < b.term; });
  }
}

/// What was undone or committed without effect somewhere, and how it had been accepted: by the log of the site that was
/// its master.
std::map<Homes::Part, Homes::Accepted> Homes::discarded_parts(const History& history) const {
  std::map<Part, Accepted> parts;
  for (const auto& [id, node] : history.nodes) {
    for (const Fact& fact : node.facts) {
      if (fact.kind == FactKind::discarded) {
        parts.emplace(Part(fact.txn, fact.home), Accepted{{fact.home, {}, fact.sequence}, {}});
      }
    }
  }
  if (parts.empty()) {
    return parts;
  }
  for (const auto& [id, node] : history.nodes) {
    std::unordered_map<TxnId, Instant> voted;
    for (const Fact& fact : node.facts) {
      if (fact.kind == FactKind::voted_yes) {
        voted.emplace(fact.txn, fact.written);
      } else if (fact.kind == FactKind::committed && fact.role == Role::participant) {
        for (const HomePlace& place : fact.places) {
          const auto part = parts.find(Part(fact.txn, place.home));
          if (part != parts.end() && part->second.place.term < place.term) {
            part->second = {place, voted.contains(fact.txn) ? voted.at(fact.txn) : Instant{}};
          }
        }
      }
    }
  }
  return parts;
}

Homes::Homes(const History& history) {
  const Directory& directory = *history.directory;
  note_openings(history);
  const std::map<Part, Accepted> discarded = discarded_parts(history);
  if (discarded.empty()) {
    return;
  }
  std::map<Part, std::vector<Operation>> operations;  // Of what was discarded somewhere.
  std::set<Part> survives;
  for (const auto& [id, node] : history.nodes) {
    std::map<Part, std::map<Entity, std::int64_t>> net;
    std::map<Part, std::vector<Operation>> seen;
    each_change(node, directory, [&](TxnId txn, const Operation& operation) {
      const Part key(txn, home_region::home_site(directory, operation.entity));
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
  for (const auto& [key, accepted] : discarded) {
    if (!survives.contains(key)) {
      lost_[key.first].push_back({key.second, operations[key], accounted_for(accepted)});
    }
  }
}

/// Its log ends before the write, or it never heard of the write's term. One without a place is in no later log.
bool Homes::Opening::lacks(const HomePlace& place) const {
  const auto same =
      std::find_if(terms.begin(), terms.end(), [&](const HomePlace& own) { return own.term == place.term; });
  return place.sequence == 0 || same == terms.end() || std::next(same) == terms.end() ||
         std::next(same)->sequence < place.sequence;
}

/// A loss belongs to the first later term whose log lacks the write: its opening cut it off. That is RPO if it was a
/// forced and fenced one, and the write had been accepted before it: what an old master accepts afterwards, nobody
/// fenced.
bool Homes::accounted_for(const Accepted& accepted) const {
  const auto found = masters_.find(accepted.place.home);
  if (found == masters_.end() || accepted.place.term == HomeEpoch{}) {
    return false;
  }
  for (const Opening& opening : found->second) {
    if (opening.term > accepted.place.term && opening.lacks(accepted.place)) {
      const bool known = accepted.voted != Instant{} && opening.written != Instant{};
      return opening.forced && opening.fenced && (!known || accepted.voted <= opening.written);
    }
  }
  return false;
}

bool Homes::forced(NodeId home) const {
  const auto found = masters_.find(home);
  return found != masters_.end() &&
         std::any_of(found->second.begin(), found->second.end(), [](const Opening& o) { return o.forced; });
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
