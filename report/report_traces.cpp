#include "report/report_traces.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "report/trace/diagram.h"
#include "report/trace/model.h"

namespace geocommit {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kPerReason = 2;
constexpr int kReasons = 3;
constexpr std::size_t kCellsMax = 24;
constexpr std::size_t kStepsMax = 400;  ///< A transaction of more is not drawn: nobody could read it.
constexpr std::size_t kBytesMax = 300'000;
constexpr std::int64_t kTogetherNs = 50'000;

class Drawn {
 public:
  Drawn(const trace::Cell& cell, const trace::Timeline& timeline) : cell_(cell), timeline_(timeline) {}

  Json json(const std::string& why) const {
    Json nodes = Json::array();
    for (const std::size_t node : timeline_.nodes) nodes.push_back({{"name", cell_.nodes[node].name}});
    Json messages = Json::array();
    for (const trace::Flight& flight : timeline_.flights) {
      Json one{{"from", name(flight.from)},
               {"to", name(flight.to)},
               {"kind", trace::kind_of(flight.sent)},
               {"sent_ms", ms(flight.sent.t_ns)}};
      if (flight.received) one["received_ms"] = ms(flight.received->t_ns);
      messages.push_back(std::move(one));
    }
    return {{"cell", cell_.name},
            {"transaction", to_text(timeline_.txn)},
            {"why", why},
            {"nodes", std::move(nodes)},
            {"messages", std::move(messages)},
            {"events", events()},
            {"in_doubt", in_doubt()},
            {"marks", marks()}};
  }

 private:
  [[nodiscard]] double ms(std::int64_t t_ns) const {
    return std::round(static_cast<double>(t_ns - timeline_.begin_ns) / 1e2) / 1e4;
  }
  [[nodiscard]] const std::string& name(std::size_t node) const { return cell_.nodes[node].name; }

  /// What a node did within a moment is one entry.
  [[nodiscard]] Json events() const {
    Json out = Json::array();
    std::map<std::size_t, std::pair<std::int64_t, std::size_t>> last;  // by node: when, index in out
    for (const trace::Step& step : timeline_.steps) {
      const std::string words = trace::describe(cell_, step);
      const auto before = last.find(step.node);
      if (before != last.end() && step.event.t_ns - before->second.first <= kTogetherNs) {
        Json& text = out[before->second.second]["text"];
        text = text.get<std::string>() + ", " + words;
        continue;
      }
      last[step.node] = {step.event.t_ns, out.size()};
      out.push_back({{"node", name(step.node)}, {"at_ms", ms(step.event.t_ns)}, {"text", words}});
    }
    return out;
  }

  /// From the durable YES to the outcome; without an end: still in doubt where the log ends.
  [[nodiscard]] Json in_doubt() const {
    Json out = Json::array();
    std::map<std::size_t, std::int64_t> open;
    for (const trace::Step& step : timeline_.steps) {
      if (trace::begins_doubt(step.event)) {
        open.try_emplace(step.node, step.event.t_ns);
      } else if (step.event.type == EventType::decided && open.contains(step.node)) {
        out.push_back({{"node", name(step.node)}, {"from_ms", ms(open[step.node])}, {"to_ms", ms(step.event.t_ns)}});
        open.erase(step.node);
      }
    }
    for (const auto& [node, since] : open) out.push_back({{"node", name(node)}, {"from_ms", ms(since)}});
    return out;
  }

  [[nodiscard]] Json marks() const {
    Json out = Json::array();
    for (const FaultMark& mark : cell_.marks) {
      const std::int64_t t = mark.at.time_since_epoch().count();
      if (t < timeline_.begin_ns || t > timeline_.end_ns) continue;
      out.push_back({{"at_ms", ms(t)}, {"text", mark.kind + " " + mark.target + (mark.begins ? " begins" : " ends")}});
    }
    return out;
  }

  const trace::Cell& cell_;
  const trace::Timeline& timeline_;
};

struct Choice {
  const trace::Timeline* timeline{};
  std::string why;
  int rank{};  ///< Each cell's first of a reason comes before any cell's second.
};

std::vector<Choice> choose(const trace::Cell& cell, const std::vector<trace::Timeline>& all) {
  std::vector<Choice> out;
  std::set<TxnId> taken;
  const auto take = [&](std::vector<const trace::Timeline*> list, std::size_t most, int rank, const auto& why) {
    for (const trace::Timeline* one : list) {
      if (most == 0) break;
      if (one->steps.size() + one->flights.size() > kStepsMax || !taken.insert(one->txn).second) continue;
      out.push_back({one, why(*one), rank});
      rank += kReasons;
      --most;
    }
  };
  std::vector<const trace::Timeline*> wrong;
  std::vector<const trace::Timeline*> blocked;
  std::vector<const trace::Timeline*> timed;
  for (const trace::Timeline& one : all) {
    if (one.split || cell.violating.contains(one.txn)) wrong.push_back(&one);
    if (one.blocked_ns > 0 || one.still_blocked) blocked.push_back(&one);
    if (one.latency_ns) timed.push_back(&one);
  }
  std::stable_sort(blocked.begin(), blocked.end(), [](const auto* a, const auto* b) {
    return std::pair(a->still_blocked, a->blocked_ns) > std::pair(b->still_blocked, b->blocked_ns);
  });
  std::stable_sort(timed.begin(), timed.end(),
                   [](const auto* a, const auto* b) { return *a->latency_ns > *b->latency_ns; });
  take(wrong, kPerReason, 0, [](const trace::Timeline&) { return std::string("which violates"); });
  take(blocked, kPerReason, 1, [](const trace::Timeline& one) {
    return one.still_blocked ? std::string("still blocked at the end") : "blocked for " + trace::span(one.blocked_ns);
  });
  take(timed, 1, 2, [](const trace::Timeline& one) { return "the slowest traced: " + trace::span(*one.latency_ns); });
  return out;
}

}  // namespace

Json report_traces(const std::filesystem::path& results) {
  Json out = Json::array();
  const auto cells = trace::load_cells(results, "");
  if (!cells) return out;
  std::vector<std::pair<int, Json>> all;
  for (std::size_t i = 0; i < std::min(cells->size(), kCellsMax); ++i) {
    const trace::Cell& cell = (*cells)[i];
    const auto timelines = trace::timelines(cell);
    for (const Choice& choice : choose(cell, timelines)) {
      all.emplace_back(choice.rank, Drawn(cell, *choice.timeline).json(choice.why));
    }
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::size_t bytes = 0;
  for (auto& [rank, one] : all) {
    bytes += one.dump(-1, ' ', true, Json::error_handler_t::replace).size();
    if (bytes > kBytesMax) break;
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace geocommit
