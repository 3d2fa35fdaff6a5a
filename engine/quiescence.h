// Whether a system is at rest, for good. Balances and logs of many nodes are collected one after the other, so that
// they may be held against each other only if nothing happens in between.
//
// Each node proves it by itself. One that is quiesced begins nothing (NodeEngine::quiesce); so once it has no machine,
// it gets none that could commit, whatever is still under way to it: a request is refused, a PREPARE is answered NO. A
// home's log grows only by machines at its master; shipped everywhere, it is the same everywhere. Nor does it get
// another master: no order comes any more, and a change that was begun and forgotten is taken up by nobody who is
// quiesced (Resumption::stop); one that somebody began before shows at that site until all follow it. Logs and balances
// are so from the moment at which every node has said so until one starts anew, which its epoch shows; a report, or a
// log, of the same start speaks of that state.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace geocommit {

class Quiescence {
 public:
  /// `directory` outlives it.
  explicit Quiescence(const Directory& directory) : directory_(&directory) {}

  /// What each agent and coordinator says; who does not answer is absent. Asked again and again until proven().
  void look(const std::map<NodeId, EngineStatus>& statuses);
  /// Whom to quiesce before the next look. Agents only when nobody has anything open: what runs may end, also a change
  /// of masters that somebody else has to take up.
  [[nodiscard]] const std::vector<NodeId>& to_quiesce() const { return to_quiesce_; }
  [[nodiscard]] bool proven() const { return why_not_.empty(); }
  /// What is missing, in words.
  [[nodiscard]] const std::string& why_not() const { return why_not_; }
  /// After a proof: what `node` says later (with its report) is of the same start. Else there has to be another proof.
  [[nodiscard]] bool holds(NodeId node, const EngineStatus& later) const;
  /// After a proof: the start that each node is in.
  [[nodiscard]] const std::map<NodeId, Epoch>& epochs() const { return epochs_; }

 private:
  const Directory* directory_;
  std::vector<NodeId> to_quiesce_;
  std::map<NodeId, Epoch> epochs_;
  std::string why_not_{"nobody was asked"};
};

}  // namespace geocommit
