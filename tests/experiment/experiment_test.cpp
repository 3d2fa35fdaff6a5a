// The experiment file: what it accepts, what it means, and the exact words of every refusal.
#include "experiment/experiment.h"

#include <catch2/catch.hpp>

namespace geocommit {
namespace {

constexpr const char* kWhole = R"(name: quickstart
topology: aws-3
emulation: tun
protocols: [2pc, 3pc, home-region]
data: {placement: partitioned, sites_per_region: 2, keys_per_participant: 500, initial_balance: 77}
workload:
  kind: transfer
  participants: 3
  arrival: fixed
  rate: 25.5/s
  origins: [us-east-1]
  keys: hotspot(keys=2%, share=80%)
  local: 0.25
  reads: 10%
  outstanding: 50
locking: no-wait
timeouts: {vote: 700ms, decision: auto, lock_wait: 1s}
durability: fixed(2ms)
warmup: 1s
duration: 5s
repetitions: 2
sweep: {}
seed: 7
)";

std::string refusal(const std::string& text) {
  const auto read = parse_experiment(text, "x.yaml");
  return read ? "accepted" : read.error().message;
}

/// kWhole with one line replaced.
std::string with_line(const std::string& begins, const std::string& line) {
  std::string text = kWhole;
  const auto at = text.find(begins);
  REQUIRE(at != std::string::npos);
  return text.replace(at, text.find('\n', at) - at, line);
}

}  // namespace

TEST_CASE("a whole file is read as written") {
  const auto read = parse_experiment(kWhole, "x.yaml");
  REQUIRE(read);
  const Experiment& e = *read;
  CHECK(e.name == "quickstart");
  CHECK(e.emulation == EmulationKind::tun);
  REQUIRE(e.protocols.size() == 3);
  CHECK(e.protocols[2].row->name == "home-region");
  CHECK(e.repetitions == 2);
  CHECK(e.seed == 7);
  REQUIRE(e.points.size() == 1);
  CHECK(e.points[0].values.empty());
  const Settings& s = e.points[0].settings;
  CHECK(s.placement == Placement::partitioned);
  CHECK(s.sites_per_region == 2);
  CHECK(s.keys_per_participant == 500);
  CHECK(s.initial_balance == 77);
  CHECK(s.workload.arrival == Arrival::fixed);
  CHECK(s.workload.rate_per_s == 25.5);
  CHECK(s.workload.keys == KeyDistribution::hotspot);
  CHECK(s.workload.hot_keys == 0.02);
  CHECK(s.workload.hot_share == 0.8);
  CHECK(s.workload.local == 0.25);
  CHECK(s.workload.reads == 0.1);
  CHECK(s.workload.outstanding_max == 50);
  CHECK(s.origins == std::vector<std::string>{"us-east-1"});
  CHECK(s.locking == LockingPolicy::no_wait);
  CHECK(s.durability.kind == DurabilityKind::fixed);
  CHECK(s.durability.fixed_force == Duration{2ms});
  CHECK(s.duration == Duration{5s});
}

TEST_CASE("timeouts left to auto are four round trips, twenty forced writes and 200 ms") {
  const auto read = parse_experiment(kWhole, "x.yaml");
  REQUIRE(read);
  const auto t = resolve_timeouts(read->points[0].settings, Duration{150ms}, Duration{2ms});
  CHECK(t.protocol.vote == Duration{700ms});
  CHECK(t.protocol.decision == Duration{840ms});
  CHECK(t.protocol.resend == Duration{420ms});
  CHECK(t.lock_wait == Duration{1s});
}

TEST_CASE("a sweep is the product of its values, and each point has its own settings") {
  const auto read = parse_experiment(
      with_line("sweep", "sweep: {workload.rate: [50/s, 100/s], durability: [none, fixed(1ms), fsync]}"), "x.yaml");
  REQUIRE(read);
  REQUIRE(read->points.size() == 6);
  CHECK(read->points[0].settings.workload.rate_per_s == 50);
  CHECK(read->points[1].settings.durability.fixed_force == Duration{1ms});
  CHECK(read->points[5].settings.workload.rate_per_s == 100);
  CHECK(read->points[5].settings.durability.kind == DurabilityKind::fsync);
  CHECK(read->points[5].values[0] == std::pair<std::string, std::string>{"workload.rate", "100/s"});
}

