// `faults:`: every form, the exact words of each refusal, and what a cell makes of it.
#include "experiment/fault_file.h"

#include <catch2/catch.hpp>
#include <set>

#include "experiment/fault_record.h"

namespace geocommit {
namespace {

const std::vector<std::string> kRegions{"us-east-1", "eu-west-1", "ap-northeast-1"};

const Directory& directory() {
  static const Directory kDirectory(kRegions, 1, Placement::replicated, 100);
  return kDirectory;
}

FaultScene scene(const char* protocol = "2pc", std::uint32_t repetition = 1) {
  return {&directory(), find_protocol(protocol), 2s, 60s, 42, repetition};
}

Result<std::vector<FaultEntry>> read(const std::string& list) {
  const auto root = yaml::parse(list, "x.yaml");
  REQUIRE(root);
  return read_faults(*root);
}

/// What is wrong with one entry; "accepted" if nothing is.
std::string refusal(const std::string& entry) {
  const auto entries = read("- " + entry);
  if (!entries) return entries.error().message;
  const auto faults = resolve_faults(*entries, scene());
  return faults ? "accepted" : faults.error().message;
}

std::vector<NamedFault> resolved(const std::string& list, const FaultScene& where = scene()) {
  const auto entries = read(list);
  if (!entries) FAIL(entries.error().message);
  auto faults = resolve_faults(*entries, where);
  if (!faults) FAIL(faults.error().message);
  return *faults;
}

NodeId node(const std::string& name) {
  for (const NodeInfo& info : directory().nodes()) {
    if (info.name == name) return info.id;
  }
  FAIL(name);
  return {};
}

constexpr const char* kIssue = R"(
- {at: 5s, for: 10s, partition: [[us-east-1], [eu-west-1, ap-northeast-1]]}
- {at: 5s, for: 10s, cut: {from: us-east-1, to: eu-west-1}}
- {at: 5s, for: 10s, drop: {from: us-east-1, to: eu-west-1, kinds: [decision]}}
- {at: 5s, for: 10s, link: {between: [us-east-1, eu-west-1], delay: +100ms, jitter: 20ms, loss: 2%, rate: 10mbit}}
- {at: 20s, for: 5s, crash: coordinator@us-east-1}
- {on: votes-collected, node: coordinator@us-east-1, occurrence: 1, crash: true, for: 5s}
- {at: 30s, for: 3s, pause: agent@eu-west-1}
- {at: 30s, for: 3s, disk: {node: agent@eu-west-1, stall: true}}
- {every: 20s, for: 5s, random: [partition, crash, pause], seed: 7}
- {at: 5s, for: forever, crash: coordinator@eu-west-1}
- {on: precommit-sent-to-one, node: coordinator@us-east-1, occurrence: every, partition: [[us-east-1], [eu-west-1, ap-northeast-1]], for: 3s}
- {at: 6s, clock: {node: agent@eu-west-1, step: -1h}}
- {at: 6s, for: 1s, crash: agent@eu-west-1, lose_unsynced: true}
- {at: 6s, for: 1s, disk: {node: agent@eu-west-1, fail: full}}
- {at: 6s, transfer: {home: us-east-1, to: eu-west-1}}
)";

}  // namespace

