// What can happen to nodes that are tables, whatever they are: messages that come late, twice or not at all, crashes,
// and letting everything run out.
//
// `Self` has what BreadthFirst wants of a World, and node_actions and run_out. A State has in_flight (ascending, each
// once), crashes, duplicates and drops; Properties have up, log_size and synced.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "sim/explore/breadth_first.h"
#include "sim/explore/ends.h"
#include "sim/explore/memo.h"
#include "sim/explore/node_tables.h"
#include "sim/explore/packed.h"

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

/// Messages: ascending, each once, the late copies last.
class Flight {
 public:
  using iterator = std::uint16_t*;
  using const_iterator = const std::uint16_t*;
  [[nodiscard]] iterator begin() { return number_.data(); }
  [[nodiscard]] iterator end() { return number_.data() + size_; }
  [[nodiscard]] const_iterator begin() const { return number_.data(); }
  [[nodiscard]] const_iterator end() const { return number_.data() + size_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  std::uint16_t operator[](std::size_t at) const { return number_[at]; }
  /// Adds nothing if it is there.
  void add(std::uint16_t number) {
    iterator place = std::lower_bound(begin(), end(), number);
    if (place == end() || *place != number) {
      GC_CHECK_NOTE(size_ < number_.size(), "too many messages in flight");
      std::copy_backward(place, end(), end() + 1);
      *place = number;
      ++size_;
    }
  }
  void remove(std::uint16_t number) {
    iterator place = std::find(begin(), end(), number);
    GC_CHECK(place != end());
    std::copy(place + 1, end(), place);
    --size_;
  }
  template <class Lost>
  void remove_if(const Lost& lost) {
    size_ = static_cast<std::uint8_t>(std::remove_if(begin(), end(), lost) - begin());
  }

 private:
  std::array<std::uint16_t, 48> number_{};
  std::uint8_t size_{};
};

template <class Self, class Tables, class State, class InputKind, class Options>
class TabledWorld {
 public:
  using Action = TabledAction<InputKind>;
  using Next = TabledNext<Action, State>;

  explicit TabledWorld(const Options& options) : options_(options), tables_(std::make_shared<Tables>(options)) {}

  [[nodiscard]] bool at_rest(const State& state) const {
    for (std::size_t node = 0; node < nodes(); ++node) {
      if (at(state, node).forcing) {
        return false;
      }
    }
    return std::none_of(state.in_flight.begin(), state.in_flight.end(), [&](std::uint16_t number) {
      return !late_copy(number) && at(state, tables_->message(number).to).up;
    });
  }
  [[nodiscard]] const Tables& tables() const { return *tables_; }
  /// Where to note the nodes of states at rest, and those that settling ends in.
  void keep_ends(Ends* ends) { ends_ = ends; }
  void freeze(bool yes) { tables_->freeze(yes); }
  [[nodiscard]] bool refuted() const { return tables_->refuted(); }
  void start_over() {
    tables_->start_over();
    if (ends_ != nullptr) {
      *ends_ = {};
    }
    settled_ = Memo{kSettledMost};
    losses_left_out_ = false;
  }
  [[nodiscard]] std::size_t nodes() const { return tables_->setting().nodes(); }
  /// There were more messages in flight at a crash or a restart than Limits::losses.
  [[nodiscard]] bool losses_left_out() const { return losses_left_out_; }
  [[nodiscard]] static bool late_copy(std::uint16_t number) { return explore::late_copy(number); }

 protected:
  static constexpr int kQuietSteps = 10'000;  // Between two rounds of timers.

  [[nodiscard]] const typename Tables::Properties& at(const State& state, std::size_t node) const {
    return tables_->properties(node, state.node[node]);
  }
  static void add_all(State& state, const std::vector<std::uint16_t>& numbers) {
    for (const std::uint16_t number : numbers) {
      state.in_flight.add(number);
    }
  }
  /// After every step.
  void remove_dead(State& state) const {
    if (tables_->leaves_out_dead()) {
      state.in_flight.remove_if([&](std::uint16_t number) {
        return tables_->dead(number, state.node[tables_->message(number).to], state.crashes > 0);
      });
    }
  }
  /// What the bounds of all such worlds have in common.
  void begin(State& state) const {
    state.crashes = most(options_.crashes);
    state.duplicates = most(options_.duplicates);
    state.drops = most(options_.drops);
    for (std::size_t node = 0; node < nodes(); ++node) {
      state.node[node] = tables_->initial()[node].next;
      add_all(state, tables_->initial()[node].sent);
    }
  }
  [[nodiscard]] static std::uint8_t most(std::uint32_t value) {
    return static_cast<std::uint8_t>(std::min(value, 15U));
  }