TEST_CASE("scenarios are fault lists by name, swept; every other sweep goes within") {
  const auto read = parse_experiment(
      with_line("sweep",
                "sweep: {workload.rate: [50/s, 100/s]}\nscenarios: {none: [], off: [{at: 1s, for: 2s, crash: "
                "coordinator@us-east-1}]}"),
      "x.yaml");
  REQUIRE(read);
  REQUIRE(read->points.size() == 4);
  CHECK(read->points[0].values[0] == std::pair<std::string, std::string>{"scenario", "none"});
  CHECK(read->points[0].settings.faults.empty());
  CHECK(read->points[2].values[0] == std::pair<std::string, std::string>{"scenario", "off"});
  REQUIRE(read->points[2].settings.faults.size() == 1);
  const auto again = parse_experiment(to_yaml(*read, EmulationKind::tun, {}), "again.yaml");
  REQUIRE(again);
  CHECK(again->sweep == read->sweep);
  CHECK(again->scenarios == read->scenarios);
  CHECK(refusal(with_line("sweep", "faults: []\nscenarios: {none: []}")).find("expected either faults") !=
        std::string::npos);
  CHECK(refusal(with_line("sweep", "scenarios: {none: 3}")).find("scenarios.none: expected a list of faults") !=
        std::string::npos);
  CHECK(refusal(with_line("sweep", "scenarios: {a: [{at: 1s, crush: x}]}")).find("x.yaml:22:") == 0);
}

TEST_CASE("the largest and the smallest numbers are written back as they are read, not as 1e+05") {
  for (const char* workload : {"rate: 100000/s", "rate: 1000000/s", "rate: 0.00001/s", "local: 0.00001, reads: 0.00002",
                               "keys: 'hotspot(keys=0.001%, share=0.001%)'", "keys: zipfian(0.00001)"}) {
    const auto read = parse_experiment(
        "name: e\ntopology: t\nprotocols: [2pc]\nworkload: {" + std::string(workload) + "}\ntrace: {sample: 0.00001}\n",
        "x.yaml");
    INFO((read ? workload : read.error().message));
    REQUIRE(read);
    const std::string text = to_yaml(*read, EmulationKind::tun, {});
    const auto again = parse_experiment(text, "again.yaml");
    INFO(text << (again ? "" : again.error().message));
    REQUIRE(again);
    CHECK(again->points[0].settings.workload.rate_per_s == read->points[0].settings.workload.rate_per_s);
    CHECK(again->points[0].settings.workload.hot_keys == read->points[0].settings.workload.hot_keys);
    CHECK(again->points[0].settings.workload.zipf_theta == read->points[0].settings.workload.zipf_theta);
    CHECK(again->trace.sample == read->trace.sample);
    CHECK(again->points[0].settings.workload.local == read->points[0].settings.workload.local);
  }
}

TEST_CASE("what is written back is read as the same") {
  const auto read = parse_experiment(
      with_line("sweep", "sweep: {workload.keys: [uniform, \"hotspot(keys=1%, share=90%)\"]}"), "x.yaml");
  REQUIRE(read);
  const auto t = resolve_timeouts(read->points[0].settings, Duration{150ms}, Duration{2ms});
  const std::string text = to_yaml(*read, EmulationKind::tun, {t, t});
  const auto again = parse_experiment(text, "again.yaml");
  INFO(text);
  REQUIRE(again);
  CHECK(to_yaml(*again, EmulationKind::tun, {t, t}) == text);
  CHECK(again->points[0].settings.timeouts.decision == Duration{840ms});
  CHECK(again->points[1].settings.workload.keys == KeyDistribution::hotspot);
}

TEST_CASE("a protocol may stand twice with other options, and is told apart by a label") {
  const auto read = parse_experiment(
      with_line("protocols", "protocols: [2pc, {2pc: {read_only: false}}, {3pc: {label: skeen}}]"), "x.yaml");
  REQUIRE(read);
  REQUIRE(read->protocols.size() == 3);
  CHECK(read->protocols[0].label == "2pc");
  CHECK(read->protocols[1].row == read->protocols[0].row);
  CHECK(read->protocols[1].label == "2pc read_only=false");
  CHECK(file_part(read->protocols[1].label) == "2pc-read_only-false");
  CHECK(read->protocols[1].options != read->protocols[0].options);
  CHECK(read->protocols[2].label == "skeen");
  CHECK(to_yaml(read->protocols[0]) == "2pc");
  CHECK(to_yaml(read->protocols[1]) == "{2pc: {read_only: false}}");
  CHECK(to_yaml(read->protocols[2]) == "{3pc: {label: skeen}}");
  const auto t = resolve_timeouts(read->points[0].settings, Duration{150ms}, Duration{2ms});
  const std::string text = to_yaml(*read, EmulationKind::tun, {t});
  const auto again = parse_experiment(text, "again.yaml");
  INFO(text);
  REQUIRE(again);
  CHECK(again->protocols[1].options == read->protocols[1].options);
  CHECK(to_yaml(*again, EmulationKind::tun, {t}) == text);
  const auto set = parse_experiment(with_line("protocols", "protocols: [2pc, {2pc: {label: all-write}}]"), "x.yaml",
                                    {{"protocols.1.2pc.read_only", "false"}});
  REQUIRE(set);
  CHECK(set->protocols[1].options == read->protocols[1].options);
  CHECK(set->protocols[1].label == "all-write");
}

