#include <algorithm>

#include "base/check.h"
#include "sim/explore/conflict/model.h"

namespace geocommit::explore::conflict {
namespace {

constexpr int kRounds = 40;          // Of all timers, to settle.
constexpr int kQuietSteps = 10'000;  // Between two of them.

void add(State& state, std::uint16_t number) {
  const auto place = std::lower_bound(state.in_flight.begin(), state.in_flight.end(), number);
  if (place == state.in_flight.end() || *place != number) {
    state.in_flight.insert(place, number);
  }
}

void remove(State& state, std::uint16_t number) {
  const auto place = std::find(state.in_flight.begin(), state.in_flight.end(), number);
  GC_CHECK(place != state.in_flight.end());
  state.in_flight.erase(place);
}

}  // namespace

State World::initial() {
  State state;
  const auto most = [](std::uint32_t value) { return static_cast<std::uint8_t>(std::min(value, 15U)); };
  state.crashes = most(options_.crashes);
  state.duplicates = most(options_.duplicates);
  state.drops = most(options_.drops);
  state.checkpoints = most(options_.checkpoints);
  for (std::size_t node = 0; node < nodes(); ++node) {
    const Step& step = tables_.initial()[node];
    state.node[node] = step.next;
    for (const std::uint16_t number : step.sent) {
      add(state, number);
    }
  }
  return state;
}

bool World::at_rest(const State& state) const {
  for (std::size_t node = 0; node < nodes(); ++node) {
    if (at(state, node).forcing) {
      return false;
    }
  }
  return std::none_of(state.in_flight.begin(), state.in_flight.end(), [&](std::uint16_t number) {
    return !late_copy(number) && at(state, tables_.message(number).to).up;
  });
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
  for (const std::uint16_t number : state.in_flight) {
    if (tables_.message(number).to == node) {
      push(InputKind::deliver, number);
    }
  }
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

void World::crash_actions(const State& state, std::size_t node, std::vector<Action>& out) const {
  const Properties& p = at(state, node);
  if (p.up && state.crashes == 0) {
    return;
  }
  const auto concerned =
      static_cast<std::size_t>(std::count_if(state.in_flight.begin(), state.in_flight.end(), [&](std::uint16_t number) {
        const InFlight& m = tables_.message(number);
        return !late_copy(number) && (p.up ? m.from : m.to) == node;
      }));
  losses_left_out_ = losses_left_out_ || concerned > options_.limits.losses;
  const std::size_t choices = std::size_t{1} << std::min<std::size_t>(concerned, options_.limits.losses);
  const std::uint16_t first = !p.up || !options_.lost_tail ? p.log_size : p.synced;
  for (std::uint16_t keep = first; keep <= p.log_size; ++keep) {
    for (std::size_t lost = 0; lost < choices; ++lost) {
      out.push_back({p.up ? InputKind::crash : InputKind::restart, false, false, static_cast<std::uint8_t>(node), keep,
                     static_cast<std::uint16_t>(lost)});
    }
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
  for (const std::uint16_t number : state.in_flight) {
    if (!late_copy(number) && state.drops > 0) {
      actions.push_back({InputKind::deliver, false, true, 0, number, 0});
    }
    if (!late_copy(number) && state.duplicates > 0) {
      actions.push_back({InputKind::deliver, true, false, 0, number, 0});
    }
  }
  for (const Action& action : actions) {
    out.push_back(perform(state, action));
  }
}

void World::take(State& state, std::size_t node, Input input, std::string& violation) {
  const std::uint8_t finished = at(state, node).finished;
  const Step& step = tables_.step(node, state.node[node], input);
  state.node[node] = step.next;
  violation = step.violation;
  for (const std::uint16_t number : step.sent) {
    add(state, number);
  }
  state.commits = static_cast<std::uint8_t>(state.commits | step.commits);
  state.aborts = static_cast<std::uint8_t>(state.aborts | step.aborts);
  if (violation.empty() && (state.commits & state.aborts) != 0) {
    violation = "both outcomes";
  }
  if (violation.empty() && (step.prepared & finished) != 0) {
    violation = tables_.name(node) + " prepares a transaction whose outcome it has on disk";
  }
}

Next World::perform(const State& from, const Action& action) {
  Next next{action, from, {}};
  State& s = next.state;
  const auto lose = [&](bool outgoing) {
    std::size_t bit = 0;
    std::erase_if(s.in_flight, [&](std::uint16_t number) {
      const InFlight& m = tables_.message(number);
      return !late_copy(number) && (outgoing ? m.from : m.to) == action.node &&
             ((action.lost >> std::min<std::size_t>(bit++, options_.limits.losses)) & 1U) != 0;
    });
  };
  if (action.drop || action.duplicate) {
    --(action.drop ? s.drops : s.duplicates);
    action.drop ? remove(s, action.value) : add(s, static_cast<std::uint16_t>(action.value | kLateCopy));
    s.disturbed = s.disturbed || action.drop;
    return next;
  }
  switch (action.kind) {
    case InputKind::deliver:
      remove(s, action.value);
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
      lose(true);
      break;
    case InputKind::restart:
      lose(false);
      break;
    case InputKind::force:
    case InputKind::checkpoint:
      break;
  }
  const auto value = static_cast<std::uint16_t>(
      action.kind == InputKind::deliver ? action.value & static_cast<std::uint16_t>(~kLateCopy) : action.value);
  take(s, action.node, {action.kind, action.kind == InputKind::restart ? std::uint16_t{0} : value}, next.violation);
  return next;
}

void World::encode(const State& state, std::string& out) const {
  out.clear();
  for (std::size_t node = 0; node < nodes(); ++node) {
    for (int shift = 0; shift < 24; shift += 8) {
      out.push_back(static_cast<char>((state.node[node] >> shift) & 0xffU));
    }
  }
  for (const unsigned value : {state.crashes * 16U + state.duplicates, state.drops * 16U + state.checkpoints,
                               state.commits * 16U + state.aborts * 4U + (state.disturbed ? 1U : 0U)}) {
    out.push_back(static_cast<char>(value));
  }
  for (const std::uint16_t number : state.in_flight) {
    out.push_back(static_cast<char>(number & 0xffU));
    out.push_back(static_cast<char>(number >> 8U));
  }
}

State World::decode(const std::string& bytes) const {
  State state;
  std::size_t i = 0;
  const auto get = [&] { return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i++])); };
  for (std::size_t node = 0; node < nodes(); ++node) {
    for (int shift = 0; shift < 24; shift += 8) {
      state.node[node] |= get() << shift;
    }
  }
  const auto nibbles = [&](std::uint8_t& high, std::uint8_t& low) {
    const std::uint32_t both = get();
    high = static_cast<std::uint8_t>(both >> 4U);
    low = static_cast<std::uint8_t>(both & 15U);
  };
  nibbles(state.crashes, state.duplicates);
  nibbles(state.drops, state.checkpoints);
  const std::uint32_t bits = get();
  state.commits = static_cast<std::uint8_t>(bits >> 4U);
  state.aborts = static_cast<std::uint8_t>((bits >> 2U) & 3U);
  state.disturbed = (bits & 1U) != 0;
  while (i < bytes.size()) {
    const std::uint32_t low = get();
    state.in_flight.push_back(static_cast<std::uint16_t>(low | get() << 8U));
  }
  return state;
}

