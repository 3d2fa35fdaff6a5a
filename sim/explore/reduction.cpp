// Partial-order reduction: one node's actions alone, where nobody else can meddle before it acts.
#include <algorithm>

#include "sim/explore/world.h"

namespace geocommit::explore {
namespace {

constexpr std::size_t kClosureMax = 96;  // States of the others; beyond, the answer is "maybe", that is no.

/// Which of the shared bounds an action spends.
std::uint8_t spends(const Action& action, const State& before, const State& after) {
  std::uint8_t mask = 0;
  mask |= before.left.early_timers != after.left.early_timers ? 1U : 0U;
  mask |= before.left.denials != after.left.denials ? 2U : 0U;
  mask |= action.kind == ActionKind::wound ? 4U : 0U;
  return mask;
}

}  // namespace

/// kMeddles, or the shared bounds that the others may spend before `node` acts.
std::uint8_t World::others_without(const State& state, std::size_t node) {
  State start = state;
  for (std::size_t i = 0; i < start.in_flight;) {
    model_.message(start.message[i] & static_cast<MessageNumber>(~kStale)).to == node ? start.remove_at(i) : void(++i);
  }
  start.node[node] = 0;  // Nothing of what the others do depends on it, until it acts.
  Bytes key;
  encode(start, nodes(), key);
  key.push_back(static_cast<char>(node));
  if (const auto known = alone_.find(key); known != alone_.end()) {
    return known->second;
  }
  start.node[node] = state.node[node];
  std::uint8_t result = 0;
  std::unordered_set<std::string> seen;
  std::vector<State> open{start};
  frozen_ = node;
  while (!open.empty() && result != kMeddles) {
    const State current = open.back();
    open.pop_back();
    std::vector<Action> actions;
    for (std::size_t other = 0; other < nodes(); ++other) {
      if (other != node) {
        node_actions(current, other, actions);
      }
    }
    if (current.cut != 0) {
      actions.push_back({ActionKind::heal, 0, 0, 0, 0});
    }
    for (const Action& action : actions) {
      const Successor next = perform(current, action);
      const bool reaches = std::any_of(next.state.message.begin(), next.state.message.begin() + next.state.in_flight,
                                       [&](MessageNumber number) {
                                         return model_.message(number & static_cast<MessageNumber>(~kStale)).to == node;
                                       });
      if (reaches || !next.violation.empty() || next.state.commit != current.commit) {
        result = kMeddles;
        break;
      }
      result = static_cast<std::uint8_t>(result | spends(action, current, next.state));
      Bytes bytes;
      encode(next.state, nodes(), bytes);
      if (seen.insert(bytes).second) {
        open.push_back(next.state);
      }
      if (seen.size() > kClosureMax) {
        result = kMeddles;
        break;
      }
    }
  }
  frozen_ = kNodesMax;
  alone_.emplace(std::move(key), result);
  return result;
}

/// Would an action's message be lost at the cut? Then it matters whether the heal comes first.
bool World::lost_at_the_cut(const State& state, const std::vector<Action>& actions) {
  if (state.cut == 0) {
    return false;
  }
  return std::any_of(actions.begin(), actions.end(), [&](const Action& action) {
    State healed = state;
    healed.cut = 0;
    return perform(healed, action).state.in_flight != perform(state, action).state.in_flight;
  });
}

bool World::reduced_successors(const State& state, std::vector<Successor>& out) {
  const Left& left = state.left;
  if (left.crashes > 0 || left.partitions > 0 || left.duplicates > 0 || left.drops > 0) {
    return false;
  }
  for (std::size_t node = 0; node < nodes(); ++node) {
    const NodeProperties& p = properties(state, node);
    if (!p.up) {
      continue;
    }
    actions_.clear();
    node_actions(state, node, actions_);
    const bool busy = std::any_of(actions_.begin(), actions_.end(), [](const Action& a) {
      return a.kind == ActionKind::force || (a.kind == ActionKind::deliver && (a.value & kStale) == 0);
    });
    if (!busy) {
      continue;
    }
    const std::vector<Action> own = actions_;
    const std::uint8_t others = others_without(state, node);
    if (others == kMeddles) {
      continue;
    }
    out.clear();
    std::uint8_t spent = 0;
    for (const Action& action : own) {
      out.push_back(perform(state, action));
      spent = static_cast<std::uint8_t>(spent | spends(action, state, out.back().state));
    }
    if ((spent & others) == 0 && !lost_at_the_cut(state, own)) {
      return true;
    }
  }
  return false;
}

}  // namespace geocommit::explore