TEST_CASE("wrong options of a protocol are named with their places") {
  const auto why = [](const std::string& list) { return refusal(with_line("protocols", "protocols: [" + list + "]")); };
  CHECK(
      why("{2pc: {readonly: false}}") ==
      "x.yaml:4:20: protocols[0].2pc.readonly: unknown option, did you mean \"read_only\"?; 2pc has read_only (true | "
      "false)");
  CHECK(why("{home-region: {f: 1}}") ==
        "x.yaml:4:28: protocols[0].home-region.f: unknown option; home-region has no options");
  CHECK(why("{2pc: {read_only: 3}}") == "x.yaml:4:31: protocols[0].2pc.read_only: expected true | false, found \"3\"");
  CHECK(why("{2pc: {read_only: \"false\"}}").find("expected true | false") != std::string::npos);
  CHECK(why("{2pc: {read_only: true, read_only: false}}").find("x.yaml:4:37") == 0);
  CHECK(why("{2pc: read_only}").find("expected a map of options, found \"read_only\": 2pc has read_only") !=
        std::string::npos);
  CHECK(why("{2cp: {}}").find("there is no such protocol, did you mean \"2pc\"?") != std::string::npos);
  CHECK(why("{2pc: {}, 3pc: {}}").find("expected one protocol and its options") != std::string::npos);
  CHECK(why("2pc, {2pc: {read_only: true}}").find("x.yaml:4:18: protocols[1]: expected each protocol once, or") == 0);
  CHECK(why("{2pc: {label: 3pc}}").find("expected a label that is no protocol's name") != std::string::npos);
  CHECK(why("{2pc: {label: a-p1}}").find("expected a label that does not end as") != std::string::npos);
  CHECK(why("{2pc: {label: a}}, {3pc: {label: a}}").find("expected another label: there is a \"a\" already") !=
        std::string::npos);
}

