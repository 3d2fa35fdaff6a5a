// Traces as files: found once, replayed for ever.
#include <cstdlib>
#include <sstream>

#include "sim/explore/diagram.h"
#include "sim/explore/kept_trace.h"
#include "sim/explore/world.h"

namespace geocommit::explore {
namespace {

struct Setting {
  std::string_view name;
  std::uint32_t Bounds::*bound;
};
constexpr Setting kSettings[] = {
    {"crashes", &Bounds::crashes},           {"partitions", &Bounds::partitions},
    {"duplicates", &Bounds::duplicates},     {"drops", &Bounds::drops},
    {"early-timers", &Bounds::early_timers}, {"early-firings", &Bounds::early_firings},
    {"denials", &Bounds::denials},           {"wounds", &Bounds::wounds},
    {"restarts", &Bounds::restarts},
};

std::string header(const Options& options) {
  std::string text = "explore " + std::string(options.protocol->name) + " participants " +
                     std::to_string(options.participants) + " read-only " + std::to_string(options.read_only);
  for (const Setting& setting : kSettings) {
    text += " " + std::string(setting.name) + " " + std::to_string(options.bounds.*setting.bound);
  }
  for (const OptionRow& option : options.protocol->options) {
    if (const std::int32_t value = options.protocol_options.value(option); value != option.standard) {
      text += " option " + std::string(option.name) + "=" + text_of(option, value);
    }
  }
  return text + " lost-tail " + (options.lost_tail ? "1" : "0") +
         (sent_arrives(options.sent_arrives, *options.protocol) ? " sent-arrives 1" : "");
}

bool parse_header(const std::string& line, Options& options) {
  std::istringstream words(line);
  std::string word;
  std::string value;
  words >> word >> value;
  options.protocol = find_protocol(value);
  if (word != "explore" || options.protocol == nullptr || options.protocol->is_router()) {
    return false;
  }
  options.sent_arrives = false;
  std::vector<std::string> set;
  while (words >> word >> value) {
    const auto number = static_cast<std::uint32_t>(std::strtoul(value.c_str(), nullptr, 10));
    bool known = true;
    if (word == "option") {
      set.push_back(value);
    } else if (word == "participants") {
      options.participants = number;
    } else if (word == "read-only") {
      options.read_only = number;
    } else if (word == "lost-tail") {
      options.lost_tail = number != 0;
    } else if (word == "sent-arrives") {
      options.sent_arrives = number != 0;
    } else {
      known = false;
      for (const Setting& setting : kSettings) {
        if (setting.name == word) {
          options.bounds.*setting.bound = number;
          known = true;
        }
      }
    }
    if (!known) {
      return false;
    }
  }
  const auto read = read_options(options.protocol->name, options.protocol->options, set);
  if (!read) {
    return false;
  }
  options.protocol_options = *read;
  return options.participants > 0 && options.participants < kNodesMax && options.read_only <= options.participants;
}

}  // namespace

Replayed replay(const Options& options, const std::vector<std::string>& steps) {
  World world(options);
  Diagram diagram(world.model());
  Replayed result;
  State state = world.initial();
  diagram.start(state);
  std::vector<Successor> successors;
  for (const std::string& step : steps) {
    world.successors(state, successors);
    const Successor* chosen = nullptr;
    for (const Successor& next : successors) {
      if (world.label(state, next.action) == step) {
        chosen = &next;
        break;
      }
    }
    if (chosen == nullptr) {
      result.transcript += "not possible: " + step + "\n";
      return result;
    }
    result.transcript += "> " + step + "\n";
    diagram.step(state, *chosen, step);
    for (std::size_t node = 0; node < world.nodes(); ++node) {
      const std::string is = world.model().describe(node, chosen->state.node[node]);
      if (chosen->state.node[node] != state.node[node]) {
        result.transcript += "  " + world.model().name(node) + ": " + is + "\n";
      }
    }
    State after = chosen->state;
    for (std::size_t i = 0; i < after.in_flight; ++i) {
      bool before = false;
      for (std::size_t j = 0; j < state.in_flight; ++j) {
        before = before || state.message[j] == after.message[i];
      }
      if (!before && (after.message[i] & kStale) == 0) {
        const FlightMessage& m = world.model().message(after.message[i]);
        result.transcript += "  " + world.model().name(m.from) + " -> " + world.model().name(m.to) + " " +
                             world.model().text(after.message[i]) + "\n";
      }
    }
    result.violation = chosen->violation;
    state = after;
    if (!result.violation.empty()) {
      break;
    }
  }
  if (result.violation.empty() && world.at_rest(state)) {
    result.violation = world.settle(state, nullptr);
  }
  if (!result.violation.empty()) {
    diagram.end(result.violation);
    result.transcript += "violation: " + result.violation + "\n";
  }
  result.understood = true;
  result.diagram = diagram.text();
  return result;
}

std::string golden_trace(const Options& options, const Finding& finding) {
  const Replayed replayed = replay(options, finding.steps);
  return "# " + finding.what + "\n" + header(options) + "\n" + replayed.transcript;
}

GoldenResult run_golden_trace(const std::string& file) {
  Options options;
  return run_kept_trace(
      file, "explore", [&](const std::string& line) { return parse_header(line, options); },
      [&](const std::vector<std::string>& steps) { return replay(options, steps); });
}

}  // namespace geocommit::explore
