#include "runtime/quiesce.h"

#include <algorithm>

namespace geocommit {

void look(Quiescence& quiescence, ControlClient& control, const std::vector<NodeId>& nodes, Duration timeout) {
  std::vector<NodeId> told = quiescence.to_quiesce();
  std::erase_if(told, [&](NodeId node) { return std::find(nodes.begin(), nodes.end(), node) == nodes.end(); });
  if (!told.empty()) {
    (void)control.command(ControlVerb::quiesce, told, timeout);  // Whether it was heard, its status says.
  }
  std::map<NodeId, EngineStatus> statuses;
  const std::vector<Result<NodeStatus>> answers = control.status(nodes, timeout);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (answers[i]) {
      statuses.emplace(nodes[i], answers[i].value().engine);
    }
  }
  quiescence.look(statuses);
}

}  // namespace geocommit