TEST_CASE("every form is read and resolved to nodes") {
  const auto faults = resolved(kIssue);
  REQUIRE(faults.size() == 14 + 3);  // the nemesis at 20 s, 40 s and 60 s
  const Fault& partition = faults[0].first();
  CHECK(faults[0].kind == "partition");
  CHECK(faults[0].target == "us-east-1 | eu-west-1,ap-northeast-1");
  CHECK(partition.kind == FaultKind::cut);
  CHECK(partition.both_ways);
  CHECK(partition.at == 5s);
  CHECK(partition.length == 10s);
  CHECK(partition.from ==
        std::vector<NodeId>{node("agent@us-east-1"), node("coordinator@us-east-1"), node("client@us-east-1")});
  CHECK(partition.to.size() == 6);

  CHECK_FALSE(faults[1].first().both_ways);
  // One way is from the first to the second: whose messages are lost, and at whom they do not arrive.
  const auto all_of = [](const std::string& region) {
    return std::vector<NodeId>{node("agent@" + region), node("coordinator@" + region), node("client@" + region)};
  };
  for (const std::size_t one_way : {1U, 2U}) {
    CHECK(faults[one_way].first().from == all_of("us-east-1"));
    CHECK(faults[one_way].first().to == all_of("eu-west-1"));
  }
  CHECK(faults[1].target == "us-east-1 -> eu-west-1");
  CHECK(faults[2].first().kind == FaultKind::drop);
  CHECK(faults[2].first().classes == 1U << static_cast<unsigned>(MessageClass::decision));
  CHECK(describe(faults[2]) == "drop us-east-1 -> eu-west-1 (decision)");
  const Fault& link = faults[3].first();
  CHECK(link.kind == FaultKind::link);
  CHECK(link.both_ways);
  CHECK(link.extra == 100ms);
  CHECK(link.jitter == Duration{20ms});
  CHECK(link.probability == Approx(0.02));
  CHECK(link.rate == std::uint64_t{10'000'000});
  CHECK(describe(faults[3]) == "link us-east-1 <-> eu-west-1 (+100ms, jitter 20ms, loss 2%, 10mbit)");
  CHECK(faults[4].first().node == node("coordinator@us-east-1"));

  const Fault& on = faults[5].first();
  CHECK(on.on == "votes-collected");
  CHECK(on.node == node("coordinator@us-east-1"));
  CHECK(trigger_of(on) == on.node);
  CHECK(on.occurrence == 1);
  CHECK(faults[6].kind == "pause");
  CHECK(faults[7].kind == "disk-stall");
  CHECK(faults[11].first().length == kForever);
  const Fault& every = faults[12].first();
  CHECK(every.occurrence == 0);
  CHECK(trigger_of(every) == node("coordinator@us-east-1"));
  CHECK(faults[13].first().extra == -1h);
  CHECK(faults[13].first().length == kForever);
  CHECK(faults[14].first().tail == Tail::lost);
  CHECK(faults[15].first().kind == FaultKind::disk_full);
  CHECK(faults[16].first().kind == FaultKind::transfer);
  CHECK(faults[16].first().successor == RegionId{1});
}

TEST_CASE("a partition of three groups cuts every pair of them, and nobody else") {
  const auto faults = resolved("- {at: 1s, for: 1s, partition: [us-east-1, eu-west-1, agent@ap-northeast-1]}");
  REQUIRE(faults.size() == 1);
  std::set<std::pair<NodeId, NodeId>> cut;
  for (const Fault& part : faults[0].parts) {
    for (const NodeId from : part.from) {
      for (const NodeId to : part.to) cut.insert({from, to});
    }
  }
  CHECK(cut.size() == 3 * 3 + 3 + 3);
  CHECK(cut.count({node("agent@us-east-1"), node("agent@ap-northeast-1")}) == 1);
  CHECK(cut.count({node("agent@us-east-1"), node("coordinator@ap-northeast-1")}) == 0);
}

TEST_CASE("another node than the one at the point can be the victim") {
  const auto faults =
      resolved("- {at: 3s, on: votes-collected, node: coordinator@us-east-1, crash: agent@eu-west-1, for: 1s}");
  const Fault& fault = faults[0].first();
  CHECK(fault.node == node("agent@eu-west-1"));
  CHECK(trigger_of(fault) == node("coordinator@us-east-1"));
  CHECK(fault.since == 3s);
  CHECK(describe_time(faults[0], directory()) ==
        "on votes-collected of coordinator@us-east-1, the 1st from 3s, for 1s");
}

TEST_CASE("every repeats until the load ends or until") {
  const auto all = resolved("- {at: 5s, every: 10s, for: 2s, cut: {from: us-east-1, to: eu-west-1}}");
  REQUIRE(all.size() == 6);
  CHECK(all[0].first().at == 5s);
  CHECK(all[5].first().at == 55s);
  CHECK(resolved("- {at: 5s, every: 10s, until: 20s, for: 2s, cut: {from: us-east-1, to: eu-west-1}}").size() == 2);
}

