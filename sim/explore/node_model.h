// The nodes of one transaction as tables: state x input -> state, messages, events. An entry is computed by running a
// real NodeEngine through the inputs of one history that leads to the state, and is then looked up. A node's future
// depends on its state alone (NodeEngine::hash_state and its disk), so any history that leads there will do.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/engine.h"
#include "sim/explore/explore.h"
#include "sim/explore/step_index.h"

namespace geocommit::explore {

using MessageNumber = std::uint16_t;
using StateNumber = std::uint32_t;

/// Added to a message's number: a second copy, made by the network, which nobody awaits and which may come at any time.
inline constexpr MessageNumber kStale = 0x8000;
inline constexpr StateNumber kUnknownState = std::numeric_limits<StateNumber>::max();
inline constexpr MessageNumber kUnknownMessage = std::numeric_limits<MessageNumber>::max();
inline constexpr std::size_t kNodesMax = 7;  ///< The coordinator is node 0, participants follow.

enum class InputKind : std::uint8_t { deliver, deliver_denied, force, timer, wound, crash, restart };
struct NodeInput {
  InputKind kind{};
  std::uint16_t value{};  ///< Message, timer, or how many records a crash leaves.
  std::uint8_t sends{};   ///< It crashes in the midst of the step, when so many messages have left. 0: it lives on.
  std::uint8_t keep{};    ///< Then: how many records that leaves.
  auto operator<=>(const NodeInput&) const = default;
};

struct FlightMessage {
  std::uint8_t from{}, to{};  ///< Nodes.
  PeerMessage message;
  bool prepare{};
};

/// What others may know of a node's state.
struct NodeProperties {
  bool up{}, forcing{}, in_doubt{}, open{}, locks{};
  bool prepared{}, committed{}, aborted{};  ///< Records in the log.
  bool prepared_durable{}, committed_durable{};
  std::int64_t applied{};  ///< How many times the operations are in the balance.
  std::uint8_t log_size{}, synced{};
  std::vector<std::uint8_t> timers;    ///< Armed.
  std::vector<std::uint8_t> patience;  ///< Of each: its duration in timeouts; 0: it only asks or says again.
  bool operator==(const NodeProperties&) const = default;
};

/// Just after a send of a step: what a crash then would leave, and what had been decided, or told to the client.
struct Moment {
  std::uint8_t log_size{}, synced{};
  bool commits{}, aborts{};
};

struct NodeStep {
  StateNumber next{};
  std::vector<MessageNumber> sent;  ///< Ascending, each once.
  bool commits{}, aborts{};         ///< An outcome has been decided, made durable, or told to the client.
  std::string violation;            ///< Empty: none.
  std::vector<std::string> alarms;
  std::vector<Moment> moments;  ///< By send, in their order.
};

class NodeModel {
 public:
  explicit NodeModel(const Options& options, std::set<std::string> not_inert = {});
  ~NodeModel();

  [[nodiscard]] std::size_t nodes() const { return options_.participants + 1; }
  /// Of the node's machines in the transaction that is searched.
  static constexpr std::size_t kCoordinator = 0;
  [[nodiscard]] static Role role(std::size_t node) {
    return node == kCoordinator ? Role::coordinator : Role::participant;
  }
  [[nodiscard]] static bool coordinates(std::size_t node) { return role(node) == Role::coordinator; }
  /// The coordinator has begun; the rest wait.
  [[nodiscard]] const std::vector<NodeStep>& initial() const { return initial_; }
  /// Of tables that are frozen only what is known; then several threads may ask.
  const NodeStep& step(std::size_t node, StateNumber state, NodeInput input) {
    const NodeStep* known = index_.find(index_of(node, state, input));
    return known != nullptr ? *known : new_step(node, state, input);
  }
  void freeze(bool yes) { frozen_ = yes; }
  [[nodiscard]] const NodeProperties& properties(std::size_t node, StateNumber state) const {
    return *tables_[node].properties[state];
  }
  [[nodiscard]] const FlightMessage& message(MessageNumber number) const { return *messages_[number]; }
  /// Of a message or a copy, what is asked for most: close together.
  struct Way {
    std::uint8_t from{}, to{};
  };
  [[nodiscard]] Way way(MessageNumber number) const { return ways_[number & ~kStale]; }
  [[nodiscard]] bool only_reads(std::size_t node) const { return node > options_.participants - options_.read_only; }
  [[nodiscard]] bool all_read() const { return options_.read_only == options_.participants; }

