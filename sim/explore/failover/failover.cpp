#include "sim/explore/failover/failover.h"

#include <algorithm>
#include <optional>

#include "sim/explore/failover/model.h"
#include "sim/explore/failover/visited.h"

namespace geocommit::explore {
namespace {

using failover::Model;
using failover::State;
using failover::Step;
using failover::Visited;

constexpr std::uint64_t kStopEvery = 1024;  // states between two questions whether to give up

struct Came {
  std::uint32_t from{};
  Step step;
};

std::vector<std::string> way_to(const Model& model, const Visited& visited, const std::vector<Came>& came,
                                std::size_t at) {
  std::vector<std::string> way;
  for (; at != 0; at = came[at].from) {
    way.push_back(model.label(visited.at(came[at].from), came[at].step));
  }
  std::reverse(way.begin(), way.end());
  return way;
}

FailoverReport search(const FailoverOptions& options, const Stop& stop, FailoverEnds* ends) {
  FailoverReport report;
  Model model(options);
  Visited visited(model.sites(), options.reductions.covered);
  std::vector<Came> came{{}};
  std::vector<Step> steps;
  (void)visited.insert(model.initial());
  std::size_t level_end = 1;  // Breadth first: states before it are `depth` steps away at most.
  const auto give_up = [&](std::size_t at) -> std::optional<Ending> {
    report.bytes = visited.bytes() + sizeof(Came) * came.capacity();
    if (report.depth > options.limits.depth) {
      return Ending::depth;
    }
    if (visited.size() > options.limits.states) {
      return Ending::states;
    }
    if (report.bytes > options.limits.bytes) {
      return Ending::bytes;
    }
    if (at % kStopEvery == 0 && stop && stop({visited.size(), at, report.depth, report.bytes})) {
      return Ending::seconds;
    }
    return std::nullopt;
  };
  for (std::size_t at = 0; at < visited.size() && report.steps.empty(); ++at) {
    if (at == level_end) {
      level_end = visited.size();
      ++report.depth;
    }
    if (const auto ending = give_up(at)) {
      report.ending = *ending;
      break;
    }
    report.expanded = at + 1;
    if (visited.covered(at)) {
      continue;
    }
    const State state = visited.at(at);
    if (ends != nullptr) {
      ends->sites.insert(model.sites_of(state));
      ends->shown.insert(model.shown(state));
    }
    model.steps(state, steps);
    for (const Step& step : steps) {
      ++report.transitions;
      const State next = model.after(state, step);
      if (std::string wrong = model.violation(state, step, next); !wrong.empty()) {
        report.ending = Ending::violation;
        report.violation = std::move(wrong);
        report.steps = way_to(model, visited, came, at);
        report.steps.push_back(model.label(state, step));
        break;
      }
      if (visited.insert(next)) {
        came.push_back({static_cast<std::uint32_t>(at), step});
      }
    }
  }
  report.complete = report.depth;
  if (report.ending == Ending::exhausted && model.overflowed()) {
    report.ending = Ending::states;
  }
  report.states = visited.size();
  report.together = visited.together();
  report.site_states = model.site_states();
  report.messages = model.messages();
  return report;
}

}  // namespace

FailoverReport explore_failover(const FailoverOptions& options, const Stop& stop) {
  return search(options, stop, nullptr);
}

FailoverReport explore_failover_ends(const FailoverOptions& options, FailoverEnds& ends) {
  return search(options, {}, &ends);
}

Replayed replay_failover(const FailoverOptions& options, const std::vector<std::string>& steps) {
  Replayed result;
  Model model(options);
  State state = model.initial();
  std::vector<Step> possible;
  for (const std::string& label : steps) {
    model.steps(state, possible);
    const auto chosen = std::find_if(possible.begin(), possible.end(),
                                     [&](const Step& step) { return model.label(state, step) == label; });
    if (chosen == possible.end()) {
      result.transcript += "not possible: " + label + "\n";
      return result;
    }
    const State next = model.after(state, *chosen);
    result.transcript += "> " + label + "\n";
    for (std::size_t i = 0; i < model.sites(); ++i) {
      const std::string is = model.describe(next, i);
      if (is != model.describe(state, i)) {
        result.transcript += "  site " + std::to_string(i + 1) + ": " + is + "\n";
      }
    }
    result.violation = model.violation(state, *chosen, next);
    state = next;
    if (!result.violation.empty()) {
      result.transcript += "violation: " + result.violation + "\n";
      break;
    }
  }
  result.understood = true;
  return result;
}

}  // namespace geocommit::explore
