// ./geocommit trace on event logs made by hand: every figure is known.
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "report/trace/diagram.h"
#include "report/trace/model.h"
#include "report/trace/perfetto.h"

using namespace geocommit;
namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kMs = 1'000'000;
const TxnId kTxn{NodeId{1001}, Epoch{1}, 42};

std::uint8_t kind(std::string_view name) {
  const Protocol& p = *find_protocol("2pc");
  for (std::uint8_t k = 1; k < 255; ++k) {
    if (p.kind_name(k) == name || p.record_name(k) == name) return k;
  }
  return 0;
}

Event event(std::int64_t ms, EventType type, Role role) {
  Event e;
  e.t_ns = 1'000'000 * kMs + ms * kMs;
  e.counter = kTxn.counter;
  e.coordinator = kTxn.coordinator.value;
  e.epoch = kTxn.epoch.value;
  e.type = type;
  e.role = static_cast<std::uint8_t>(role);
  e.protocol = find_protocol("2pc")->wire_id;
  return e;
}
Event sent(std::int64_t ms, Role role, std::string_view what, std::uint32_t to, std::uint8_t depth, bool retry = false,
           std::uint32_t bytes = 60) {
  Event e = event(ms, EventType::sent, role);
  e.kind = kind(what);
  e.peer = to;
  e.depth = depth;
  e.flag = retry ? 1 : 0;
  e.value = bytes;
  return e;
}
Event received(std::int64_t ms, Role role, std::string_view what, std::uint32_t from, std::uint8_t depth,
               bool retry = false) {
  Event e = sent(ms, role, what, from, depth, retry, 0);
  e.type = EventType::received;
  return e;
}
Event with_outcome(Event e, Outcome outcome) {
  e.outcome = static_cast<std::uint8_t>(outcome);
  return e;
}
Event with_kind(Event e, std::string_view what) {
  e.kind = kind(what);
  return e;
}

/// 2PC between a coordinator (1001) and two agents (1: near, 2: far, blocked for 3 s by a cut that loses its decision
/// and one inquiry).
struct Results {
  Results() {
    char name[] = "/tmp/geocommit-trace-XXXXXX";  // NOLINT: mkdtemp
    path = ::mkdtemp(name);
    const auto C = Role::coordinator, P = Role::participant;
    Event blocked = event(4100, EventType::unblocked, P);
    blocked.extra = 3'000'000'000;
    node("coordinator@us", 1001,
         {event(0, EventType::begun, C), sent(0, C, "PREPARE", 1, 1), sent(0, C, "PREPARE", 2, 1),
          received(2, C, "VOTE", 1, 2), received(102, C, "VOTE", 2, 2),
          with_kind(event(102, EventType::force, C), "commit"), with_kind(event(104, EventType::forced, C), "commit"),
          with_outcome(event(104, EventType::decided, C), Outcome::commit), sent(104, C, "DECISION", 1, 3),
          sent(104, C, "DECISION", 2, 3), received(4050, C, "INQUIRY", 2, 2, true),
          sent(4050, C, "DECISION", 2, 3, true)});
    node("agent@us", 1,
         {received(1, P, "PREPARE", 1001, 1), event(1, EventType::granted, P),
          with_kind(event(1, EventType::force, P), "prepared"), with_kind(event(2, EventType::forced, P), "prepared"),
          sent(2, P, "VOTE", 1001, 2), received(105, P, "DECISION", 1001, 3),
          with_outcome(event(105, EventType::decided, P), Outcome::commit), event(105, EventType::released, P)});
    node("agent@eu", 2,
         {received(50, P, "PREPARE", 1001, 1), event(50, EventType::granted, P),
          with_kind(event(50, EventType::force, P), "prepared"), with_kind(event(52, EventType::forced, P), "prepared"),
          sent(52, P, "VOTE", 1001, 2), sent(1052, P, "INQUIRY", 1001, 2, true, 0), event(1052, EventType::timer, P),
          sent(2000, P, "INQUIRY", 1001, 2, true), sent(4000, P, "INQUIRY", 1001, 2, true),
          received(4100, P, "DECISION", 1001, 3, true), blocked,
          with_outcome(event(4100, EventType::decided, P), Outcome::commit), event(4100, EventType::released, P)});
    const auto at = [](std::int64_t ms) { return Instant{Duration{1'000'000 * kMs + ms * kMs}}; };
    const fs::path marks = path / "nodes" / "2pc-r1-s0" / kFaultMarksFile;
    REQUIRE(append_fault_mark(marks, {at(60), true, "partition", "us | eu"}).ok());
    REQUIRE(append_fault_mark(marks, {at(3900), false, "partition", "us | eu"}).ok());
    std::ofstream(marks, std::ios::app) << R"({"t_ns": 1, "eve)";  // A torn last line.
  }
  ~Results() { fs::remove_all(path); }
  void node(const std::string& name, std::uint32_t id, const std::vector<Event>& events) const {
    const fs::path folder = path / "nodes" / "2pc-r1-s0" / name;
    fs::create_directories(folder);
    REQUIRE(write_events(folder, NodeId{id}, events).ok());
  }
  fs::path path;
};

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

}  // namespace