  /// What a state, and a message, is made of: the same in every search.
  [[nodiscard]] const std::string& key(std::size_t node, StateNumber state) const {
    return *tables_[node].states[state]->key;
  }
  [[nodiscard]] std::string key(MessageNumber number) const { return key_of(message(number)); }

  // Symmetry: participants that do the same work are interchangeable, if the machines treat them so.
  using Renaming = std::vector<std::uint8_t>;  ///< New node by old node.
  /// All renamings among the writers and among the readers; the first changes nothing.
  [[nodiscard]] const std::vector<Renaming>& renamings() const { return renamings_; }
  /// Likewise; old node by new node.
  [[nodiscard]] const Renaming& undoing(std::size_t renaming) const { return undoings_[renaming]; }
  /// The state of node `renaming[node]` that the renamed history leads to.
  [[nodiscard]] StateNumber renamed_state(std::size_t node, StateNumber state, std::size_t renaming) {
    const StateNumber known = tables_[node].renamed[state * renamings_.size() + renaming];
    return known != kUnknownState ? known : rename_state(node, state, renaming);
  }
  [[nodiscard]] MessageNumber renamed_message(MessageNumber number, std::size_t renaming) {
    const auto stale = static_cast<MessageNumber>(number & kStale);
    const auto plain = static_cast<MessageNumber>(number & ~kStale);
    const std::size_t at = plain * renamings_.size() + renaming;
    const bool known = at < renamed_messages_.size() && renamed_messages_[at] != kUnknownMessage;
    return static_cast<MessageNumber>((known ? renamed_messages_[at] : rename_message(plain, renaming)) | stale);
  }
  /// All renamings of it are known.
  [[nodiscard]] bool knows_renamed(std::size_t node, StateNumber state) const {
    return tables_[node].known_renamed[state] == renamings_.size();
  }
  [[nodiscard]] bool knows_renamed(MessageNumber number) const {
    const auto plain = static_cast<MessageNumber>(number & ~kStale);
    return plain < known_renamed_.size() && known_renamed_[plain] == renamings_.size();
  }
  /// Does every step computed so far commute with every renaming?
  [[nodiscard]] bool steps_are_symmetric();
  [[nodiscard]] bool seen_asymmetric() const { return asymmetric_; }

  // Inert messages: those that do nothing in any state of their receiver that the search meets (ADR 10, "Reduction").
  /// Judged when a message is first sent, and again with every new state of its receiver.
  [[nodiscard]] bool inert(MessageNumber number) const { return inert_[number]; }
  /// A message that counted as inert is not: the search is to be done again without.
  [[nodiscard]] bool inert_refuted() const { return refuted_; }
  /// Messages (by content) that do not count as inert, whatever it looks like at first.
  [[nodiscard]] const std::set<std::string>& not_inert() const { return not_inert_; }
  /// Does every renaming of an inert message count as inert? If not, those that do not fit are refuted.
  [[nodiscard]] bool inert_is_symmetric();

  // For people.
  [[nodiscard]] std::string name(std::size_t node) const {
    return coordinates(node) ? "C" : "P" + std::to_string(node);
  }
  [[nodiscard]] std::string text(MessageNumber number) const;
  [[nodiscard]] std::string timer_name(std::uint8_t timer) const;
  [[nodiscard]] const std::string& describe(std::size_t node, StateNumber state) const {
    return tables_[node].states[state]->description;
  }

  /// Every step computed so far, in a fixed order.
  void for_each_step(
      const std::function<void(std::size_t node, StateNumber from, NodeInput input, const NodeStep& step)>& f) const;
  [[nodiscard]] std::uint64_t state_count() const;
  [[nodiscard]] std::uint64_t step_count() const { return steps_.size(); }
  [[nodiscard]] std::uint64_t message_count() const { return messages_.size(); }

