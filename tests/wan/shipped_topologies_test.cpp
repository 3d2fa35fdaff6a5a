// The topologies that ship with geocommit: all load, and say what was published.
#include <catch2/catch.hpp>

#include "wan/topology.h"

using namespace geocommit;

namespace {
Topology shipped(const std::string& name) {
  const auto topology = load_topology(name, {GEOCOMMIT_TOPOLOGIES});
  if (!topology) FAIL(topology.error().message);
  return *topology;
}
}  // namespace

TEST_CASE("every shipped topology loads, with its source") {
  const std::vector<std::pair<std::string, std::size_t>> expected{
      {"lan", 3}, {"aws-3", 3}, {"aws-5", 5}, {"aws-15", 15}, {"azure-6", 6}, {"gcp-5", 5}, {"ibm-4", 4}};
  for (const auto& [name, regions] : expected) {
    const auto topology = shipped(name);
    INFO(name);
    CHECK(topology.name() == name);
    CHECK(topology.regions().size() == regions);
    CHECK_FALSE(topology.source().statistic.empty());
    CHECK_FALSE(topology.source().date.empty());
    CHECK_FALSE(topology.source().text.empty());
    CHECK_FALSE(topology.impaired());
    CHECK(topology.link(0, 0).delay == 250us);
  }
}

TEST_CASE("published asymmetry survives") {
  const auto aws = shipped("aws-3");
  const auto from = aws.find("us-east-1");
  const auto to = aws.find("ap-northeast-1");
  REQUIRE((from && to));
  CHECK(2 * aws.link(*from, *to).delay == from_ms(149.684));
  CHECK(2 * aws.link(*to, *from).delay == from_ms(149.537));
  CHECK(aws.link(*from, *to).delay != aws.link(*to, *from).delay);
}

TEST_CASE("an unknown name lists what there is") {
  const auto topology = load_topology("aws3", {GEOCOMMIT_TOPOLOGIES});
  REQUIRE_FALSE(topology.ok());
  CHECK(topology.error().message.find("did you mean \"aws-3\"?") != std::string::npos);
  CHECK(topology.error().message.find("ibm-4") != std::string::npos);
}
