// A plain search, breadth first and without reduction, for models whose cases are small; and traces that replay.
//
// A World has the types State, Action and Next {action, state, violation}, and: initial, pack, unpack, freeze, at_rest,
// settle, successors, perform, label, losses_left_out, refuted, nodes, tables (name, describe, message {from, to},
// text, state_count, step_count, message_count) and late_copy. A State has node[] and in_flight (message numbers,
// ascending).
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "sim/explore/ahead.h"
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
  BreadthFirst(World& world, const Limits& limits, const Stop& stop)
      : world_(world), limits_(limits), stop_(stop), ahead_(limits.threads, visited_) {
    lookers_.assign(ahead_.workers(), {world, {}, {}});
  }

  PlainReport run() {
    world_.pack(world_.initial(), bytes_);
    visited_.insert(bytes_, 0);
    std::uint64_t layer_end = 1;
    Visited::Place place = Visited::first();
    for (std::uint64_t number = 0; number < visited_.size() && report_.violation.empty() && go_on(number); ++number) {
      place = number == 0 ? place : visited_.after(place);
      if (number == layer_end) {
        layer_end = visited_.size();
        ++report_.depth;
      }
      ++report_.expanded;
      if (ahead_.wants(visited_.size() - number)) {
        look_ahead(place, visited_.size() - number);
      }
      const Foreseen* foreseen = ahead_.take();
      if (foreseen != nullptr && foreseen->known) {
        report_.settled += foreseen->rests ? 1 : 0;
        report_.transitions += foreseen->transitions;
        ahead_.for_each_next([&](std::string_view bytes, std::uint64_t hash) {
          if (!visited_.contains(bytes, hash) && !outdone(world_, world_.unpack(bytes))) {
            visited_.insert(bytes, hash, place);
          }
        });
      } else {
        expand(place);
      }
    }
    finish();
    return std::move(report_);
  }

 private:
  /// One thread that looks ahead.
  struct Looker {
    World world;
    std::vector<typename World::Next> all;
    std::string bytes;
  };

  void expand(Visited::Place place) {
    const typename World::State state = world_.unpack(visited_.bytes_of(place));
    if (world_.at_rest(state)) {
      ++report_.settled;
      if (std::string what = world_.settle(state, nullptr); !what.empty()) {
        found(place, what, true);
        return;
      }
    }
    world_.successors(state, all_);
    report_.transitions += all_.size();
    for (const auto& next : all_) {
      if (!next.violation.empty()) {
        found(place, next.violation, false);
        break;
      }
      world_.pack(next.state, bytes_);
      if (!outdone(world_, next.state)) {
        visited_.insert(bytes_, place);
      }
    }
  }

  /// A state that was met before can do all that this one can, and more.
  bool outdone(World& world, const typename World::State& state) const {
    if constexpr (requires { world.any_larger(state, [](const typename World::State&) { return false; }); }) {
      std::string larger;
      return world.any_larger(state, [&](const typename World::State& other) {
        world.pack(other, larger);
        return visited_.contains(larger, hash_of(larger));
      });
    }
    return false;
  }

  void look_ahead(Visited::Place from, std::uint64_t states) {
    world_.freeze(true);
    ahead_.look(from, states, [this](std::size_t worker, std::string_view bytes, Ahead::Notes& notes) {
      auto& [world, all, packed] = lookers_[worker];
      const typename World::State state = world.unpack(bytes);
      Foreseen what;
      what.rests = world.at_rest(state);
      if (what.rests && !world.settle(state, nullptr).empty()) {
        return what;
      }
      world.successors(state, all);
      what.transitions = static_cast<std::uint32_t>(all.size());
      for (const auto& next : all) {
        if (!next.violation.empty()) {
          return what;
        }
        world.pack(next.state, packed);
        if (!visited_.contains(packed, hash_of(packed)) && !outdone(world, next.state)) {
          notes.add(packed);
        }
      }
      what.known = true;
      return what;
    });
    world_.freeze(false);
  }

  bool go_on(std::uint64_t number) {
    refuted_at_ = world_.refuted() && refuted_at_ == 0 ? visited_.size() : refuted_at_;
    if (refuted_at_ != 0 && visited_.size() > refuted_at_ + refuted_at_ / 2) {
      return false;  // Not at once: what else is refuted soon is then known, too, when the search begins again.
    }
    if (visited_.size() >= limits_.states) {
      report_.ending = Ending::states;
    } else if (visited_.memory() > limits_.bytes || visited_.full()) {
      report_.ending = Ending::bytes;
    } else if (number % 1024 == 0 && stop_ && stop_({visited_.size(), number, report_.depth, visited_.memory()})) {
      report_.ending = Ending::seconds;
    } else {
      return true;
    }
    return false;
  }

  void found(Visited::Place place, const std::string& what, bool settles) {
    std::vector<Visited::Place> way;
    for (Visited::Place at = place; at != Visited::first(); at = visited_.parent_of(at)) {
      way.push_back(at);
    }
    std::reverse(way.begin(), way.end());
    typename World::State state = world_.initial();
    std::vector<typename World::Next> all;
    const auto take = [&](const auto& wanted) {
      world_.successors(state, all);
      const auto next = std::find_if(all.begin(), all.end(), wanted);
      report_.steps.push_back(world_.label(state, next->action));
      state = next->state;
    };
    for (const Visited::Place at : way) {
      take([&](const auto& next) {
        world_.pack(next.state, bytes_);
        return next.violation.empty() && bytes_ == visited_.bytes_of(at);
      });
    }
    if (!settles) {
      take([&](const auto& next) { return next.violation == what; });
    }
    report_.violation = what;
    report_.transcript = replay_in(world_, report_.steps).transcript;
  }

  void finish() {
    const bool left_out =
        world_.losses_left_out() || std::any_of(lookers_.begin(), lookers_.end(),
                                                [](const Looker& looker) { return looker.world.losses_left_out(); });
    if (!report_.violation.empty()) {
      report_.ending = Ending::violation;
    } else if (report_.ending == Ending::exhausted && left_out) {
      report_.ending = Ending::losses;
    }
    report_.complete = report_.ending == Ending::exhausted ? report_.depth : std::max(report_.depth, 1U) - 1;
    report_.states = visited_.size();
    report_.node_states = world_.tables().state_count();
    report_.node_steps = world_.tables().step_count();
    report_.messages = world_.tables().message_count();
    report_.bytes = visited_.memory();
  }

  World& world_;
  const Limits limits_;
  const Stop stop_;
  Visited visited_;
  Ahead ahead_;
  std::vector<Looker> lookers_;
  std::vector<typename World::Next> all_;
  std::string bytes_;
  std::uint64_t refuted_at_{};  ///< States met when a message that was left out turned out to matter; 0: none did.
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