TEST_CASE("the nemesis draws the same for every protocol, another for each repetition, and every kind in time") {
  const std::string list = "- {every: 1s, for: 100ms, random: [partition, cut, crash, pause, disk], seed: 7}";
  const auto first = resolved(list);
  CHECK(first.size() == 61);
  CHECK(first == resolved(list, scene("3pc")));
  CHECK_FALSE(first == resolved(list, scene("2pc", 2)));
  std::set<std::string> kinds;
  for (const NamedFault& fault : first) {
    kinds.insert(fault.kind);
    for (const Fault& part : fault.parts) {
      if (fault.kind != "partition" && fault.kind != "cut") continue;
      REQUIRE_FALSE(part.from.empty());
      REQUIRE_FALSE(part.to.empty());
    }
  }
  CHECK(kinds == std::set<std::string>{"partition", "cut", "crash", "pause", "disk-stall"});
}

TEST_CASE("a wrong fault is refused with its place and a remedy") {
  const auto [entry, message] = GENERATE(table<std::string, std::string>({
      {"{at: 5s, for: 1s, crsh: agent@us-east-1}", "x.yaml:1:21: [0].crsh: unknown key, did you mean \"crash\"?"},
      {"{at: 5s, crash: agent@us-east-1}",
       "x.yaml:1:3: [0]: expected also for: 5s, how long it lasts, or for: forever"},
      {"{for: 5s, crash: agent@us-east-1}",
       "x.yaml:1:3: [0]: expected when it begins: at: 5s after the start of the load, or on: a protocol point"},
      {"{at: 5s, for: 5s, crash: agent@us-east-2}",
       "x.yaml:1:28: [0].crash: expected an agent or coordinator of this experiment (agent@us-east-1, agent@eu-west-1, "
       "agent@ap-northeast-1, coordinator@us-east-1, coordinator@eu-west-1, coordinator@ap-northeast-1), found "
       "\"agent@us-east-2\", did you mean \"agent@us-east-1\"?"},
      {"{at: 5s, for: 5s, crash: us-east-1}",
       "x.yaml:1:28: [0].crash: expected one process of region us-east-1: agent@us-east-1 or coordinator@us-east-1"},
      {"{at: 5s, for: 5s, crash: client@us-east-1}",
       "x.yaml:1:28: [0].crash: expected an agent or coordinator of this experiment (agent@us-east-1, agent@eu-west-1, "
       "agent@ap-northeast-1, coordinator@us-east-1, coordinator@eu-west-1, coordinator@ap-northeast-1), found "
       "\"client@us-east-1\", did you mean \"agent@us-east-1\"?"},
      {"{at: 5s, for: 5s, partition: [[us-east-1], [eu-west-1, us-east-1]]}",
       "x.yaml:1:21: [0].partition: expected groups that do not overlap, found us-east-1 in two of them"},
      {"{at: 5s, for: 5s, partition: [[us-east-1], [eu-wst-1]]}",
       "x.yaml:1:47: [0].partition[1][0]: expected a region or a node of this experiment (us-east-1, eu-west-1, "
       "ap-northeast-1, agent@us-east-1, agent@eu-west-1, agent@ap-northeast-1, coordinator@us-east-1, "
       "coordinator@eu-west-1, coordinator@ap-northeast-1, client@us-east-1, client@eu-west-1, "
       "client@ap-northeast-1), found \"eu-wst-1\", did you mean \"eu-west-1\"?"},
      {"{at: 5s, for: 5s, partition: [[us-east-1]]}",
       "x.yaml:1:32: [0].partition: expected a list of 2 to 64 entries, found 1"},
      {"{at: 5s, for: 5s, cut: {from: us-east-1, to: us-east-1}}",
       "x.yaml:1:3: [0]: expected two ends that do not overlap, found agent@us-east-1 in both"},
      {"{at: 5s, for: 5s, drop: {from: us-east-1, to: eu-west-1, kinds: [desicion]}}",
       "x.yaml:1:68: [0].drop.kinds[0]: expected prepare | vote | precommit | decision | ack | inquiry | state | ship, "
       "found \"desicion\", did you mean \"decision\"?"},
      {"{at: 5s, for: 5s, link: {between: [us-east-1, eu-west-1], delay: 100ms}}",
       "x.yaml:1:68: [0].link.delay: expected what is added to the link's delay, such as +100ms; found \"100ms\", "
       "write +100ms"},
      {"{at: 5s, for: 5s, link: {between: [us-east-1, eu-west-1]}}",
       "x.yaml:1:27: [0].link: expected at least one of delay, jitter, loss and rate: this fault changes nothing"},
      {"{at: 5s, for: 5s, crash: true}",
       "x.yaml:1:28: [0].crash: expected a node such as coordinator@us-east-1 or agent@us-east-1; true needs a "
       "protocol point (on: votes-collected)"},
      {"{on: votes-colected, node: coordinator@us-east-1, crash: true, for: 5s}", "did you mean \"votes-collected\"?"},
      {"{on: votes-collected, crash: true, for: 5s}",
       "x.yaml:1:4: [0].on: expected also node: coordinator@us-east-1, whose protocol point it is"},
      {"{at: 5s, for: 5s, occurrence: 2, crash: agent@us-east-1}",
       "x.yaml:1:21: [0].occurrence: expected only with on: votes-collected or another point"},
      {"{every: 5s, for: 5s, random: [crash]}",
       "x.yaml:1:4: [0].every: expected to be longer than for: one has to end before the next begins"},
      {"{every: 20s, until: 15s, for: 5s, crash: agent@us-east-1}",
       "x.yaml:1:16: [0].until: expected later than the first time (at, or else every): this fault never happens"},
      {"{at: 5s, for: 5s, random: [crash]}",
       "x.yaml:1:21: [0].random: expected also every: 20s, how often one is drawn"},
      {"{at: 5s, for: 5s, disk: {node: agent@us-east-1, stall: true, fail: sync}}",
       "x.yaml:1:27: [0].disk: expected either stall: true, fail: sync or fail: full"},
      {"{at: 5s, for: 5s, crash: agent@us-east-1, pause: agent@us-east-1}",
       "x.yaml:1:3: [0]: expected exactly one of partition, cut, drop, link, crash, pause, disk, clock, transfer, "
       "failover, random, found several"},
      {"{at: 5s, for: 5s, lose_unsynced: true, pause: agent@us-east-1}", "lose_unsynced: unknown key"},
      {"{at: 5, for: 5s, crash: agent@us-east-1}", "x.yaml:1:8: [0].at: expected a duration"},
      {"{at: 5s, for: 0s, crash: agent@us-east-1}",
       "x.yaml:1:17: [0].for: expected how long it lasts, from 10ms to 24h, such as 5s, or forever; found \"0s\""},
      {"{at: 5s, transfer: {home: us-east-1, to: us-east-1}}", "expected another region as the new master"},
  }));
  INFO(entry);
  CHECK_THAT(refusal(entry), Catch::Contains(message));
}

