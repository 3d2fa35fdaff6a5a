#include "engine/quiescence.h"

namespace geocommit {
namespace {

std::string open_at(const EngineStatus& s) {
  std::string text;
  const auto add = [&](std::uint64_t count, const char* what) {
    if (count != 0) {
      text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + what;
    }
  };
  add(s.open_coordinator, "transactions open as coordinator");
  add(s.open_participant, "as participant");
  add(s.open_acceptor, "as acceptor");
  add(s.in_doubt, "in doubt");
  add(s.locks_held, "locks held");
  add(s.lock_waiters, "waiting for locks");
  add(s.unshipped, "writes or homes not settled");
  return text;
}

}  // namespace

void Quiescence::look(const std::map<NodeId, EngineStatus>& statuses) {
  std::vector<NodeId> coordinators, agents;
  bool agents_turn = true;
  to_quiesce_.clear();
  epochs_.clear();
  why_not_.clear();
  for (const NodeInfo& node : directory_->nodes()) {
    if (node.kind == NodeKind::client) {
      continue;
    }
    const auto status = statuses.find(node.id);
    const bool coordinates = node.kind == NodeKind::coordinator;
    const std::string open = status == statuses.end() ? "does not answer" : open_at(status->second);
    const bool told = status != statuses.end() && status->second.quiesced;
    if (!open.empty() || !told) {
      why_not_ += (why_not_.empty() ? "" : "; ") + node.name + ": " +
                  (!open.empty() ? open : "has not been told that nothing may begin any more");
    }
    agents_turn = agents_turn && open.empty() && (told || !coordinates);
    if (status != statuses.end()) {
      epochs_[node.id] = status->second.epoch;
      if (!told) {
        (coordinates ? coordinators : agents).push_back(node.id);
      }
    }
  }
  to_quiesce_ = agents_turn ? agents : coordinators;
}

bool Quiescence::holds(NodeId node, const EngineStatus& later) const {
  const auto epoch = epochs_.find(node);
  return proven() && epoch != epochs_.end() && later.epoch == epoch->second && later.quiesced && open_at(later).empty();
}

}  // namespace geocommit
