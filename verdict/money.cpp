// Balances: against each site's own log, and against each other.
#include <cstdint>
#include <map>
#include <unordered_set>
#include <utility>

#include "verdict/homes.h"

namespace geocommit::verdict {
namespace {

using Balances = std::map<NodeId, std::vector<std::int64_t>>;

/// One change to one slot, and whose it was.
struct Change {
  std::uint64_t slot{};
  std::int64_t delta{};
  TxnId txn;
};

class Money {
 public:
  Money(const History& history, const Protocol& protocol, const Homes& homes, const std::set<TxnId>& excused,
        Findings& findings)
      : history_(history),
        directory_(*history.directory),
        ships_(protocol.ships_to_replicas && directory_.placement() == Placement::replicated),
        homes_(homes),
        excused_(excused),
        findings_(findings) {}

  bool judge() {
    if (!complete()) {
      return true;
    }
    for (const ClientOutcome& outcome : history_.outcomes) {
      if (outcome.outcome == Outcome::commit) {
        acknowledged_.insert(outcome.txn);
      }
    }
    gather();
    const std::uint64_t before = findings_.total();
    against_logs();
    const bool logs_agree = findings_.total() == before;
    Balances balances;
    for (const auto& [id, node] : history_.nodes) {
      if (node.has_balances) {
        balances.emplace(id, node.balances);
      }
    }
    against_each_other(balances, findings_);
    // The same again without the effects of transactions whose both outcomes are excused.
    for (auto& [id, changes] : changes_) {
      for (const Change& change : changes) {
        if (excused_.contains(change.txn)) {
          balances.at(id)[change.slot] -= change.delta;
        }
      }
    }
    Findings rest(0);
    against_each_other(balances, rest);
    return logs_agree && rest.total() == 0;
  }

 private:
  /// Every agent's balances, of the right number; else nothing here can be judged.
  bool complete() {
    bool all = true;
    for (const NodeInfo& info : directory_.nodes()) {
      if (info.kind != NodeKind::agent) {
        continue;
      }
      const auto node = history_.nodes.find(info.id);
      if (node == history_.nodes.end() || !node->second.has_balances) {
        findings_.cannot_judge("the balances of " + info.name + " are missing: conservation was not judged");
        all = false;
      } else if (node->second.balances.size() != directory_.keys_per_participant()) {
        findings_.cannot_judge(info.name + " reports " + std::to_string(node->second.balances.size()) +
                               " balances instead of " + std::to_string(directory_.keys_per_participant()));
        all = false;
      }
    }
    return all;
  }

  void gather() {
    for (const auto& [id, node] : history_.nodes) {
      each_change(node, directory_,
                  [&, node_id = id](TxnId txn, const Operation& operation) { change(node_id, txn, operation); });
    }
  }

  void change(NodeId node, TxnId txn, const Operation& operation) {
    const std::uint64_t slot = directory_.slot_of(operation.entity);
    if (slot < directory_.keys_per_participant()) {
      changes_[node].push_back({slot, operation.delta, txn});
    }
  }

  /// What a site's log adds up to is what its balances must be.
  void against_logs() {
    for (const auto& [id, node] : history_.nodes) {
      if (!node.has_balances || !node.log_complete) {
        continue;  // an incomplete log has been reported already
      }
      std::vector<std::int64_t> expected(node.balances.size(), history_.initial_balance);
      for (const Change& change : changes_[id]) {
        expected[change.slot] += change.delta;
      }
      std::map<std::uint64_t, std::int64_t> missing;  // by slot: what the log says more than the balance
      for (std::size_t slot = 0; slot < expected.size(); ++slot) {
        if (expected[slot] != node.balances[slot]) {
          missing.emplace(slot, expected[slot] - node.balances[slot]);
        }
      }
      explain(id, missing);
    }
  }

  void explain(NodeId node, const std::map<std::uint64_t, std::int64_t>& missing) {
    if (missing.empty()) {
      return;
    }
    // A missing change that is exactly an acknowledged transaction's is that write, lost.
    std::map<std::uint64_t, TxnId> culprit;
    for (const Change& change : changes_[node]) {
      const auto found = missing.find(change.slot);
      if (found != missing.end() && found->second == change.delta && acknowledged_.contains(change.txn)) {
        culprit.emplace(change.slot, change.txn);
      }
    }
    for (const auto& [slot, amount] : missing) {
      const auto found = culprit.find(slot);
      const std::string where = "slot " + std::to_string(slot) + " of " + node_name(history_, node);
      if (found != culprit.end()) {
        findings_.add(ViolationClass::lost_acknowledged_write, found->second,
                      where + " lacks the change of " + std::to_string(amount) + " that its log has committed");
      } else {
        findings_.add(ViolationClass::money_not_conserved, {},
                      where + " differs by " + std::to_string(-amount) + " from what its log adds up to");
      }
    }
  }