TEST_CASE("what probably was not meant is warned of") {
  const auto warnings = [](const std::string& entry, const char* protocol) {
    const auto entries = read("- " + entry);
    REQUIRE(entries);
    return fault_warnings(*entries, resolved("- " + entry, scene(protocol)), scene(protocol));
  };
  const std::string drop = "{at: 5s, for: 1s, drop: {from: us-east-1, to: eu-west-1, kinds: [precommit]}}";
  CHECK(warnings(drop, "2pc") ==
        std::vector<std::string>{"x.yaml:1:3: 2pc has no messages of class precommit: nothing of it is dropped there"});
  CHECK(warnings(drop, "3pc").empty());
  const std::string ship = "{at: 5s, for: 1s, drop: {from: us-east-1, to: eu-west-1, kinds: [ship]}}";
  CHECK(warnings(ship, "home-region").empty());
  CHECK(warnings(ship, "2pc").size() == 1);
  const std::string on = "{on: precommit-sent-to-one, node: coordinator@us-east-1, crash: true, for: 1s}";
  CHECK(warnings(on, "3pc").empty());
  CHECK(warnings(on, "2pc") ==
        std::vector<std::string>{
            "x.yaml:1:3: 2pc has no protocol point precommit-sent-to-one: this fault never begins there"});
  CHECK(warnings("{at: 62s, for: 1s, pause: agent@us-east-1}", "2pc") ==
        std::vector<std::string>{"x.yaml:1:3: it begins at 62s, the load ends at 62s (warm-up included): it never "
                                 "happens"});
  CHECK(warnings("{at: 61s, for: 2s, pause: agent@us-east-1}", "2pc") ==
        std::vector<std::string>{"x.yaml:1:3: pause agent@us-east-1 heals at 63s, after the load's end at 62s"});
}

