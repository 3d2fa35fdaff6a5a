// The JSON Schemas name exactly the keys that the strict readers accept: each reader is asked, by a key that nothing is
// near to, which keys it knows.
#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "experiment/experiment.h"
#include "experiment/schemas.h"
#include "wan/topology.h"

namespace geocommit {
namespace {

using Json = nlohmann::json;
using Keys = std::set<std::string>;

constexpr const char* kUnknown = "zzzzqqqqzzzzqqqq";

Keys after_expected(const std::string& message) {
  Keys out;
  std::istringstream lines(message);
  for (std::string line; std::getline(lines, line);) {
    const auto at = line.find("unknown key, expected one of:");
    if (line.find(kUnknown) == std::string::npos || at == std::string::npos) continue;
    std::istringstream words(line.substr(at + 29));
    for (std::string word; words >> word;) out.insert(word);
  }
  INFO(message);
  REQUIRE_FALSE(out.empty());
  return out;
}

const std::string kUnknownEntry = std::string(kUnknown) + ": 1";
const std::string kTop = "name: t\ntopology: aws-3\nprotocols: [2pc]\n";

Keys experiment_keys(const std::string& yaml) {
  const auto read = parse_experiment(yaml, "t.yaml");
  REQUIRE_FALSE(read);
  return after_expected(read.error().message);
}
Keys topology_keys(const std::string& yaml) {
  const auto read = parse_topology(yaml, "t.yaml");
  REQUIRE_FALSE(read);
  return after_expected(read.error().message);
}

/// Every object of the schema with keys of its own, by where it stands.
void objects(const Json& schema, const std::string& at, std::map<std::string, Keys>& out) {
  if (schema.is_object()) {
    if (schema.contains("properties") && schema["properties"].is_object()) {
      Keys keys;
      for (const auto& [key, value] : schema["properties"].items()) keys.insert(key);
      out[at] = std::move(keys);
    }
    for (const auto& [key, value] : schema.items()) objects(value, at + "/" + key, out);
  } else if (schema.is_array()) {
    for (std::size_t i = 0; i < schema.size(); ++i) objects(schema[i], at + "/" + std::to_string(i), out);
  }
}

std::map<std::string, Keys> objects_of(const std::string& name) {
  const auto text = print_schema(name);
  REQUIRE(text);
  std::map<std::string, Keys> out;
  objects(Json::parse(*text), "", out);
  return out;
}

/// "{warmup: 2s, data: {...}}": a file with every default that the schema has, but for `left_out`.
Json defaults(const Json& schema, const Keys& left_out) {
  Json out = Json::object();
  for (const auto& [key, value] : schema["properties"].items()) {
    if (left_out.contains(key)) continue;
    if (value.contains("properties")) {
      out[key] = defaults(value, left_out);
    } else if (value.contains("default")) {
      out[key] = value["default"];
    }
  }
  return out;
}

std::string with_defaults(const std::string& yaml) {
  const auto read = parse_experiment(yaml, "t.yaml");
  INFO((read ? "" : read.error().message));
  REQUIRE(read);
  return to_yaml(*read, read->emulation, {ResolvedTimeouts{}});
}

std::string fault(const std::string& entry) { return kTop + "faults: [{" + entry + "}]\n"; }

}  // namespace

TEST_CASE("schema: the experiment's keys are the reader's, in every map") {
  const std::map<std::string, std::string> asked{
      {"", kTop + kUnknownEntry + "\n"},
      {"/properties/data", kTop + "data: {" + kUnknownEntry + "}\n"},
      {"/properties/workload", kTop + "workload: {" + kUnknownEntry + "}\n"},
      {"/properties/timeouts", kTop + "timeouts: {" + kUnknownEntry + "}\n"},
      {"/properties/deployed", kTop + "deployed: {nodes: {}, " + kUnknownEntry + "}\n"},
      {"/definitions/addresses", kTop + "deployed: {nodes: {agent@a: {" + kUnknownEntry + "}}}\n"},
      {"/definitions/thresholds", kTop + "thresholds: {all: {" + kUnknownEntry + "}}\n"},
      {"/definitions/trace", kTop + "trace: {" + kUnknownEntry + "}\n"},
      {"/definitions/fault/properties/cut", fault("at: 1s, for: 1s, cut: {" + kUnknownEntry + "}")},
      {"/definitions/fault/properties/drop", fault("at: 1s, for: 1s, drop: {" + kUnknownEntry + "}")},
      {"/definitions/fault/properties/disk", fault("at: 1s, for: 1s, disk: {" + kUnknownEntry + "}")},
      {"/definitions/fault/properties/clock", fault("at: 1s, for: 1s, clock: {" + kUnknownEntry + "}")},
      {"/definitions/fault/properties/transfer", fault("at: 1s, transfer: {" + kUnknownEntry + "}")},
      {"/definitions/fault/properties/failover", fault("at: 1s, failover: {" + kUnknownEntry + "}")}};
  const auto schema = objects_of("experiment");
  for (const auto& [at, keys] : schema) {
    INFO(at);
    if (asked.contains(at)) {
      CHECK(experiment_keys(asked.at(at)) == keys);
    } else if (at == "/definitions/fault/properties/link") {
      Keys both = experiment_keys(fault("at: 1s, for: 1s, link: {between: [a, b], " + kUnknownEntry + "}"));
      both.merge(experiment_keys(fault("at: 1s, for: 1s, link: {" + kUnknownEntry + "}")));
      CHECK(both == keys);
    } else if (at == "/definitions/fault") {
      Keys all;
      for (const auto& form : schema_fault_forms()) {
        INFO(form);
        REQUIRE(keys.contains(form));
        all.merge(experiment_keys(fault("at: 1s, for: 1s, " + form + ": [x], " + kUnknownEntry)));
      }
      CHECK(all == keys);
    } else if (at.starts_with("/definitions/protocol_choice/")) {
      // A map of one protocol; in it one of the options that its row has, and a label (experiment_test.cpp reads them).
      const bool inside = at.find("/properties/") != std::string::npos;
      const std::string name = inside ? at.substr(at.rfind('/') + 1) : *keys.begin();
      REQUIRE(find_protocol(name) != nullptr);
      Keys expected{inside ? "label" : name};
      for (const OptionRow& option : inside ? find_protocol(name)->options : OptionTable{}) {
        expected.insert(std::string(option.name));
      }
      CHECK(keys == expected);
    } else {
      FAIL("nobody asks the reader about this map; add it to this test");
    }
  }
  CHECK(schema.size() == asked.size() + 2 + 2 * all_protocols().size());
}

TEST_CASE("schema: a default that it names is the reader's, and no key is left out that has one") {
  const auto text = print_schema("experiment");
  REQUIRE(text);
  const Json schema = Json::parse(*text);
  const std::string closed = "workload: {arrival: closed}\n";
  std::string open_loop = kTop, closed_loop = kTop;
  const Json these = defaults(schema, {"clients", "deployed"});
  for (const auto& [key, value] : these.items()) {
    open_loop += key + ": " + value.dump() + "\n";
  }
  CHECK(with_defaults(open_loop) == with_defaults(kTop));
  Json other = defaults(schema, {"rate", "deployed"});
  other["workload"]["arrival"] = "closed";
  for (const auto& [key, value] : other.items()) closed_loop += key + ": " + value.dump() + "\n";
  CHECK(with_defaults(closed_loop) == with_defaults(kTop + closed));
  const Keys without{
      "name",      "topology", "protocols",     "origins",
      "scenarios", "deployed", "deployed/nodes"};  // Required, lists of what there is, and maps that are there or not.
  const Json& top = schema["properties"];
  for (const auto& [key, value] : top.items()) {
    INFO(key);
    const Json inside = value.value("properties", Json::object());
    CHECK((value.contains("default") || !inside.empty() || without.contains(key)));
    for (const auto& [inner, leaf] : inside.items()) {
      INFO(inner);
      CHECK((leaf.contains("default") || without.contains(inner) || without.contains(key + "/" + inner)));
    }
  }
}

TEST_CASE("schema: so are the topology's") {
  const std::string top = "name: t\nregions: [a]\n";
  const std::map<std::string, std::string> asked{
      {"", top + kUnknownEntry + "\n"},
      {"/properties/source", top + "source: {" + kUnknownEntry + "}\n"},
      {"/properties/defaults", top + "defaults: {" + kUnknownEntry + "}\n"},
      {"/definitions/region", "name: t\nregions: {a: {" + kUnknownEntry + "}}\n"},
      {"/definitions/link", top + "links: [{" + kUnknownEntry + "}]\n"}};
  const auto schema = objects_of("topology");
  for (const auto& [at, keys] : schema) {
    INFO(at);
    REQUIRE(asked.contains(at));
    CHECK(topology_keys(asked.at(at)) == keys);
  }
  CHECK(schema.size() == asked.size());
}

TEST_CASE("schema: names come from the registry; an unknown schema is named") {
  const Json schema = Json::parse(*print_schema("experiment"));
  const Json& names = schema["definitions"]["protocol"]["enum"];
  CHECK(names.size() == all_protocols().size());
  CHECK(std::find(names.begin(), names.end(), "2pc") != names.end());
  CHECK(schema["definitions"]["message_class"]["enum"].size() > 3);
  CHECK_FALSE(print_schema("experimnt"));
}

}  // namespace geocommit
