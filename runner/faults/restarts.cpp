#include "runner/faults/restarts.h"

#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "runtime/faults/fault_order.h"

namespace geocommit {

std::vector<NodeId> Holders::take() {
  std::vector<NodeId> out;
  for (const auto& [node, by] : std::exchange(by_, {})) {
    if (!by.empty()) out.push_back(node);
  }
  return out;
}

bool Restarts::crash(NodeId node, std::size_t fault, Tail tail) {
  crashed_.add(node, fault);
  std::erase(due_, node);  // It was to be started again: it stays down.
  const bool lives = dead_.insert(node).second;
  if (lives || tail != Tail::kept) tails_[node] = tail;
  unready_.erase(node);
  return lives;
}

bool Restarts::crash_over(NodeId node, std::size_t fault, Tail tail) {
  crashed_.remove(node, fault);
  return due_if_free(node, tail);
}

void Restarts::disk_fails(NodeId node, std::size_t fault) {
  disks_.add(node, fault);
  disk_failed_.insert(node);
}

bool Restarts::disk_works(NodeId node, std::size_t fault) {
  disks_.remove(node, fault);
  return due_if_free(node, Tail::kept);
}

bool Restarts::due_if_free(NodeId node, Tail tail) {
  if (!dead_.contains(node) || crashed_.any(node) || disks_.any(node)) return false;
  if (tail != Tail::kept) tails_[node] = tail;
  due_.push_back(node);
  return true;
}

Restarts::End Restarts::ended(NodeId node, int status) {
  const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  const bool by_disk = WIFEXITED(status) && WEXITSTATUS(status) == kLogFailedStatus && disk_failed_.contains(node);
  const bool meant =
      dead_.contains(node) && (crashed_.any(node) || std::find(due_.begin(), due_.end(), node) != due_.end());
  if (meant && (killed || by_disk)) return End::expected;
  if (!by_disk) return End::unexpected;
  dead_.insert(node);
  unready_.erase(node);
  tails_[node] = Tail::kept;
  return due_if_free(node, Tail::kept) ? End::due : End::expected;
}

std::vector<Restarts::Due> Restarts::take_due() {
  std::vector<Due> out;
  for (const NodeId node : std::exchange(due_, {})) out.push_back({node, tails_[node]});
  return out;
}

bool Restarts::started(NodeId node) {
  if (crashed_.any(node)) {
    tails_[node] = Tail::kept;  // What that crash takes away it takes when it ends.
    return false;
  }
  dead_.erase(node);
  if (!disks_.any(node)) disk_failed_.erase(node);
  unready_.insert(node);
  return true;
}

}  // namespace geocommit
