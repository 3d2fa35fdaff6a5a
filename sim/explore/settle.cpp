// What becomes of a state when the faults are over; and when they are not.
#include <algorithm>

#include "sim/explore/visited.h"
#include "sim/explore/world.h"

namespace geocommit::explore {
namespace {
constexpr int kRounds = 60;          // Of all timers; a protocol that needs more to settle 7 nodes is stuck.
constexpr int kQuietSteps = 20'000;  // Deliveries and forces between two timers.
}  // namespace

bool World::run_quiet(State& state, bool stale_too, std::string& violation, std::vector<Action>* steps) {
  for (int n = 0; n < kQuietSteps; ++n) {
    Action action;
    bool found = false;
    for (std::size_t i = 0; i < state.in_flight && !found; ++i) {
      const MessageNumber number = state.message[i];
      if ((number & kStale) != 0 && !stale_too) {
        break;
      }
      const FlightMessage& message = model_->message(number & static_cast<MessageNumber>(~kStale));
      found = properties(state, message.to).up && !state.apart(message.from, message.to);
      action = {ActionKind::deliver, message.to, 0, number, 0};
    }
    for (std::size_t node = 0; node < nodes() && !found; ++node) {
      const NodeProperties& p = properties(state, node);
      found = p.up && p.forcing;
      action = {ActionKind::force, static_cast<std::uint8_t>(node), 0, 0, 0};
    }
    if (!found) {
      return true;
    }
    Successor next = perform(state, action);
    state = next.state;
    if (steps != nullptr) {
      steps->push_back(action);
    }
    if (!next.violation.empty()) {
      violation = next.violation;
      return false;
    }
  }
  violation = "messages without end";
  return false;
}

void World::run_out(State& state, bool stale_too, std::string& violation, std::vector<Action>* steps) {
  Bytes before;
  Bytes after;
  for (int round = 0; round < kRounds; ++round) {
    if (!run_quiet(state, stale_too, violation, steps)) {
      return;
    }
    packing_.pack(state, before);
    bool fired = false;
    for (std::size_t node = 0; node < nodes(); ++node) {
      const std::vector<std::uint8_t> armed = properties(state, node).timers;
      for (const std::uint8_t timer : armed) {
        const NodeProperties& p = properties(state, node);
        const auto at = std::find(p.timers.begin(), p.timers.end(), timer);
        if (!p.up || at == p.timers.end() || !is_due(state, node, static_cast<std::size_t>(at - p.timers.begin()))) {
          continue;
        }
        fired = true;
        const Action action{ActionKind::timer, static_cast<std::uint8_t>(node), 0, timer, 0};
        Successor next = perform(state, action);
        state = next.state;
        violation = next.violation;
        if (steps != nullptr) {
          steps->push_back(action);
        }
        if (!violation.empty() || !run_quiet(state, stale_too, violation, steps)) {
          return;
        }
      }
    }
    packing_.pack(state, after);
    if (!fired || before == after) {
      return;
    }
  }
}

std::string World::settle(State state, std::vector<Action>* steps) {
  const auto act = [&](const Action& action) {
    Successor next = perform(state, action);
    state = next.state;
    if (steps != nullptr) {
      steps->push_back(action);
    }
    return next.violation;
  };
  state.left = {};
  state.slow = 0;
  if (state.cut != 0) {
    act({ActionKind::heal, 0, 0, 0, 0});
  }
  for (std::size_t node = 0; node < nodes(); ++node) {
    if (!properties(state, node).up) {
      if (std::string violation = act({ActionKind::restart, static_cast<std::uint8_t>(node), 0, 0, 0});
          !violation.empty()) {
        return violation;
      }
    }
  }
  Bytes key;
  packing_.pack(state, key);
  if (steps == nullptr && settled_.find(key, hash_of(key))) {
    return {};
  }
  std::string violation;
  const auto judge = [&] {
    if (violation.empty()) {
      violation = judge_end(state);
    }
    if (ends_ != nullptr) {
      State nodes_alone = state;
      nodes_alone.in_flight = 0;
      ends_->healed.insert(content_of(nodes_alone));
    }
  };
  run_out(state, false, violation, steps);
  judge();
  if (violation.empty() && state.in_flight > 0) {  // Late copies: what is over stays over.
    run_out(state, true, violation, steps);
    judge();
  }
  if (violation.empty()) {
    settled_.keep(key, hash_of(key), 1);
  }
  return violation;
}

std::string World::judge_end(const State& state) const {
  for (std::size_t node = 0; node < nodes(); ++node) {
    const NodeProperties& p = properties(state, node);
    const std::string name = model_->name(node);
    if (p.open) {
      return name + " is left behind after heal and drain: " + model_->describe(node, state.node[node]);
    }
    if (p.locks) {
      return name + " holds a lock after heal and drain";
    }
    if (NodeModel::coordinates(node) || model_->only_reads(node)) {
      continue;
    }
    if (state.commit && !(p.committed && p.applied == 1)) {
      return name + " has not committed what was committed elsewhere, after heal and drain";
    }
    if (!state.commit && p.applied != 0) {
      return name + " has applied what never committed";
    }
    if (p.prepared && !p.committed && !p.aborted) {
      return name + " voted YES and has forgotten without an outcome";
    }
  }
  return {};
}

bool World::blocks(State state) {
  const auto in_doubt = [&] {
    for (std::size_t node = 0; node < nodes(); ++node) {
      if (!NodeModel::coordinates(node) && properties(state, node).up && properties(state, node).in_doubt) {
        return true;
      }
    }
    return false;
  };
  bool faulty = state.cut != 0;
  for (std::size_t node = 0; node < nodes(); ++node) {
    faulty = faulty || !properties(state, node).up;
  }
  if (!faulty || !in_doubt()) {
    return false;
  }
  state.left = {};
  state.slow = 0;
  std::string violation;
  run_out(state, false, violation, nullptr);
  return in_doubt();
}

}  // namespace geocommit::explore
