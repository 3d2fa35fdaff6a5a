// Breadth first, so that the first trace of a violation is a shortest one.
#include <algorithm>
#include <set>
#include <utility>

#include "sim/explore/ahead.h"
#include "sim/explore/diagram.h"
#include "sim/explore/ends.h"
#include "sim/explore/tabulate.h"
#include "sim/explore/world.h"

namespace geocommit::explore {
namespace {

constexpr std::uint64_t kProbeStates = 5'000;

class Search {
 public:
  Search(Options options, Stop stop, std::set<std::string> not_inert = {}, Ends* ends = nullptr)
      : options_(std::move(options)),
        stop_(std::move(stop)),
        world_(options_, std::move(not_inert)),
        ends_(ends),
        ahead_(ends == nullptr ? options_.limits.threads : 1, visited_) {
    world_.keep_ends(ends);
    world_.leave_out_inert(options_.leave_out_inert);
    lookers_.assign(ahead_.workers(), {world_, {}, {}});
  }

  [[nodiscard]] const NodeModel& model() { return world_.model(); }

  Report run() {
    world_.canonical(world_.initial(), bytes_);
    visited_.insert(bytes_, 0);
    std::uint64_t layer_end = 1;
    Visited::Place place = Visited::first();
    for (std::uint64_t number = 0;
         number < visited_.size() && !enough() && !world_.model().seen_asymmetric() && !world_.model().inert_refuted();
         ++number) {
      place = number == 0 ? place : visited_.after(place);
      if (number == layer_end) {
        layer_end = visited_.size();
        ++report_.depth;
      }
      if (!within_limits(number)) {
        break;
      }
      ++report_.expanded;
      const bool expands = report_.depth < options_.limits.depth;
      if (expands && ahead_.wants(visited_.size() - number)) {
        look_ahead(place, visited_.size() - number);
      }
      const Foreseen* foreseen = ahead_.take();
      if (foreseen != nullptr && foreseen->known && expands) {
        accept(*foreseen, place);
        continue;
      }
      const State state = world_.unpack(visited_.bytes_of(place));
      report_.commits = report_.commits || state.commit;
      report_.aborts = report_.aborts || state.abort;
      if (world_.at_rest(state)) {
        judge(state, place);
      }
      if (expands) {
        expand(state, place);
      } else {
        report_.ending = Ending::depth;
      }
    }
    if (report_.ending == Ending::exhausted) {
      report_.ending = enough() ? Ending::violation : losses_left_out() ? Ending::losses : Ending::exhausted;
    }
    finish();
    return std::move(report_);
  }

 private:
  /// One thread that looks ahead.
  struct Looker {
    World world;
    std::vector<Successor> successors;
    Bytes bytes;
  };

  [[nodiscard]] bool enough() const { return report_.violations.size() >= options_.show; }

  [[nodiscard]] bool losses_left_out() const {
    return world_.losses_left_out() || std::any_of(lookers_.begin(), lookers_.end(),
                                                   [](const Looker& looker) { return looker.world.losses_left_out(); });
  }

  void look_ahead(Visited::Place from, std::uint64_t states) {
    world_.model().freeze(true);
    ahead_.look(from, states, [this](std::size_t worker, std::string_view bytes, Ahead::Notes& notes) {
      Looker& looker = lookers_[worker];
      World& world = looker.world;
      const State state = world.unpack(bytes);
      Foreseen what;
      what.commits = state.commit;
      what.aborts = state.abort;
      what.rests = world.at_rest(state);
      if (what.rests && (!world.settle(state, nullptr).empty() || world.blocks(state))) {
        return what;
      }
      what.reduced = options_.reduce && world.reduced_successors(state, looker.successors);
      if (!what.reduced) {
        world.successors(state, looker.successors);
      }
      what.transitions = static_cast<std::uint32_t>(looker.successors.size());
      for (const Successor& next : looker.successors) {
        if (!next.violation.empty()) {
          return what;
        }
        world.canonical(next.state, looker.bytes);
        notes.add(looker.bytes);
      }
      what.known = true;
      return what;
    });
    world_.model().freeze(false);
  }

  void accept(const Foreseen& what, Visited::Place place) {
    report_.commits = report_.commits || what.commits;
    report_.aborts = report_.aborts || what.aborts;
    report_.settled += what.rests ? 1 : 0;
    report_.reduced += what.reduced ? 1 : 0;
    report_.transitions += what.transitions;
    ahead_.for_each_next(
        [&](std::string_view bytes, std::uint64_t hash) { (void)visited_.insert(bytes, hash, place); });
  }

