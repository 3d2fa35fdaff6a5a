// A plain search, breadth first and without reduction, for models whose cases are small; and traces that replay.
//
// A World has the types State, Action and Next {action, state, violation}, and: initial, encode, decode, at_rest,
// settle, successors, perform, label, losses_left_out, nodes, tables (name, describe, message {from, to}, text,
// state_count, step_count, message_count) and late_copy. A State has node[] and in_flight (message numbers, ascending).
#pragma once

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "sim/explore/explore.h"

namespace geocommit::explore {

struct PlainReport {
  Ending ending{Ending::exhausted};
  std::uint64_t states{}, transitions{}, settled{}, node_states{}, node_steps{}, messages{};
  std::uint32_t depth{}, complete{};
  std::uint64_t expanded{};
  std::size_t bytes{};
  std::string violation;           ///< Empty: none.
  std::vector<std::string> steps;  ///< That lead to it.
  std::string transcript;          ///< The same, and what each node says and sends.
};

/// Steps as text, with what each of them changes and sends.
template <class World>
class Telling {
 public:
  explicit Telling(World& world) : world_(world) {}
  std::string text;

  void step(const typename World::State& before, const typename World::Action& action,
            const typename World::State& after, const std::string& lead = "> ") {
    text += lead + world_.label(before, action) + "\n";
    for (std::size_t node = 0; node < world_.nodes(); ++node) {
      if (before.node[node] != after.node[node]) {
        text += "  " + world_.tables().name(node) + ": " + world_.tables().describe(node, after.node[node]) + "\n";
      }
    }
    for (const std::uint16_t number : after.in_flight) {
      if (!World::late_copy(number) && !std::binary_search(before.in_flight.begin(), before.in_flight.end(), number)) {
        const auto& m = world_.tables().message(number);
        text += "  " + world_.tables().name(m.from) + " -> " + world_.tables().name(m.to) + " " +
                world_.tables().text(number) + "\n";
      }
    }
  }

 private:
  World& world_;
};

/// Runs labelled steps, and drains if the last one did not violate.
template <class World>
Replayed replay_in(World& world, const std::vector<std::string>& steps) {
  Telling<World> telling(world);
  Replayed result;
  typename World::State state = world.initial();
  std::vector<typename World::Next> all;
  for (const std::string& step : steps) {
    world.successors(state, all);
    const auto next =
        std::find_if(all.begin(), all.end(), [&](const auto& n) { return world.label(state, n.action) == step; });
    if (next == all.end()) {
      result.transcript = telling.text + "not possible: " + step + "\n";
      return result;
    }
    telling.step(state, next->action, next->state);
    result.violation = next->violation;
    state = next->state;
    if (!result.violation.empty()) {
      break;
    }
  }
  if (result.violation.empty() && world.at_rest(state)) {
    std::vector<typename World::Action> drain;
    result.violation = world.settle(state, &drain);
    for (std::size_t i = 0; i < drain.size() && !result.violation.empty(); ++i) {
      const auto next = world.perform(state, drain[i]);
      telling.step(state, drain[i], next.state, i == 0 ? "faults are over:\n- " : "- ");
      state = next.state;
    }
  }
  result.understood = true;
  result.transcript = telling.text + (result.violation.empty() ? "" : "violation: " + result.violation + "\n");
  return result;
}

template <class World>
class BreadthFirst {
 public:
  BreadthFirst(World& world, const Limits& limits, const Stop& stop) : world_(world), limits_(limits), stop_(stop) {}

  PlainReport run() {
    std::string bytes;
    world_.encode(world_.initial(), bytes);
    insert(bytes, 0);
    std::uint32_t layer_end = 1;
    std::vector<typename World::Next> all;
    for (std::uint32_t number = 0; number < way_.size() && report_.violation.empty() && go_on(number); ++number) {
      if (number == layer_end) {
        layer_end = static_cast<std::uint32_t>(way_.size());
        ++report_.depth;
      }
      ++report_.expanded;
      const typename World::State state = world_.decode(*way_[number].bytes);
      if (world_.at_rest(state)) {
        ++report_.settled;
        if (std::string what = world_.settle(state, nullptr); !what.empty()) {
          found(number, what, true);
          break;
        }
      }
      world_.successors(state, all);
      report_.transitions += all.size();
      for (const auto& next : all) {
        if (!next.violation.empty()) {
          found(number, next.violation, false);
          break;
        }
        world_.encode(next.state, bytes);
        insert(bytes, number);
      }
    }
    finish();
    return std::move(report_);
  }

 private:
  struct Met {
    const std::string* bytes;
    std::uint32_t parent;
  };
  static constexpr std::size_t kEntryBytes = 120;  // Of a hash table, besides the state itself.

  void insert(const std::string& bytes, std::uint32_t parent) {
    const auto [it, fresh] = numbers_.emplace(bytes, static_cast<std::uint32_t>(way_.size()));
    if (fresh) {
      way_.push_back({&it->first, parent});
      bytes_ += bytes.size() + kEntryBytes;
    }
  }

  bool go_on(std::uint32_t number) {
    if (way_.size() >= limits_.states) {
      report_.ending = Ending::states;
    } else if (bytes_ > limits_.bytes) {
      report_.ending = Ending::bytes;
    } else if (number % 1024 == 0 && stop_ && stop_({way_.size(), number, report_.depth, bytes_})) {
      report_.ending = Ending::seconds;
    } else {
      return true;
    }
    return false;
  }

  void found(std::uint32_t number, const std::string& what, bool settles) {
    std::vector<std::uint32_t> way;
    for (std::uint32_t at = number; at != 0; at = way_[at].parent) {
      way.push_back(at);
    }
    std::reverse(way.begin(), way.end());
    typename World::State state = world_.initial();
    std::vector<typename World::Next> all;
    std::string bytes;
    const auto take = [&](const auto& wanted) {
      world_.successors(state, all);
      const auto next = std::find_if(all.begin(), all.end(), wanted);
      report_.steps.push_back(world_.label(state, next->action));
      state = next->state;
    };
    for (const std::uint32_t at : way) {
      take([&](const auto& next) {
        world_.encode(next.state, bytes);
        return next.violation.empty() && bytes == *way_[at].bytes;
      });
    }
    if (!settles) {
      take([&](const auto& next) { return next.violation == what; });
    }
    report_.violation = what;
    report_.transcript = replay_in(world_, report_.steps).transcript;
  }

  void finish() {
    if (!report_.violation.empty()) {
      report_.ending = Ending::violation;
    } else if (report_.ending == Ending::exhausted && world_.losses_left_out()) {
      report_.ending = Ending::losses;
    }
    report_.complete = report_.ending == Ending::exhausted ? report_.depth : std::max(report_.depth, 1U) - 1;
    report_.states = way_.size();
    report_.node_states = world_.tables().state_count();
    report_.node_steps = world_.tables().step_count();
    report_.messages = world_.tables().message_count();
    report_.bytes = bytes_;
  }

  World& world_;
  const Limits limits_;
  const Stop stop_;
  std::unordered_map<std::string, std::uint32_t> numbers_;
  std::vector<Met> way_;
  std::size_t bytes_{};
  PlainReport report_;
};

/// Runs a search and prints it; a violation's trace is kept as `file`, as `golden` writes it.
struct PlainRun {
  std::string title;  ///< "exploring home-region's shipping: ..."
  Limits limits;
  std::function<PlainReport(const Stop&)> search;
  std::string file;
  std::function<std::string(const PlainReport&)> golden;
};
[[nodiscard]] int run_plain(const PlainRun& run, const Host& host);

}  // namespace geocommit::explore
