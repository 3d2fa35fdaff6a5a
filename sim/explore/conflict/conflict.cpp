#include "sim/explore/conflict/conflict.h"

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "sim/explore/conflict/model.h"

namespace geocommit::explore {
namespace {

using conflict::World;

struct Setting {
  std::string_view name;
  std::uint32_t ConflictOptions::*value;
};
constexpr Setting kSettings[] = {
    {"sites", &ConflictOptions::sites},
    {"crashes", &ConflictOptions::crashes},
    {"duplicates", &ConflictOptions::duplicates},
    {"drops", &ConflictOptions::drops},
    {"checkpoints", &ConflictOptions::checkpoints},
};

std::string bounds_of(const ConflictOptions& options) {
  std::string text = " " + std::string(options.protocol->name) + " wound-wait " +
                     (options.locking == LockingPolicy::wound_wait ? "1" : "0");
  for (const Setting& setting : kSettings) {
    text += " " + std::string(setting.name) + " " + std::to_string(options.*setting.value);
  }
  return text + " lost-tail " + (options.lost_tail ? "1" : "0");
}

/// Empty: understood.
std::string parse_bounds(const std::string& line, ConflictOptions& options) {
  std::istringstream words(line);
  std::string word, value;
  words >> word >> value;
  options.protocol = find_protocol(value);
  if (options.protocol == nullptr || options.protocol->make == nullptr) {
    return value;
  }
  while (words >> word >> value) {
    const auto number = static_cast<std::uint32_t>(std::strtoul(value.c_str(), nullptr, 10));
    const auto* setting =
        std::find_if(std::begin(kSettings), std::end(kSettings), [&](const Setting& s) { return s.name == word; });
    if (word == "lost-tail") {
      options.lost_tail = number != 0;
    } else if (word == "wound-wait") {
      options.locking = number != 0 ? LockingPolicy::wound_wait : LockingPolicy::no_wait;
    } else if (setting != std::end(kSettings)) {
      options.*(setting->value) = number;
    } else {
      return word;
    }
  }
  return {};
}

}  // namespace

ConflictReport explore_conflict(const ConflictOptions& options, const Stop& stop) {
  World world(options);
  return BreadthFirst<World>(world, options.limits, stop).run();
}

Replayed replay_conflict(const ConflictOptions& options, const std::vector<std::string>& steps) {
  World world(options);
  return replay_in(world, steps);
}

std::string golden_conflict_trace(const ConflictOptions& options, const ConflictReport& report) {
  return "# " + report.violation + "\nexplore-conflict" + bounds_of(options) + "\n" + report.transcript;
}

GoldenResult run_golden_conflict_trace(const std::string& file) {
  GoldenResult result;
  ConflictOptions options;
  std::vector<std::string> steps;
  std::istringstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("> ")) {
      steps.push_back(line.substr(2));
    } else if (line.starts_with("#")) {
      result.text += line + "\n";
    } else if (line.starts_with("explore-conflict ")) {
      result.text += line + "\n";
      if (const std::string word = parse_bounds(line, options); !word.empty()) {
        result.error = "not understood: " + word;
        return result;
      }
    }
  }
  if (options.protocol == nullptr) {
    result.error = "no `explore-conflict PROTOCOL ...` line";
    return result;
  }
  const Replayed replayed = replay_conflict(options, steps);
  result.error = replayed.understood ? "" : "a step is not possible";
  result.violation = replayed.violation;
  result.text += replayed.transcript;
  return result;
}

int run_explore_conflict(const ConflictOptions& options, const Host& host) {
  return run_plain({"exploring two transactions that conflict:" + bounds_of(options), options.limits,
                    [&](const Stop& stop) { return explore_conflict(options, stop); },
                    std::string(options.protocol->name) + "-conflict-violation.explored",
                    [&](const ConflictReport& report) { return golden_conflict_trace(options, report); }},
                   host);
}

}  // namespace geocommit::explore