bool World::run_quiet(State& state, bool late_copies, std::string& violation, std::vector<Action>* steps) {
  std::vector<Action> actions;
  for (int n = 0; n < kQuietSteps; ++n) {
    actions.clear();
    for (std::size_t node = 0; node < nodes(); ++node) {
      node_actions(state, node, actions);
    }
    const auto quiet = std::find_if(actions.begin(), actions.end(), [&](const Action& a) {
      return a.kind == InputKind::force || a.kind == InputKind::checkpoint ||
             (a.kind == InputKind::deliver && (late_copies || !late_copy(a.value)));
    });
    if (quiet == actions.end()) {
      return true;
    }
    Next next = perform(state, *quiet);
    state = std::move(next.state);
    if (steps != nullptr) {
      steps->push_back(*quiet);
    }
    if (!next.violation.empty()) {
      violation = next.violation;
      return false;
    }
  }
  violation = "messages without end";
  return false;
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
        Next next = perform(state, *timer);
        state = std::move(next.state);
        fired = true;
        if (steps != nullptr) {
          steps->push_back(*timer);
        }
        if (!next.violation.empty()) {
          return next.violation;
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
      return tables_.name(node) + " moves no more without a timeout, and there was no fault";
    }
  }
  state.crashes = state.duplicates = state.drops = state.checkpoints = 0;
  state.disturbed = true;
  for (std::size_t node = 0; node < nodes(); ++node) {
    if (!at(state, node).up) {
      const Action restart{InputKind::restart, false, false, static_cast<std::uint8_t>(node), 0, 0};
      Next next = perform(state, restart);
      state = std::move(next.state);
      if (steps != nullptr) {
        steps->push_back(restart);
      }
      if (!next.violation.empty()) {
        return next.violation;
      }
    }
  }
  std::string key;
  encode(state, key);
  if (steps == nullptr && settled_.contains(key)) {
    return {};
  }
  std::string violation = run_out(state, false, steps);
  if (violation.empty()) {
    violation = run_out(state, true, steps);
  }
  if (violation.empty()) {
    settled_.insert(std::move(key));
  }
  return violation;
}

