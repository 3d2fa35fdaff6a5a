#include <algorithm>

#include "base/check.h"
#include "sim/explore/conflict/model.h"

namespace geocommit::explore::conflict {
namespace {

constexpr int kRounds = 40;             // Of all timers, to settle.
constexpr std::uint64_t kOutcomes = 4;  // Bits of transactions.

}  // namespace

State World::initial() {
  State state;
  state.checkpoints = most(options_.checkpoints);
  begin(state);
  return state;
}

/// As ADR 10: nothing awaited can still arrive; who waits for more timeouts waits for somebody with a shorter one.
void World::timer_actions(const State& state, std::size_t node, std::vector<Action>& out) const {
  const std::vector<std::uint8_t>& own = at(state, node).patience;
  for (std::size_t timer = 0; timer < own.size(); ++timer) {
    bool due = true;
    for (std::size_t other = 0; other < nodes() && own[timer] > 1; ++other) {
      const std::vector<std::uint8_t>& theirs = at(state, other).patience;
      due = due && std::none_of(theirs.begin(), theirs.end(), [&](std::uint8_t p) { return p > 0 && p < own[timer]; });
    }
    if (due) {
      out.push_back(
          {InputKind::timer, false, false, static_cast<std::uint8_t>(node), static_cast<std::uint16_t>(timer), 0});
    }
  }
}

void World::node_actions(const State& state, std::size_t node, std::vector<Action>& out) const {
  const Properties& p = at(state, node);
  const auto self = static_cast<std::uint8_t>(node);
  const auto push = [&](InputKind kind, std::uint16_t value = 0) {
    out.push_back({kind, false, false, self, value, 0});
  };
  deliver_actions(state, node, out);
  if (p.forcing) {
    push(InputKind::force);
  }
  if (p.checkpointing) {
    push(InputKind::checkpoint);
  }
  if (p.may_checkpoint && state.checkpoints > 0) {
    push(InputKind::begin_checkpoint);
  }
  if (!p.patience.empty() && at_rest(state)) {
    timer_actions(state, node, out);
  }
}

void World::successors(const State& state, std::vector<Next>& out) {
  out.clear();
  std::vector<Action> actions;
  for (std::size_t node = 0; node < nodes(); ++node) {
    if (at(state, node).up) {
      node_actions(state, node, actions);
    }
    crash_actions(state, node, actions);
  }
  message_faults(state, actions);
  for (const Action& action : actions) {
    out.push_back(perform(state, action));
  }
}

void World::take(State& state, std::size_t node, Input input, std::string& violation) {
  const std::uint8_t finished = at(state, node).finished;
  const Step& step = tables_->step(node, state.node[node], input);
  state.node[node] = step.next;
  violation = step.violation;
  add_all(state, step.sent);
  state.commits = static_cast<std::uint8_t>(state.commits | step.commits);
  state.aborts = static_cast<std::uint8_t>(state.aborts | step.aborts);
  if (violation.empty() && (state.commits & state.aborts) != 0) {
    violation = "both outcomes";
  }
  if (violation.empty() && (step.prepared & finished) != 0) {
    violation = tables_->name(node) + " prepares a transaction whose outcome it has on disk";
  }
}

World::Next World::perform(const State& from, const Action& action) {
  Next next{action, from, {}};
  State& s = next.state;
  if (action.drop || action.duplicate) {
    perform_message_fault(s, action);
    s.disturbed = s.disturbed || action.drop;
    return next;
  }
  switch (action.kind) {
    case InputKind::deliver:
      s.in_flight.remove(action.value);
      break;
    case InputKind::timer:
      s.disturbed = true;
      break;
    case InputKind::begin_checkpoint:
      --s.checkpoints;
      break;
    case InputKind::crash:
      --s.crashes;
      s.disturbed = true;
      lose(s, action);
      break;
    case InputKind::restart:
      lose(s, action);
      break;
    case InputKind::force:
    case InputKind::checkpoint:
      break;
  }
  const std::uint16_t value = action.kind == InputKind::deliver ? without_copy(action.value) : action.value;
  take(s, action.node, {action.kind, action.kind == InputKind::restart ? std::uint16_t{0} : value}, next.violation);
  return next;
}

void World::pack(const State& state, std::string& out) const {
  packed::Counts counts;
  counts.add(state.crashes, choices_of(options_.crashes));
  counts.add(state.duplicates, choices_of(options_.duplicates));
  counts.add(state.drops, choices_of(options_.drops));
  counts.add(state.checkpoints, choices_of(options_.checkpoints));
  counts.add(state.commits, kOutcomes);
  counts.add(state.aborts, kOutcomes);
  counts.add(state.disturbed ? 1 : 0, 2);
  pack_rest(state, counts, out);
}

State World::unpack(std::string_view bytes) const {
  State state;
  packed::Counts counts = unpack_rest(bytes, state);
  state.disturbed = counts.take(2) != 0;
  state.aborts = counts.take(kOutcomes);
  state.commits = counts.take(kOutcomes);
  state.checkpoints = counts.take(choices_of(options_.checkpoints));
  state.drops = counts.take(choices_of(options_.drops));
  state.duplicates = counts.take(choices_of(options_.duplicates));
  state.crashes = counts.take(choices_of(options_.crashes));
  return state;
}

std::string World::run_out(State& state, bool late_copies, std::vector<Action>* steps) {
  std::string violation;
  std::vector<Action> timers;
  for (int round = 0; round < kRounds; ++round) {
    if (!run_quiet(state, late_copies, violation, steps)) {
      return violation;
    }
    bool fired = false;
    for (std::size_t node = 0; node < nodes(); ++node) {
      timers.clear();
      timer_actions(state, node, timers);
      // From the last on: those that are over do not move the places of those before.
      for (auto timer = timers.rbegin(); timer != timers.rend() && at_rest(state); ++timer) {
        if (timer->value >= at(state, node).patience.size()) {
          continue;
        }
        fired = true;
        if (!go(state, *timer, violation, steps)) {
          return violation;
        }
      }
      if (!run_quiet(state, late_copies, violation, steps)) {
        return violation;
      }
    }
    if (!fired) {
      break;
    }
  }
  return judge_end(state);
}

std::string World::settle(State state, std::vector<Action>* steps) {
  for (std::size_t node = 0; node < nodes() && !state.disturbed; ++node) {
    if (at(state, node).open) {
      return tables_->name(node) + " moves no more without a timeout, and there was no fault";
    }
  }
  state.crashes = state.duplicates = state.drops = state.checkpoints = 0;
  state.disturbed = true;
  return settle_all(std::move(state), steps);
}

std::string World::judge_end(const State& state) const {
  for (std::size_t node = 0; node < nodes(); ++node) {
    const Properties& p = at(state, node);
    if (p.open) {
      return tables_->name(node) + " has something left open";
    }
    for (std::size_t txn = 0; node >= kCoordinators && txn < kTransactions; ++txn) {
      const std::int64_t times = (p.balance >> (8 * txn)) & 0xff;
      const bool committed = ((state.commits >> txn) & 1U) != 0;
      if (times != (committed ? 1 : 0)) {
        return tables_->name(node) + " has applied T" + std::to_string(txn + 1) + " " + std::to_string(times) +
               " times, which " + (committed ? "committed" : "did not commit");
      }
    }
  }
  return {};
}

std::string World::label(const State& state, const Action& action) const {
  const std::string label = common_label(state, action);
  return label.empty() ? tables_->name(action.node) + " is to checkpoint" : label;
}

}  // namespace geocommit::explore::conflict
