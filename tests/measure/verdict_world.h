// Histories for the checker's tests, as a flawless system would leave them: the tests then plant a fault.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "protocols/registry.h"
#include "verdict/check.h"
#include "workload/generator.h"

namespace geocommit::verdict_test {

using VC = ViolationClass;

/// Writes histories as a flawless system would: the tests then plant a fault.
class World {
 public:
  World(const std::string& protocol, Placement placement, std::uint32_t sites = 1, std::uint64_t keys = 50)
      : directory({"us", "eu", "ap"}, sites, placement, keys) {
    history.directory = &directory;
    history.protocol = protocol;
    history.initial_balance = 1000;
    history.drained = true;
    for (const NodeInfo& info : directory.nodes()) {
      if (info.kind != NodeKind::client) {
        NodeHistory& node = history.nodes[info.id];
        node.node = info.id;
        if (info.kind == NodeKind::agent) {
          node.has_balances = true;
          node.balances.assign(keys, 1000);
        }
      }
    }
  }

  /// A transaction as its protocol leaves it; `told` is what the client hears.
  TxnId run(const Request& request, bool commit) {
    const Protocol& protocol = *find_protocol(history.protocol);
    const Route route = protocol.route(request, directory);
    const NodeId coordinator = directory.coordinator(route.coordinator_region);
    const TxnId txn{coordinator, Epoch{1}, ++counter_};
    std::vector<NodeId> cohort;
    for (const SiteWork& work : route.sites) {
      cohort.push_back(work.site);
    }
    const bool writes = !request.operations.front().read;
    for (const SiteWork& work : route.sites) {
      if (writes) {
        fact(work.site, {txn, FactKind::voted_yes, Role::participant, cohort, work.operations, request.id, {}, 0});
      }
    }
    if (writes && commit) {
      fact(coordinator, {txn, FactKind::committed, Role::coordinator, cohort, {}, request.id, {}, 0});
    }
    for (const SiteWork& work : route.sites) {
      if (writes) {
        const std::uint64_t sequence = protocol.ships_to_replicas && commit ? ++shipped_[work.site] : 0;
        Fact outcome;
        outcome.txn = txn;
        outcome.kind = commit ? FactKind::committed : FactKind::aborted;
        if (sequence != 0) {
          outcome.places.push_back({work.site, first_term(work.site), sequence});
        }
        fact(work.site, outcome);
        if (commit) {
          apply(work.site, work.operations);
          if (sequence != 0 && directory.placement() == Placement::replicated) {
            ship(work, txn, sequence);
          }
        }
      }
    }
    ClientOutcome outcome;
    outcome.request = request.id;
    outcome.txn = txn;
    outcome.outcome = commit ? Outcome::commit : Outcome::abort;
    outcome.origin = request.origin;
    outcome.operations = request.operations;
    history.outcomes.push_back(outcome);
    return txn;
  }

  /// n transactions of the workload, every tenth aborted, every seventh unknown to its client.
  World& busy(int n = 60, double reads = 0.1) {
    WorkloadSpec spec;
    spec.local = 0.5;
    spec.reads = reads;
    std::vector<Generator> generators;
    for (std::uint32_t r = 0; r < 3; ++r) {
      generators.emplace_back(spec, directory, RegionId{r}, 1);
    }
    for (int i = 0; i < n; ++i) {
      Request request = generators[static_cast<std::size_t>(i % 3)].next().request;
      request.id = {directory.client(request.origin), static_cast<std::uint64_t>(i)};
      run(request, i % 10 != 3);
      if (i % 7 == 6) {
        history.outcomes.back().outcome = Outcome::undecided;
        history.outcomes.back().txn = {};
      }
    }
    return *this;
  }

  TxnId transfer(std::uint64_t from, std::uint64_t to, bool commit = true) {
    Request request;
    request.id = {directory.client(RegionId{0}), ++request_};
    request.operations = {{Entity{from}, -5, false}, {Entity{to}, 5, false}};
    return run(request, commit);
  }

  void fact(NodeId node, Fact fact) { history.nodes[node].facts.push_back(std::move(fact)); }
  void apply(NodeId site, const std::vector<Operation>& operations, std::int64_t times = 1) {
    for (const Operation& op : operations) {
      history.nodes[site].balances[directory.slot_of(op.entity)] += times * op.delta;
    }
  }
  /// Removes a transaction's facts of a kind at a node.
  void erase(NodeId node, TxnId txn, FactKind kind) {
    std::erase_if(history.nodes[node].facts, [&](const Fact& f) { return f.txn == txn && f.kind == kind; });
  }
  [[nodiscard]] home_region::HomeEpoch first_term(NodeId home) const {
    return home_region::first_epoch(directory.region_of(home), directory.region_count());
  }
  /// How many writes its home's log has.
  [[nodiscard]] std::uint64_t shipped(NodeId home) const { return shipped_.contains(home) ? shipped_.at(home) : 0; }
  [[nodiscard]] NodeId agent(std::uint32_t region) const { return directory.agent(RegionId{region}, 0); }
  [[nodiscard]] Verdict judge(bool partitions = false) const {
    return judge(partitions ? std::vector<FaultSpan>{{Duration{0}, std::nullopt}} : std::vector<FaultSpan>{});
  }
  [[nodiscard]] Verdict judge(std::vector<FaultSpan> beyond_model) const {
    return check(history, {std::move(beyond_model), 20});
  }

  Directory directory;
  History history;

 private:
  void ship(const SiteWork& work, TxnId txn, std::uint64_t sequence) {
    for (std::uint32_t r = 0; r < directory.region_count(); ++r) {
      const NodeId replica = directory.agent(RegionId{r}, directory.find(work.site)->site);
      if (replica != work.site) {
        fact(replica,
             {txn, FactKind::applied_shipped, Role::participant, {}, work.operations, {}, work.site, sequence});
        apply(replica, work.operations);
      }
    }
  }

  std::uint64_t counter_{}, request_{1'000'000};
  std::map<NodeId, std::uint64_t> shipped_;
};

inline std::string text(const Verdict& verdict) {
  std::string out{name_of(verdict.judgement)};
  for (const Violation& v : verdict.examples) {
    out += "\n  " + std::string(name_of(v.violation)) + ": " + v.what;
  }
  for (const std::string& reason : verdict.unknown_reasons) {
    out += "\n  unknown: " + reason;
  }
  return out;
}

/// A violation, and of these classes only.
inline void require_only(const Verdict& verdict, std::vector<std::pair<VC, std::uint64_t>> expected) {
  INFO(text(verdict));
  CHECK(verdict.judgement == (expected.empty() ? Judgement::pass : Judgement::violation));
  for (std::size_t i = 0; i < kViolationClasses; ++i) {
    const auto found = std::find_if(expected.begin(), expected.end(),
                                    [i](const auto& e) { return static_cast<std::size_t>(e.first) == i; });
    INFO(name_of(static_cast<VC>(i)));
    CHECK(verdict.counts[i] == (found == expected.end() ? 0 : found->second));
  }
}

}  // namespace geocommit::verdict_test
