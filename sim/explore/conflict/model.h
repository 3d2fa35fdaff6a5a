// The nodes as tables (ADR 10), and what can happen to all of them together.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "sim/explore/conflict/node.h"

namespace geocommit::explore::conflict {

inline constexpr std::uint16_t kLateCopy = 0x8000;  ///< A second copy: may come at any time, or never.

struct Properties {
  bool up{}, forcing{}, checkpointing{}, may_checkpoint{}, open{};
  std::vector<std::uint8_t> patience;  ///< Of the timers armed.
  std::uint8_t log_size{}, synced{}, finished{};
  std::int64_t balance{};
};

struct Step {
  std::uint32_t next{};
  std::vector<std::uint16_t> sent;
  std::uint8_t commits{}, aborts{}, prepared{};  ///< Transactions, as bits.
  std::string violation;
};

struct InFlight {
  std::uint8_t from{}, to{};
  PeerMessage message;
};

class Tables {
 public:
  explicit Tables(const ConflictOptions& options);

  const Step& step(std::size_t node, std::uint32_t state, Input input);
  [[nodiscard]] const std::vector<Step>& initial() const { return initial_; }
  [[nodiscard]] const Properties& properties(std::size_t node, std::uint32_t state) const {
    return tables_[node].states[state]->properties;
  }
  [[nodiscard]] const InFlight& message(std::uint16_t number) const {
    return *messages_[number & static_cast<std::uint16_t>(~kLateCopy)];
  }
  [[nodiscard]] const Setting& setting() const { return setting_; }
  [[nodiscard]] static std::string name(std::size_t node) {
    return node < kCoordinators ? "C" + std::to_string(node + 1) : "P" + std::to_string(node - kCoordinators + 1);
  }
  [[nodiscard]] std::string text(std::uint16_t number) const;
  [[nodiscard]] const std::string& describe(std::size_t node, std::uint32_t state) const {
    return tables_[node].states[state]->description;
  }
  [[nodiscard]] std::uint64_t state_count() const;
  [[nodiscard]] std::uint64_t step_count() const { return steps_.size(); }
  [[nodiscard]] std::uint64_t message_count() const { return messages_.size(); }

 private:
  struct State {
    Epoch epoch;
    Disk start;
    std::vector<Input> inputs;  ///< Since the start.
    Properties properties;
    std::string description;
    std::map<Input, std::uint32_t> known;
  };
  struct Table {
    std::vector<std::unique_ptr<State>> states;
    std::unordered_map<std::string, std::uint32_t> numbers;
  };
  [[nodiscard]] Step compute(std::size_t node, std::uint32_t number, Input input);
  [[nodiscard]] Step finish(std::size_t node, Node& life, State state);
  [[nodiscard]] Step down(std::size_t node, const State& from, const Node& life, std::uint16_t keep);
  [[nodiscard]] const PeerMessage* message_of(Input input) const;
  [[nodiscard]] std::string key_of(const InFlight& flight) const;
  [[nodiscard]] std::uint32_t intern(std::size_t node, const std::string& key, State state);
  [[nodiscard]] std::uint16_t intern(InFlight message);

  Setting setting_;
  std::vector<Table> tables_;
  std::vector<std::unique_ptr<InFlight>> messages_;
  std::unordered_map<std::string, std::uint16_t> message_numbers_;
  std::vector<std::unique_ptr<Step>> steps_;
  std::vector<Step> initial_;
};

struct State {
  std::array<std::uint32_t, kNodesMost> node{};
  std::uint8_t crashes{}, duplicates{}, drops{}, checkpoints{};  ///< Left.
  std::uint8_t commits{}, aborts{};                              ///< Ever decided or told: transactions as bits.
  bool disturbed{};                      ///< A node has crashed, a message was lost, or a timer has fired.
  std::vector<std::uint16_t> in_flight;  ///< Ascending, each once.
};

struct Action {
  InputKind kind{};
  bool duplicate{}, drop{};  ///< Of message `value`; then `kind` says nothing.
  std::uint8_t node{};
  std::uint16_t value{};
  std::uint16_t lost{};  ///< crash (restart): which of the node's messages on the way from (to) it are lost, as bits.
};

struct Next {
  Action action;
  State state;
  std::string violation;
};

/// As BreadthFirst wants it.
class World {
 public:
  using State = conflict::State;
  using Action = conflict::Action;
  using Next = conflict::Next;

  explicit World(const ConflictOptions& options) : options_(options), tables_(options) {}
  [[nodiscard]] State initial();
  void successors(const State& state, std::vector<Next>& out);
  [[nodiscard]] Next perform(const State& state, const Action& action);
  [[nodiscard]] bool at_rest(const State& state) const;
  /// Restarts and lets everything run out, late copies last; then judges. Empty: all is well.
  [[nodiscard]] std::string settle(State state, std::vector<Action>* steps);
  void encode(const State& state, std::string& out) const;
  [[nodiscard]] State decode(const std::string& bytes) const;
  [[nodiscard]] std::string label(const State& state, const Action& action) const;
  [[nodiscard]] const Tables& tables() const { return tables_; }
  [[nodiscard]] std::size_t nodes() const { return tables_.setting().nodes(); }
  [[nodiscard]] bool losses_left_out() const { return losses_left_out_; }
  [[nodiscard]] static bool late_copy(std::uint16_t number) { return (number & kLateCopy) != 0; }

 private:
  [[nodiscard]] const Properties& at(const State& state, std::size_t node) const {
    return tables_.properties(node, state.node[node]);
  }
  void node_actions(const State& state, std::size_t node, std::vector<Action>& out) const;
  void timer_actions(const State& state, std::size_t node, std::vector<Action>& out) const;
  void crash_actions(const State& state, std::size_t node, std::vector<Action>& out) const;
  void take(State& state, std::size_t node, Input input, std::string& violation);
  bool run_quiet(State& state, bool late_copies, std::string& violation, std::vector<Action>* steps);
  [[nodiscard]] std::string run_out(State& state, bool late_copies, std::vector<Action>* steps);
  [[nodiscard]] std::string judge_end(const State& state) const;

  ConflictOptions options_;
  Tables tables_;
  mutable bool losses_left_out_{};
  std::unordered_set<std::string> settled_;
};

}  // namespace geocommit::explore::conflict
