#include <algorithm>

#include "base/check.h"
#include "sim/explore/shipping/model.h"

namespace geocommit::explore::shipping {
namespace {

constexpr int kRounds = 12;         // Of all timers, to settle.
constexpr int kQuietSteps = 5'000;  // Between two of them.

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
  state.late_rounds = most(options_.late_rounds);
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

void World::node_actions(const State& state, std::size_t node, std::vector<Action>& out) const {
  const Properties& p = at(state, node);
  const auto self = static_cast<std::uint8_t>(node);
  const auto push = [&](InputKind kind, std::size_t value = 0) {
    out.push_back({kind, false, false, self, static_cast<std::uint16_t>(value), 0});
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
  if (p.ships) {
    push(InputKind::round);
    if (state.late_rounds > 0) {
      push(InputKind::late_round);
    }
  }
  if (at_rest(state)) {
    for (std::size_t timer = 0; timer < p.timers; ++timer) {
      push(InputKind::timer, timer);
    }
    if (p.greets) {
      push(InputKind::hello);
    }
  }
}

void World::crash_actions(const State& state, std::size_t node, std::vector<Action>& out) const {
  const Properties& p = at(state, node);
  if (p.up && state.crashes == 0) {
    return;
  }
  const auto concerned = std::count_if(state.in_flight.begin(), state.in_flight.end(), [&](std::uint16_t number) {
    const InFlight& m = tables_.message(number);
    return !late_copy(number) && (p.up ? m.from : m.to) == node;
  });
  losses_left_out_ = losses_left_out_ || static_cast<std::size_t>(concerned) > options_.limits.losses;
  const std::size_t choices = std::size_t{1}
                              << std::min<std::size_t>(static_cast<std::size_t>(concerned), options_.limits.losses);
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
  if (state.asked < options_.writes && at(state, kCoordinator).up) {
    actions.push_back({InputKind::request, false, false, kCoordinator, state.asked, 0});
  }
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
  const Step& step = tables_.step(node, state.node[node], input);
  state.node[node] = step.next;
  violation = step.violation;
  for (const std::uint16_t number : step.sent) {
    add(state, number);
  }
  state.told_commit = static_cast<std::uint8_t>(state.told_commit | step.told_commit);
  state.told_abort = static_cast<std::uint8_t>(state.told_abort | step.told_abort);
  for (const auto& [place, write] : step.ordered) {
    GC_CHECK(place > 0);
    if (place > kWritesMost) {
      violation = "a place in the order without a write";
      return;
    }
    std::uint8_t& there = state.order[place - 1];
    if (there != 0 && there != write + 1) {
      violation = "a place in the order is given out twice";
    }
    there = static_cast<std::uint8_t>(write + 1);
  }
}

/// Of every state.
std::string World::check(const State& state) const {
  if ((state.told_commit & state.told_abort) != 0) {
    return "both outcomes";
  }
  for (std::size_t node = kFirstReplica; node < nodes(); ++node) {
    const Properties& p = at(state, node);
    std::int64_t prefix = 0;
    for (std::uint64_t place = 0; p.up && place < p.applied; ++place) {
      if (place >= kWritesMost || state.order[place] == 0) {
        return tables_.name(node) + " has applied what is not durable at the home";
      }
      prefix += Setting::amount(state.order[place] - std::size_t{1});
    }
    if (p.up && p.balance != prefix) {
      return tables_.name(node) + " is not a prefix of the home's order";
    }
  }
  return {};
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
    return next;
  }
  switch (action.kind) {
    case InputKind::request:
      ++s.asked;
      break;
    case InputKind::deliver:
      remove(s, action.value);
      break;
    case InputKind::late_round:
      s.late_rounds = static_cast<std::uint8_t>(s.late_rounds > 0 ? s.late_rounds - 1 : 0);
      break;
    case InputKind::crash:
      --s.crashes;
      lose(true);
      break;
    case InputKind::restart:
      lose(false);
      break;
    case InputKind::force:
    case InputKind::timer:
    case InputKind::hello:
    case InputKind::round:
    case InputKind::checkpoint:
      break;
  }
  const auto value = static_cast<std::uint16_t>(
      action.kind == InputKind::deliver ? action.value & static_cast<std::uint16_t>(~kLateCopy) : action.value);
  take(s, action.node, {action.kind, action.kind == InputKind::restart ? std::uint16_t{0} : value}, next.violation);
  if (next.violation.empty()) {
    next.violation = check(s);
  }
  return next;
}

void World::encode(const State& state, std::string& out) const {
  out.clear();
  for (std::size_t node = 0; node < nodes(); ++node) {
    for (int shift = 0; shift < 32; shift += 8) {
      out.push_back(static_cast<char>((state.node[node] >> shift) & 0xffU));
    }
  }
  for (const unsigned value : {state.crashes * 16U + state.duplicates, state.drops * 16U + state.late_rounds,
                               unsigned{state.asked}, unsigned{state.told_commit}, unsigned{state.told_abort}}) {
    out.push_back(static_cast<char>(value));
  }
  for (const std::uint8_t write : state.order) {
    out.push_back(static_cast<char>(write));
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
    for (int shift = 0; shift < 32; shift += 8) {
      state.node[node] |= get() << shift;
    }
  }
  const auto nibbles = [&](std::uint8_t& high, std::uint8_t& low) {
    const std::uint32_t both = get();
    high = static_cast<std::uint8_t>(both >> 4U);
    low = static_cast<std::uint8_t>(both & 15U);
  };
  nibbles(state.crashes, state.duplicates);
  nibbles(state.drops, state.late_rounds);
  state.asked = static_cast<std::uint8_t>(get());
  state.told_commit = static_cast<std::uint8_t>(get());
  state.told_abort = static_cast<std::uint8_t>(get());
  for (std::uint8_t& write : state.order) {
    write = static_cast<std::uint8_t>(get());
  }
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
  for (int round = 0; round < kRounds; ++round) {
    if (!run_quiet(state, late_copies, violation, steps)) {
      return violation;
    }
    if (round > 0 && judge_end(state).empty()) {
      return {};
    }
    for (std::size_t node = 0; node < nodes(); ++node) {
      std::vector<Action> timers;
      state.late_rounds = 1;  // As often as it takes.
      node_actions(state, node, timers);
      // The last first: a timer that has fired is no longer armed, and those before keep their places.
      for (auto it = timers.rbegin(); it != timers.rend(); ++it) {
        const bool due =
            it->kind == InputKind::timer || it->kind == InputKind::hello || it->kind == InputKind::late_round;
        if (!due || (it->kind == InputKind::timer && it->value >= at(state, node).timers)) {
          continue;
        }
        Next next = perform(state, *it);
        state = std::move(next.state);
        if (steps != nullptr) {
          steps->push_back(*it);
        }
        if (!next.violation.empty()) {
          return next.violation;
        }
      }
    }
  }
  return judge_end(state);
}

std::string World::settle(State state, std::vector<Action>* steps) {
  state.crashes = state.duplicates = state.drops = state.late_rounds = 0;
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
  std::uint64_t committed = 0;
  const std::int64_t at_home = at(state, kHome).balance;
  for (std::size_t write = 0; write < options_.writes; ++write) {
    const std::int64_t times = (at_home >> (8 * write)) & 0xff;
    const unsigned bit = 1U << write;
    const std::string name = "write " + std::to_string(write + 1);
    if (times > 1) {
      return name + " is applied more than once";
    }
    if (times == 0 && (state.told_commit & bit) != 0) {
      return name + " is lost, and its client was told commit";
    }
    if (times == 1 && (state.told_abort & bit) != 0) {
      return name + " is applied, and its client was told abort";
    }
    committed += static_cast<std::uint64_t>(times);
  }
  for (std::size_t node = 0; node < nodes(); ++node) {
    const Properties& p = at(state, node);
    if (p.open) {
      return tables_.name(node) + " has something left open: " + tables_.describe(node, state.node[node]);
    }
    if (node >= kFirstReplica && (p.applied != committed || p.balance != at_home)) {
      return tables_.name(node) + " does not have all of the home's writes";
    }
  }
  return at(state, kHome).unshipped > 0 ? "the home keeps writes that every replica has" : "";
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
    case InputKind::request:
      return "client asks for write " + std::to_string(action.value + 1);
    case InputKind::deliver:
      return node + " <- " + tables_.name(tables_.message(action.value).from) + " " + tables_.text(action.value) +
             (late_copy(action.value) ? " (late copy)" : "");
    case InputKind::force:
      return node + " force done";
    case InputKind::timer:
      return node + " timer " + std::to_string(action.value + 1);
    case InputKind::hello:
      return node + " greets again";
    case InputKind::round:
      return node + " ships what is new";
    case InputKind::late_round:
      return node + " ships again what is not confirmed";
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

}  // namespace geocommit::explore::shipping
