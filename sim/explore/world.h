// What can happen in a state, what it leads to, and how a state comes to rest. Holds no search strategy.
#pragma once

#include <array>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sim/explore/ends.h"
#include "sim/explore/memo.h"
#include "sim/explore/state.h"

namespace geocommit::explore {

struct Successor {
  Action action;
  State state;
  std::string violation;  ///< Empty: none.
};

/// A copy shares the tables: several may look ahead in them at once while they are frozen (NodeModel::freeze).
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
  [[nodiscard]] Successor perform(const State& state, const Action& action) {
    Successor next;
    perform(state, action, next);
    return next;
  }

  /// The bytes of the least among the states that differ only in the names of interchangeable participants.
  void canonical(const State& state, Bytes& out);
  [[nodiscard]] State unpack(std::string_view bytes) const { return packing_.unpack(bytes); }

  /// Nothing is under way to or in any node that is up: only timers and faults are left.
  [[nodiscard]] bool at_rest(State state) const;
  /// Heals, restarts, and lets everything run out, deterministically; then judges. Empty: all is well.
  /// steps: where to put the actions taken (may be nullptr).
  [[nodiscard]] std::string settle(State state, std::vector<Action>* steps);
  /// Without repair: does a live site stay in doubt?
  [[nodiscard]] bool blocks(State state);

  [[nodiscard]] std::string label(const State& state, const Action& action) const;
  [[nodiscard]] NodeModel& model() { return *model_; }
  [[nodiscard]] const NodeModel& model() const { return *model_; }
  [[nodiscard]] const NodeProperties& properties(const State& state, std::size_t node) const {
    return model_->properties(node, state.node[node]);
  }
  [[nodiscard]] std::size_t nodes() const { return model_->nodes(); }

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
  [[nodiscard]] bool meddles(const State& state, std::size_t other, const NodeStep& step, std::size_t node) const;
  [[nodiscard]] bool meddles_at_once(const State& state, std::size_t node);
  [[nodiscard]] std::uint8_t close_over(std::size_t node);
  [[nodiscard]] bool close_over_step(const State& current, std::size_t other, NodeInput input, std::size_t node);
  [[nodiscard]] bool close_over_node(const State& current, std::size_t other, std::size_t node, std::uint8_t& result);
  [[nodiscard]] std::uint8_t others_without(const State& state, std::size_t node);
  void know_renamed(const State& state);
  [[nodiscard]] int rename(const State& state, std::size_t renaming, Named& out, const Named& best);
  void rename_messages(const State& state, std::size_t renaming, Named& out);
  void perform(const State& from, const Action& action, Successor& next);

  Options options_;
  bool sent_arrives_;
  std::shared_ptr<NodeModel> model_;
  Packing packing_;
  bool leave_out_inert_{};
  Ends* ends_{};
  mutable bool losses_left_out_{};
  static constexpr std::uint8_t kMeddles = 0xff;
  Memo alone_{1U << 18U};           ///< others_without, by what it depends on.
  std::size_t waiting_{kNodesMax};  ///< Within others_without: the node that does not act yet.
  Memo settled_{1U << 14U};         ///< Repaired states that end well.
  std::vector<Action> actions_;
  /// Within others_without: what the others can come to, the first state at place 0.
  struct Closure {
    static constexpr std::size_t kMost = 48;  ///< From so many states met on the answer is "maybe", that is no.
    std::array<State, kMost + 2> state;
    std::array<std::uint64_t, kMost + 2> hash;
    std::size_t size{};
    bool start_met{};                       ///< Again.
    std::array<std::uint8_t, 128> slots{};  ///< By hash: 1 + the state's place; 0: none.
    std::vector<std::uint8_t> open;
    [[nodiscard]] State& next() { return state[size]; }
    [[nodiscard]] std::size_t met() const { return size - (start_met ? 0U : 1U); }
    void start();
    [[nodiscard]] bool keep();
    [[nodiscard]] static std::uint64_t hash_of(const State& state);
  } closure_;
  std::vector<Action> closure_actions_;
  Successor closure_next_;
  Bytes key_;
};

}  // namespace geocommit::explore
