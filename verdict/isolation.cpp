#include "verdict/isolation.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "verdict/homes.h"
#include "verdict/site_versions.h"

namespace geocommit::verdict {
namespace {

struct PlaceHash {
  std::size_t operator()(const std::pair<Entity, std::uint32_t>& place) const {
    return static_cast<std::size_t>((place.first.value * 0x9e3779b97f4a7c15ULL) ^
                                    (std::uint64_t{place.second} * 0xc2b2ae3d27d4eb4fULL));
  }
};

class Judge {
 public:
  Judge(const History& history, const Homes& homes) : history_(history), homes_(homes), txns_(history) {}

  std::vector<IsolationFinding> run() {
    for (const SiteVersions& site : replay_versions(history_, txns_)) {
      depend(site);
    }
    for (const Cycle& cycle : find_cycles(txns_.size(), std::move(dependencies_))) {
      report(cycle);
    }
    std::sort(findings_.begin(), findings_.end(), [](const IsolationFinding& a, const IsolationFinding& b) {
      return std::pair(a.transactions.front(), a.what) < std::pair(b.transactions.front(), b.what);
    });
    return std::move(findings_);
  }

 private:
  [[nodiscard]] bool lost(TxnId txn, Entity entity) const {
    const auto found = homes_.lost().find(txn);
    return found != homes_.lost().end() &&
           std::any_of(found->second.begin(), found->second.end(), [&](const LostPart& part) {
             return part.home == home_region::home_site(*history_.directory, entity);
           });
  }

  void depend(const SiteVersions& site) {
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
      if (seen.version != TxnTable::kInitial) {
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
          !(chain[next].shipped && homes_.forced(home_region::home_site(*history_.directory, seen.entity)))) {
        add(seen.reader, chain[next].writer, DependencyKind::rw, seen.entity, site.node);
      }
    }
  }

  [[nodiscard]] bool all_complete() const {
    return std::all_of(history_.nodes.begin(), history_.nodes.end(),
                       [](const auto& node) { return node.second.log_complete; });
  }

  /// A version that the site's log does not have in the end.
  void never_written(const SiteVersions& site, const Seen& seen) {
    const TxnTable::Txn& writer = txns_[seen.version];
    if (writer.committed || !txns_[seen.reader].committed) {
      return;  // Left behind by a failover; or the log ends before it.
    }
    if (writer.aborted || (history_.drained && all_complete())) {
      find(Anomaly::g1a, seen,
           " read " + name(seen.entity, site.node) + " as " + to_text(writer.id) + " wrote it, which " +
               (writer.aborted ? "aborted" : "never committed"));
    }
  }

  void add(std::uint32_t from, std::uint32_t to, DependencyKind kind, Entity entity, NodeId site) {
    if (from != to && from != TxnTable::kInitial && txns_[from].committed && txns_[to].committed) {
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
    return version == TxnTable::kInitial ? "nobody has written and" : to_text(txns_[version].id);
  }

  const History& history_;
  const Homes& homes_;
  TxnTable txns_;
  std::vector<Dependency> dependencies_;
  std::vector<IsolationFinding> findings_;
};

}  // namespace

std::vector<IsolationFinding> judge_isolation(const History& history, const Homes& homes) {
  return Judge(history, homes).run();
}

}  // namespace geocommit::verdict
