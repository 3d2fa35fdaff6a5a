// Breadth first, without reduction: the cases are small.
#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <unordered_map>

#include "sim/explore/shipping/model.h"

namespace geocommit::explore {
namespace {

using shipping::Action;
using shipping::Next;
using shipping::State;
using shipping::World;

constexpr std::size_t kEntryBytes = 120;  // Of a hash table, besides the state itself.

struct Setting {
  std::string_view name;
  std::uint32_t ShippingOptions::*value;
};
constexpr Setting kSettings[] = {
    {"writes", &ShippingOptions::writes},
    {"replicas", &ShippingOptions::replicas},
    {"crashes", &ShippingOptions::crashes},
    {"duplicates", &ShippingOptions::duplicates},
    {"drops", &ShippingOptions::drops},
    {"late-rounds", &ShippingOptions::late_rounds},
    {"checkpoint-records", &ShippingOptions::checkpoint_records},
};

class Search {
 public:
  Search(const ShippingOptions& options, const Stop& stop) : options_(options), stop_(stop), world_(options) {}

  ShippingReport run() {
    std::string bytes;
    world_.encode(world_.initial(), bytes);
    insert(bytes, 0);
    std::uint32_t layer_end = 1;
    std::vector<Next> all;
    for (std::uint32_t number = 0; number < way_.size() && report_.violation.empty() && go_on(number); ++number) {
      if (number == layer_end) {
        layer_end = static_cast<std::uint32_t>(way_.size());
        ++report_.depth;
      }
      ++report_.expanded;
      const State state = world_.decode(*way_[number].bytes);
      if (world_.at_rest(state)) {
        ++report_.settled;
        if (std::string what = world_.settle(state, nullptr); !what.empty()) {
          found(number, what, true);
          break;
        }
      }
      world_.successors(state, all);
      report_.transitions += all.size();
      for (const Next& next : all) {
        if (!next.violation.empty()) {
          found(number, next.violation, false);
          break;
        }
        world_.encode(next.state, bytes);
        insert(bytes, number);
      }
    }
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
    return std::move(report_);
  }

 private:
  struct Met {
    const std::string* bytes;
    std::uint32_t parent;
  };

  void insert(const std::string& bytes, std::uint32_t parent) {
    const auto [it, fresh] = numbers_.emplace(bytes, static_cast<std::uint32_t>(way_.size()));
    if (fresh) {
      way_.push_back({&it->first, parent});
      bytes_ += bytes.size() + kEntryBytes;
    }
  }

  bool go_on(std::uint32_t number) {
    if (way_.size() >= options_.limits.states) {
      report_.ending = Ending::states;
    } else if (bytes_ > options_.limits.bytes) {
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
    State state = world_.initial();
    std::vector<Next> all;
    std::string bytes;
    const auto take = [&](const auto& wanted) {
      world_.successors(state, all);
      const auto next = std::find_if(all.begin(), all.end(), wanted);
      report_.steps.push_back(world_.label(state, next->action));
      state = next->state;
    };
    for (const std::uint32_t at : way) {
      take([&](const Next& next) {
        world_.encode(next.state, bytes);
        return next.violation.empty() && bytes == *way_[at].bytes;
      });
    }
    if (!settles) {
      take([&](const Next& next) { return next.violation == what; });
    }
    report_.violation = what;
    report_.transcript = replay_shipping(options_, report_.steps).transcript;
  }

  const ShippingOptions options_;
  const Stop stop_;
  World world_;
  std::unordered_map<std::string, std::uint32_t> numbers_;
  std::vector<Met> way_;
  std::size_t bytes_{};
  ShippingReport report_;
};

class Telling {
 public:
  explicit Telling(World& world) : world_(world) {}
  std::string text;

  void step(const State& before, const Action& action, const State& after, const std::string& lead = "> ") {
    text += lead + world_.label(before, action) + "\n";
    for (std::size_t node = 0; node < world_.nodes(); ++node) {
      if (before.node[node] != after.node[node]) {
        text += "  " + world_.tables().name(node) + ": " + world_.tables().describe(node, after.node[node]) + "\n";
      }
    }
    for (const std::uint16_t number : after.in_flight) {
      if ((number & shipping::kLateCopy) == 0 &&
          !std::binary_search(before.in_flight.begin(), before.in_flight.end(), number)) {
        const shipping::InFlight& m = world_.tables().message(number);
        text += "  " + world_.tables().name(m.from) + " -> " + world_.tables().name(m.to) + " " +
                world_.tables().text(number) + "\n";
      }
    }
  }

