#include "sim/explore/conflict/conflict.h"

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "sim/explore/conflict/model.h"
#include "sim/explore/kept_trace.h"

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
  return text + " lost-tail " + (options.lost_tail ? "1" : "0") +
         (sent_arrives(options.sent_arrives, *options.protocol) ? " sent-arrives 1" : "");
}

bool parse_bounds(const std::string& line, ConflictOptions& options) {
  std::istringstream words(line);
  std::string word, value;
  words >> word >> value;
  options.protocol = find_protocol(value);
  if (options.protocol == nullptr || options.protocol->is_router()) {
    return false;
  }
  options.sent_arrives = false;
  while (words >> word >> value) {
    const auto number = static_cast<std::uint32_t>(std::strtoul(value.c_str(), nullptr, 10));
    const auto* setting =
        std::find_if(std::begin(kSettings), std::end(kSettings), [&](const Setting& s) { return s.name == word; });
    if (word == "lost-tail") {
      options.lost_tail = number != 0;
    } else if (word == "sent-arrives") {
      options.sent_arrives = number != 0;
    } else if (word == "wound-wait") {
      options.locking = number != 0 ? LockingPolicy::wound_wait : LockingPolicy::no_wait;
    } else if (setting != std::end(kSettings)) {
      options.*(setting->value) = number;
    } else {
      return false;
    }
  }
  return true;
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
  ConflictOptions options;
  return run_kept_trace(
      file, "explore-conflict", [&](const std::string& line) { return parse_bounds(line, options); },
      [&](const std::vector<std::string>& steps) { return replay_conflict(options, steps); });
}

int run_explore_conflict(const ConflictOptions& options, const Host& host) {
  if (const std::string why = not_driven(*options.protocol); !why.empty()) {
    host.out << why << "\n";
    return kRefused;
  }
  return run_plain({"exploring two transactions that conflict:" + bounds_of(options), options.limits,
                    [&](const Stop& stop) { return explore_conflict(options, stop); },
                    std::string(options.protocol->name) + "-conflict-violation.explored",
                    [&](const ConflictReport& report) { return golden_conflict_trace(options, report); }},
                   host);
}

}  // namespace geocommit::explore
