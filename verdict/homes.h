// Home region after a change of masters: what each node's log adds up to, and which acknowledged writes are in no
// surviving history.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "verdict/findings.h"

namespace geocommit::verdict {

using home_region::HomeEpoch;

/// Every change to a balance that one node's facts stand for, in their order; what was undone comes once more,
/// inverted.
void each_change(const NodeHistory& node, const Directory& directory,
                 const std::function<void(TxnId, const Operation&)>& change);

/// A transaction's writes to one home that no site of it has in the end, although one of them had committed them.
struct LostPart {
  NodeId home;
  std::vector<Operation> operations;
  bool accounted{};  ///< The failover that cut it off was forced and fenced: RPO. Else somebody broke a promise.
};

class Homes {
 public:
  explicit Homes(const History& history);

  [[nodiscard]] bool moved() const { return !masters_.empty(); }
  /// Its mastership was taken, at some time: what was locked at the old master was then locked no more.
  [[nodiscard]] bool forced(NodeId home) const;
  /// Every site that was master of `home` at some time.
  [[nodiscard]] std::set<NodeId> masters_of(NodeId home) const;
  [[nodiscard]] const std::map<TxnId, std::vector<LostPart>>& lost() const { return lost_; }

 private:
  struct Opening {
    NodeId node;
    HomeEpoch term;
    std::vector<HomePlace> terms;  // Of its log, its own the last.
    bool forced{}, fenced{};
    Instant written{};
    [[nodiscard]] bool lacks(const HomePlace& place) const;
  };
  using Part = std::pair<TxnId, NodeId>;  // What a transaction wrote to one home.
  struct Accepted {
    HomePlace place;
    Instant voted{};
  };
  void note_openings(const History& history);
  [[nodiscard]] std::map<Part, Accepted> discarded_parts(const History& history) const;
  [[nodiscard]] bool accounted_for(const Accepted& accepted) const;

  std::map<NodeId, std::vector<Opening>> masters_;  // By home, ascending by term.
  std::map<TxnId, std::vector<LostPart>> lost_;
};

}  // namespace geocommit::verdict
