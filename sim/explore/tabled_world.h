// What can happen to nodes that are tables, whatever they are: messages that come late, twice or not at all, crashes,
// and letting everything run out.
//
// `Self` has what BreadthFirst wants of a World, and node_actions and run_out. A State has in_flight (ascending, each
// once), crashes, duplicates and drops; Properties have up, log_size and synced.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/check.h"
#include "sim/explore/breadth_first.h"
#include "sim/explore/node_tables.h"

namespace geocommit::explore {

template <class InputKind>
struct TabledAction {
  InputKind kind{};
  bool duplicate{}, drop{};  ///< Of message `value`; then `kind` says nothing.
  std::uint8_t node{};
  std::uint16_t value{};
  std::uint16_t lost{};  ///< crash (restart): which of the node's messages on the way from (to) it are lost, as bits.
};

template <class Action, class State>
struct TabledNext {
  Action action;
  State state;
  std::string violation;
};

/// A state's bytes, from the first on.
class Bytes {
 public:
  explicit Bytes(const std::string& bytes) : bytes_(bytes) {}
  [[nodiscard]] bool done() const { return at_ == bytes_.size(); }
  std::uint32_t get(int size = 1) {
    std::uint32_t value = 0;
    for (int shift = 0; shift < 8 * size; shift += 8) {
      value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes_[at_++])) << shift;
    }
    return value;
  }
  void nibbles(std::uint8_t& high, std::uint8_t& low) {
    const std::uint32_t both = get();
    high = static_cast<std::uint8_t>(both >> 4U);
    low = static_cast<std::uint8_t>(both & 15U);
  }
  static void put(std::string& out, std::uint32_t value, int size = 1) {
    for (int shift = 0; shift < 8 * size; shift += 8) {
      out.push_back(static_cast<char>((value >> shift) & 0xffU));
    }
  }

 private:
  const std::string& bytes_;
  std::size_t at_{};
};

template <class Self, class Tables, class State, class InputKind, class Options>
class TabledWorld {
 public:
  using Action = TabledAction<InputKind>;
  using Next = TabledNext<Action, State>;

  explicit TabledWorld(const Options& options) : options_(options), tables_(options) {}

  [[nodiscard]] bool at_rest(const State& state) const {
    for (std::size_t node = 0; node < nodes(); ++node) {
      if (at(state, node).forcing) {
        return false;
      }
    }
    return std::none_of(state.in_flight.begin(), state.in_flight.end(), [&](std::uint16_t number) {
      return !late_copy(number) && at(state, tables_.message(number).to).up;
    });
  }
  [[nodiscard]] const Tables& tables() const { return tables_; }
  [[nodiscard]] std::size_t nodes() const { return tables_.setting().nodes(); }
  /// There were more messages in flight at a crash or a restart than Limits::losses.
  [[nodiscard]] bool losses_left_out() const { return losses_left_out_; }
  [[nodiscard]] static bool late_copy(std::uint16_t number) { return explore::late_copy(number); }

 protected:
  static constexpr int kQuietSteps = 10'000;  // Between two rounds of timers.

  [[nodiscard]] const typename Tables::Properties& at(const State& state, std::size_t node) const {
    return tables_.properties(node, state.node[node]);
  }
  static void add(State& state, std::uint16_t number) {
    const auto place = std::lower_bound(state.in_flight.begin(), state.in_flight.end(), number);
    if (place == state.in_flight.end() || *place != number) {
      state.in_flight.insert(place, number);
    }
  }
  static void remove(State& state, std::uint16_t number) {
    const auto place = std::find(state.in_flight.begin(), state.in_flight.end(), number);
    GC_CHECK(place != state.in_flight.end());
    state.in_flight.erase(place);
  }
  static void add_all(State& state, const std::vector<std::uint16_t>& numbers) {
    for (const std::uint16_t number : numbers) {
      add(state, number);
    }
  }
  /// What the bounds of all such worlds have in common.
  void begin(State& state) const {
    state.crashes = most(options_.crashes);
    state.duplicates = most(options_.duplicates);
    state.drops = most(options_.drops);
    for (std::size_t node = 0; node < nodes(); ++node) {
      state.node[node] = tables_.initial()[node].next;
      add_all(state, tables_.initial()[node].sent);
    }
  }
  [[nodiscard]] static std::uint8_t most(std::uint32_t value) {
    return static_cast<std::uint8_t>(std::min(value, 15U));
  }

  void deliver_actions(const State& state, std::size_t node, std::vector<Action>& out) const {
    for (const std::uint16_t number : state.in_flight) {
      if (tables_.message(number).to == node) {
        out.push_back({InputKind::deliver, false, false, static_cast<std::uint8_t>(node), number, 0});
      }
    }
  }

  void crash_actions(const State& state, std::size_t node, std::vector<Action>& out) const {
    const auto& p = at(state, node);
    if (p.up && state.crashes == 0) {
      return;
    }
    const auto concerned = static_cast<std::size_t>(
        std::count_if(state.in_flight.begin(), state.in_flight.end(),
                      [&](std::uint16_t number) { return !(p.up && sent_arrives_) && concerns(number, node, p.up); }));
    losses_left_out_ = losses_left_out_ || concerned > options_.limits.losses;
    const std::size_t choices = std::size_t{1} << std::min<std::size_t>(concerned, options_.limits.losses);
    const std::uint16_t first = !p.up || !options_.lost_tail ? p.log_size : p.synced;
    for (std::uint16_t keep = first; keep <= p.log_size; ++keep) {
      for (std::size_t lost = 0; lost < choices; ++lost) {
        out.push_back({p.up ? InputKind::crash : InputKind::restart, false, false, static_cast<std::uint8_t>(node),
                       keep, static_cast<std::uint16_t>(lost)});
      }
    }
  }