  void deliver_actions(const State& state, std::size_t node, std::vector<Action>& out) const {
    for (const std::uint16_t number : state.in_flight) {
      if (tables_->message(number).to == node) {
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
    action.drop ? state.in_flight.remove(action.value)
                : state.in_flight.add(static_cast<std::uint16_t>(action.value | kLateCopy));
  }

  /// A crash loses some of what is on the way from the node, a restart some of what is on the way to it.
  void lose(State& state, const Action& action) const {
    std::size_t bit = 0;
    state.in_flight.remove_if([&](std::uint16_t number) { return is_lost(number, action, bit); });
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
    note_end(state, &Ends::resting);
    for (std::size_t node = 0; node < nodes(); ++node) {
      const Action restart{InputKind::restart, false, false, static_cast<std::uint8_t>(node), 0, 0};
      if (!at(state, node).up && !go(state, restart, violation, steps)) {
        return violation;
      }
    }
    std::string key;
    self().pack(state, key);
    if (steps == nullptr && settled_.find(key, hash_of(key))) {
      return {};
    }
    violation = self().run_out(state, false, steps);
    note_end(state, &Ends::healed);
    if (violation.empty()) {
      violation = self().run_out(state, true, steps);
      note_end(state, &Ends::healed);
    }
    if (violation.empty()) {
      settled_.keep(key, hash_of(key), 1);
    }
    return violation;
  }

  /// How many values what is left of a bound can have.
  [[nodiscard]] static std::uint64_t choices_of(std::uint32_t bound) { return std::uint64_t{most(bound)} + 1; }
  void pack_rest(const State& state, const packed::Counts& counts, std::string& out) const {
    char buffer[512];
    packed::Writer writer(buffer);
    writer.put(counts.number());
    for (std::size_t node = 0; node < nodes(); ++node) {
      writer.put(state.node[node]);
    }
    writer.put_messages(state.in_flight, state.in_flight.size());
    out.assign(buffer, writer.end());
  }
  [[nodiscard]] packed::Counts unpack_rest(std::string_view bytes, State& state) const {
    std::size_t at = 0;
    const packed::Counts counts(packed::get(bytes, at));
    for (std::size_t node = 0; node < nodes(); ++node) {
      state.node[node] = static_cast<std::uint32_t>(packed::get(bytes, at));
    }
    packed::get_messages(bytes, at, [&state](std::uint16_t number) { state.in_flight.add(number); });
    return counts;
  }

  /// Of the actions that every such world has; empty: it is another one.
  [[nodiscard]] std::string common_label(const State& state, const Action& action) const {
    const std::string node = tables_->name(action.node);
    if (action.drop || action.duplicate) {
      return (action.drop ? "drop " : "copy ") + way(action.value);
    }
    if (action.kind == InputKind::deliver) {
      return node + " <- " + tables_->name(tables_->message(action.value).from) + " " + tables_->text(action.value) +
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
  std::shared_ptr<Tables> tables_;  ///< A copy of a world shares them.
  bool sent_arrives_{};             ///< What a process had sent when it crashed.

 private:
  [[nodiscard]] Self& self() { return static_cast<Self&>(*this); }
  void note_end(const State& state, std::set<std::uint64_t> Ends::*where) {
    if (ends_ != nullptr) {
      std::uint64_t content = self().history_of(state);
      for (std::size_t node = 0; node < nodes(); ++node) {
        content = content * 0x9e3779b97f4a7c15ULL + tables_->content(node, state.node[node]);
      }
      (ends_->*where).insert(content);
    }
  }
  [[nodiscard]] bool concerns(std::uint16_t number, std::size_t node, bool outgoing) const {
    const InFlight& m = tables_->message(number);
    return !late_copy(number) && (outgoing ? m.from : m.to) == node;
  }
  [[nodiscard]] bool is_lost(std::uint16_t number, const Action& action, std::size_t& bit) const {
    return concerns(number, action.node, action.kind == InputKind::crash) &&
           ((action.lost >> std::min<std::size_t>(bit++, options_.limits.losses)) & 1U) != 0;
  }
  [[nodiscard]] std::string way(std::uint16_t number) const {
    const InFlight& m = tables_->message(number);
    return tables_->name(m.from) + " -> " + tables_->name(m.to) + " " + tables_->text(number);
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
  Ends* ends_{};
  static constexpr std::size_t kSettledMost = 1U << 14U;
  Memo settled_{kSettledMost};
};

}  // namespace geocommit::explore
