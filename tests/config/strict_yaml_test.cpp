// The strict YAML layer: what it refuses, and the exact words and places of its messages.
#include "config/strict_yaml.h"

#include <catch2/catch.hpp>

using namespace geocommit;

namespace {

std::string error_of(const std::string& text) {
  const auto node = yaml::parse(text, "f.yaml");
  return node ? "parsed" : node.error().message;
}

yaml::Node must(const std::string& text) {
  auto node = yaml::parse(text, "f.yaml");
  REQUIRE(node.ok());
  return *node;
}

template <class T>
std::string read_error(const std::string& text, const yaml::Reader<T>& read) {
  const auto value = read(*must("v: " + text).find("v"));
  return value ? "read" : value.error().message;
}

template <class T>
T read_value(const std::string& text, const yaml::Reader<T>& read) {
  const auto value = read(*must("v: " + text).find("v"));
  REQUIRE(value.ok());
  return *value;
}

}  // namespace

TEST_CASE("structure that is refused, with place and path") {
  CHECK(error_of("a: 1\nb:\n  c: 1\n  c: 2\n") == "f.yaml:4:3: b.c: duplicate key, first given at line 3");
  // ... whatever the two values are.
  for (const std::string first : {"1", "{b: 1}", "[1]", "~"}) {
    for (const std::string second : {"2", "{c: 2}", "[2]", "~"}) {
      INFO(first << " and " << second);
      CHECK(error_of("a: " + first + "\na: " + second + "\n") == "f.yaml:2:1: a: duplicate key, first given at line 1");
    }
  }
  CHECK(error_of("a:\n  b:\n    c: 1\n  b:\n    d: 1\n") == "f.yaml:4:3: a.b: duplicate key, first given at line 2");
  CHECK(error_of("a: &x 1\nb: 2\n") == "f.yaml:1:4: a: anchors (&name) are not allowed");
  CHECK(error_of("a: [1, !!int 2]\n") == "f.yaml:1:8: a[1]: tags (!name) are not allowed");
  CHECK(error_of("a: 1\n---\nb: 1\n").find("expected one document") != std::string::npos);
  CHECK(error_of("[1, 2]: 3\n").find("f.yaml:1:1: expected a plain word as the key") != std::string::npos);
  CHECK(error_of("a: {b: 1\n").find("expected well-formed YAML") != std::string::npos);
  CHECK(error_of(std::string(yaml::kMaxFileBytes + 1, ' ')).find("at most 1 MiB") != std::string::npos);
  CHECK(error_of(std::string("a: \0b", 5)).find("zero byte at offset 3") != std::string::npos);
  CHECK(error_of("a: *nowhere\n") != "parsed");
}

TEST_CASE("depth is bounded, however deep the text") {
  CHECK(error_of("a: " + std::string(31, '[') + std::string(31, ']')) == "parsed");
  CHECK(error_of("a: " + std::string(32, '[') + std::string(32, ']')).find("at most 32 levels") != std::string::npos);
  CHECK(error_of("a: " + std::string(500000, '[')).find("f.yaml:1:5: a[0]: expected") == 0);
  std::string block;
  for (int i = 0; i < 40; ++i) block += std::string(static_cast<std::size_t>(i), ' ') + "k:\n";
  CHECK(error_of(block).find("f.yaml:33:33:") == 0);
}

TEST_CASE("an alias bomb is refused at its first anchor") {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int j = 0; j < 8; ++j) bomb += "," + before;
    bomb += "]\n";
  }
  REQUIRE(bomb.size() < 600);
  CHECK(error_of(bomb).find("f.yaml:1:5: a0: anchors") == 0);
}

TEST_CASE("unknown and missing keys") {
  yaml::MapReader map(must("w:\n  duratoin: 3s\n  zzzzzzzz: 1\n  count: x\n").find("w").value());
  Duration duration{};
  std::int64_t count = 7;
  std::string name;
  map.required("name", name, yaml::string());
  map.optional("duration", duration, yaml::duration());
  map.optional("count", count, yaml::integer(0, 9));
  const auto done = map.finish();
  REQUIRE_FALSE(done.ok());
  CHECK(done.error().message ==
        "f.yaml:2:3: w.name: expected this key, it is missing\n"
        "f.yaml:4:10: w.count: expected a whole number from 0 to 9, found \"x\"\n"
        "f.yaml:2:3: w.duratoin: unknown key, did you mean \"duration\"?\n"
        "f.yaml:3:3: w.zzzzzzzz: unknown key, expected one of: name duration count");
  CHECK(count == 7);
}