 private:
  World& world_;
};

std::string bounds_of(const ShippingOptions& options) {
  std::string text;
  for (const Setting& setting : kSettings) {
    text += " " + std::string(setting.name) + " " + std::to_string(options.*setting.value);
  }
  return text + " lost-tail " + (options.lost_tail ? "1" : "0");
}

}  // namespace

ShippingReport explore_shipping(const ShippingOptions& options, const Stop& stop) {
  return Search(options, stop).run();
}

Replayed replay_shipping(const ShippingOptions& options, const std::vector<std::string>& steps) {
  World world(options);
  Telling telling(world);
  Replayed result;
  State state = world.initial();
  std::vector<Next> all;
  for (const std::string& step : steps) {
    world.successors(state, all);
    const auto next =
        std::find_if(all.begin(), all.end(), [&](const Next& n) { return world.label(state, n.action) == step; });
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
    std::vector<Action> drain;
    result.violation = world.settle(state, &drain);
    for (std::size_t i = 0; i < drain.size() && !result.violation.empty(); ++i) {
      const Next next = world.perform(state, drain[i]);
      telling.step(state, drain[i], next.state, i == 0 ? "faults are over:\n- " : "- ");
      state = next.state;
    }
  }
  result.understood = true;
  result.transcript = telling.text + (result.violation.empty() ? "" : "violation: " + result.violation + "\n");
  return result;
}

std::string golden_shipping_trace(const ShippingOptions& options, const ShippingReport& report) {
  return "# " + report.violation + "\nexplore-shipping" + bounds_of(options) + "\n" + report.transcript;
}

GoldenResult run_golden_shipping_trace(const std::string& file) {
  GoldenResult result;
  ShippingOptions options;
  std::vector<std::string> steps;
  std::istringstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("> ")) {
      steps.push_back(line.substr(2));
    } else if (line.starts_with("#")) {
      result.text += line + "\n";
    } else if (line.starts_with("explore-shipping ")) {
      result.text += line + "\n";
      std::istringstream words(line);
      std::string word, value;
      for (words >> word; words >> word >> value;) {
        const auto number = static_cast<std::uint32_t>(std::strtoul(value.c_str(), nullptr, 10));
        const auto* setting =
            std::find_if(std::begin(kSettings), std::end(kSettings), [&](const Setting& s) { return s.name == word; });
        if (word == "lost-tail") {
          options.lost_tail = number != 0;
        } else if (setting != std::end(kSettings)) {
          options.*(setting->value) = number;
        } else {
          result.error = "not understood: " + word;
          return result;
        }
      }
    }
  }
  const Replayed replayed = replay_shipping(options, steps);
  result.error = replayed.understood ? "" : "a step is not possible";
  result.violation = replayed.violation;
  result.text += replayed.transcript;
  return result;
}

int run_explore_shipping(const ShippingOptions& options, const Host& host) {
  host.out << "exploring home-region's shipping:" << bounds_of(options) << "\n" << std::flush;
  const double begin = host.seconds();
  double last = begin;
  const ShippingReport report = explore_shipping(options, [&](const Progress& progress) {
    print_progress(progress, begin, last, host);
    return options.limits.seconds > 0 && host.seconds() - begin > options.limits.seconds;
  });
  const double took = host.seconds() - begin;
  print_search_line({report.ending, report.states, report.transitions, report.expanded, report.depth, report.complete,
                     report.bytes, options.limits.losses},
                    took, host);
  host.out << "  drained from " << report.settled << "; " << report.node_states << " node states, " << report.node_steps
           << " node steps, " << report.messages << " distinct messages\n";
  if (!report.violation.empty()) {
    host.out << "\nVIOLATION: " << report.violation << " (" << report.steps.size() << " steps)\n" << report.transcript;
    if (host.save) {
      host.out << "replay it: "
               << host.save("home-region-shipping-violation.explored", golden_shipping_trace(options, report)) << "\n";
    }
    return kViolation;
  }
  return conclude(report.ending, "no violation", host);
}

}  // namespace geocommit::explore
