#include "report/trace/model.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

#include "runtime/child_path.h"

namespace geocommit::trace {
namespace {

namespace fs = std::filesystem;

template <class Enum>
Enum enum_of(std::uint8_t value) {
  return static_cast<Enum>(value);
}

std::string milliseconds(std::uint64_t ns) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f ms", static_cast<double>(ns) / 1e6);
  return text.data();
}

std::vector<std::string> folders_in(const fs::path& folder) {
  std::vector<std::string> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.is_directory(error)) out.push_back(entry.path().filename().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

/// The transactions that the verdict names, by cell.
std::map<std::string, std::set<TxnId>> read_violations(const fs::path& results) {
  std::map<std::string, std::set<TxnId>> out;
  std::ifstream in(results / "summary.json");
  const auto summary = nlohmann::json::parse(in, nullptr, false);
  if (!summary.is_object() || !summary.contains("cells") || !summary["cells"].is_array()) return out;
  for (const auto& cell : summary["cells"]) {
    const auto name = cell.value("cell", std::string{});
    if (!cell.contains("verdict_detail") || !cell["verdict_detail"].contains("examples")) continue;
    for (const auto& example : cell["verdict_detail"]["examples"]) {
      if (const auto txn = parse_txn(example.value("transaction", std::string{}))) out[name].insert(*txn);
    }
  }
  return out;
}

Result<Cell> load_cell(const fs::path& folder, const std::string& name) {
  Cell out;
  out.name = name;
  std::set<std::uint64_t> clocks;
  std::vector<std::string> problems;
  for (const std::string& node : folders_in(folder)) {
    std::error_code error;
    if (!fs::exists(folder / node / kEventsFile, error)) continue;  // A client, or a run without traces.
    auto log = read_events(folder / node, [](const TxnId&) { return true; });
    if (!log) {
      out.warnings.push_back(log.error().message);
      continue;
    }
    if (log->torn) out.warnings.push_back(node + ": the last event is cut short (the process was killed); left out");
    if (log->full) out.warnings.push_back(node + ": its event log reached its limit; later events are missing");
    for (const Event& event : log->events) {
      if (event.type == EventType::started) clocks.insert(event.extra);
    }
    const NodeId id = log->node;
    out.nodes.push_back({node, id, std::move(log).value()});
  }
  if (clocks.size() > 1) {
    out.warnings.push_back(
        "the nodes ran on several hosts (or across a reboot): times of different hosts do not compare");
  }
  if (out.nodes.empty()) return Error{out.warnings.empty() ? "" : out.warnings.front()};
  std::sort(out.nodes.begin(), out.nodes.end(), [](const Node& a, const Node& b) { return a.id < b.id; });
  out.marks = read_fault_marks(folder / kFaultMarksFile);
  return out;
}

/// Channels are in order, and some messages are lost: from the last arrival backwards, each goes with the latest
/// sending before it that is still free.
void match(std::vector<Flight>& flights, std::vector<std::pair<std::size_t, Event>> arrivals, const Cell& cell,
           Timeline& out) {
  std::stable_sort(arrivals.begin(), arrivals.end(),
                   [](const auto& a, const auto& b) { return a.second.t_ns > b.second.t_ns; });
  for (const auto& [node, arrival] : arrivals) {
    Flight* best = nullptr;
    for (Flight& flight : flights) {
      const Event& sent = flight.sent;
      if (!flight.received && flight.to == node && cell.nodes[flight.from].id.value == arrival.peer &&
          sent.kind == arrival.kind && sent.depth == arrival.depth && sent.flag == arrival.flag && sent.value != 0 &&
          sent.t_ns <= arrival.t_ns && (best == nullptr || sent.t_ns >= best->sent.t_ns)) {
        best = &flight;
      }
    }
    if (best != nullptr) {
      best->received = arrival;
    } else {
      out.unexplained.push_back(arrival);
      out.steps.push_back({node, arrival});
    }
  }
}

void judge(Timeline& t) {
  bool committed = false, aborted = false;
  std::optional<std::int64_t> begun, decided;
  std::map<std::size_t, bool> waiting;  // Participants whose timer fired, and that have not decided since.
  for (const Step& step : t.steps) {
    const Event& e = step.event;
    const Role role = enum_of<Role>(e.role);
    if (e.type == EventType::begun) begun = e.t_ns;
    if (e.type == EventType::timer && role == Role::participant) waiting[step.node] = true;
    if (e.type == EventType::unblocked) t.blocked_ns = std::max(t.blocked_ns, static_cast<std::int64_t>(e.extra));
    if (e.type != EventType::decided) continue;
    committed = committed || enum_of<Outcome>(e.outcome) == Outcome::commit;
    aborted = aborted || enum_of<Outcome>(e.outcome) == Outcome::abort;
    waiting[step.node] = false;
    if (role == Role::coordinator && !decided) decided = e.t_ns;
  }
  t.split = committed && aborted;
  t.outcome = committed ? Outcome::commit : aborted ? Outcome::abort : Outcome::undecided;
  t.still_blocked = std::any_of(waiting.begin(), waiting.end(), [](const auto& one) { return one.second; });
  if (begun && decided) t.latency_ns = *decided - *begun;
}

Timeline assemble(const Cell& cell, const TxnId& txn, const std::vector<Step>& steps) {
  Timeline out;
  out.txn = txn;
  std::vector<std::pair<std::size_t, Event>> arrivals;
  std::map<std::uint32_t, std::size_t> index;
  for (std::size_t i = 0; i < cell.nodes.size(); ++i) index[cell.nodes[i].id.value] = i;
  std::set<std::size_t> nodes;
  for (const Step& step : steps) {
    if (out.protocol == nullptr) out.protocol = find_protocol(step.event.protocol);
    nodes.insert(step.node);
    const auto peer = index.find(step.event.peer);
    if (step.event.type == EventType::received) {
      arrivals.emplace_back(step.node, step.event);
    } else if (step.event.type == EventType::sent && peer != index.end()) {
      out.flights.push_back({step.node, peer->second, step.event, std::nullopt});
      nodes.insert(peer->second);
    } else {
      out.steps.push_back(step);
    }
  }
  match(out.flights, std::move(arrivals), cell, out);
  const auto by_time = [](const Step& a, const Step& b) { return a.event.t_ns < b.event.t_ns; };
  std::stable_sort(out.steps.begin(), out.steps.end(), by_time);
  out.begin_ns = steps.front().event.t_ns;
  out.end_ns = steps.back().event.t_ns;
  out.nodes.assign(nodes.begin(), nodes.end());
  std::stable_sort(out.nodes.begin(), out.nodes.end(), [&](std::size_t a, std::size_t b) {
    return std::pair(cell.nodes[a].id != txn.coordinator, cell.nodes[a].id) <
           std::pair(cell.nodes[b].id != txn.coordinator, cell.nodes[b].id);
  });
  judge(out);
  return out;
}

}  // namespace

std::optional<TxnId> parse_txn(const std::string& text) {
  std::array<std::uint64_t, 3> parts{};
  const char* from = text.data();
  const char* const end = from + text.size();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto [next, error] = std::from_chars(from, end, parts.at(i));
    const bool last = i + 1 == parts.size();
    if (error != std::errc{} || (last ? next != end : next == end || *next != '.')) return std::nullopt;
    from = last ? next : next + 1;
  }
  if (parts[0] > UINT32_MAX || parts[1] > UINT32_MAX) return std::nullopt;
  return TxnId{NodeId{static_cast<std::uint32_t>(parts[0])}, Epoch{static_cast<std::uint32_t>(parts[1])}, parts[2]};
}

