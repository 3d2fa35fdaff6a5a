#include "verdict/isolation.h"

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "verdict/homes.h"

namespace geocommit::verdict {
namespace {

constexpr std::uint32_t kInitial = 0;  // The number of nobody, who wrote the initial versions.

struct Version {
  std::uint32_t writer{};
  std::int64_t value{};  // As the writer left it.
  bool shipped{};
};
/// One transaction saw one version at a site, whether it read or wrote.
struct Seen {
  std::uint32_t reader{};
  Entity entity;
  std::uint32_t version{};
  std::optional<std::int64_t> value{};  // A read's, by its client's word.
};

struct PlaceHash {
  std::size_t operator()(const std::pair<Entity, std::uint32_t>& place) const {
    return static_cast<std::size_t>((place.first.value * 0x9e3779b97f4a7c15ULL) ^
                                    (std::uint64_t{place.second} * 0xc2b2ae3d27d4eb4fULL));
  }
};

/// One site's versions, in order, from its log.
struct Site {
  NodeId node;
  std::unordered_map<Entity, std::vector<Version>> chains;
  std::vector<Seen> seen;
};

class Judge {
 public:
  Judge(const History& history, const Homes& homes) : history_(history), homes_(homes) { number_of({}); }

  std::vector<IsolationFinding> run() {
    collect_outcomes();
    for (const auto& [id, node] : history_.nodes) {
      if (node.log_complete) {
        replay(node);
      } else {
        all_complete_ = false;
      }
    }
    add_clients_reads();
    for (const Site& site : sites_) {
      depend(site);
    }
    for (const Cycle& cycle : find_cycles(static_cast<std::uint32_t>(txns_.size()), std::move(dependencies_))) {
      report(cycle);
    }
    std::sort(findings_.begin(), findings_.end(), [](const IsolationFinding& a, const IsolationFinding& b) {
      return std::pair(a.transactions.front(), a.what) < std::pair(b.transactions.front(), b.what);
    });
    return std::move(findings_);
  }

 private:
  struct Txn {
    TxnId id;
    bool committed{}, aborted{};
  };

  std::uint32_t number_of(TxnId txn) {
    const auto [at, made] = numbers_.try_emplace(txn, static_cast<std::uint32_t>(txns_.size()));
    if (made) {
      txns_.push_back({txn});
    }
    return at->second;
  }

  void collect_outcomes() {
    for (const auto& [id, node] : history_.nodes) {
      for (const Fact& fact : node.facts) {
        if (fact.kind == FactKind::committed || fact.kind == FactKind::applied_shipped) {
          txns_[number_of(fact.txn)].committed = true;
        } else if (fact.kind == FactKind::aborted) {
          txns_[number_of(fact.txn)].aborted = true;
        }
      }
    }
    for (const ClientOutcome& outcome : history_.outcomes) {
      if (outcome.outcome == Outcome::commit && outcome.txn != TxnId{}) {
        txns_[number_of(outcome.txn)].committed = true;  // A read at one site leaves no record.
      }
    }
  }

  [[nodiscard]] NodeId home_of(Entity entity) const {
    const Directory& directory = *history_.directory;
    return directory.agent(directory.home_of(entity), directory.site_of(entity));
  }
  [[nodiscard]] bool lost(TxnId txn, Entity entity) const {
    const auto found = homes_.lost().find(txn);
    return found != homes_.lost().end() &&
           std::any_of(found->second.begin(), found->second.end(),
                       [&](const LostPart& part) { return part.home == home_of(entity); });
  }

