// Messages that can do nothing any more: their receiver ignores them now, and in every state that it can still come to.
// They need not be in flight. docs/adr/0012-shipping-explored.md argues why nothing is missed.
//
// What a node can still come to is read from the steps that the search has taken so far: it is believed, and looked at
// again with each step that is new. If the step leads to where such a message does something, it is refuted: the search
// begins again, and knows that step from the start.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "sim/explore/step_index.h"

namespace geocommit::explore {

class DeadMessages {
 public:
  explicit DeadMessages(std::size_t nodes) : nodes_(nodes) {}

  /// A step that the search takes, from one state of the node to another.
  void stepped(std::size_t node, std::uint32_t from, std::uint32_t to, bool crash) {
    at(node, from).steps.emplace_back(to, crash);
    (void)at(node, to);
  }
  /// The messages that counted as dead in a state that a step may start from: to be judged again behind it.
  [[nodiscard]] std::vector<std::uint16_t> counted(std::size_t node, std::uint32_t state, bool crashes) const {
    std::vector<std::uint16_t> numbers;
    if (state < nodes_[node].size()) {
      const std::vector<Fate>& fates = nodes_[node][state].fates[crashes ? 1 : 0];
      for (std::size_t number = 0; number < fates.size(); ++number) {
        if (fates[number] == Fate::dead) {
          numbers.push_back(static_cast<std::uint16_t>(number));
        }
      }
    }
    return numbers;
  }

  enum class Fate : std::uint8_t { unknown, dead, alive };
  [[nodiscard]] Fate known(std::size_t node, std::uint32_t state, std::uint16_t number, bool crashes) const {
    if (state >= nodes_[node].size()) {
      return Fate::unknown;
    }
    const std::vector<Fate>& fates = nodes_[node][state].fates[crashes ? 1 : 0];
    return number < fates.size() ? fates[number] : Fate::unknown;
  }
  /// From `state` on, with or without a crash. ignores(state): so does the node there.
  template <class Ignores>
  [[nodiscard]] bool judge(std::size_t node, std::uint32_t state, std::uint16_t number, bool crashes,
                           const Ignores& ignores) {
    std::vector<std::uint32_t> met{state};
    for (std::size_t i = 0; i < met.size(); ++i) {
      const Fate fate = known(node, met[i], number, crashes);
      if (fate == Fate::dead) {
        continue;
      }
      if (fate == Fate::alive || !ignores(met[i])) {
        note(node, state, number, crashes, Fate::alive);
        return false;
      }
      for (const auto& [next, crash] : at(node, met[i]).steps) {
        if ((crashes || !crash) && std::find(met.begin(), met.end(), next) == met.end()) {
          met.push_back(next);
        }
      }
    }
    for (const std::uint32_t each : met) {
      note(node, each, number, crashes, Fate::dead);
    }
    return true;
  }
  /// A message is to be judged again, with the steps that are known by now.
  void forget(std::size_t node, std::uint16_t number) {
    for (Of& of : nodes_[node]) {
      for (std::vector<Fate>& fates : of.fates) {
        if (number < fates.size()) {
          fates[number] = Fate::unknown;
        }
      }
    }
  }

 private:
  struct Of {
    std::vector<std::pair<std::uint32_t, bool>> steps;  ///< Where to, and whether by a crash.
    std::array<std::vector<Fate>, 2> fates;             ///< By message; without crashes, and with.
  };
  [[nodiscard]] Of& at(std::size_t node, std::uint32_t state) {
    if (state >= nodes_[node].size()) {
      nodes_[node].resize(state + std::size_t{1});
    }
    return nodes_[node][state];
  }
  void note(std::size_t node, std::uint32_t state, std::uint16_t number, bool crashes, Fate fate) {
    std::vector<Fate>& fates = at(node, state).fates[crashes ? 1 : 0];
    if (number >= fates.size()) {
      fates.resize(number + std::size_t{1});
    }
    fates[number] = fate;
  }

  std::vector<std::vector<Of>> nodes_;  ///< By node, then state.
};

}  // namespace geocommit::explore