 private:
  class Life;  ///< One engine from its start on.
  struct State {
    const std::string* key{};  ///< In Table::numbers.
    Epoch epoch;
    std::vector<DurableRecord> start;  ///< The log that it (re)started with; of a node that is down: all of it.
    std::vector<NodeInput> inputs;     ///< Since then.
    NodeProperties properties;
    std::string description;
    std::vector<std::pair<NodeInput, std::uint32_t>> known;  ///< Steps computed so far.
  };
  struct Table {
    std::vector<std::unique_ptr<State>> states;
    std::unordered_map<std::string, StateNumber> numbers;
    std::vector<const NodeProperties*> properties;  ///< Of the states.
    std::vector<StateNumber> renamed;               ///< By state, then renaming; kUnknownState: not computed.
    std::vector<std::uint16_t> known_renamed;       ///< By state: how many of these are.
  };
  [[nodiscard]] static std::uint64_t index_of(std::size_t node, StateNumber state, NodeInput input) {
    return node << 61U | static_cast<std::uint64_t>(state) << 35U | static_cast<std::uint64_t>(input.kind) << 32U |
           static_cast<std::uint64_t>(input.value) << 16U | static_cast<std::uint64_t>(input.sends) << 8U | input.keep;
  }

  [[nodiscard]] const NodeStep& new_step(std::size_t node, StateNumber state, NodeInput input);
  [[nodiscard]] StateNumber rename_state(std::size_t node, StateNumber state, std::size_t renaming);
  [[nodiscard]] MessageNumber rename_message(MessageNumber number, std::size_t renaming);
  [[nodiscard]] NodeStep compute(std::size_t node, StateNumber state, NodeInput input);
  [[nodiscard]] NodeStep finish(std::size_t node, Life& life, State state);
  [[nodiscard]] bool does_nothing(std::size_t node, StateNumber state, MessageNumber number);
  void judge_inert(MessageNumber number);
  void judge_inert(std::size_t node, StateNumber state);
  [[nodiscard]] static std::string key_of(const FlightMessage& flight);
  /// What the step has sent, as messages in flight: ascending, each once.
  [[nodiscard]] std::vector<MessageNumber> seal(std::size_t node, Life& life);
  [[nodiscard]] NodeStep crash_in_step(std::size_t node, Life& life, Epoch epoch, NodeInput input);
  [[nodiscard]] std::string up_key(Life& life, const State& state) const;
  [[nodiscard]] StateNumber intern_down(std::size_t node, State state);
  [[nodiscard]] StateNumber intern(std::size_t node, const std::string& key, State state);
  [[nodiscard]] MessageNumber intern(FlightMessage message);
  void make_renamings();
  [[nodiscard]] NodeId renamed(NodeId node, const Renaming& renaming) const;
  void rename(std::vector<Operation>& operations, const Renaming& renaming) const;
  void rename(LogRecord& record, const Renaming& renaming) const;
  [[nodiscard]] NodeId id(std::size_t node) const;
  [[nodiscard]] std::size_t node_of(NodeId id) const;

  Options options_;
  Directory directory_;
  Protocol row_;
  std::vector<Protocol> rows_;       ///< row_ and, for other transactions, the registry's others.
  const Protocol* phantom_{};        ///< Of the transaction that is in the way when a lock is denied.
  std::uint8_t phantom_decision_{};  ///< Its DECISION's kind.
  std::vector<Table> tables_;
  std::vector<std::unique_ptr<FlightMessage>> messages_;
  std::vector<Way> ways_;
  std::map<std::string, MessageNumber> message_numbers_;
  std::vector<std::unique_ptr<NodeStep>> steps_;
  StepIndex<NodeStep> index_;
  bool frozen_{};
  std::vector<NodeStep> initial_;
  bool asymmetric_{};                ///< A renamed history was not possible.
  std::vector<bool> inert_;          ///< By message.
  std::set<std::string> not_inert_;  ///< By key.
  bool refuted_{};
  std::vector<Renaming> renamings_, undoings_;
  std::vector<MessageNumber> renamed_messages_;  ///< By message, then renaming; kUnknownMessage: not computed.
  std::vector<std::uint16_t> known_renamed_;     ///< By message: how many of these are.
};

}  // namespace geocommit::explore