  /// Follows one node's log: what was installed, in which order, and what was taken back.
  void replay(const NodeHistory& node) {
    std::unordered_map<TxnId, const Fact*> yes;
    for (const Fact& fact : node.facts) {
      if (fact.kind == FactKind::voted_yes) {
        yes.emplace(fact.txn, &fact);
      }
    }
    Site& site = sites_.emplace_back();
    site.node = node.node;
    site_at_[node.node] = sites_.size() - 1;
    std::unordered_map<TxnId, bool> installed;
    for (const Fact& fact : node.facts) {
      switch (fact.kind) {
        case FactKind::committed: {
          const auto vote = yes.find(fact.txn);
          if (fact.role == Role::participant && vote != yes.end() && installed.emplace(fact.txn, true).second) {
            install(site, fact.txn, vote->second->operations, false);
            saw(site, *vote->second);
          }
          break;
        }
        case FactKind::applied_shipped:
          install(site, fact.txn, fact.operations, true);
          break;
        case FactKind::discarded:
          take_back(site, fact);
          break;
        case FactKind::voted_yes:
        case FactKind::aborted:
        case FactKind::opened:
          break;
      }
    }
  }

  void install(Site& site, TxnId txn, const std::vector<Operation>& operations, bool shipped) {
    const std::uint32_t writer = number_of(txn);
    for (const Operation& operation : operations) {
      if (operation.read) {
        continue;
      }
      std::vector<Version>& chain = site.chains[operation.entity];
      if (!chain.empty() && chain.back().writer == writer) {
        chain.back().value += operation.delta;  // It writes the entity more than once: one version.
      } else {
        const std::int64_t before = chain.empty() ? history_.initial_balance : chain.back().value;
        chain.push_back({writer, before + operation.delta, shipped});
      }
    }
  }

  void take_back(Site& site, const Fact& fact) {
    const auto at = numbers_.find(fact.txn);
    if (at == numbers_.end()) {
      return;
    }
    for (auto& [entity, chain] : chains_of(site, fact)) {
      const auto version =
          std::find_if(chain->rbegin(), chain->rend(), [&](const Version& v) { return v.writer == at->second; });
      if (version != chain->rend()) {
        chain->erase(std::next(version).base());
      }
    }
  }
  /// Those that it wrote to. Without operations (it was committed without effect): its entities of that home.
  std::vector<std::pair<Entity, std::vector<Version>*>> chains_of(Site& site, const Fact& fact) const {
    std::vector<std::pair<Entity, std::vector<Version>*>> chains;
    const auto add = [&](Entity entity) {
      if (const auto chain = site.chains.find(entity); chain != site.chains.end()) {
        chains.emplace_back(entity, &chain->second);
      }
    };
    if (fact.sequence != 0) {
      for (const Operation& operation : fact.operations) {
        add(operation.entity);
      }
      return chains;
    }
    const auto number = numbers_.find(fact.txn);
    for (auto seen = site.seen.rbegin(); seen != site.seen.rend() && seen->reader == number->second; ++seen) {
      if (home_of(seen->entity) == fact.home) {  // Its commit is the record before.
        add(seen->entity);
      }
    }
    return chains;
  }

  void saw(Site& site, const Fact& vote) {
    if (vote.versions.size() != vote.operations.size()) {
      return;  // A log of an earlier version does not say.
    }
    const std::uint32_t reader = number_of(vote.txn);
    for (std::size_t i = 0; i < vote.operations.size(); ++i) {
      site.seen.push_back({reader, vote.operations[i].entity, number_of(vote.versions[i]), {}});
    }
  }

  void add_clients_reads() {
    for (const ClientOutcome& outcome : history_.outcomes) {
      for (const ReadValue& read : outcome.reads) {
        const auto site = site_at_.find(read.site);
        if (outcome.outcome == Outcome::commit && site != site_at_.end()) {
          sites_[site->second].seen.push_back(
              {number_of(outcome.txn), read.entity, number_of(read.version), read.value});
        }
      }
    }
  }