  void against_each_other(const Balances& balances, Findings& findings) const {
    if (directory_.placement() == Placement::partitioned || ships_) {
      homes_sum(balances, findings);
    }
    if (directory_.placement() == Placement::replicated) {
      if (!ships_) {
        copies_sum(balances, findings);
      }
      copies_agree(balances, findings);
    }
  }

  /// The sum over every entity where it lives (home region: at its home).
  void homes_sum(const Balances& balances, Findings& findings) const {
    std::int64_t sum = 0;
    for (std::uint64_t e = 0; e < directory_.entity_count(); ++e) {
      const Entity entity{e};
      sum += balances.at(home_region::home_site(directory_, entity))[directory_.slot_of(entity)];
    }
    for (const auto& [txn, parts] : homes_.lost()) {  // One home's part of a transfer over two was left behind.
      for (const LostPart& part : parts) {
        for (const Operation& operation : part.operations) {
          sum += part.accounted ? operation.delta : 0;
        }
      }
    }
    compare_sum("over all homes", sum, findings);
  }

  void copies_sum(const Balances& balances, Findings& findings) const {
    for (std::uint32_t r = 0; r < directory_.region_count(); ++r) {
      std::int64_t sum = 0;
      for (std::uint32_t s = 0; s < directory_.sites_per_region(); ++s) {
        for (const std::int64_t balance : balances.at(directory_.agent(RegionId{r}, s))) {
          sum += balance;
        }
      }
      compare_sum("of the copy in " + directory_.regions()[r], sum, findings);
    }
  }

  void compare_sum(const std::string& what, std::int64_t sum, Findings& findings) const {
    const std::int64_t expected = static_cast<std::int64_t>(directory_.entity_count()) * history_.initial_balance;
    if (sum != expected) {
      findings.add(ViolationClass::money_not_conserved, {},
                   "the sum " + what + " is " + std::to_string(sum) + ", it began as " + std::to_string(expected));
    }
  }

  void copies_agree(const Balances& balances, Findings& findings) const {
    for (std::uint32_t s = 0; s < directory_.sites_per_region(); ++s) {
      std::vector<const std::vector<std::int64_t>*> copies;
      for (std::uint32_t r = 0; r < directory_.region_count(); ++r) {
        copies.push_back(&balances.at(directory_.agent(RegionId{r}, s)));
      }
      for (std::uint64_t slot = 0; slot < directory_.keys_per_participant(); ++slot) {
        const std::int64_t first = (*copies[0])[slot];
        bool agree = true;
        for (const auto* copy : copies) {
          agree = agree && (*copy)[slot] == first;
        }
        if (!agree) {
          std::string held;
          for (const auto* copy : copies) {
            held += (held.empty() ? "" : ", ") + std::to_string((*copy)[slot]);
          }
          const std::uint64_t entity = slot * directory_.sites_per_region() + s;
          findings.add(ViolationClass::money_not_conserved, {},
                       "the copies of entity " + std::to_string(entity) + " hold " + held);
        }
      }
    }
  }

  const History& history_;
  const Directory& directory_;
  bool ships_;
  const Homes& homes_;
  const std::set<TxnId>& excused_;
  Findings& findings_;
  std::unordered_set<TxnId> acknowledged_;
  std::map<NodeId, std::vector<Change>> changes_;
};

}  // namespace

bool judge_overdrafts(const History& history, Findings& findings) {
  const Directory& directory = *history.directory;
  const std::uint64_t before = findings.total();
  for (const auto& [id, node] : history.nodes) {
    std::map<std::uint64_t, std::int64_t> balances;  // Of the slots that were changed.
    std::set<std::uint64_t> reported;
    std::set<std::uint64_t> touched;  // By `current`: its changes count as one, as one that is discarded has none.
    TxnId current;
    const auto look = [&, node_id = id] {
      for (const std::uint64_t slot : touched) {
        if (balances[slot] < 0 && reported.insert(slot).second) {
          findings.add(ViolationClass::negative_balance, current,
                       "takes slot " + std::to_string(slot) + " of " + node_name(history, node_id) + " to " +
                           std::to_string(balances[slot]));
        }
      }
      touched.clear();
    };
    each_change(node, directory, [&](TxnId txn, const Operation& operation) {
      if (txn != current) {
        look();
        current = txn;
      }
      const std::uint64_t slot = directory.slot_of(operation.entity);
      balances.try_emplace(slot, history.initial_balance).first->second += operation.delta;
      touched.insert(slot);
    });
    look();
    for (std::size_t slot = 0; slot < node.balances.size(); ++slot) {
      if (node.has_balances && node.balances[slot] < 0 && reported.insert(slot).second) {
        findings.add(ViolationClass::negative_balance, {},
                     "slot " + std::to_string(slot) + " of " + node_name(history, id) + " holds " +
                         std::to_string(node.balances[slot]) + " at the end");
      }
    }
  }
  return findings.total() == before;
}

bool judge_money(const History& history, const Protocol& protocol, const Homes& homes, const std::set<TxnId>& excused,
                 Findings& findings) {
  return Money(history, protocol, homes, excused, findings).judge();
}

}  // namespace geocommit::verdict
