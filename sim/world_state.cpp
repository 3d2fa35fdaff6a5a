// What there is to know of the virtual world, and when it is quiet.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "engine/quiescence.h"
#include "engine/status_sum.h"
#include "sim/world_impl.h"

namespace geocommit::sim {

EngineStatus World::Impl::status() const {
  EngineStatus sum;
  for (const auto& node : nodes_) {
    if (!node || !node->engine) {
      continue;
    }
    sum += node->engine->status();
  }
  return sum;
}

std::string World::Impl::why_not_quiet() const {
  std::string why;
  for (const auto& [region, client] : clients_) {
    if (!client.finished()) {
      why += spec_.directory.find(client.self())->name + " waits for " + std::to_string(client.counts().outstanding) +
             " outcomes; ";
    }
  }
  for (const auto& node : nodes_) {
    if (!node) {
      continue;
    }
    const std::string& name = spec_.directory.find(node->id())->name;
    if (!node->engine) {
      why += name + " is down; ";
      continue;
    }
    const EngineStatus s = node->engine->status();
    if (s.open() + s.locks_held + s.lock_waiters + s.unshipped != 0) {
      why += name + " coordinates " + std::to_string(s.open_coordinator) + ", participates in " +
             std::to_string(s.open_participant) + ", accepts for " + std::to_string(s.open_acceptor) + ", holds " +
             std::to_string(s.locks_held) + " locks, " + std::to_string(s.lock_waiters) + " wait, " +
             std::to_string(s.unshipped) + " unshipped; ";
    }
  }
  return why;
}

bool World::Impl::quiet() {
  for (const auto& [region, client] : clients_) {
    if (!client.finished()) {
      return false;
    }
  }
  // Begins with the node that was busy last time: mostly it still is.
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const std::size_t at = (busy_ + i) % nodes_.size();
    const Node* one = nodes_[at].get();
    if (one == nullptr) {
      continue;
    }
    const EngineStatus s = one->engine ? one->engine->status() : EngineStatus{};
    if (!one->engine || s.open() + s.locks_held + s.lock_waiters + s.unshipped != 0) {
      busy_ = at;
      return false;
    }
  }
  return true;
}

bool World::Impl::drain(Duration most) {
  const std::int64_t until = now_ns_ + most.count();
  while (now_ns_ < until && events_ < spec_.events_most) {
    run_until(now_ns_ + kDrainStep.count());
    if (quiet() && rest()) {
      return true;
    }
  }
  return false;
}

/// As the runner does it (runtime/quiesce.h), with all its looks at one instant.
bool World::Impl::rest() {
  Quiescence quiescence(spec_.directory);
  while (true) {
    std::map<NodeId, EngineStatus> statuses;
    for (const auto& node : nodes_) {
      if (node && node->engine) {
        statuses.emplace(node->id(), node->engine->status());
      }
    }
    quiescence.look(statuses);
    if (quiescence.to_quiesce().empty()) {
      return quiescence.proven();
    }
    for (const NodeId one : quiescence.to_quiesce()) {
      Node& told = node(one);
      told.engine->quiesce();
      after_step(told);
    }
  }
}

History World::Impl::history(bool drained) const {
  GC_CHECK(spec_.keep_history);
  History history;
  history.directory = &spec_.directory;
  history.protocol = spec_.protocol->name;
  history.initial_balance = spec_.initial_balance;
  history.drained = drained;
  history.load_began = Instant{Duration{load_start_ns_}};
  for (const auto& node : nodes_) {
    if (!node) {
      continue;
    }
    NodeHistory one;
    one.node = node->id();
    // A machine that runs on writes its buffers out; the logs of a real run are read after its processes have ended.
    one.facts = node->disk.facts(node->engine != nullptr);
    if (node->engine && spec_.directory.find(node->id())->kind == NodeKind::agent) {
      one.has_balances = true;
      one.balances = node->engine->balances();
    }
    history.nodes.emplace(node->id(), std::move(one));
  }
  for (const auto& [region, client] : clients_) {
    history.outcomes.insert(history.outcomes.end(), client.outcomes().begin(), client.outcomes().end());
  }
  return history;
}

}  // namespace geocommit::sim