Result<std::vector<Cell>> load_cells(const fs::path& results, const std::string& only) {
  std::error_code error;
  if (!fs::is_directory(results, error)) return Error{results.string() + ": there is no such folder"};
  const fs::path nodes = results / "nodes";
  if (!fs::is_directory(nodes, error) && !fs::exists(results / "summary.json", error)) {
    return Error{results.string() + ": no results folder of a run (it has neither nodes/ nor summary.json in it)"};
  }
  auto violations = read_violations(results);
  std::vector<Cell> out;
  std::string known, problem;
  for (const std::string& name : folders_in(nodes)) {
    known += (known.empty() ? "" : ", ") + name;
    if (!only.empty() && name != only) continue;
    auto cell = load_cell(nodes / name, name);
    if (!cell) {
      problem = cell.error().message;
      continue;
    }
    cell->violating = violations[name];
    out.push_back(std::move(cell).value());
  }
  if (!out.empty()) return out;
  const auto named = child_path(nodes, {only});
  if (!only.empty() && (!named || !fs::is_directory(*named, error))) {
    return Error{"there is no cell " + only + " in " + results.string() + "; it has " + known};
  }
  return Error{results.string() + ": no event logs in it" +
               (problem.empty() ? ": was the run made with trace: off, or by an older version?" : ": " + problem)};
}

