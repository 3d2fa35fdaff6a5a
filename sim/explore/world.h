// What can happen in a state, what it leads to, and how a state comes to rest. Holds no search strategy.
#pragma once

#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "sim/explore/ends.h"
#include "sim/explore/state.h"

namespace geocommit::explore {

struct Successor {
  Action action;
  State state;
  std::string violation;  ///< Empty: none.
};

class World {
 public:
  explicit World(const Options& options, std::set<std::string> not_inert = {});

  /// Whether inert messages are left out of what is in flight. The search does; what people read has them.
  void leave_out_inert(bool yes) { leave_out_inert_ = yes; }

  /// Where to note the states that settle() ends in.
  void keep_ends(Ends* ends) { ends_ = ends; }
  /// Equal in every search for the same state, whatever is left of the bounds.
  [[nodiscard]] std::uint64_t content_of(const State& state) const;
  /// There were more messages in flight at a crash or a restart than Limits::losses.
  [[nodiscard]] bool losses_left_out() const { return losses_left_out_; }

  [[nodiscard]] State initial();
  /// All successors, in a fixed order.
  void successors(const State& state, std::vector<Successor>& out);
  /// One node's successors, if these are enough (docs/adr/0010-explorer.md, "Reduction"). False: they are not.
  [[nodiscard]] bool reduced_successors(const State& state, std::vector<Successor>& out);
  /// Performs one action that is possible in `state`.
  [[nodiscard]] Successor perform(const State& state, const Action& action);

  /// The encoding of the least among the states that differ only in the names of interchangeable participants.
  void canonical(const State& state, Bytes& out);

  /// Nothing is under way to or in any node that is up: only timers and faults are left.
  [[nodiscard]] bool at_rest(State state) const;
  /// Heals, restarts, and lets everything run out, deterministically; then judges. Empty: all is well.
  /// steps: where to put the actions taken (may be nullptr).
  [[nodiscard]] std::string settle(State state, std::vector<Action>* steps);
  /// Without repair: does a live site stay in doubt?
  [[nodiscard]] bool blocks(State state);

  [[nodiscard]] std::string label(const State& state, const Action& action) const;
  [[nodiscard]] NodeModel& model() { return model_; }
  [[nodiscard]] const NodeModel& model() const { return model_; }
  [[nodiscard]] const NodeProperties& properties(const State& state, std::size_t node) const {
    return model_.properties(node, state.node[node]);
  }
  [[nodiscard]] std::size_t nodes() const { return model_.nodes(); }
  /// Of the tables besides the visited set, estimated.
  [[nodiscard]] std::size_t memory() const;

 private:
  void node_actions(const State& state, std::size_t node, std::vector<Action>& out) const;
  void timer_actions(const State& state, std::size_t node, std::vector<Action>& out) const;
  void early_timer_actions(const State& state, std::size_t node, std::size_t timer, std::vector<Action>& out) const;
  void crash_actions(const State& state, std::size_t node, std::vector<Action>& out) const;
  void crash_in_step_actions(const State& state, std::size_t node, std::vector<Action>& out);
  void network_actions(const State& state, std::vector<Action>& out) const;
  void take(State& state, std::size_t node, NodeInput input, std::string& violation);
  [[nodiscard]] bool is_due(const State& state, std::size_t node, std::size_t timer) const;
  [[nodiscard]] bool side_at_rest(const State& state, std::size_t node) const;
  /// Deliveries and forces, then timers in turn, until nothing changes.
  void run_out(State& state, bool stale_too, std::string& violation, std::vector<Action>* steps);
  bool run_quiet(State& state, bool stale_too, std::string& violation, std::vector<Action>* steps);
  [[nodiscard]] std::string judge_end(const State& state) const;
  [[nodiscard]] std::size_t loss_choices(std::size_t concerned) const;
  [[nodiscard]] bool heal_delivers(const State& state, std::size_t node) const;
  [[nodiscard]] bool sends_what_is_lost(const State& state, std::size_t node, const std::vector<Action>& actions);
  [[nodiscard]] std::uint8_t close_over(const State& start, std::size_t node);
  [[nodiscard]] std::uint8_t others_without(const State& state, std::size_t node);

  Options options_;
  bool sent_arrives_;
  NodeModel model_;
  bool leave_out_inert_{};
  Ends* ends_{};
  mutable bool losses_left_out_{};
  static constexpr std::size_t kEntryBytes = 120;  // A short string in a hash table.
  static constexpr std::uint8_t kMeddles = 0xff;
  std::unordered_map<std::string, std::uint8_t> alone_;  ///< others_without, by what it depends on.
  std::size_t frozen_{kNodesMax};                        ///< Within others_without: the node that does not act yet.
  std::unordered_set<std::string> settled_;              ///< Repaired states that end well.
  std::vector<Action> actions_;
  std::vector<State> closure_;
  std::vector<Bytes> closure_bytes_;
  Bytes candidate_, key_;
};

}  // namespace geocommit::explore