TEST_CASE("every mistake is named with its place") {
  CHECK(refusal("") == "x.yaml:1:1: expected a map of keys, found an empty file");
  CHECK(refusal("name: a\ntopology: aws-3\n") == "x.yaml:1:1: protocols: expected this key, it is missing");
  CHECK(refusal(with_line("emulation", "emulation: tunn")) ==
        "x.yaml:3:12: emulation: expected auto | netem | tun | loopback | deployed | sim, found \"tunn\", did you mean "
        "\"tun\"?");
  CHECK(refusal(with_line("protocols", "protocols: [2pc, 3cp]")) ==
        "x.yaml:4:18: protocols[1]: expected 2pc | 3pc | home-region | easy-commit | 2pc-presumed-nothing | "
        "2pc-presumed-commit | paxos-commit, found \"3cp\", did you mean \"3pc\"?");
  CHECK(refusal(with_line("protocols", "protocols: [2pc, 2pc]")) ==
        "x.yaml:4:18: protocols[1]: expected each protocol once, or with other options, found it again");
  CHECK(refusal(with_line("protocols", "protocols: [home-region, home-region]")) ==
        "x.yaml:4:26: protocols[1]: expected each protocol once, found it again");
  CHECK(refusal(with_line("protocols", "protocols: []")) ==
        "x.yaml:4:12: protocols: expected a list of 1 to 32 entries, found 0");
  CHECK(refusal(with_line("  rate", "  rate: 50")) ==
        "x.yaml:10:9: workload.rate: expected a rate such as 50/s, above 0 and at most 1000000/s, found \"50\"");
  CHECK(refusal(with_line("  rate", "  rat: 50/s")) ==
        "x.yaml:10:3: workload.rat: unknown key, did you mean \"rate\"?");
  CHECK(refusal(with_line("  keys", "  keys: zipfian(3)")) ==
        "x.yaml:12:9: workload.keys: expected a skew above 0 and below 2, such as zipfian(0.99), found \"zipfian(3)\"");
  CHECK(refusal(with_line("  keys", "  keys: zipf")) ==
        "x.yaml:12:9: workload.keys: expected uniform | zipfian(0.99) | hotspot(keys=1%, share=90%), found \"zipf\"");
  CHECK(refusal(with_line("  keys", "  keys: hotspot(keys=1%, keys=2%)")) ==
        "x.yaml:12:9: workload.keys: expected hotspot(keys=1%, share=90%): that share of the accesses goes to that "
        "share of the keys, found \"hotspot(keys=1%, keys=2%)\"");
  CHECK(refusal(with_line("  local", "  local: 1.5")) ==
        "x.yaml:13:10: workload.local: expected a share such as 2% or 0.02, from 0 to 1, found \"1.5\"");
  CHECK(refusal(with_line("  kind", "  kind: tpcc")) == "x.yaml:7:9: workload.kind: expected transfer, found \"tpcc\"");
  CHECK(refusal(with_line("  arrival", "  arrival: closed")) ==
        "x.yaml:10:3: workload.rate: expected only with arrival: poisson or fixed; a closed loop has clients: 64");
  CHECK(refusal(with_line("durability", "durability: fsnyc")) ==
        "x.yaml:18:13: durability: expected fsync | none | fixed(2ms), found \"fsnyc\", did you mean \"fsync\"?");
  CHECK(refusal(with_line("durability", "durability: fixed(2)")) ==
        "x.yaml:18:13: durability: expected a duration from 0ms to 10s in fixed(...), such as fixed(2ms), found "
        "\"fixed(2)\"");
  CHECK(refusal(with_line("duration", "duration: 5")) ==
        "x.yaml:20:11: duration: expected a duration with its unit, such as 10s, 5ms or 100us, from 100ms to 86400s, "
        "found \"5\"");
  CHECK(refusal(with_line("timeouts", "timeouts: {vote: soon}")) ==
        "x.yaml:17:18: timeouts.vote: expected auto or a duration from 1ms to 10m, such as 500ms, found \"soon\"");
  CHECK(refusal(with_line("seed", "seed: -1")).find("x.yaml:23:7: seed: expected a whole number from 0 to ") == 0);
  CHECK(refusal(with_line("seed", "faults: [{at: 5s, for: 1s}]")) ==
        "x.yaml:23:10: faults[0]: expected exactly one of partition, cut, drop, link, crash, pause, disk, clock, "
        "transfer, failover, random, found none");
  CHECK(refusal(with_line("seed", "name: again")) == "x.yaml:23:1: name: duplicate key, first given at line 1");
}

TEST_CASE("mistakes in a sweep point at the sweep") {
  CHECK(refusal(with_line("sweep", "sweep: {workload.rate: [50/s, 10]}")) ==
        "x.yaml:22:31: workload.rate: expected a rate such as 50/s, above 0 and at most 1000000/s, found \"10\"");
  CHECK(refusal(with_line("sweep", "sweep: {data.sites_per_region: [1, 2]}")) ==
        "x.yaml:22:9: sweep.data.sites_per_region: expected a key that can change between cells: topology, data.* "
        "(except "
        "sites_per_region), workload.*, locking, timeouts.*, durability, warmup, duration or faults.N.*");
  CHECK(refusal(with_line("sweep", "sweep: {locking: no-wait}")) ==
        "x.yaml:22:18: sweep.locking: expected a list of values, found \"no-wait\"");
}

TEST_CASE("several mistakes are reported together") {
  const std::string all = refusal("name: a\ntopology: aws-3\nprotocols: [4pc]\nwarmup: 3\n");
  CHECK(all ==
        "x.yaml:3:13: protocols[0]: expected 2pc | 3pc | home-region | easy-commit | 2pc-presumed-nothing | "
        "2pc-presumed-commit | paxos-commit, found \"4pc\", did you mean \"2pc\"?\n"
        "x.yaml:4:9: warmup: expected a duration with its unit, such as 10s, 5ms or 100us, from 0ms to 3600s, found "
        "\"3\"");
}

TEST_CASE("what depends on the regions is checked against them") {
  const std::vector<std::string> regions{"us-east-1", "eu-west-1"};
  const auto judge = [&](const std::string& text) {
    const auto read = parse_experiment(text, "x.yaml");
    REQUIRE(read);
    const auto checked = check_regions(*read, {regions});
    return checked ? std::string("accepted") : checked.error().message;
  };
  CHECK(judge(kWhole) == "accepted");
  CHECK(judge(with_line("  origins", "  origins: [us-eats-1]")) ==
        "x.yaml:11:13: workload.origins[0]: expected a region of topology aws-3 (us-east-1, eu-west-1), found "
        "\"us-eats-1\", did you mean \"us-east-1\"?");
  CHECK(judge(with_line("  participants", "  participants: 5")) ==
        "x.yaml:8:3: workload.participants: expected at most 4 with placement partitioned: 2 regions of 2 sites");
}

