#include "sim/explore/failover/failover.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <ostream>
#include <string_view>

#include "sim/explore/failover/model.h"

namespace geocommit::explore {
namespace {

using failover::Model;
using failover::State;
using failover::Step;

constexpr std::uint64_t kStopEvery = 1024;  // states between two questions whether to give up

/// Whole states, not hashes of them: no collision can hide one. Numbered as they are met.
class Visited {
 public:
  explicit Visited(std::size_t sites) : sites_(sites), table_(1U << 16U, kNone) {}

  /// True: it is new.
  bool insert(const State& state) {
    append(state);
    const std::string_view key(bytes_.data() + starts_.back(), bytes_.size() - starts_.back());
    std::uint32_t& place = table_[find(key)];
    if (place != kNone) {
      bytes_.resize(starts_.back());
      return false;
    }
    place = static_cast<std::uint32_t>(size());
    starts_.push_back(bytes_.size());
    if (2 * size() > table_.size()) {
      grow();
    }
    return true;
  }
  [[nodiscard]] State at(std::size_t index) const {
    const std::string_view key = view(index);
    State state;
    const char* from = key.data();
    const auto take = [&](void* into, std::size_t size) {
      std::memcpy(into, from, size);
      from += size;
    };
    take(state.site.data(), sizeof(std::uint32_t) * sites_);
    for (std::uint8_t* count : {&state.failovers, &state.transfers, &state.crashes, &state.renewals, &state.hours,
                                &state.writes, &state.in_flight}) {
      take(count, 1);
    }
    take(state.message.data(), sizeof(std::uint16_t) * state.in_flight);
    return state;
  }
  [[nodiscard]] std::size_t size() const { return starts_.size() - 1; }
  [[nodiscard]] std::size_t bytes() const {
    return bytes_.capacity() + sizeof(std::size_t) * starts_.capacity() + sizeof(std::uint32_t) * table_.capacity();
  }

 private:
  static constexpr std::uint32_t kNone = 0xffffffffU;

  void append(const State& state) {
    const auto put = [&](const void* from, std::size_t size) {
      const auto* bytes = static_cast<const char*>(from);
      bytes_.insert(bytes_.end(), bytes, bytes + size);
    };
    put(state.site.data(), sizeof(std::uint32_t) * sites_);
    for (const std::uint8_t count : {state.failovers, state.transfers, state.crashes, state.renewals, state.hours,
                                     state.writes, state.in_flight}) {
      put(&count, 1);
    }
    put(state.message.data(), sizeof(std::uint16_t) * state.in_flight);
  }
  [[nodiscard]] std::string_view view(std::size_t index) const {
    return {bytes_.data() + starts_[index], starts_[index + 1] - starts_[index]};
  }
  [[nodiscard]] std::size_t find(std::string_view key) const {
    std::size_t at = std::hash<std::string_view>{}(key) & (table_.size() - 1);
    while (table_[at] != kNone && view(table_[at]) != key) {
      at = (at + 1) & (table_.size() - 1);
    }
    return at;
  }
  void grow() {
    table_.assign(2 * table_.size(), kNone);
    for (std::size_t i = 0; i < size(); ++i) {
      table_[find(view(i))] = static_cast<std::uint32_t>(i);
    }
  }

  std::size_t sites_;
  std::vector<char> bytes_;
  std::vector<std::size_t> starts_{0};  ///< Of each state in bytes_, and the end of the last.
  std::vector<std::uint32_t> table_;
};

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

}  // namespace

FailoverReport explore_failover(const FailoverOptions& options, const Stop& stop) {
  FailoverReport report;
  Model model(options);
  Visited visited(model.sites());
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
    const State state = visited.at(at);
    model.steps(state, steps);
    for (const Step& step : steps) {
      ++report.transitions;
      const State next = model.after(state, step);
      if (!visited.insert(next)) {
        continue;
      }
      came.push_back({static_cast<std::uint32_t>(at), step});
      if (std::string wrong = model.violation(state, step, next); !wrong.empty()) {
        report.ending = Ending::violation;
        report.violation = std::move(wrong);
        report.steps = way_to(model, visited, came, visited.size() - 1);
        break;
      }
    }
    report.expanded = at + 1;
  }
  report.complete = report.depth;
  if (report.ending == Ending::exhausted && model.overflowed()) {
    report.ending = Ending::states;
  }
  report.states = visited.size();
  report.site_states = model.site_states();
  report.messages = model.messages();
  return report;
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