  void message_faults(const State& state, std::vector<Action>& out) const {
    for (const std::uint16_t number : state.in_flight) {
      if (!late_copy(number) && state.drops > 0) {
        out.push_back({InputKind::deliver, false, true, 0, number, 0});
      }
      if (!late_copy(number) && state.duplicates > 0) {
        out.push_back({InputKind::deliver, true, false, 0, number, 0});
      }
    }
  }
  void perform_message_fault(State& state, const Action& action) const {
    --(action.drop ? state.drops : state.duplicates);
    action.drop ? remove(state, action.value) : add(state, static_cast<std::uint16_t>(action.value | kLateCopy));
  }

  /// A crash loses some of what is on the way from the node, a restart some of what is on the way to it.
  void lose(State& state, const Action& action) const {
    std::size_t bit = 0;
    std::erase_if(state.in_flight, [&](std::uint16_t number) { return is_lost(number, action, bit); });
  }

  bool run_quiet(State& state, bool late_copies, std::string& violation, std::vector<Action>* steps) {
    std::vector<Action> actions;
    for (int n = 0; n < kQuietSteps; ++n) {
      actions.clear();
      for (std::size_t node = 0; node < nodes(); ++node) {
        self().node_actions(state, node, actions);
      }
      const auto quiet = std::find_if(actions.begin(), actions.end(), [&](const Action& a) {
        return a.kind == InputKind::force || a.kind == InputKind::checkpoint ||
               (a.kind == InputKind::deliver && (late_copies || !late_copy(a.value)));
      });
      if (quiet == actions.end()) {
        return true;
      }
      if (!go(state, *quiet, violation, steps)) {
        return false;
      }
    }
    violation = "messages without end";
    return false;
  }

  /// False: that violates.
  bool go(State& state, const Action& action, std::string& violation, std::vector<Action>* steps) {
    Next next = self().perform(state, action);
    state = std::move(next.state);
    if (steps != nullptr) {
      steps->push_back(action);
    }
    violation = std::move(next.violation);
    return violation.empty();
  }

  /// From a state without faults left: restarts, then without late copies, then with them. Empty: all is well.
  [[nodiscard]] std::string settle_all(State state, std::vector<Action>* steps) {
    std::string violation;
    for (std::size_t node = 0; node < nodes(); ++node) {
      const Action restart{InputKind::restart, false, false, static_cast<std::uint8_t>(node), 0, 0};
      if (!at(state, node).up && !go(state, restart, violation, steps)) {
        return violation;
      }
    }
    std::string key;
    self().encode(state, key);
    if (steps == nullptr && settled_.contains(key)) {
      return {};
    }
    violation = self().run_out(state, false, steps);
    if (violation.empty()) {
      violation = self().run_out(state, true, steps);
    }
    if (violation.empty()) {
      settled_.insert(std::move(key));
    }
    return violation;
  }

  static void put_messages(const State& state, std::string& out) {
    for (const std::uint16_t number : state.in_flight) {
      Bytes::put(out, number, 2);
    }
  }
  static void get_messages(Bytes& bytes, State& state) {
    while (!bytes.done()) {
      state.in_flight.push_back(static_cast<std::uint16_t>(bytes.get(2)));
    }
  }

  /// Of the actions that every such world has; empty: it is another one.
  [[nodiscard]] std::string common_label(const State& state, const Action& action) const {
    const std::string node = tables_.name(action.node);
    if (action.drop || action.duplicate) {
      return (action.drop ? "drop " : "copy ") + way(action.value);
    }
    if (action.kind == InputKind::deliver) {
      return node + " <- " + tables_.name(tables_.message(action.value).from) + " " + tables_.text(action.value) +
             (late_copy(action.value) ? " (late copy)" : "");
    }
    if (action.kind == InputKind::force) {
      return node + " force done";
    }
    if (action.kind == InputKind::timer) {
      return node + " timer " + std::to_string(action.value + 1);
    }
    if (action.kind == InputKind::checkpoint) {
      return node + " checkpoint done";
    }
    if (action.kind == InputKind::crash) {
      return node + " crashes, keeps " + std::to_string(action.value) + "/" +
             std::to_string(at(state, action.node).log_size) + " records" + losses(state, action);
    }
    return action.kind == InputKind::restart ? node + " restarts" + losses(state, action) : "";
  }

  Options options_;
  Tables tables_;
  bool sent_arrives_{};  ///< What a process had sent when it crashed.

 private:
  [[nodiscard]] Self& self() { return static_cast<Self&>(*this); }
  [[nodiscard]] bool concerns(std::uint16_t number, std::size_t node, bool outgoing) const {
    const InFlight& m = tables_.message(number);
    return !late_copy(number) && (outgoing ? m.from : m.to) == node;
  }
  [[nodiscard]] bool is_lost(std::uint16_t number, const Action& action, std::size_t& bit) const {
    return concerns(number, action.node, action.kind == InputKind::crash) &&
           ((action.lost >> std::min<std::size_t>(bit++, options_.limits.losses)) & 1U) != 0;
  }
  [[nodiscard]] std::string way(std::uint16_t number) const {
    const InFlight& m = tables_.message(number);
    return tables_.name(m.from) + " -> " + tables_.name(m.to) + " " + tables_.text(number);
  }
  [[nodiscard]] std::string losses(const State& state, const Action& action) const {
    std::string lost;
    std::size_t bit = 0;
    for (const std::uint16_t number : state.in_flight) {
      if (is_lost(number, action, bit)) {
        lost += (lost.empty() ? ", lost: " : "; ") + way(number);
      }
    }
    return lost;
  }

  mutable bool losses_left_out_{};
  std::unordered_set<std::string> settled_;
};

}  // namespace geocommit::explore
