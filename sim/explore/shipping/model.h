// The nodes as tables (ADR 10), and what can happen to all of them together.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "sim/explore/node_tables.h"
#include "sim/explore/shipping/node.h"
#include "sim/explore/tabled_world.h"

namespace geocommit::explore::shipping {

inline constexpr std::size_t kNodesMost = 4, kWritesMost = 4;

struct Properties {
  bool up{}, forcing{}, checkpointing{}, greets{}, ships{}, open{};
  std::uint8_t timers{}, log_size{}, synced{};
  std::uint64_t applied{}, unshipped{};
  std::int64_t balance{};
};

struct Step {
  std::uint32_t next{};
  std::vector<std::uint16_t> sent;
  std::vector<std::pair<std::uint64_t, std::uint8_t>> ordered;
  std::uint8_t told_commit{}, told_abort{};
  std::string violation;
};

/// What NodeTables is made of.
struct Parts {
  using Setting = shipping::Setting;
  using Node = shipping::Node;
  using InputKind = shipping::InputKind;
  using Input = shipping::Input;
  using Disk = shipping::Disk;
  using Properties = shipping::Properties;
  using Step = shipping::Step;
};

class Tables : public NodeTables<Tables, Parts> {
 public:
  explicit Tables(const ShippingOptions& options);
  [[nodiscard]] static std::string name(std::size_t node);
  [[nodiscard]] std::string text(std::uint16_t number) const;

 private:
  friend NodeTables;
  [[nodiscard]] std::unique_ptr<Node> wake(std::size_t node, const State& state) const;
  [[nodiscard]] Step finish(std::size_t node, Node& life, State state);
  [[nodiscard]] Step down(std::size_t node, const State& from, Node& life, std::uint16_t keep);
  [[nodiscard]] std::string key_of(const InFlight& flight) const;
  [[nodiscard]] static bool silent(const Step& step) {
    return step.told_commit == 0 && step.told_abort == 0 && step.ordered.empty();
  }
};

struct State {
  std::array<std::uint32_t, kNodesMost> node{};
  std::uint8_t crashes{}, duplicates{}, drops{}, late_rounds{};  ///< Left.
  std::uint8_t asked{}, told_commit{}, told_abort{};             ///< told: bits.
  std::array<std::uint8_t, kWritesMost> order{};  ///< By place: 1 + the write that is durable there; 0: none.
  Flight in_flight;
};

class World : public TabledWorld<World, Tables, State, InputKind, ShippingOptions> {
 public:
  using State = shipping::State;

  explicit World(const ShippingOptions& options) : TabledWorld(options) { tables_->leave_out_dead(options.reduce); }
  /// f(state), until it says yes: what differs from this one in having more left of some bounds.
  template <class F>
  [[nodiscard]] bool any_larger(const State& state, const F& f) const {
    constexpr std::uint8_t State::*kLeft[] = {&State::crashes, &State::duplicates, &State::drops, &State::late_rounds};
    const std::uint32_t bounds[] = {options_.crashes, options_.duplicates, options_.drops, options_.late_rounds};
    State larger = state;
    for (std::size_t at = 0;
         options_.reduce && at < std::size(kLeft);) {  // Counts on, each from its least to its most.
      std::uint8_t& left = larger.*kLeft[at];
      if (left == most(bounds[at])) {
        left = state.*kLeft[at++];
        continue;
      }
      ++left;
      at = 0;
      if (f(larger)) {
        return true;
      }
    }
    return false;
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
  /// What a state tells of the past, whatever its nodes know of it.
  [[nodiscard]] static std::uint64_t history_of(const State& state);
  [[nodiscard]] std::string check(const State& state) const;
  void take(State& state, std::size_t node, Input input, std::string& violation);
  [[nodiscard]] std::string run_out(State& state, bool late_copies, std::vector<Action>* steps);
  [[nodiscard]] std::string judge_end(const State& state) const;
};

}  // namespace geocommit::explore::shipping
