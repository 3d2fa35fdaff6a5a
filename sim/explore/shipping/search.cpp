#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "sim/explore/breadth_first.h"
#include "sim/explore/kept_trace.h"
#include "sim/explore/shipping/model.h"

namespace geocommit::explore {
namespace {

using shipping::World;

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

std::string bounds_of(const ShippingOptions& options) {
  std::string text;
  for (const Setting& setting : kSettings) {
    text += " " + std::string(setting.name) + " " + std::to_string(options.*setting.value);
  }
  return text + " lost-tail " + (options.lost_tail ? "1" : "0");
}

bool parse_bounds(const std::string& line, ShippingOptions& options) {
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
      return false;
    }
  }
  return true;
}

/// Random walks, until they hardly find steps that the tables do not have: which messages are dead is known the better
/// before the search begins, and it seldom has to begin again. Always the same walks.
void rehearse(World& world) {
  constexpr int kWalksMost = 200'000, kInVain = 2'000, kStepsMost = 80;
  constexpr std::uint64_t kFaultsSeldom = 8;
  std::uint64_t drawn = 0;
  const auto random = [&drawn] { return hash_of({reinterpret_cast<const char*>(&++drawn), sizeof drawn}); };
  std::vector<World::Next> all;
  for (int walk = 0, in_vain = 0; walk < kWalksMost && in_vain < kInVain; ++walk) {
    const std::uint64_t before = world.tables().step_count();
    World::State state = world.initial();
    for (int step = 0; step < kStepsMost; ++step) {
      world.successors(state, all);
      if (all.empty()) {
        break;
      }
      const World::Next& next = all[random() % all.size()];
      const World::Action& action = next.action;
      const bool fault = action.drop || action.duplicate || action.kind == shipping::InputKind::crash;
      if (!next.violation.empty()) {
        break;
      }
      if (!fault || random() % kFaultsSeldom == 0) {
        state = next.state;
      }
    }
    in_vain = world.tables().step_count() == before ? in_vain + 1 : 0;
  }
  world.start_over();
}

ShippingReport search(const ShippingOptions& options, const Stop& stop, Ends* ends) {
  World world(options);
  if (options.reduce) {
    rehearse(world);
  }
  world.keep_ends(ends);
  for (;;) {  // Each time with more steps that tell what is dead.
    ShippingReport report = BreadthFirst<World>(world, options.limits, stop).run();
    if (!world.refuted() || !report.violation.empty()) {
      return report;
    }
    if (report.ending == Ending::seconds) {
      report.complete = 0;  // Something was left out that should not have been.
      return report;
    }
    world.start_over();
  }
}

/// The steps of a reduced search, and deliveries of what its receiver ignores wherever else they would not be possible.
std::vector<std::string> with_dead_messages(const ShippingOptions& options, const std::vector<std::string>& steps) {
  ShippingOptions plain = options;
  plain.reduce = false;
  World world(plain);
  World::State state = world.initial();
  std::vector<World::Next> all;
  std::vector<std::string> result;
  bool violates = false;
  const auto take = [&](const auto& wanted) {
    world.successors(state, all);
    const auto next = std::find_if(all.begin(), all.end(), wanted);
    if (next == all.end()) {
      return false;
    }
    result.push_back(world.label(state, next->action));
    state = next->state;
    violates = !next->violation.empty();
    return true;
  };
  const auto ignored = [&](const World::Next& next) {
    const World::Action& action = next.action;
    return action.kind == shipping::InputKind::deliver && !action.drop && !action.duplicate && next.violation.empty() &&
           next.state.node == state.node && next.state.in_flight.size() + 1 == state.in_flight.size();
  };
  for (const std::string& step : steps) {
    const auto is_step = [&](const World::Next& next) { return world.label(state, next.action) == step; };
    while (!take(is_step)) {
      if (!take(ignored)) {
        return {};
      }
    }
  }
  while (!violates && !world.at_rest(state) && take(ignored)) {
  }
  return result;
}

}  // namespace

ShippingReport explore_shipping(const ShippingOptions& options, const Stop& stop) {
  ShippingReport report = search(options, stop, nullptr);
  if (report.violation.empty() || !options.reduce) {
    return report;
  }
  // What people read, and what replays, has the messages that were left out; and it is a violation with them, too.
  const std::vector<std::string> steps = with_dead_messages(options, report.steps);
  const Replayed again = replay_shipping(options, steps);
  if (!again.understood || again.violation != report.violation) {
    ShippingOptions plain = options;
    plain.reduce = false;
    return search(plain, stop, nullptr);
  }
  report.steps = steps;
  report.transcript = again.transcript;
  return report;
}

ShippingReport explore_shipping_ends(ShippingOptions options, Ends& ends) {
  options.limits.threads = 1;
  return search(options, {}, &ends);
}

Replayed replay_shipping(const ShippingOptions& options, const std::vector<std::string>& steps) {
  ShippingOptions plain = options;
  plain.reduce = false;
  World world(plain);
  return replay_in(world, steps);
}

std::string golden_shipping_trace(const ShippingOptions& options, const ShippingReport& report) {
  return "# " + report.violation + "\nexplore-shipping" + bounds_of(options) + "\n" + report.transcript;
}

GoldenResult run_golden_shipping_trace(const std::string& file) {
  ShippingOptions options;
  return run_kept_trace(
      file, "explore-shipping", [&](const std::string& line) { return parse_bounds(line, options); },
      [&](const std::vector<std::string>& steps) { return replay_shipping(options, steps); });
}

int run_explore_shipping(const ShippingOptions& options, const Host& host) {
  return run_plain(
      {"exploring home-region's shipping:" + bounds_of(options), options.limits,
       [&](const Stop& stop) { return explore_shipping(options, stop); }, "home-region-shipping-violation.explored",
       [&](const ShippingReport& report) { return golden_shipping_trace(options, report); }},
      host);
}

}  // namespace geocommit::explore