  bool within_limits(std::uint64_t number) {
    const Limits& limits = options_.limits;
    if (visited_.size() >= limits.states) {
      report_.ending = Ending::states;
    } else if (visited_.memory() > limits.bytes || visited_.full()) {
      report_.ending = Ending::bytes;
    } else if (number % 1024 == 0 && stop_ && stop_({visited_.size(), number, report_.depth, visited_.memory()})) {
      report_.ending = Ending::seconds;
    } else {
      return true;
    }
    return false;
  }

  void expand(const State& state, Visited::Place place) {
    if (options_.reduce && world_.reduced_successors(state, successors_)) {
      ++report_.reduced;
    } else {
      world_.successors(state, successors_);
    }
    report_.transitions += successors_.size();
    for (const Successor& next : successors_) {
      if (!next.violation.empty()) {
        found(next.violation, place, false);
        continue;
      }
      world_.canonical(next.state, bytes_);
      visited_.insert(bytes_, place);
    }
  }

  void judge(const State& state, Visited::Place place) {
    ++report_.settled;
    if (ends_ != nullptr) {
      ends_->resting.insert(world_.content_of(state));
    }
    if (const std::string violation = world_.settle(state, nullptr); !violation.empty()) {
      found(violation, place, true);
    }
    if (world_.blocks(state)) {
      ++report_.blocking;
      bool all_in_doubt = true, coordinator_down = false;
      std::size_t sites_down = 0;
      for (std::size_t node = 0; node < world_.nodes(); ++node) {
        const NodeProperties& p = world_.properties(state, node);
        if (NodeModel::coordinates(node)) {
          coordinator_down = !p.up;
          continue;
        }
        all_in_doubt = all_in_doubt && (!p.up || p.in_doubt);
        sites_down += p.up ? 0 : 1;
      }
      const bool classic = coordinator_down && sites_down > 0 && all_in_doubt;
      const std::string what = classic ? "coordinator and a participant dead, all survivors in doubt"
                                       : "a live participant in doubt that cannot find out";
      if (std::none_of(report_.blocked.begin(), report_.blocked.end(),
                       [&](const Finding& f) { return f.what == what; })) {
        report_.blocked.push_back(finding(what, place, false, false));
      }
    }
  }

  void found(const std::string& what, Visited::Place place, bool settles) {
    const bool known = std::any_of(report_.violations.begin(), report_.violations.end(),
                                   [&](const Finding& f) { return f.what == what; });
    if (!known && !enough()) {
      report_.violations.push_back(finding(what, place, settles, !settles));
    }
  }

  /// The states on the way are known up to renaming only: from the first on, each step is found again. `last` happens
  /// after them, in the state as it is stored; it is found again as the step with the same violation, or as settling.
  Finding finding(const std::string& what, Visited::Place place, bool settles, bool violates) {
    std::vector<Visited::Place> way;
    for (Visited::Place at = place; at != Visited::first(); at = visited_.parent_of(at)) {
      way.push_back(at);
    }
    std::reverse(way.begin(), way.end());
    Finding result;
    result.what = what;
    std::vector<std::string> labels;
    if (!retrace(way, violates, labels)) {
      return result;  // Not symmetric after all: the report will be thrown away.
    }
    world_.leave_out_inert(false);
    Diagram diagram(world_.model());
    State state = world_.initial();
    diagram.start(state);
    std::vector<Successor> all;
    const auto take = [&](const Successor& next) {
      result.steps.push_back(world_.label(state, next.action));
      diagram.step(state, next, result.steps.back());
      state = next.state;
      if (!next.violation.empty()) {
        result.what = next.violation;
      }
    };
    for (const std::string& label : labels) {
      deliver_inert(state, take);
      world_.successors(state, all);
      const auto next = std::find_if(all.begin(), all.end(),
                                     [&](const Successor& s) { return world_.label(state, s.action) == label; });
      if (next == all.end()) {
        break;
      }
      take(*next);
    }
    if (settles) {
      std::vector<Action> steps;
      result.what = world_.settle(state, &steps);
      for (const Action& action : steps) {
        take(world_.perform(state, action));
      }
    }
    world_.leave_out_inert(options_.leave_out_inert);
    diagram.end(result.what);
    result.diagram = diagram.text();
    return result;
  }

