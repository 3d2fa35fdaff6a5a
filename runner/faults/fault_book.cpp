#include "runner/faults/fault_book.h"

#include <algorithm>
#include <utility>

namespace geocommit {
namespace {

/// The part makes its node's process end, and start again when it is over.
bool ends_process(const Fault& part) {
  return part.kind == FaultKind::crash || part.kind == FaultKind::disk_fail_sync || part.kind == FaultKind::disk_full;
}

}  // namespace

FaultBook::FaultBook(std::vector<NamedFault> faults) {
  for (NamedFault& fault : faults) states_.push_back({std::move(fault), {}, "", false, {}});
}

Duration FaultBook::since_load(Clock::time_point now) const { return load_began_ ? now - *load_began_ : Duration{0}; }

bool FaultBook::begin(std::size_t index, Clock::time_point now) {
  State& state = states_[index];
  if (state.active) return false;
  const Fault& fault = state.fault.first();
  state.times.push_back({since_load(now), {}, {}});
  if (fault.length == Duration{0}) {
    state.times.back().end = state.times.back().begin;
    return true;
  }
  state.active = true;
  if (fault.length != kForever) {
    // By the plan where there is one, so that what takes a moment to begin does not end later.
    state.ends = (fault.on.empty() ? *load_began_ + fault.at : now) + fault.length;
  }
  return true;
}

bool FaultBook::end(std::size_t index, Clock::time_point now) {
  State& state = states_[index];
  if (!state.active) return false;
  state.active = false;
  state.ends.reset();
  state.times.back().end = since_load(now);
  return true;
}

std::vector<std::size_t> FaultBook::cut_short() {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < states_.size(); ++i) {
    if (std::exchange(states_[i].active, false)) out.push_back(i);
  }
  return out;
}

void FaultBook::node_ready(NodeId node, Clock::time_point now) {
  for (State& state : states_) {
    const bool its = std::any_of(state.fault.parts.begin(), state.fault.parts.end(),
                                 [&](const Fault& part) { return ends_process(part) && part.node == node; });
    if (its && !state.times.empty() && state.times.back().end && !state.times.back().ready) {
      state.times.back().ready = since_load(now);
    }
  }
}

void FaultBook::problem(std::size_t index, const std::string& what) {
  if (states_[index].problem.empty()) states_[index].problem = what;
}

std::vector<std::string> FaultBook::active(Clock::time_point now) {
  const Duration before = std::exchange(asked_, since_load(now));
  std::vector<std::string> out;
  for (const State& state : states_) {
    const bool lately = !state.times.empty() && state.times.back().end && *state.times.back().end >= before;
    if (state.active || lately) out.push_back(describe(state.fault));
  }
  return out;
}

Duration FaultBook::until_healed(Clock::time_point now) const {
  Duration out{0};
  for (const State& state : states_) {
    if (state.active && state.ends) out = std::max<Duration>(out, *state.ends - now);
  }
  return out;
}

bool FaultBook::forever() const {
  return std::any_of(states_.begin(), states_.end(), [](const State& state) {
    return state.active && !state.ends && state.fault.first().kind != FaultKind::clock_step;
  });
}

std::vector<FaultRecord> FaultBook::records() const {
  std::vector<FaultRecord> out;
  for (const State& state : states_) out.push_back({state.fault, state.times, state.problem});
  return out;
}

}  // namespace geocommit