TEST_CASE("logs of all nodes become one timeline") {
  const Results results;
  const auto cells = trace::load_cells(results.path, "");
  REQUIRE(cells.ok());
  REQUIRE(cells->size() == 1);
  CHECK(cells->front().marks.size() == 2);
  const auto all = trace::timelines(cells->front());
  REQUIRE(all.size() == 1);
  const trace::Timeline& t = all.front();
  CHECK(to_text(t.txn) == "1001.1.42");
  CHECK(t.outcome == Outcome::commit);
  CHECK_FALSE(t.split);
  CHECK(t.latency_ns == 104 * kMs);
  CHECK(t.blocked_ns == 3000 * kMs);
  CHECK_FALSE(t.still_blocked);
  REQUIRE(t.nodes.size() == 3);
  CHECK(cells->front().nodes[t.nodes[0]].name == "coordinator@us");
  CHECK(t.unexplained.empty());
  REQUIRE(t.flights.size() == 10);
  std::multiset<std::int64_t> took;
  std::size_t lost = 0;
  for (const trace::Flight& flight : t.flights) {
    if (!flight.received) {
      ++lost;
    } else {
      took.insert((flight.received->t_ns - flight.sent.t_ns) / kMs);
    }
  }
  CHECK(lost == 3);  // One decision, one inquiry dropped at once, one on the way: the arrival goes with the last.
  CHECK(took == std::multiset<std::int64_t>{0, 1, 1, 50, 50, 50, 50});
}

TEST_CASE("the diagram has a column per node, arrows that arrive, marks of faults, and in-doubt lifelines") {
  const Results results;
  const auto cells = trace::load_cells(results.path, "2pc-r1-s0");
  REQUIRE(cells.ok());
  const auto all = trace::timelines(cells->front());
  const std::string text = trace::draw(cells->front(), all.front(), 100);
  INFO(text);
  CHECK(text.find("coordinator@us") < text.find("agent@us"));
  CHECK(text.find("agent@us") < text.find("agent@eu"));
  CHECK(count(text, "PREPARE") == 2);
  CHECK(count(text, "DROPPED") == 1);
  CHECK(count(text, "no arrival") == 2);
  CHECK(text.find("partition us | eu BEGINS") < text.find("partition us | eu ends"));
  CHECK(text.find("was BLOCKED for 3000.0 ms, decides commit, locks released") != std::string::npos);
  CHECK(text.find("\n 4100.000 ms") != std::string::npos);
  CHECK(count(text, "#") > 5);
  CHECK(trace::headline(all.front()) == "1001.1.42  2pc  commit  104.0 ms  blocked 3000.0 ms");
}

TEST_CASE("asking again and again is folded, and nothing else is") {
  const Results results;
  const auto P = Role::participant;
  std::vector<Event> events{received(50, P, "PREPARE", 1001, 1)};
  for (std::int64_t ms = 1000; ms < 1040; ++ms) events.push_back(sent(ms, P, "INQUIRY", 1001, 2, true));
  events.push_back(with_outcome(event(4100, EventType::decided, P), Outcome::commit));
  results.node("agent@eu", 2, events);
  const auto cells = trace::load_cells(results.path, "");
  REQUIRE(cells.ok());
  const auto t = trace::timelines(cells->front()).front();
  const std::string text = trace::draw(cells->front(), t, 100);
  INFO(text);
  CHECK(count(text, "INQUIRY again") == 6 + 1);  // One arrives, after the partition.
  CHECK(text.find("... 33 more lines of asking again, until 1038.000 ms") != std::string::npos);
  CHECK(count(text, "decides commit") == 3);
  CHECK(count(trace::draw(cells->front(), t, 100, true), "INQUIRY again") == 40);
}

