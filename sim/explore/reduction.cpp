// Partial-order reduction: one node's actions alone, where nobody else can meddle before it acts.
#include <algorithm>

#include "sim/explore/visited.h"
#include "sim/explore/world.h"

namespace geocommit::explore {
namespace {

constexpr std::size_t kClosureMax = 48;  // States of the others; from so many on the answer is "maybe", that is no.

/// Which of the shared bounds an action spends.
std::uint8_t spends(const Action& action, const State& before, const State& after) {
  std::uint8_t mask = 0;
  mask |= before.left.early_firings != after.left.early_firings ? 1U : 0U;
  mask |= before.left.denials != after.left.denials ? 2U : 0U;
  mask |= action.kind == ActionKind::wound ? 4U : 0U;
  return mask;
}

}  // namespace

/// kMeddles, or the shared bounds that the others may spend before `node` acts.
std::uint8_t World::others_without(const State& state, std::size_t node) {
  State start = state;
  for (std::size_t i = 0; i < start.in_flight;) {
    model_->message(start.message[i] & static_cast<MessageNumber>(~kStale)).to == node ? start.remove_at(i) : void(++i);
  }
  start.node[node] = 0;  // Nothing of what the others do depends on it, until it acts.
  start.abort = false;   // Only whether one of them commits is asked.
  packing_.pack(start, key_);
  key_.push_back(static_cast<char>(node));
  const std::uint64_t hash = hash_of(key_);
  if (const auto known = alone_.find(key_, hash)) {
    return *known;
  }
  start.node[node] = state.node[node];
  struct Waiting {
    std::size_t& who;
    ~Waiting() { who = kNodesMax; }
  } const waiting{waiting_};
  waiting_ = node;
  const std::uint8_t result = close_over(start, node);
  alone_.keep(key_, hash, result);
  return result;
}

/// All that the others can do without `node`: a small graph, or "maybe". Depth first: who meddles is met soon.
std::uint8_t World::close_over(const State& start, std::size_t node) {
  const auto reaches = [&](const State& s) {
    return std::any_of(s.message.begin(), s.message.begin() + s.in_flight, [&](MessageNumber number) {
      return model_->message(number & static_cast<MessageNumber>(~kStale)).to == node;
    });
  };
  std::uint8_t result = 0;
  closure_.assign(1, start);
  closure_met_ = 0;
  std::vector<Action> actions;
  Successor next;
  while (!closure_.empty()) {
    const State current = closure_.back();
    closure_.pop_back();
    actions.clear();
    for (std::size_t other = 0; other < nodes(); ++other) {
      if (other != node) {
        node_actions(current, other, actions);
      }
    }
    if (current.cut != 0) {
      actions.push_back({ActionKind::heal, 0, 0, 0, 0});
    }
    for (const Action& action : actions) {
      perform(current, action, next);
      next.state.abort = false;
      if (reaches(next.state) || !next.violation.empty() || next.state.commit != current.commit) {
        return kMeddles;
      }
      result = static_cast<std::uint8_t>(result | spends(action, current, next.state));
      if (meets(next.state)) {
        closure_.push_back(next.state);
      }
      if (closure_met_ >= kClosureMax) {
        return kMeddles;
      }
    }
  }
  return result;
}

/// In a closure, for the first time.
bool World::meets(const State& state) {
  packing_.pack(state, candidate_);
  const std::uint64_t hash = hash_of(candidate_);
  for (std::size_t i = 0; i < closure_met_; ++i) {
    if (closure_hashes_[i] == hash && closure_bytes_[i] == candidate_) {
      return false;
    }
  }
  closure_hashes_.resize(kClosureMax);
  closure_bytes_.resize(kClosureMax);
  closure_hashes_[closure_met_] = hash;
  closure_bytes_[closure_met_++].assign(candidate_);
  return true;
}

/// Does `node` send what is lost at the cut, or absorbed by the same message in flight? Then it matters whether the
/// heal, or the delivery of that message, comes first.
bool World::sends_what_is_lost(const State& state, std::size_t node, const std::vector<Action>& actions) {
  State free = state;
  free.cut = 0;
  for (std::size_t i = 0; i < free.in_flight && (free.message[i] & kStale) == 0;) {
    model_->message(free.message[i]).from == node ? free.remove_at(i) : void(++i);
  }
  const std::size_t twins = std::size_t{state.in_flight} - free.in_flight;
  return std::any_of(actions.begin(), actions.end(), [&](const Action& action) {
    return perform(free, action).state.in_flight + twins != perform(state, action).state.in_flight;
  });
}

/// A late copy that waits at the cut: the heal would give `node` one thing more to do.
bool World::heal_delivers(const State& state, std::size_t node) const {
  return std::any_of(state.message.begin(), state.message.begin() + state.in_flight, [&](MessageNumber number) {
    const FlightMessage& message = model_->message(number & static_cast<MessageNumber>(~kStale));
    return message.to == node && state.apart(message.from, node);
  });
}

bool World::reduced_successors(const State& state, std::vector<Successor>& out) {
  const Left& left = state.left;
  if (left.crashes > 0 || left.partitions > 0 || left.duplicates > 0 || left.drops > 0 || left.early_timers > 0) {
    return false;
  }
  for (std::size_t node = 0; node < nodes(); ++node) {
    const NodeProperties& p = properties(state, node);
    if (!p.up || heal_delivers(state, node)) {
      continue;
    }
    actions_.clear();
    node_actions(state, node, actions_);
    const bool busy = std::any_of(actions_.begin(), actions_.end(), [&](const Action& a) {
      return a.kind == ActionKind::force || (a.kind == ActionKind::deliver && (a.value & kStale) == 0 &&
                                             !state.is_slow(node) && !state.is_slow(model_->message(a.value).from));
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
      perform(state, action, out.emplace_back());
      spent = static_cast<std::uint8_t>(spent | spends(action, state, out.back().state));
    }
    if ((spent & others) == 0 && !sends_what_is_lost(state, node, own)) {
      return true;
    }
  }
  return false;
}

}  // namespace geocommit::explore
