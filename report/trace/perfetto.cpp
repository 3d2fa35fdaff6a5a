#include "report/trace/perfetto.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "report/trace/diagram.h"

namespace geocommit::trace {
namespace {

using Json = nlohmann::ordered_json;

/// Tracks of one transaction at one node. Slices of one track nest or follow each other, never overlap otherwise.
enum Track : std::int64_t { kSteps, kLocks, kInDoubt, kForces, kTracks };
constexpr const char* kTrackNames[] = {"", " locks", " in doubt", " log"};

class Writer {
 public:
  explicit Writer(std::int64_t origin_ns) : origin_ns_(origin_ns) {}

  void cell(const Cell& cell, const std::vector<Timeline>& timelines) {
    base_ = next_pid_;
    next_pid_ += static_cast<std::int64_t>(cell.nodes.size()) + 1;
    process(base_, cell.name + " faults");
    faults(cell, timelines);
    for (std::size_t i = 0; i < cell.nodes.size(); ++i) process(pid(i), cell.name + " " + cell.nodes[i].name);
    std::int64_t number = 0;
    for (const Timeline& timeline : timelines) {
      tid_ = 1 + kTracks * number++;
      for (const std::size_t node : timeline.nodes) {
        for (std::int64_t track = 0; track < kTracks; ++track) {
          meta("thread_name", pid(node), tid_ + track, to_text(timeline.txn) + kTrackNames[track]);
        }
      }
      steps(cell, timeline);
      flights(timeline);
      spans(timeline);
    }
  }

  [[nodiscard]] std::string text() const {
    return Json{{"traceEvents", events_}, {"displayTimeUnit", "ms"}}.dump(1, ' ', false,
                                                                          Json::error_handler_t::replace) +
           "\n";
  }

 private:
  [[nodiscard]] std::int64_t pid(std::size_t node) const { return base_ + 1 + static_cast<std::int64_t>(node); }
  [[nodiscard]] double us(std::int64_t t_ns) const { return static_cast<double>(t_ns - origin_ns_) / 1000.0; }

  void meta(const char* what, std::int64_t process, std::int64_t thread, const std::string& name) {
    events_.push_back({{"ph", "M"}, {"name", what}, {"pid", process}, {"tid", thread}, {"args", {{"name", name}}}});
  }
  void process(std::int64_t process, const std::string& name) { meta("process_name", process, 0, name); }
  void slice(std::size_t node, Track track, const std::string& name, std::int64_t from_ns, std::int64_t to_ns) {
    events_.push_back({{"ph", "X"},
                       {"name", name},
                       {"cat", "commit"},
                       {"pid", pid(node)},
                       {"tid", tid_ + track},
                       {"ts", us(from_ns)},
                       {"dur", std::max(1.0, us(to_ns) - us(from_ns))}});
  }
  void flow(const char* phase, std::size_t node, const std::string& name, std::int64_t t_ns, std::uint64_t id) {
    Json event{{"ph", phase},      {"name", name},         {"cat", "message"}, {"id", id},
               {"pid", pid(node)}, {"tid", tid_ + kSteps}, {"ts", us(t_ns)}};
    if (*phase == 'f') event["bp"] = "e";  // Binds to the slice around it.
    events_.push_back(std::move(event));
  }

  void steps(const Cell& cell, const Timeline& timeline) {
    for (const Step& step : timeline.steps) {
      slice(step.node, kSteps, describe(cell, step), step.event.t_ns, step.event.t_ns);
    }
  }

  void flights(const Timeline& timeline) {
    for (const Flight& flight : timeline.flights) {
      const std::string name = kind_of(flight.sent) + (flight.sent.flag != 0 ? " again" : "");
      slice(flight.from, kSteps, "-> " + name + (flight.received ? "" : " (not seen to arrive)"), flight.sent.t_ns,
            flight.sent.t_ns);
      if (!flight.received) continue;
      slice(flight.to, kSteps, name, flight.received->t_ns, flight.received->t_ns);
      const std::uint64_t id = next_flow_++;
      flow("s", flight.from, name, flight.sent.t_ns, id);
      flow("f", flight.to, name, flight.received->t_ns, id);
    }
  }

