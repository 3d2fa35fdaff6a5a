#include "verdict/site_versions.h"

#include <algorithm>
#include <map>
#include <utility>

namespace geocommit::verdict {
namespace {

/// One site's log, fact by fact.
class LogReplay {
 public:
  LogReplay(const History& history, TxnTable& txns, SiteVersions& site) : history_(history), txns_(txns), site_(site) {}

  void follow(const NodeHistory& node) {
    std::unordered_map<TxnId, const Fact*> yes;
    for (const Fact& fact : node.facts) {
      if (fact.kind == FactKind::voted_yes) {
        yes.emplace(fact.txn, &fact);
      }
    }
    std::unordered_map<TxnId, bool> installed;
    for (const Fact& fact : node.facts) {
      switch (fact.kind) {
        case FactKind::committed: {
          const auto vote = yes.find(fact.txn);
          if (fact.role == Role::participant && vote != yes.end() && installed.emplace(fact.txn, true).second) {
            install(fact.txn, vote->second->operations, false);
            saw(*vote->second);
          }
          break;
        }
        case FactKind::applied_shipped:
          install(fact.txn, fact.operations, true);
          break;
        case FactKind::discarded:
          take_back(fact);
          break;
        case FactKind::voted_yes:
        case FactKind::aborted:
        case FactKind::opened:
          break;
      }
    }
  }

 private:
  void install(TxnId txn, const std::vector<Operation>& operations, bool shipped) {
    const std::uint32_t writer = txns_.number_of(txn);
    for (const Operation& operation : operations) {
      if (operation.read) {
        continue;
      }
      std::vector<Version>& chain = site_.chains[operation.entity];
      if (!chain.empty() && chain.back().writer == writer) {
        chain.back().value += operation.delta;  // It writes the entity more than once: one version.
      } else {
        const std::int64_t before = chain.empty() ? history_.initial_balance : chain.back().value;
        chain.push_back({writer, before + operation.delta, shipped});
      }
    }
  }

  void take_back(const Fact& fact) {
    const std::optional<std::uint32_t> writer = txns_.find(fact.txn);
    if (!writer) {
      return;
    }
    for (auto& [entity, chain] : chains_of(fact)) {
      const auto version =
          std::find_if(chain->rbegin(), chain->rend(), [&](const Version& v) { return v.writer == *writer; });
      if (version != chain->rend()) {
        chain->erase(std::next(version).base());
      }
    }
  }
  /// Those that it wrote to. Without operations (it was committed without effect): its entities of that home.
  std::vector<std::pair<Entity, std::vector<Version>*>> chains_of(const Fact& fact) {
    std::vector<std::pair<Entity, std::vector<Version>*>> chains;
    const auto add = [&](Entity entity) {
      if (const auto chain = site_.chains.find(entity); chain != site_.chains.end()) {
        chains.emplace_back(entity, &chain->second);
      }
    };
    if (fact.sequence != 0) {
      for (const Operation& operation : fact.operations) {
        add(operation.entity);
      }
      return chains;
    }
    const std::optional<std::uint32_t> number = txns_.find(fact.txn);
    for (auto seen = site_.seen.rbegin(); seen != site_.seen.rend() && seen->reader == *number; ++seen) {
      if (home_region::home_site(*history_.directory, seen->entity) == fact.home) {  // Its commit is the record before.
        add(seen->entity);
      }
    }
    return chains;
  }

  void saw(const Fact& vote) {
    if (vote.versions.size() != vote.operations.size()) {
      return;  // A log of an earlier version does not say.
    }
    const std::uint32_t reader = txns_.number_of(vote.txn);
    for (std::size_t i = 0; i < vote.operations.size(); ++i) {
      site_.seen.push_back({reader, vote.operations[i].entity, txns_.number_of(vote.versions[i]), {}});
    }
  }

  const History& history_;
  TxnTable& txns_;
  SiteVersions& site_;
};

void add_clients_reads(const History& history, TxnTable& txns, std::vector<SiteVersions>& sites) {
  std::map<NodeId, SiteVersions*> site_at;
  for (SiteVersions& site : sites) {
    site_at.emplace(site.node, &site);
  }
  for (const ClientOutcome& outcome : history.outcomes) {
    for (const ReadValue& read : outcome.reads) {
      const auto site = site_at.find(read.site);
      if (outcome.outcome == Outcome::commit && site != site_at.end()) {
        const std::uint32_t reader = txns.number_of(outcome.txn);
        site->second->seen.push_back({reader, read.entity, txns.number_of(read.version), read.value});
      }
    }
  }
}

}  // namespace

TxnTable::TxnTable(const History& history) {
  (void)number_of({});
  for (const auto& [id, node] : history.nodes) {
    for (const Fact& fact : node.facts) {
      if (fact.kind == FactKind::committed || fact.kind == FactKind::applied_shipped) {
        txns_[number_of(fact.txn)].committed = true;
      } else if (fact.kind == FactKind::aborted) {
        txns_[number_of(fact.txn)].aborted = true;
      }
    }
  }
  for (const ClientOutcome& outcome : history.outcomes) {
    if (outcome.outcome == Outcome::commit && outcome.txn != TxnId{}) {
      txns_[number_of(outcome.txn)].committed = true;
    }
  }
}

std::uint32_t TxnTable::number_of(TxnId txn) {
  const auto [at, made] = numbers_.try_emplace(txn, size());
  if (made) {
    txns_.push_back({txn});
  }
  return at->second;
}

std::optional<std::uint32_t> TxnTable::find(TxnId txn) const {
  const auto found = numbers_.find(txn);
  return found == numbers_.end() ? std::nullopt : std::optional{found->second};
}

std::vector<SiteVersions> replay_versions(const History& history, TxnTable& txns) {
  std::vector<SiteVersions> sites;
  for (const auto& [id, node] : history.nodes) {
    if (node.log_complete) {
      SiteVersions& site = sites.emplace_back();
      site.node = node.node;
      LogReplay(history, txns, site).follow(node);
    }
  }
  add_clients_reads(history, txns, sites);
  return sites;
}

}  // namespace geocommit::verdict