std::string World::judge_end(const State& state) const {
  for (std::size_t node = 0; node < nodes(); ++node) {
    const Properties& p = at(state, node);
    if (p.open) {
      return tables_.name(node) + " has something left open";
    }
    for (std::size_t txn = 0; node >= kCoordinators && txn < kTransactions; ++txn) {
      const std::int64_t times = (p.balance >> (8 * txn)) & 0xff;
      const bool committed = ((state.commits >> txn) & 1U) != 0;
      if (times != (committed ? 1 : 0)) {
        return tables_.name(node) + " has applied T" + std::to_string(txn + 1) + " " + std::to_string(times) +
               " times, which " + (committed ? "committed" : "did not commit");
      }
    }
  }
  return {};
}

std::string World::label(const State& state, const Action& action) const {
  const std::string node = tables_.name(action.node);
  const auto way = [&](std::uint16_t number) {
    const InFlight& m = tables_.message(number);
    return tables_.name(m.from) + " -> " + tables_.name(m.to) + " " + tables_.text(number);
  };
  if (action.drop || action.duplicate) {
    return (action.drop ? "drop " : "copy ") + way(action.value);
  }
  std::string lost;
  std::size_t bit = 0;
  const bool down = action.kind == InputKind::crash;
  for (const std::uint16_t number : state.in_flight) {
    const InFlight& m = tables_.message(number);
    if (!late_copy(number) && (down || action.kind == InputKind::restart) && (down ? m.from : m.to) == action.node &&
        ((action.lost >> std::min<std::size_t>(bit++, options_.limits.losses)) & 1U) != 0) {
      lost += (lost.empty() ? ", lost: " : "; ") + way(number);
    }
  }
  switch (action.kind) {
    case InputKind::deliver:
      return node + " <- " + tables_.name(tables_.message(action.value).from) + " " + tables_.text(action.value) +
             (late_copy(action.value) ? " (late copy)" : "");
    case InputKind::force:
      return node + " force done";
    case InputKind::timer:
      return node + " timer " + std::to_string(action.value + 1);
    case InputKind::begin_checkpoint:
      return node + " is to checkpoint";
    case InputKind::checkpoint:
      return node + " checkpoint done";
    case InputKind::crash:
      return node + " crashes, keeps " + std::to_string(action.value) + "/" +
             std::to_string(at(state, action.node).log_size) + " records" + lost;
    case InputKind::restart:
      return node + " restarts" + lost;
  }
  return "?";
}

}  // namespace geocommit::explore::conflict