TEST_CASE("typed values") {
  CHECK(read_value("2%", yaml::fraction()) == Approx(0.02));
  CHECK(read_value("0.02", yaml::fraction()) == Approx(0.02));
  CHECK(read_error("102%", yaml::fraction()).find("from 0 to 1") != std::string::npos);
  CHECK(read_value("10s", yaml::duration()) == 10s);
  CHECK(read_value("1.5ms", yaml::duration()) == 1500us);
  CHECK(read_value("1m", yaml::duration()) == 60s);
  CHECK(read_error("10", yaml::duration()).find("with its unit") != std::string::npos);
  CHECK(read_error("10 parsecs", yaml::duration()).find("with its unit") != std::string::npos);
  CHECK(read_error("-1s", yaml::duration()) != "read");
  CHECK(read_error("1e3s", yaml::duration()) != "read");
  CHECK(read_value("10mbit", yaml::bit_rate()) == 10'000'000U);
  CHECK(read_value("unlimited", yaml::bit_rate()) == 0U);
  CHECK(read_error("10mb", yaml::bit_rate()) != "read");
  CHECK(read_value("50/s", yaml::per_second()) == Approx(50));
  CHECK(read_error("0/s", yaml::per_second()) != "read");
  CHECK(read_value("true", yaml::boolean()));
  CHECK(read_error("yes", yaml::boolean()) != "read");
  CHECK(read_error("\"3\"", yaml::integer(0, 9)) != "read");
  CHECK(read_error("99999999999999999999", yaml::integer(0, 9)) != "read");
  CHECK(read_error(".nan", yaml::real(0, 1)) != "read");
  CHECK(read_error("../x", yaml::identifier()) != "read");
  const auto kind = yaml::one_of<int>({{"normal", 1}, {"pareto", 2}});
  CHECK(read_value("pareto", kind) == 2);
  CHECK(read_error("parteo", kind) ==
        "f.yaml:1:4: v: expected normal | pareto, found \"parteo\", did you mean \"pareto\"?");
  const auto list = yaml::list_of(yaml::integer(0, 9), 1, 3);
  CHECK(read_value("[1, 2]", list) == std::vector<std::int64_t>{1, 2});
  CHECK(read_error("[1, x, y]", list).find("v[2]:") != std::string::npos);
  CHECK(read_error("[]", list) != "read");
  CHECK(read_error("3", list) == "f.yaml:1:4: v: expected a list, found \"3\"");
}

TEST_CASE("formats read back") {
  for (const Duration d : {Duration{0}, Duration{1}, Duration{1500us}, Duration{10s}, Duration{90s}}) {
    CHECK(yaml::parse_duration(yaml::format_duration(d)) == d);
  }
  for (const std::uint64_t rate : {0ULL, 9600ULL, 10'000'000ULL, 1'000'000'000ULL}) {
    CHECK(yaml::parse_bit_rate(yaml::format_bit_rate(rate)) == rate);
  }
}

TEST_CASE("a value replaced at a dotted path keeps its own place") {
  const auto root = must("workload: {rate: 1/s, kind: t}\nsweep: {workload.rate: [2/s, bad]}\n");
  const auto items = root.find("sweep")->find("workload.rate")->items();
  const auto changed = root.with("workload.rate", items[1]);
  REQUIRE(changed.ok());
  const auto rate = *changed->find("workload")->find("rate");
  CHECK(yaml::per_second()(rate).error().message.find("f.yaml:2:30: workload.rate: expected a rate") == 0);
  CHECK(changed->find("workload")->to_flow() == "{rate: bad, kind: t}");
  CHECK(root.find("workload")->find("rate")->text() == "1/s");
  CHECK_FALSE(root.with("workload.rate.x", items[0]).ok());
  CHECK_FALSE(root.with("workload..x", items[0]).ok());
  CHECK(root.with("data.new.key", items[0]).ok());
  const auto faults = must("faults: [{for: 1s}, {for: 2s, at: 3s}]\n");
  const auto longer = faults.with("faults.1.for", items[0]);
  REQUIRE(longer);
  CHECK(longer->to_flow() == "{faults: [{for: 1s}, {for: " + items[0].text() + ", at: 3s}]}");
  CHECK_FALSE(faults.with("faults.2.for", items[0]).ok());
  CHECK_FALSE(faults.with("faults.x", items[0]).ok());
  CHECK_FALSE(faults.with("faults.-1", items[0]).ok());
}
