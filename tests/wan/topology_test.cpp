// Topology files: the model they give, and what is refused.
#include "wan/topology.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>

#include "config/shipped.h"
#include "tests/runtime/temporary_directory.h"

using namespace geocommit;

namespace {
std::string error_of(const std::string& text) {
  const auto topology = parse_topology(text, "t.yaml");
  return topology ? "parsed" : topology.error().message;
}
}  // namespace

TEST_CASE("one way is half of the round trip published for that direction") {
  const auto topology = parse_topology(
      "name: t\nregions: [a, b, c]\nrtt:\n  a: {b: 100, c: 30}\n  b: {a: 90, c: 51.5}\n"
      "links:\n  - {from: c, to: a, loss: 1%, rate: 10mbit}\n",
      "t.yaml");
  REQUIRE(topology.ok());
  CHECK(topology->link(0, 1).delay == 50ms);
  CHECK(topology->link(1, 0).delay == 45ms);
  CHECK(topology->round_trip(0, 1) == 95ms);
  CHECK(topology->link(2, 1).delay == from_ms(25.75));  // the other direction's value
  CHECK(topology->link(0, 0).delay == 250us);           // intra-region default
  CHECK(topology->link(2, 0).delay == 15ms);            // an override without delay keeps the matrix's
  CHECK(topology->link(2, 0).loss == Approx(0.01));
  CHECK(topology->link(0, 2).loss == Approx(0.0));
  CHECK(topology->largest_round_trip() == 95ms);
  CHECK(topology->impaired());
  CHECK(topology->print_matrix().find("100.000") != std::string::npos);
}

TEST_CASE("several datacenters in a region") {
  const auto topology = parse_topology(
      "name: t\nregions: {a: {datacenters: [a1, a2]}, b: {}}\ndefaults: {intra_region_rtt: 2ms}\nrtt: {a: {b: 10}}\n",
      "t.yaml");
  REQUIRE(topology.ok());
  REQUIRE(topology->datacenters().size() == 3);
  CHECK(topology->datacenters_of("a") == std::vector<std::string>{"a1", "a2"});
  CHECK(topology->link(0, 1).delay == 1ms);
  CHECK(topology->link(1, 2).delay == 5ms);
  CHECK(topology->find("a2") == 1);
  CHECK(topology->find("b") == 2);
  CHECK_FALSE(topology->impaired());
}

TEST_CASE("the printed matrix: a row a datacenter, round trips of that direction, columns that line up") {
  auto topology = parse_topology(
      "name: t\nregions: [a-region-with-a-long-name, b]\nrtt:\n  a-region-with-a-long-name: {b: 100.5}\n  b: "
      "{a-region-with-a-long-name: 90}\nlinks:\n  - {from: b, to: b, up: false}\n",
      "t.yaml");
  INFO((topology ? "" : topology.error().message));
  REQUIRE(topology.ok());
  const std::string text = topology->print_matrix();
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
    lines.push_back(text.substr(at, text.find('\n', at) - at));
  }
  REQUIRE(lines.size() >= 4);
  CHECK(lines[0].find("t: round trip in ms") == 0);
  const std::size_t wide = std::string("a-region-with-a-long-name").size();
  CHECK(lines[1] == std::string(wide, ' ') + "  a-region-with-a-long-name" + "  " + std::string(wide - 1, ' ') + "b");
  CHECK(lines[2] == "a-region-with-a-long-name  " + std::string(wide - 5, ' ') + "0.500  " +
                        std::string(wide - 7, ' ') + "100.500");
  CHECK(lines[3] == "b" + std::string(wide - 1, ' ') + "  " + std::string(wide - 6, ' ') + "90.000  " +
                        std::string(wide - 4, ' ') + "down");
}

TEST_CASE("a topology is impaired by any jitter, loss, rate or link that is down") {
  const auto impaired = [](auto change) {
    LinkSpec link;
    link.delay = 5ms;
    std::vector<std::vector<LinkSpec>> links(2, std::vector<LinkSpec>(2, link));
    change(links[1][0]);
    return Topology::make("t", {}, {"a", "b"}, {{"a", "a"}, {"b", "b"}}, links).value().impaired();
  };
  CHECK_FALSE(impaired([](LinkSpec& link) { link.delay = 9ms; }));
  CHECK_FALSE(impaired([](LinkSpec& link) { link.limit_packets = 7; }));
  CHECK(impaired([](LinkSpec& link) { link.jitter = 1ns; }));
  CHECK(impaired([](LinkSpec& link) { link.loss = 0.001; }));
  CHECK(impaired([](LinkSpec& link) { link.rate_bits_per_second = 1; }));
  CHECK(impaired([](LinkSpec& link) { link.up = false; }));
}

TEST_CASE("what a link holds: its own limit, or what is on the way and a tenth of a second of queue") {
  LinkSpec link;
  CHECK(queue_limit(link) == 8333);  // 0.1 s at 1 Gbit/s, in packets of 1500 bytes
  link.delay = 50ms;
  CHECK(queue_limit(link) == 14583);  // and 1.5 x 50 ms
  link.jitter = 10ms;
  CHECK(queue_limit(link) == 15833);
  link.rate_bits_per_second = 10'000'000;
  CHECK(queue_limit(link) == 1000);  // never less
  link.rate_bits_per_second = 1'000'000'000'000;
  CHECK(queue_limit(link) == 1'000'000);  // nor more
  link.limit_packets = 3;
  CHECK(queue_limit(link) == 3);
}