std::vector<Timeline> timelines(const Cell& cell) {
  std::map<TxnId, std::vector<Step>> by_txn;
  for (std::size_t node = 0; node < cell.nodes.size(); ++node) {
    for (const Event& event : cell.nodes[node].log.events) {
      if (event.coordinator != 0) by_txn[event.txn()].push_back({node, event});
    }
  }
  std::vector<Timeline> out;
  out.reserve(by_txn.size());
  for (auto& [txn, steps] : by_txn) {
    std::stable_sort(steps.begin(), steps.end(),
                     [](const Step& a, const Step& b) { return a.event.t_ns < b.event.t_ns; });
    out.push_back(assemble(cell, txn, steps));
  }
  return out;
}

std::string kind_of(const Event& event) {
  const Protocol* protocol = find_protocol(event.protocol);
  const auto number = std::to_string(event.kind);
  if (protocol == nullptr || protocol->is_router()) return "kind " + number;
  switch (event.type) {
    case EventType::sent:
    case EventType::received:
      return std::string(protocol->kind_name(event.kind));
    case EventType::force:
    case EventType::forced:
    case EventType::append:
      return std::string(protocol->record_name(event.kind));
    case EventType::timer:
      return std::string(protocol->timer_name(event.kind));
    case EventType::voted:
      return std::string(name_of(enum_of<Vote>(event.kind)));
    default:
      return number;
  }
}

bool begins_doubt(const Event& event) {
  const Protocol* protocol = find_protocol(event.protocol);
  return static_cast<Role>(event.role) == Role::participant && event.type == EventType::forced && protocol != nullptr &&
         protocol->record_meaning(event.kind) == Meaning::yes;
}

std::string describe(const Cell& cell, const Step& step) {
  const Event& e = step.event;
  const auto name = [&] {
    const auto& names = cell.nodes[step.node].log.names;
    const auto found = names.find(e.value);
    return found == names.end() ? std::string("?") : found->second;
  };
  const auto node_name = [&](std::uint32_t id) {
    for (const Node& node : cell.nodes) {
      if (node.id.value == id) return node.name;
    }
    return "node " + std::to_string(id);
  };
  const std::string outcome(name_of(enum_of<Outcome>(e.outcome)));
  const std::string why = e.reason == 0 ? "" : " (" + std::string(name_of(enum_of<Reason>(e.reason))) + ")";
  switch (e.type) {
    case EventType::started:
      return "process starts, epoch " + std::to_string(e.value);
    case EventType::begun:
      return "takes the request";
    case EventType::sent:
      return "sends " + kind_of(e) + (e.flag != 0 ? " again" : "");
    case EventType::received:
      return "gets " + kind_of(e) + " from " + node_name(e.peer);
    case EventType::force:
      return "forces " + kind_of(e);
    case EventType::forced:
      return kind_of(e) + " durable";
    case EventType::append:
      return "appends " + kind_of(e);
    case EventType::await:
      return e.extra == 0 ? "waits for locks"
                          : "waits for locks of " + to_text({NodeId{e.peer}, Epoch{e.value}, e.extra});
    case EventType::granted:
      return e.flag != 0 ? "locks granted after waiting" : "locks granted";
    case EventType::released:
      return "locks released after " + milliseconds(e.extra);
    case EventType::voted:
      return "votes " + kind_of(e) + why;
    case EventType::decided:
      return "decides " + outcome + why;
    case EventType::timer:
      return "timer: " + kind_of(e);
    case EventType::recovered:
      return "recovered from its log";
    case EventType::note:
      return name();
    case EventType::wounded:
      return "wounded by an older transaction";
    case EventType::unblocked:
      return "was BLOCKED for " + milliseconds(e.extra);
    case EventType::held_up:
      return "held up by a blocked one: " + name();
    case EventType::forgotten:
      return "done";
    case EventType::name:
    case EventType::full:
      break;
  }
  return "?";
}

}  // namespace geocommit::trace