  void depend(const Site& site) {
    std::unordered_map<std::pair<Entity, std::uint32_t>, std::size_t, PlaceHash> places;
    for (const auto& [entity, chain] : site.chains) {
      for (std::size_t i = 0; i < chain.size(); ++i) {
        places.emplace(std::pair(entity, chain[i].writer), i);
        if (i > 0) {
          add(chain[i - 1].writer, chain[i].writer, DependencyKind::ww, entity, site.node);
        }
      }
    }
    static const std::vector<Version> kUnwritten;
    for (const Seen& seen : site.seen) {
      const auto found = site.chains.find(seen.entity);
      const std::vector<Version>& chain = found != site.chains.end() ? found->second : kUnwritten;
      std::size_t next = 0;
      std::int64_t value = history_.initial_balance;
      if (seen.version != kInitial) {
        const auto place = places.find({seen.entity, seen.version});
        if (place == places.end()) {
          never_written(site, seen);
          continue;
        }
        value = chain[place->second].value;
        next = place->second + 1;
        add(seen.version, seen.reader, DependencyKind::wr, seen.entity, site.node);
      }
      if (seen.value && *seen.value != value) {
        find(Anomaly::g1b, seen,
             " read " + std::to_string(*seen.value) + " of " + name(seen.entity, site.node) + ", which " +
                 name_of_version(seen.version) + " left at " + std::to_string(value));
      }
      if (next < chain.size() && !lost(txns_[seen.reader].id, seen.entity) &&
          !(chain[next].shipped && homes_.forced(home_of(seen.entity)))) {
        add(seen.reader, chain[next].writer, DependencyKind::rw, seen.entity, site.node);
      }
    }
  }

  /// A version that the site's log does not have in the end.
  void never_written(const Site& site, const Seen& seen) {
    const Txn& writer = txns_[seen.version];
    if (writer.committed || !txns_[seen.reader].committed) {
      return;  // Left behind by a failover; or the log ends before it.
    }
    if (writer.aborted || (history_.drained && all_complete_)) {
      find(Anomaly::g1a, seen,
           " read " + name(seen.entity, site.node) + " as " + to_text(writer.id) + " wrote it, which " +
               (writer.aborted ? "aborted" : "never committed"));
    }
  }

  void add(std::uint32_t from, std::uint32_t to, DependencyKind kind, Entity entity, NodeId site) {
    if (from != to && from != kInitial && txns_[from].committed && txns_[to].committed) {
      dependencies_.push_back({from, to, kind, entity, site});
    }
  }

  void find(Anomaly anomaly, const Seen& seen, const std::string& what) {
    const TxnId reader = txns_[seen.reader].id;
    findings_.push_back(
        {anomaly, {reader, txns_[seen.version].id}, std::string(name_of(anomaly)) + ": " + to_text(reader) + what});
  }

  void report(const Cycle& cycle) {
    IsolationFinding& finding = findings_.emplace_back();
    finding.anomaly = cycle.anomaly;
    // Begins with the lowest id, whatever the search began with.
    std::vector<Dependency> round = cycle.dependencies;
    std::rotate(
        round.begin(),
        std::min_element(round.begin(), round.end(),
                         [&](const Dependency& a, const Dependency& b) { return txns_[a.from].id < txns_[b.from].id; }),
        round.end());
    finding.what = std::string(name_of(cycle.anomaly)) + ": " + to_text(txns_[round.front().from].id);
    for (const Dependency& edge : round) {
      finding.transactions.push_back(txns_[edge.from].id);
      finding.what += " -" + std::string(name_of(edge.kind)) + "(" + name(edge.entity, edge.site) + ")-> " +
                      to_text(txns_[edge.to].id);
    }
    if (cycle.transactions > round.size()) {
      finding.what += ", among " + std::to_string(cycle.transactions) + " transactions without a serial order";
    }
  }

  [[nodiscard]] std::string name(Entity entity, NodeId site) const {
    return "entity " + std::to_string(entity.value) + " at " + node_name(history_, site);
  }
  [[nodiscard]] std::string name_of_version(std::uint32_t version) const {
    return version == kInitial ? "nobody has written and" : to_text(txns_[version].id);
  }

  const History& history_;
  const Homes& homes_;
  bool all_complete_{true};
  std::unordered_map<TxnId, std::uint32_t> numbers_;
  std::vector<Txn> txns_;
  std::vector<Site> sites_;
  std::map<NodeId, std::size_t> site_at_;
  std::vector<Dependency> dependencies_;
  std::vector<IsolationFinding> findings_;
};

}  // namespace

std::vector<IsolationFinding> judge_isolation(const History& history, const Homes& homes) {
  return Judge(history, homes).run();
}

}  // namespace geocommit::verdict
