#include "sim/world_state.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "engine/quiescence.h"
#include "engine/status_sum.h"

namespace geocommit::sim {

EngineStatus status_of(const WorldContext& world) {
  EngineStatus sum;
  for (const auto& node : world.nodes) {
    if (!node || !node->engine) {
      continue;
    }
    sum += node->engine->status();
  }
  return sum;
}

std::string why_not_quiet(const WorldContext& world) {
  std::string why;
  const auto add = [&](const std::string& one) { why += (why.empty() ? "" : "; ") + one; };
  for (const auto& [region, client] : world.clients) {
    if (!client.finished()) {
      add(world.spec.directory.find(client.self())->name + " waits for " + std::to_string(client.counts().outstanding) +
          " outcomes");
    }
  }
  for (const auto& node : world.nodes) {
    if (!node) {
      continue;
    }
    const std::string& name = world.spec.directory.find(node->id())->name;
    if (!node->engine) {
      add(name + " is down");
      continue;
    }
    const EngineStatus s = node->engine->status();
    if (s.open() + s.locks_held + s.lock_waiters + s.unshipped != 0) {
      add(name + " coordinates " + std::to_string(s.open_coordinator) + ", participates in " +
          std::to_string(s.open_participant) + ", accepts for " + std::to_string(s.open_acceptor) + ", holds " +
          std::to_string(s.locks_held) + " locks, " + std::to_string(s.lock_waiters) + " wait, " +
          std::to_string(s.unshipped) + " unshipped");
    }
  }
  return why;
}

bool QuietLook::quiet(const WorldContext& world) {
  for (const auto& [region, client] : world.clients) {
    if (!client.finished()) {
      return false;
    }
  }
  // Begins with the node that was busy last time: mostly it still is.
  for (std::size_t i = 0; i < world.nodes.size(); ++i) {
    const std::size_t at = (busy_ + i) % world.nodes.size();
    const Node* one = world.nodes[at].get();
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

// As the runner does it (runtime/quiesce.h), with all its looks at one instant.
bool come_to_rest(WorldContext& world, Processes& processes) {
  Quiescence quiescence(world.spec.directory);
  while (true) {
    std::map<NodeId, EngineStatus> statuses;
    for (const auto& node : world.nodes) {
      if (node && node->engine) {
        statuses.emplace(node->id(), node->engine->status());
      }
    }
    quiescence.look(statuses);
    if (quiescence.to_quiesce().empty()) {
      return quiescence.proven();
    }
    for (const NodeId one : quiescence.to_quiesce()) {
      Node& told = world.node(one);
      told.engine->quiesce();
      processes.after_step(told);
    }
  }
}

History history_of(const WorldContext& world, bool drained) {
  GC_CHECK(world.spec.keep_history);
  History history;
  history.directory = &world.spec.directory;
  history.protocol = world.spec.protocol->name;
  history.initial_balance = world.spec.initial_balance;
  history.drained = drained;
  history.why_not_drained = drained ? "" : why_not_quiet(world);
  history.load_began = Instant{Duration{world.load_start_ns}};
  for (const auto& node : world.nodes) {
    if (!node) {
      continue;
    }
    NodeHistory one;
    one.node = node->id();
    // A machine that runs on writes its buffers out; the logs of a real run are read after its processes have ended.
    one.facts = node->disk.facts(node->engine != nullptr);
    if (node->engine && world.spec.directory.find(node->id())->kind == NodeKind::agent) {
      one.has_balances = true;
      one.balances = node->engine->balances();
    }
    history.nodes.emplace(node->id(), std::move(one));
  }
  for (const auto& [region, client] : world.clients) {
    history.outcomes.insert(history.outcomes.end(), client.outcomes().begin(), client.outcomes().end());
  }
  return history;
}

}  // namespace geocommit::sim
