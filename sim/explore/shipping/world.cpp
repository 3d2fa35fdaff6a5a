#include <algorithm>

#include "base/check.h"
#include "sim/explore/shipping/model.h"

namespace geocommit::explore::shipping {
namespace {

constexpr int kRounds = 12;  // Of all timers, to settle.

}  // namespace

State World::initial() {
  State state;
  state.late_rounds = most(options_.late_rounds);
  begin(state);
  remove_dead(state);
  return state;
}

void World::node_actions(const State& state, std::size_t node, std::vector<Action>& out) const {
  const Properties& p = at(state, node);
  const auto self = static_cast<std::uint8_t>(node);
  const auto push = [&](InputKind kind, std::size_t value = 0) {
    out.push_back({kind, false, false, self, static_cast<std::uint16_t>(value), 0});
  };
  deliver_actions(state, node, out);
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
  message_faults(state, actions);
  for (const Action& action : actions) {
    out.push_back(perform(state, action));
  }
}

void World::take(State& state, std::size_t node, Input input, std::string& violation) {
  const Step& step = tables_->step(node, state.node[node], input);
  state.node[node] = step.next;
  violation = step.violation;
  add_all(state, step.sent);
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
        return tables_->name(node) + " has applied what is not durable at the home";
      }
      prefix += Setting::amount(state.order[place] - std::size_t{1});
    }
    if (p.up && p.balance != prefix) {
      return tables_->name(node) + " is not a prefix of the home's order";
    }
  }
  return {};
}

World::Next World::perform(const State& from, const Action& action) {
  Next next{action, from, {}};
  State& s = next.state;
  if (action.drop || action.duplicate) {
    perform_message_fault(s, action);
    return next;
  }
  switch (action.kind) {
    case InputKind::request:
      ++s.asked;
      break;
    case InputKind::deliver:
      s.in_flight.remove(action.value);
      break;
    case InputKind::late_round:
      s.late_rounds = static_cast<std::uint8_t>(s.late_rounds > 0 ? s.late_rounds - 1 : 0);
      break;
    case InputKind::crash:
      --s.crashes;
      lose(s, action);
      break;
    case InputKind::restart:
      lose(s, action);
      break;
    case InputKind::force:
    case InputKind::timer:
    case InputKind::hello:
    case InputKind::round:
    case InputKind::checkpoint:
      break;
  }
  const std::uint16_t value = action.kind == InputKind::deliver ? without_copy(action.value) : action.value;
  take(s, action.node, {action.kind, action.kind == InputKind::restart ? std::uint16_t{0} : value}, next.violation);
  if (next.violation.empty()) {
    next.violation = check(s);
    remove_dead(s);
  }
  return next;
}

void World::pack(const State& state, std::string& out) const {
  packed::Counts counts;
  const std::uint64_t writes = options_.writes + 1, told = std::uint64_t{1} << options_.writes;
  counts.add(state.crashes, choices_of(options_.crashes));
  counts.add(state.duplicates, choices_of(options_.duplicates));
  counts.add(state.drops, choices_of(options_.drops));
  counts.add(state.late_rounds, choices_of(options_.late_rounds));
  for (const std::uint8_t write : state.order) {
    counts.add(write, writes);
  }
  counts.add(state.told_commit, told);
  counts.add(state.told_abort, told);
  counts.add(state.asked, writes);
  pack_rest(state, counts, out);
}

State World::unpack(std::string_view bytes) const {
  State state;
  packed::Counts counts = unpack_rest(bytes, state);
  const std::uint64_t writes = options_.writes + 1, told = std::uint64_t{1} << options_.writes;
  state.asked = counts.take(writes);
  state.told_abort = counts.take(told);
  state.told_commit = counts.take(told);
  for (auto write = state.order.rbegin(); write != state.order.rend(); ++write) {
    *write = counts.take(writes);
  }
  state.late_rounds = counts.take(choices_of(options_.late_rounds));
  state.drops = counts.take(choices_of(options_.drops));
  state.duplicates = counts.take(choices_of(options_.duplicates));
  state.crashes = counts.take(choices_of(options_.crashes));
  return state;
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
        if (!go(state, *it, violation, steps)) {
          return violation;
        }
      }
    }
  }
  return judge_end(state);
}

std::string World::settle(State state, std::vector<Action>* steps) {
  state.crashes = state.duplicates = state.drops = state.late_rounds = 0;
  return settle_all(std::move(state), steps);
}

std::uint64_t World::history_of(const State& state) {
  std::uint64_t history = std::uint64_t{state.asked} << 16U | std::uint64_t{state.told_commit} << 8U | state.told_abort;
  for (const std::uint8_t write : state.order) {
    history = history << 8U | write;
  }
  return history;
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
      return tables_->name(node) + " has something left open: " + tables_->describe(node, state.node[node]);
    }
    if (node >= kFirstReplica && (p.applied != committed || p.balance != at_home)) {
      return tables_->name(node) + " does not have all of the home's writes";
    }
  }
  return at(state, kHome).unshipped > 0 ? "the home keeps writes that every replica has" : "";
}

std::string World::label(const State& state, const Action& action) const {
  if (std::string label = common_label(state, action); !label.empty()) {
    return label;
  }
  if (action.kind == InputKind::request) {
    return "client asks for write " + std::to_string(action.value + 1);
  }
  return tables_->name(action.node) + (action.kind == InputKind::hello   ? " greets again"
                                       : action.kind == InputKind::round ? " ships what is new"
                                                                         : " ships again what is not confirmed");
}

}  // namespace geocommit::explore::shipping