  /// Waits and holds of locks, in-doubt times, forces.
  void spans(const Timeline& timeline) {
    struct Open {
      std::int64_t wait{-1}, hold{-1}, doubt{-1}, force{-1};
    };
    std::map<std::size_t, Open> open;
    const auto close = [&](std::int64_t& from, std::size_t node, Track track, const char* name, std::int64_t to) {
      if (from >= 0) slice(node, track, name, std::exchange(from, -1), to);
    };
    for (const Step& step : timeline.steps) {
      Open& at = open[step.node];
      const Event& e = step.event;
      if (e.type == EventType::await) at.wait = e.t_ns;
      if (e.type == EventType::granted) {
        close(at.wait, step.node, kLocks, "waits for locks", e.t_ns);
        at.hold = e.t_ns;
      }
      if (e.type == EventType::released) {
        close(at.wait, step.node, kLocks, "waits for locks", e.t_ns);
        close(at.hold, step.node, kLocks, "holds locks", e.t_ns);
      }
      if (e.type == EventType::force && at.force < 0) at.force = e.t_ns;
      if (e.type == EventType::forced) {
        close(at.force, step.node, kForces, "forced write", e.t_ns);
        if (begins_doubt(e)) at.doubt = e.t_ns;
      }
      if (e.type == EventType::decided) close(at.doubt, step.node, kInDoubt, "in doubt", e.t_ns);
    }
    for (auto& [node, at] : open) {
      close(at.wait, node, kLocks, "waits for locks", timeline.end_ns);
      close(at.hold, node, kLocks, "holds locks", timeline.end_ns);
      close(at.doubt, node, kInDoubt, "in doubt, to the end of the log", timeline.end_ns);
    }
  }

  void faults(const Cell& cell, const std::vector<Timeline>& timelines) {
    std::int64_t end = 0;
    for (const Timeline& timeline : timelines) end = std::max(end, timeline.end_ns);
    std::map<std::string, std::int64_t> open;
    std::map<std::string, std::int64_t> rows;
    const auto add = [&](const std::string& name, std::int64_t from, std::int64_t to) {
      const std::int64_t row = rows.try_emplace(name, static_cast<std::int64_t>(rows.size()) + 1).first->second;
      events_.push_back({{"ph", "X"},
                         {"name", name},
                         {"cat", "fault"},
                         {"pid", base_},
                         {"tid", row},
                         {"ts", us(from)},
                         {"dur", std::max(1.0, us(to) - us(from))}});
    };
    for (const FaultMark& mark : cell.marks) {
      const std::string name = mark.kind + " " + mark.target;
      const std::int64_t t = mark.at.time_since_epoch().count();
      if (mark.begins) {
        open.try_emplace(name, t);
      } else if (const auto begun = open.find(name); begun != open.end()) {
        add(name, begun->second, t);
        open.erase(begun);
      }
    }
    for (const auto& [name, from] : open) add(name, from, std::max(from, end));
  }

  std::int64_t origin_ns_, base_{1}, next_pid_{1}, tid_{1};
  std::uint64_t next_flow_{1};
  Json events_ = Json::array();
};

}  // namespace

std::string perfetto_json(const std::vector<Traced>& traced) {
  std::int64_t origin = INT64_MAX;
  for (const Traced& one : traced) {
    for (const Timeline& timeline : one.timelines) origin = std::min(origin, timeline.begin_ns);
    for (const FaultMark& mark : one.cell->marks) {
      origin = std::min<std::int64_t>(origin, mark.at.time_since_epoch().count());
    }
  }
  Writer writer(origin == INT64_MAX ? 0 : origin);
  for (const Traced& one : traced) writer.cell(*one.cell, one.timelines);
  return writer.text();
}

}  // namespace geocommit::trace
