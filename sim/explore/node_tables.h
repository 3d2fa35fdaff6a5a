// Nodes as tables (ADR 10), for the searches that are plain: a node's state and a message are numbers, and what an
// input does in a state is computed once, by running the engine through the inputs that led there.
//
// `Of` has the types Setting, Node, Input (with a kind that has deliver, crash and restart), Disk, Properties and Step
// {next, sent, violation}. `Self` has key_of (of a message), wake (a node at its start), down (after a crash), finish
// (after any other input), silent (of a step that sends nothing: nothing else of it is to be seen either) and name.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/check.h"
#include "engine/engine.h"
#include "sim/explore/dead_messages.h"
#include "sim/explore/explore.h"
#include "sim/explore/step_index.h"

namespace geocommit::explore {

inline constexpr std::uint16_t kLateCopy = 0x8000;  ///< A second copy: may come at any time, or never.
[[nodiscard]] constexpr bool late_copy(std::uint16_t number) { return (number & kLateCopy) != 0; }
[[nodiscard]] constexpr std::uint16_t without_copy(std::uint16_t number) {
  return static_cast<std::uint16_t>(number & static_cast<std::uint16_t>(~kLateCopy));
}

struct InFlight {
  std::uint8_t from{}, to{};
  PeerMessage message;
};

template <class Self, class Of>
class NodeTables {
 public:
  using Input = typename Of::Input;
  using Node = typename Of::Node;
  using Properties = typename Of::Properties;
  using Step = typename Of::Step;

  const Step& step(std::size_t node, std::uint32_t number, Input input) {
    const std::uint64_t key = index_of(node, number, input);
    if (const Step* known = index_.find(key); known != nullptr) {
      return *known;
    }
    if (frozen_) {
      throw Unknown{};
    }
    const Step& fresh = tried(node, number, input);
    index_.add(key, &fresh);
    ++step_count_;
    if (leaves_out_dead_ && fresh.violation.empty()) {
      judge_again(node, number, fresh.next, input.kind == Of::InputKind::crash);
    }
    return fresh;
  }
  /// Whether dead messages are to be left out of what is in flight.
  void leave_out_dead(bool yes) { leaves_out_dead_ = yes; }
  [[nodiscard]] bool leaves_out_dead() const { return leaves_out_dead_; }
  /// Its receiver, in that state, ignores the message and always will; `crashes`: even if it crashes.
  [[nodiscard]] bool dead(std::uint16_t number, std::uint32_t state, bool crashes) {
    const std::size_t node = message(number).to;
    const DeadMessages::Fate known = dead_.known(node, state, without_copy(number), crashes);
    if (known != DeadMessages::Fate::unknown) {
      return known == DeadMessages::Fate::dead;
    }
    if (frozen_) {
      throw Unknown{};
    }
    return judge(node, state, without_copy(number), crashes);
  }
  /// A message that was left out as dead is not: the search is to begin again, with the same tables.
  [[nodiscard]] bool refuted() const { return refuted_; }
  void start_over() { refuted_ = false; }
  /// From then on only what is known is told, to several threads at once if they ask.
  void freeze(bool yes) { frozen_ = yes; }
  [[nodiscard]] const std::vector<Step>& initial() const { return initial_; }
  [[nodiscard]] const Properties& properties(std::size_t node, std::uint32_t state) const {
    return tables_[node].states[state]->properties;
  }
  [[nodiscard]] const std::string& describe(std::size_t node, std::uint32_t state) const {
    return tables_[node].states[state]->description;
  }
  /// What a state is, the same in every search.
  [[nodiscard]] std::uint64_t content(std::size_t node, std::uint32_t state) const {
    return tables_[node].states[state]->content;
  }
  [[nodiscard]] const InFlight& message(std::uint16_t number) const { return *messages_[without_copy(number)]; }
  [[nodiscard]] const typename Of::Setting& setting() const { return setting_; }
  [[nodiscard]] std::uint64_t state_count() const {
    std::uint64_t count = 0;
    for (const Table& table : tables_) {
      count += table.states.size();
    }
    return count;
  }
  [[nodiscard]] std::uint64_t step_count() const { return step_count_; }
  [[nodiscard]] std::uint64_t message_count() const { return messages_.size(); }

 protected:
  struct State {
    Epoch epoch;
    typename Of::Disk start;
    std::vector<Input> inputs;  ///< Since the start.
    Properties properties;
    std::string description;
    std::uint64_t content{};  ///< A hash of what tells it from others.
  };

  template <class Options>
  explicit NodeTables(const Options& options) : setting_(options), tables_(setting_.nodes()), dead_(setting_.nodes()) {}

  void start_all() {
    for (std::size_t node = 0; node < setting_.nodes(); ++node) {
      State state;
      state.epoch = Epoch{1};
      const std::unique_ptr<Node> life = self().wake(node, state);
      initial_.push_back(self().finish(node, *life, std::move(state)));
    }
  }

  [[nodiscard]] std::uint32_t intern(std::size_t node, const std::string& key, State state) {
    Table& table = tables_[node];
    const auto [it, fresh] = table.numbers.emplace(key, static_cast<std::uint32_t>(table.states.size()));
    if (fresh) {
      table.states.push_back(std::make_unique<State>(std::move(state)));
      table.states.back()->content = std::hash<std::string>{}(key);
    }
    return it->second;
  }

