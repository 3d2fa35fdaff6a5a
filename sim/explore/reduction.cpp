// Partial-order reduction: one node's actions alone, where nobody else can meddle before it acts.
#include <algorithm>

#include "sim/explore/visited.h"
#include "sim/explore/world.h"

namespace geocommit::explore {
namespace {

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
  State& start = closure_.state[0];
  start = state;
  start.in_flight = 0;
  for (std::size_t i = 0; i < state.in_flight; ++i) {
    if (model_->way(state.message[i]).to != node) {
      start.message[start.in_flight++] = state.message[i];
    }
  }
  start.abort = false;  // Only whether one of them commits is asked.
  if (meddles_at_once(start, node)) {
    return kMeddles;
  }
  start.node[node] = 0;  // Nothing of what the others do depends on it, until it acts.
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
  const std::uint8_t result = close_over(node);
  alone_.keep(key_, hash, result);
  return result;
}

/// What another node does now, after which it matters when `node` acts: it sends it something, commits, or violates.
bool World::meddles(const State& state, std::size_t other, const NodeStep& step, std::size_t node) const {
  if (!step.violation.empty() || (step.commits && !state.commit) || (step.aborts && state.commit)) {
    return true;
  }
  return std::any_of(step.sent.begin(), step.sent.end(), [&](MessageNumber number) {
    return model_->way(number).to == node && !state.apart(other, node) && !(leave_out_inert_ && model_->inert(number));
  });
}

/// Is the first thing that one of the others does enough? Mostly it is, and nothing need be remembered.
bool World::meddles_at_once(const State& state, std::size_t node) {
  for (std::size_t i = 0; i < state.in_flight; ++i) {
    const NodeModel::Way way = model_->way(state.message[i]);
    const NodeInput input{InputKind::deliver, static_cast<MessageNumber>(state.message[i] & ~kStale)};
    if (properties(state, way.to).up && !state.apart(way.from, way.to) &&
        meddles(state, way.to, model_->step(way.to, state.node[way.to], input), node)) {
      return true;
    }
  }
  for (std::size_t other = 0; other < nodes(); ++other) {
    const NodeProperties& p = properties(state, other);
    if (other != node && p.up && p.forcing &&
        meddles(state, other, model_->step(other, state.node[other], {InputKind::force, 0}), node)) {
      return true;
    }
  }
  return false;
}

/// All that the others can do without `node`: a small graph, or "maybe". Depth first: who meddles is met soon.
std::uint8_t World::close_over(std::size_t node) {
  closure_.start();
  std::uint8_t result = 0;
  while (!closure_.open.empty()) {
    const State& current = closure_.state[closure_.open.back()];
    closure_.open.pop_back();
    for (std::size_t other = 0; other < nodes(); ++other) {
      if (other != node && !close_over_node(current, other, node, result)) {
        return kMeddles;
      }
    }
    if (current.cut != 0) {
      closure_.next() = current;
      closure_.next().cut = 0;
      if (!closure_.keep()) {
        return kMeddles;
      }
    }
  }
  return result;
}

/// Of closure_.next(), which lacks what is delivered. False: that is enough for kMeddles.
bool World::close_over_step(const State& current, std::size_t other, NodeInput input, std::size_t node) {
  const NodeStep& step = model_->step(other, current.node[other], input);
  if (meddles(current, other, step, node)) {
    return false;
  }
  State& next = closure_.next();
  next.node[other] = step.next;
  for (const MessageNumber number : step.sent) {
    if (!current.apart(other, model_->way(number).to) && !(leave_out_inert_ && model_->inert(number))) {
      next.add(number);
    }
  }
  return closure_.keep();
}

/// All that one of them can do. False: likewise.
bool World::close_over_node(const State& current, std::size_t other, std::size_t node, std::uint8_t& result) {
  const NodeProperties& p = properties(current, other);
  // What happens most, without a list of actions.
  for (std::size_t i = 0; p.up && i < current.in_flight; ++i) {
    const NodeModel::Way way = model_->way(current.message[i]);
    if (way.to == other && !current.apart(way.from, other)) {
      closure_.next() = current;
      closure_.next().remove_at(i);
      const NodeInput input{InputKind::deliver, static_cast<MessageNumber>(current.message[i] & ~kStale)};
      if (!close_over_step(current, other, input, node)) {
        return false;
      }
    }
  }
  if (p.up && p.forcing) {
    closure_.next() = current;
    if (!close_over_step(current, other, {InputKind::force, 0}, node)) {
      return false;
    }
  }
  if (p.up && p.timers.empty() && current.left.denials == 0 && current.left.wounds == 0) {
    return true;
  }
  closure_actions_.clear();
  node_actions(current, other, closure_actions_);
  for (const Action& action : closure_actions_) {
    if (action.kind == ActionKind::deliver || action.kind == ActionKind::force) {
      continue;
    }
    perform(current, action, closure_next_);
    State& next = closure_next_.state;
    next.abort = false;
    const bool reaches = std::any_of(next.message.begin(), next.message.begin() + next.in_flight,
                                     [&](MessageNumber number) { return model_->way(number).to == node; });
    if (reaches || !closure_next_.violation.empty() || next.commit != current.commit) {
      return false;
    }
    result = static_cast<std::uint8_t>(result | spends(action, current, next));
    closure_.next() = next;
    if (!closure_.keep()) {
      return false;
    }
  }
  return true;
}

/// Independent products: faster than a hash that waits for each word.
std::uint64_t World::Closure::hash_of(const State& state) {
  constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15ULL;
  std::uint64_t hash = state.cut, factor = kOdd;
  for (const StateNumber number : state.node) {
    hash += (number + 1) * factor;
    factor += 2 * kOdd;
  }
  for (std::size_t i = 0; i < state.in_flight; ++i) {
    hash += (state.message[i] + std::uint64_t{1}) * factor;
    factor += 2 * kOdd;
  }
  return hash;
}

void World::Closure::start() {
  size = 0;
  start_met = false;
  slots.fill(0);
  open.clear();
  (void)keep();
}

/// next(), if it was not met before. False: there are too many.
bool World::Closure::keep() {
  const std::uint64_t its_hash = hash_of(next());
  std::size_t slot = its_hash >> 57U;
  for (; slots[slot] != 0; slot = (slot + 1) % slots.size()) {
    const std::size_t known = slots[slot] - std::size_t{1};
    if (hash[known] == its_hash && state[known].same(next())) {
      start_met = start_met || known == 0;
      return met() < kMost;
    }
  }
  hash[size] = its_hash;
  open.push_back(static_cast<std::uint8_t>(size++));
  slots[slot] = static_cast<std::uint8_t>(size);
  return met() < kMost;
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
    const NodeModel::Way way = model_->way(number);
    return way.to == node && state.apart(way.from, node);
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
