// The nodes as tables (ADR 10), and what can happen to all of them together.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "sim/explore/conflict/node.h"
#include "sim/explore/node_tables.h"
#include "sim/explore/tabled_world.h"

namespace geocommit::explore::conflict {

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

/// What NodeTables is made of.
struct Parts {
  using Setting = conflict::Setting;
  using Node = conflict::Node;
  using InputKind = conflict::InputKind;
  using Input = conflict::Input;
  using Disk = conflict::Disk;
  using Properties = conflict::Properties;
  using Step = conflict::Step;
};

class Tables : public NodeTables<Tables, Parts> {
 public:
  explicit Tables(const ConflictOptions& options);
  [[nodiscard]] static std::string name(std::size_t node) {
    return node < kCoordinators ? "C" + std::to_string(node + 1) : "P" + std::to_string(node - kCoordinators + 1);
  }
  [[nodiscard]] std::string text(std::uint16_t number) const;

 private:
  friend NodeTables;
  [[nodiscard]] std::unique_ptr<Node> wake(std::size_t node, const State& state) const;
  [[nodiscard]] Step finish(std::size_t node, Node& life, State state);
  [[nodiscard]] Step down(std::size_t node, const State& from, Node& life, std::uint16_t keep);
  [[nodiscard]] std::string key_of(const InFlight& flight) const;
  [[nodiscard]] static bool silent(const Step& step) { return (step.commits | step.aborts | step.prepared) == 0; }
};

struct State {
  std::array<std::uint32_t, kNodesMost> node{};
  std::uint8_t crashes{}, duplicates{}, drops{}, checkpoints{};  ///< Left.
  std::uint8_t commits{}, aborts{};                              ///< Ever decided or told: transactions as bits.
  bool disturbed{};  ///< A node has crashed, a message was lost, or a timer has fired.
  Flight in_flight;
};

/// As BreadthFirst wants it.
class World : public TabledWorld<World, Tables, State, InputKind, ConflictOptions> {
 public:
  using State = conflict::State;

  explicit World(const ConflictOptions& options) : TabledWorld(options) {
    sent_arrives_ = sent_arrives(options.sent_arrives, *options.protocol);
  }
  [[nodiscard]] State initial();
  void successors(const State& state, std::vector<Next>& out);
  [[nodiscard]] Next perform(const State& state, const Action& action);
  /// Restarts and lets everything run out, late copies last; then judges. Empty: all is well.
  [[nodiscard]] std::string settle(State state, std::vector<Action>* steps);
  void pack(const State& state, std::string& out) const;
  [[nodiscard]] State unpack(std::string_view bytes) const;
  [[nodiscard]] std::string label(const State& state, const Action& action) const;

 private:
  friend TabledWorld;
  void node_actions(const State& state, std::size_t node, std::vector<Action>& out) const;
  [[nodiscard]] static std::uint64_t history_of(const State& state) {
    return std::uint64_t{state.commits} << 9U | std::uint64_t{state.aborts} << 1U | (state.disturbed ? 1U : 0U);
  }
  void timer_actions(const State& state, std::size_t node, std::vector<Action>& out) const;
  void take(State& state, std::size_t node, Input input, std::string& violation);
  [[nodiscard]] std::string run_out(State& state, bool late_copies, std::vector<Action>* steps);
  [[nodiscard]] std::string judge_end(const State& state) const;
};

}  // namespace geocommit::explore::conflict