TEST_CASE("what is refused says where and what was expected") {
  CHECK(error_of("name: t\nregions: [a, b]\nrtt: {}\n") ==
        "t.yaml:3:1: rtt: expected the round trip between a and b, it is missing");
  CHECK(error_of("name: t\nregions: [a, bb]\nrtt: {a: {bbb: 3}}\n").find("t.yaml:3:11: rtt.a.bbb: expected a region") ==
        0);
  CHECK(error_of("name: t\nregions: [a, b]\nrtt: {a: {b: fast}}\n") ==
        "t.yaml:3:14: rtt.a.b: expected a number from 0 to 20000, found \"fast\"");
  CHECK(error_of("name: t\nregions: [a]\nregoins: [b]\n").find("did you mean \"regions\"?") != std::string::npos);
  // Regions become folders: a key is a name, too.
  CHECK(error_of("name: t\nregions: {x/../../victim: {}, b: {}}\nrtt: {b: {x/../../victim: 1}}\n") ==
        "t.yaml:2:11: regions.x/../../victim: expected a name of letters, digits, '.', '_' and '-', a letter or digit "
        "first, at most 64, found \"x/../../victim\"");
  CHECK(error_of("name: t\nregions: {'..': {}}\n").find("t.yaml:2:11: regions...: expected a name of") == 0);
  CHECK(
      error_of("name: t\nregions: [a, .b]\nrtt: {a: {.b: 1}}\n").find("t.yaml:2:14: regions[1]: expected a name of") ==
      0);
  CHECK(error_of("name: ../t\nregions: [a]\n").find("t.yaml:1:7: name: expected a name of") == 0);
  CHECK(
      error_of("name: t\nregions: {a: {datacenters: [a/b]}}\n").find("regions.a.datacenters[0]: expected a name of") !=
      std::string::npos);
  CHECK_FALSE(Topology::make("t", {}, {"a/b"}, {{"a/b", "a/b"}}, {{LinkSpec{}}}).ok());
  CHECK(error_of("name: t\nregions: [a, a]\n").find("t.yaml:2:1: regions: a region is named twice") == 0);
  CHECK(error_of("name: t\nregions: [a]\nlinks: [{from: a, to: x}]\n").find("links[0].to: expected a region") !=
        std::string::npos);
  CHECK(error_of("name: t\nregions: [a]\nlinks: [{from: a, to: a, delay: 3}]\n").find("with its unit") !=
        std::string::npos);
  CHECK(error_of("name: t\nregions: []\n") != "parsed");
  CHECK(error_of("") != "parsed");
}

TEST_CASE("the queue of a link holds its bandwidth-delay product") {
  LinkSpec link;
  CHECK(queue_limit(link) >= 1000);
  link.delay = 100ms;
  CHECK(queue_limit(link) >= 12500);
  link.rate_bits_per_second = 10'000'000;
  CHECK(queue_limit(link) == 1000);
  link.limit_packets = 7;
  CHECK(queue_limit(link) == 7);
}

TEST_CASE("a topology's name is looked for here, at home, and from the program's folder upwards") {
  const char* const before = std::getenv("GEOCOMMIT_HOME");
  const std::string kept = before != nullptr ? before : "";
  ::unsetenv("GEOCOMMIT_HOME");
  const auto without = shipped_folders("topologies");
  ::setenv("GEOCOMMIT_HOME", "/some/home", 1);
  const auto with = shipped_folders("topologies");
  before != nullptr ? ::setenv("GEOCOMMIT_HOME", kept.c_str(), 1) : ::unsetenv("GEOCOMMIT_HOME");
  std::vector<std::filesystem::path> expected{"topologies"};
  auto folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  for (; expected.size() < 6 && folder.has_relative_path(); folder = folder.parent_path()) {
    expected.push_back(folder / "topologies");
  }
  CHECK(without == expected);
  expected.insert(expected.begin() + 1, "/some/home/topologies");
  CHECK(with == expected);
}

TEST_CASE("the first folder that has a topology gives it; a name that none has is told with those that there are") {
  const TemporaryDirectory folder;
  const auto first = folder.path / "first", second = folder.path / "second";
  const auto write = [](const std::filesystem::path& path, const std::string& name) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << "name: " << name << "\nregions: [a]\n";
  };
  write(first / "near.yaml", "of-the-first");
  write(second / "near.yaml", "of-the-second");
  write(second / "far.yaml", "far");
  write(second / "notes.txt", "none");
  const std::vector<std::filesystem::path> search{folder.path / "missing", first, second};
  CHECK(load_topology("near", search)->name() == "of-the-first");
  CHECK(load_topology("far", search)->name() == "far");
  CHECK(load_topology((second / "near.yaml").string(), search)->name() == "of-the-second");
  CHECK_FALSE(load_topology("near.yaml", search).ok());  // A file of this folder, not of those.
  const auto told = [&](const std::string& name) {
    const auto topology = load_topology(name, search);
    return topology ? "found" : topology.error().message;
  };
  CHECK(told("fat") == "no topology \"fat\", did you mean \"far\"? There are: far near; or give a path to a file");
  CHECK(told("elsewhere") == "no topology \"elsewhere\"; there are: far near; or give a path to a file");
}