TEST_CASE("deployed daemons need an address each") {
  const std::string head = "name: a\ntopology: aws-3\nprotocols: [2pc]\nemulation: deployed\n";
  CHECK(refusal(head) ==
        "x.yaml:1:1: deployed: expected the addresses of the daemons with emulation: deployed: deployed: {nodes: "
        "{agent@REGION: {data: ..., control: ..., metrics: ...}, ...}}");
  const std::string addresses = "{data: tcp://127.0.0.2:1, control: tcp://127.0.0.2:2, metrics: \"127.0.0.2:3\"}";
  const std::string text =
      head + "deployed:\n  nodes:\n    agent@r1: " + addresses + "\n    cordinator@r1: " + addresses + "\n";
  const auto read = parse_experiment(text, "x.yaml");
  REQUIRE(read);
  const auto checked = check_regions(*read, {{"r1"}});
  REQUIRE_FALSE(checked);
  CHECK(checked.error().message ==
        "x.yaml:7:5: deployed.nodes.coordinator@r1: expected the addresses of this node, they are missing\n"
        "x.yaml:8:5: deployed.nodes.cordinator@r1: expected a node of this experiment, did you mean "
        "\"coordinator@r1\"?");
  const std::string whole =
      head + "faults:\n  - {at: 1s, for: forever, pause: agent@r1}\ndeployed:\n  nodes:\n    agent@r1: " + addresses +
      "\n    coordinator@r1: " + addresses + "\n";
  const auto frozen = check_regions(*parse_experiment(whole, "x.yaml"), {{"r1"}});
  REQUIRE_FALSE(frozen);
  CHECK(frozen.error().message ==
        "x.yaml:6:14: faults[0].for: expected how long with emulation: deployed: nobody could wake that daemon again");
  // A pause that outlasts the daemon's lease would be cut short.
  const auto paused = [&](const std::string& lease) {
    return head + "faults:\n  - {at: 1s, for: 40s, pause: agent@r1}\ndeployed:\n  lease: " + lease +
           "\n  nodes:\n    agent@r1: " + addresses + "\n    coordinator@r1: " + addresses + "\n";
  };
  CHECK(parse_experiment(paused("1m"), "x.yaml")->lease == 60s);
  CHECK(check_regions(*parse_experiment(paused("1m"), "x.yaml"), {{"r1"}}).ok());
  const auto too_long = check_regions(*parse_experiment(paused("30s"), "x.yaml"), {{"r1"}});
  REQUIRE_FALSE(too_long);
  CHECK(
      too_long.error().message ==
      "x.yaml:6:14: faults[0].for: expected at most 30s with emulation: deployed: who stands still for longer than its "
      "lease is woken (deployed.lease)");
  CHECK(refusal(paused("10ms")) ==
        "x.yaml:8:10: deployed.lease: expected a duration with its unit, such as 10s, 5ms or 100us, from 1s to 3600s, "
        "found \"10ms\"");
  CHECK(refusal(head + "deployed: {nodes: {agent@r1: {data: tcp://h:1, control: ipc://x, metrics: \"h:2\"}}}") ==
        "x.yaml:5:57: deployed.nodes.agent@r1.control: expected ipc:// and an absolute path, such as "
        "ipc:///run/geocommit/agent, found \"ipc://x\"");
  CHECK(refusal(head + "deployed: {nodes: {agent@r1: {data: tcp://h, control: tcp://h:1, metrics: \"h:2\"}}}") ==
        "x.yaml:5:37: deployed.nodes.agent@r1.data: expected an address such as tcp://127.0.0.2:7001, found "
        "\"tcp://h\"");
}

TEST_CASE("--set replaces a value, and its mistakes name the option") {
  const auto read = parse_experiment(kWhole, "x.yaml", {{"workload.rate", "80/s"}, {"protocols", "[3pc]"}});
  REQUIRE(read);
  CHECK(read->points[0].settings.workload.rate_per_s == 80);
  CHECK(read->protocols.size() == 1);
  const auto wrong = parse_experiment(kWhole, "x.yaml", {{"workload.rate", "80"}});
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().message ==
        "--set workload.rate=80: workload.rate: expected a rate such as 50/s, above 0 and at most 1000000/s, found "
        "\"80\"");
  const auto unknown = parse_experiment(kWhole, "x.yaml", {{"workload.speed", "80"}});
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().message.find("--set workload.speed=80: workload.speed: unknown key") == 0);
}

}  // namespace geocommit