TEST_CASE("Perfetto JSON: well-formed events, flows with two ends inside slices, tracks whose slices nest") {
  const Results results;
  const auto cells = trace::load_cells(results.path, "");
  REQUIRE(cells.ok());
  const auto json = nlohmann::json::parse(trace::perfetto_json({{&cells->front(), trace::timelines(cells->front())}}));
  CHECK(json.at("displayTimeUnit") == "ms");
  std::map<std::uint64_t, std::set<std::string>> flows;
  std::set<std::int64_t> named;
  using Slice = std::pair<double, double>;
  std::map<std::pair<std::int64_t, std::int64_t>, std::vector<Slice>> slices;
  for (const auto& e : json.at("traceEvents")) {
    const auto phase = e.at("ph").get<std::string>();
    REQUIRE(e.at("pid").is_number_integer());
    REQUIRE(e.at("tid").is_number_integer());
    REQUIRE_FALSE(e.at("name").get<std::string>().empty());
    const auto track = std::pair(e.at("pid").get<std::int64_t>(), e.at("tid").get<std::int64_t>());
    if (phase == "M") {
      if (e.at("name") == "process_name") named.insert(track.first);
      continue;
    }
    REQUIRE(e.at("ts").is_number());
    REQUIRE(e.at("ts").get<double>() >= 0);
    if (phase == "X") {
      REQUIRE(e.at("dur").get<double>() > 0);
      slices[track].emplace_back(e.at("ts").get<double>(), e.at("ts").get<double>() + e.at("dur").get<double>());
    } else {
      REQUIRE((phase == "s" || phase == "f"));
      REQUIRE(flows[e.at("id").get<std::uint64_t>()].insert(phase).second);
      if (phase == "f") CHECK(e.at("bp") == "e");
      const double ts = e.at("ts").get<double>();
      const auto& around = slices[track];
      CHECK(std::any_of(around.begin(), around.end(), [&](const Slice& s) { return s.first <= ts && ts <= s.second; }));
    }
  }
  CHECK(flows.size() == 7);
  for (const auto& [id, ends] : flows) CHECK(ends == std::set<std::string>{"f", "s"});
  CHECK(named.size() == 4);  // Three nodes and the faults.
  for (auto& [track, list] : slices) {
    CHECK(named.contains(track.first));
    std::sort(list.begin(), list.end());
  }
  CHECK(json.dump().find("in doubt") != std::string::npos);
  CHECK(json.dump().find("partition us | eu") != std::string::npos);
}

TEST_CASE("what is not there is said plainly") {
  const Results results;
  CHECK(trace::load_cells(results.path / "gone", "").error().message.find("no such folder") != std::string::npos);
  CHECK(trace::load_cells(results.path / "nodes", "").error().message.find("no results folder") != std::string::npos);
  const auto other = trace::load_cells(results.path, "3pc");
  REQUIRE_FALSE(other.ok());
  CHECK(other.error().message.find("it has 2pc-r1-s0") != std::string::npos);
  for (const char* node : {"coordinator@us", "agent@us", "agent@eu"}) {
    fs::remove_all(results.path / "nodes" / "2pc-r1-s0" / node);
  }
  CHECK(trace::load_cells(results.path, "").error().message.find("trace: off") != std::string::npos);
}

TEST_CASE("a torn event log gives what it has, and a note") {
  const Results results;
  std::ofstream(results.path / "nodes" / "2pc-r1-s0" / "agent@eu" / kEventsFile, std::ios::app) << "torn";
  const auto cells = trace::load_cells(results.path, "");
  REQUIRE(cells.ok());
  REQUIRE(cells->front().warnings.size() == 1);
  CHECK(cells->front().warnings[0].find("agent@eu: the last event is cut short") != std::string::npos);
  CHECK(trace::timelines(cells->front()).front().flights.size() == 10);
}

TEST_CASE("both outcomes decided is a split") {
  const Results results;
  results.node("agent@eu", 2, {with_outcome(event(9000, EventType::decided, Role::participant), Outcome::abort)});
  const auto cells = trace::load_cells(results.path, "");
  REQUIRE(cells.ok());
  const auto all = trace::timelines(cells->front());
  CHECK(all.front().split);
  CHECK(trace::headline(all.front()).find("SPLIT") != std::string::npos);
}

TEST_CASE("transaction ids are read strictly") {
  CHECK(trace::parse_txn("1001.1.42") == kTxn);
  for (const char* wrong : {"", "1001", "1001.1", "1001.1.", "1001.1.42.", "1001.1.4x", "-1.1.4", "99999999999.1.4"}) {
    CHECK_FALSE(trace::parse_txn(wrong));
  }
}