  /// What a node has sent in its step, as numbers: ascending, each once.
  [[nodiscard]] std::vector<std::uint16_t> intern_sent(std::size_t node, Node& life, Epoch epoch) {
    std::vector<std::uint16_t> sent;
    const Watermark watermark = life.engine().watermark();
    for (auto& [to, payload] : life.sent) {
      if (auto* wire = std::get_if<ProtocolMessage>(&payload)) {
        wire->message.retry = false;  // Accounts, which change nothing.
        wire->message.depth = 0;
      }
      sent.push_back(intern({static_cast<std::uint8_t>(node),
                             static_cast<std::uint8_t>(setting_.node_of(to)),
                             {setting_.id(node), epoch, watermark, std::move(payload)}}));
    }
    std::sort(sent.begin(), sent.end());
    sent.erase(std::unique(sent.begin(), sent.end()), sent.end());
    return sent;
  }

  [[nodiscard]] static std::string machines_of(const Node& life) {
    std::string text;
    std::string machines = life.engine().describe();
    for (std::size_t line = 0; (line = machines.find('\n')) != std::string::npos;) {
      text += "; " + machines.substr(0, line);
      machines.erase(0, line + 1);
    }
    return text;
  }

  typename Of::Setting setting_;

 private:
  struct Table {
    std::vector<std::unique_ptr<State>> states;
    std::unordered_map<std::string, std::uint32_t> numbers;
  };

  [[nodiscard]] Self& self() { return static_cast<Self&>(*this); }

  [[nodiscard]] const PeerMessage* message_of(Input input) const {
    return input.kind == Of::InputKind::deliver ? &message(input.value).message : nullptr;
  }

  [[nodiscard]] static std::uint64_t index_of(std::size_t node, std::uint32_t number, Input input) {
    return static_cast<std::uint64_t>(node) << 58U | static_cast<std::uint64_t>(number) << 24U |
           static_cast<std::uint64_t>(input.kind) << 16U | input.value;
  }

  /// What a step would do, which the search need not take.
  const Step& tried(std::size_t node, std::uint32_t number, Input input) {
    const std::uint64_t key = index_of(node, number, input);
    if (const Step* known = tried_.find(key); known != nullptr) {
      return *known;
    }
    steps_.push_back(std::make_unique<Step>(compute(node, number, input)));
    tried_.add(key, steps_.back().get());
    return *steps_.back();
  }

  [[nodiscard]] bool judge(std::size_t node, std::uint32_t state, std::uint16_t number, bool crashes) {
    return dead_.judge(node, state, number, crashes, [&](std::uint32_t there) {
      if (!properties(node, there).up) {
        (void)step(node, there, {Of::InputKind::restart, 0});  // It is delivered after that, or lost.
        return true;
      }
      const Step& taken = tried(node, there, {Of::InputKind::deliver, number});
      return taken.next == there && taken.sent.empty() && taken.violation.empty() && Self::silent(taken);
    });
  }
  /// What is dead in the state that a new step leads from must be in the one that it leads to.
  void judge_again(std::size_t node, std::uint32_t from, std::uint32_t to, bool crash) {
    dead_.stepped(node, from, to, crash);
    for (const bool crashes : {false, true}) {
      for (const std::uint16_t number : dead_.counted(node, from, crashes)) {
        if ((crashes || !crash) && !judge(node, to, number, crashes)) {
          dead_.forget(node, number);  // From now on it is judged with that step.
          refuted_ = true;
        }
      }
    }
  }

  [[nodiscard]] Step compute(std::size_t node, std::uint32_t number, Input input) {
    const State& from = *tables_[node].states[number];
    try {
      State state;
      state.epoch = input.kind == Of::InputKind::restart ? Epoch{from.epoch.value + 1} : from.epoch;
      state.start = from.start;
      const std::unique_ptr<Node> life = self().wake(node, state);
      if (input.kind == Of::InputKind::restart) {
        return self().finish(node, *life, std::move(state));
      }
      for (const Input past : from.inputs) {
        life->apply(past, message_of(past));
      }
      if (input.kind == Of::InputKind::crash) {
        return self().down(node, from, *life, input.value);
      }
      life->forget_step();
      life->apply(input, message_of(input));
      state.inputs = from.inputs;
      state.inputs.push_back(input);
      return self().finish(node, *life, std::move(state));
    } catch (const Violated& violated) {
      Step step;
      step.next = number;
      step.violation = self().name(node) + ": " + violated.what;
      return step;
    }
  }

  [[nodiscard]] std::uint16_t intern(InFlight flight) {
    const auto [it, fresh] =
        message_numbers_.emplace(self().key_of(flight), static_cast<std::uint16_t>(messages_.size()));
    if (fresh) {
      GC_CHECK_NOTE(messages_.size() < kLateCopy, "too many distinct messages");
      messages_.push_back(std::make_unique<InFlight>(std::move(flight)));
    }
    return it->second;
  }

  std::vector<Table> tables_;
  std::vector<std::unique_ptr<InFlight>> messages_;
  std::unordered_map<std::string, std::uint16_t> message_numbers_;
  std::vector<std::unique_ptr<Step>> steps_;
  StepIndex<Step> index_, tried_;  ///< Those that the search has taken; all.
  std::uint64_t step_count_{};     ///< Of the first.
  bool frozen_{}, leaves_out_dead_{}, refuted_{};
  DeadMessages dead_;
  std::vector<Step> initial_;
};

}  // namespace geocommit::explore