  /// From the first state on: the labels of the steps that lead along `way`, and of one that violates.
  bool retrace(const std::vector<Visited::Place>& way, bool violates, std::vector<std::string>& labels) {
    State state = world_.initial();
    std::vector<Successor> all;
    for (const Visited::Place at : way) {
      world_.successors(state, all);
      const auto next = std::find_if(all.begin(), all.end(), [&](const Successor& s) {
        world_.canonical(s.state, bytes_);
        return s.violation.empty() && bytes_ == visited_.bytes_of(at);
      });
      if (next == all.end()) {
        return false;
      }
      labels.push_back(world_.label(state, next->action));
      state = next->state;
    }
    if (violates) {
      world_.successors(state, all);
      const auto next = std::find_if(all.begin(), all.end(), [](const Successor& s) { return !s.violation.empty(); });
      if (next == all.end()) {
        return false;
      }
      labels.push_back(world_.label(state, next->action));
    }
    return true;
  }

  /// What the search left out arrives at once, where it can.
  template <class Take>
  void deliver_inert(State& state, const Take& take) {
    for (std::size_t i = 0; i < state.in_flight;) {
      const MessageNumber number = state.message[i];
      const std::size_t to = (number & kStale) != 0 ? 0 : world_.model().message(number).to;
      if ((number & kStale) == 0 && world_.model().inert(number) && world_.properties(state, to).up) {
        take(world_.perform(state, {ActionKind::deliver, static_cast<std::uint8_t>(to), 0, number, 0}));
        i = 0;
      } else {
        ++i;
      }
    }
  }

  void finish() {
    report_.symmetric = world_.model().renamings().size() > 1 && !world_.model().inert_refuted() &&
                        world_.model().steps_are_symmetric() && world_.model().inert_is_symmetric();
    report_.states = visited_.size();
    report_.complete = report_.ending == Ending::exhausted ? report_.depth : report_.depth > 0 ? report_.depth - 1 : 0;
    report_.node_states = world_.model().state_count();
    report_.node_steps = world_.model().step_count();
    report_.messages = world_.model().message_count();
    report_.bytes = visited_.memory();
  }

  const Options options_;
  const Stop stop_;
  World world_;
  Ends* ends_;
  Visited visited_;
  Ahead ahead_;
  std::vector<Looker> lookers_;
  Report report_;
  std::vector<Successor> successors_;
  Bytes bytes_;
};

}  // namespace

std::string_view name_of(Ending ending) {
  switch (ending) {
    case Ending::exhausted:
      return "exhausted";
    case Ending::violation:
      return "stopped at a violation";
    case Ending::depth:
      return "NOT exhausted: depth limit";
    case Ending::states:
      return "NOT exhausted: state limit";
    case Ending::seconds:
      return "NOT exhausted: time limit";
    case Ending::bytes:
      return "NOT exhausted: memory limit";
    case Ending::losses:
      return "NOT exhausted: not every subset of the messages in flight at a crash was lost";
  }
  return "?";
}

namespace {

/// Searches until no message that was left out as inert has turned out not to be.
Report settled_search(const Options& options, const Stop& stop,
                      const std::function<void(const NodeModel&)>& inspect = {}, Ends* ends = nullptr) {
  std::set<std::string> not_inert;
  for (;;) {  // Each time with one message more that counts: as often as there are messages, at most.
    if (ends != nullptr) {
      *ends = {};
    }
    Search search(options, stop, not_inert, ends);
    Report report = search.run();
    if (!search.model().inert_refuted()) {
      if (inspect) {
        inspect(search.model());
      }
      return report;
    }
    not_inert = search.model().not_inert();
  }
}

}  // namespace

Report explore_tables(const Options& options, const std::function<void(const NodeModel&)>& inspect) {
  return settled_search(options, {}, inspect);
}

Report explore_ends(Options options, Ends& ends) {
  options.symmetry = false;  // Renamed states have other contents.
  return settled_search(options, {}, {}, &ends);
}

Report explore(const Options& options, const Stop& stop) {
  // A crash in the midst of a step's sends tells sites apart: some have been sent to already.
  const bool one_by_one = options.bounds.crashes > 0 && sent_arrives(options.sent_arrives, *options.protocol);
  if (options.symmetry && options.participants > 1 && !one_by_one) {
    // Cheaply first: a protocol that is not symmetric shows it without faults, or with one early timer.
    Options probe = options;
    probe.bounds = {};
    probe.bounds.early_firings = 1;
    probe.limits.states = std::min<std::uint64_t>(options.limits.states, kProbeStates);
    const bool symmetric = settled_search(probe, {}).symmetric;
    if (symmetric) {
      Report report = settled_search(options, stop);
      if (report.symmetric) {
        return report;
      }
    }
  }
  Options without = options;
  without.symmetry = false;
  return settled_search(without, stop);
}

}  // namespace geocommit::explore