TEST_CASE("a crash is beyond a claim that does not stand what that world lets it lose") {
  FaultRecord record;
  record.fault.parts.push_back({});
  record.times.push_back({4s, 6s, std::nullopt, std::nullopt});
  const auto spans = [&](FaultKind kind, const FaultModel& claim, Failure crash) {
    record.fault.parts.back().kind = kind;
    return beyond(claim, crash, {record}).size();
  };
  for (const FaultKind dies : {FaultKind::crash, FaultKind::disk_full, FaultKind::disk_fail_sync}) {
    CHECK(spans(dies, FaultModel::crashes_where_sent_arrives, kRealCrash) == 1);
    CHECK(spans(dies, FaultModel::crashes_where_sent_arrives, kSimulatedCrash) == 0);
    CHECK(spans(dies, FaultModel::crashes, kRealCrash) == 0);
  }
  CHECK(spans(FaultKind::duplicate, FaultModel::crashes_where_sent_arrives, kRealCrash) == 0);
  CHECK(spans(FaultKind::cut, FaultModel::crashes_where_sent_arrives, kSimulatedCrash) == 1);
  CHECK(spans(FaultKind::cut, FaultModel::crashes, kRealCrash) == 1);
  CHECK(spans(FaultKind::cut, FaultModel::crashes_and_partitions, kRealCrash) == 0);
}

TEST_CASE("what a protocol for crashes alone does not claim to stand, and when") {
  FaultRecord record;
  record.fault.parts.push_back({});
  Fault& fault = record.fault.parts.back();
  fault.length = 2s;
  record.times.push_back({4s, 6s, std::nullopt, std::nullopt});
  const auto span = [&] {
    const std::vector<FaultSpan> spans = beyond(FaultModel::crashes, kRealCrash, {record});
    REQUIRE(spans.size() == 1);
    return std::pair(spans[0].begin, spans[0].end.value_or(kForever));
  };
  for (const FaultKind kind : {FaultKind::crash, FaultKind::disk_full, FaultKind::duplicate, FaultKind::clock_step,
                               FaultKind::transfer, FaultKind::failover}) {
    fault.kind = kind;
    CHECK(beyond(FaultModel::crashes, kRealCrash, {record}).empty());
  }
  SECTION("a cut is felt by connections for as long again") {
    fault.kind = FaultKind::cut;
    CHECK(span() == std::pair<Duration, Duration>(4s, 8s));
    record.times[0].felt = 6100ms;  // Known exactly.
    CHECK(span() == std::pair<Duration, Duration>(4s, 6100ms));
  }
  SECTION("a slow link by what is under way") {
    fault.kind = FaultKind::link;
    fault.extra = 300ms;
    CHECK(span() == std::pair<Duration, Duration>(4s, 6300ms));
    fault.rate = 1000;
    CHECK(span() == std::pair<Duration, Duration>(4s, 8300ms));
  }
  SECTION("a pause while it lasts, of one of its parts too") {
    fault.kind = FaultKind::crash;
    record.fault.parts.push_back(fault);
    record.fault.parts.back().kind = FaultKind::pause;
    CHECK(span() == std::pair<Duration, Duration>(4s, 6s));
  }
  SECTION("one that is still there, to the end") {
    fault.kind = FaultKind::cut;
    record.times[0].end = std::nullopt;
    CHECK(span().second == kForever);
  }
  SECTION("one that never began is none") {
    fault.kind = FaultKind::cut;
    record.times.clear();
    CHECK(beyond(FaultModel::crashes, kRealCrash, {record}).empty());
    CHECK(spans_of({record}).empty());
  }
  SECTION("an order has no length, and is no fault in force") {
    fault.kind = FaultKind::failover;
    fault.length = Duration{0};
    CHECK(spans_of({record}).empty());
    fault.length = 2s;
    CHECK(spans_of({record}).size() == 1);
  }
}

TEST_CASE("the list written back is the same list") {
  const auto entries = read(kIssue);
  REQUIRE(entries);
  const auto again = read(to_yaml(*entries, 42));
  if (!again) FAIL(again.error().message + to_yaml(*entries, 42));
  const auto faults = resolve_faults(*again, scene());
  REQUIRE(faults);
  CHECK(*faults == resolved(kIssue));
  const auto random = read("- {every: 1s, for: 100ms, random: [crash]}");
  REQUIRE(random);
  CHECK(to_yaml(*random, 42) == "  - {every: 1s, for: 100ms, random: [crash], seed: 42}\n");
}

}  // namespace geocommit
