// Names to directed links: who is meant by a name, what a change touches, and what it leaves alone.
#include <catch2/catch.hpp>
#include <set>

#include "wan/node_network.h"

namespace geocommit {
namespace {

/// Datacenters a1 and a2 in region a, b1 in b; the delay from place i to place j is 10i + j + 1 ms.
Topology topology() {
  std::vector<std::vector<LinkSpec>> links;
  for (int from = 0; from < 3; ++from) {
    std::vector<LinkSpec>& row = links.emplace_back();
    for (int to = 0; to < 3; ++to) {
      LinkSpec link;
      link.delay = std::chrono::milliseconds{10 * from + to + 1};
      row.push_back(link);
    }
  }
  return Topology::make("t", {}, {"a", "b"}, {{"a1", "a"}, {"a2", "a"}, {"b1", "b"}}, links).value();
}

/// n0 and n1 at a1, n2 at a2, n3 at b1.
LinkTable table() {
  return LinkTable::make(topology(), {{"n0", "a", ""}, {"n1", "", "a1"}, {"n2", "a", "a2"}, {"n3", "b", ""}}).value();
}

std::string refused(const std::vector<WanNode>& nodes) {
  const auto made = LinkTable::make(topology(), nodes);
  return made ? "made" : made.error().message;
}

using Pairs = std::set<std::pair<std::size_t, std::size_t>>;
Pairs set_of(const LinkTable::Pairs& pairs) {
  const Pairs all{pairs.begin(), pairs.end()};
  CHECK(all.size() == pairs.size());  // none twice
  return all;
}
Pairs touched(LinkTable& table, std::string_view from, std::string_view to, const LinkChange& change) {
  const auto pairs = table.change(from, to, change);
  REQUIRE(pairs.ok());
  return set_of(pairs.value());
}

TEST_CASE("each ordered pair of nodes has the link of its datacenters, in that direction") {
  const LinkTable links = table();
  REQUIRE(links.size() == 4);
  const int place[] = {0, 0, 1, 2};
  for (std::size_t from = 0; from < 4; ++from) {
    for (std::size_t to = 0; to < 4; ++to) {
      CHECK(links.at(from, to).delay == std::chrono::milliseconds{10 * place[from] + place[to] + 1});
    }
  }
  CHECK(links.nodes()[0].datacenter == "a1");
  CHECK(links.nodes()[1].region == "a");
  CHECK(links.index_of("n2") == 2);
  CHECK(links.between("n2", "n3").value().delay == 13ms);
  CHECK(links.between("n3", "n2").value().delay == 22ms);
  CHECK_FALSE(links.between("a", "n3").ok());  // two nodes and more
  CHECK_FALSE(links.between("n3", "a1").ok());
}

TEST_CASE("a name is a node's, else a datacenter's, else a region's; a change touches all pairs between, once") {
  LinkTable links = table();
  LinkChange down;
  down.up = false;
  CHECK(touched(links, "n0", "n3", down) == Pairs{{0, 3}});
  CHECK(touched(links, "a1", "b", down) == Pairs{{0, 3}, {1, 3}});
  CHECK(touched(links, "b1", "a", down) == Pairs{{3, 0}, {3, 1}, {3, 2}});
  CHECK(touched(links, "a", "a1", down) == Pairs{{0, 1}, {1, 0}, {2, 0}, {2, 1}});  // nobody's link to itself
  const auto unknown = links.change("n0", "mars", down);
  REQUIRE_FALSE(unknown.ok());
  CHECK(unknown.error().message.find("\"mars\"") != std::string::npos);
  CHECK_FALSE(links.change("mars", "n0", down).ok());
  CHECK_FALSE(links.at(0, 3).up);
  CHECK(links.at(2, 3).up);
  // Healing tells of those that were down, and of no other.
  CHECK(set_of(links.heal_all()) == Pairs{{0, 3}, {1, 3}, {3, 0}, {3, 1}, {3, 2}, {0, 1}, {1, 0}, {2, 0}, {2, 1}});
  CHECK(links.at(0, 3).up);
  CHECK(links.heal_all().empty());
}

TEST_CASE("a change sets what it names and keeps the rest") {
  LinkTable links = table();
  LinkSpec want = links.at(0, 3);
  const auto apply = [&](const LinkChange& change) {
    CHECK(touched(links, "n0", "n3", change) == Pairs{{0, 3}});
    CHECK(links.at(0, 3) == want);
    CHECK(links.at(3, 0) == table().at(3, 0));
  };
  apply({});
  LinkChange change;
  change.delay = want.delay = 77ms;
  apply(change);
  change = {};
  change.jitter = want.jitter = 7ms;
  apply(change);
  change = {};
  change.distribution = want.distribution = JitterDistribution::pareto;
  apply(change);
  change = {};
  change.loss = want.loss = 0.5;
  apply(change);
  change = {};
  change.rate_bits_per_second = want.rate_bits_per_second = 1'000;
  apply(change);
  change = {};
  change.limit_packets = want.limit_packets = 9;
  apply(change);
  change = {};
  change.up = want.up = false;
  apply(change);
  LinkSpec other = want;
  other.delay = 1ms;
  links.set(0, 3, other);
  CHECK(links.at(0, 3) == other);
}

TEST_CASE("impossible values of a link are refused, and change nothing") {
  LinkTable links = table();
  const auto fine = [&](auto member, auto value) {
    LinkChange change;
    change.*member = value;
    const bool ok = links.change("n0", "n3", change).ok();
    CHECK(ok == check_change(change).ok());
    return ok;
  };
  CHECK(fine(&LinkChange::loss, 0.0));
  CHECK(fine(&LinkChange::loss, 1.0));
  CHECK_FALSE(fine(&LinkChange::loss, 1.01));
  CHECK_FALSE(fine(&LinkChange::loss, -0.01));
  CHECK(fine(&LinkChange::delay, Duration{20s}));
  CHECK(fine(&LinkChange::jitter, Duration{20s}));
  CHECK(fine(&LinkChange::delay, Duration{0}));
  CHECK_FALSE(fine(&LinkChange::delay, Duration{20s} + 1ns));
  CHECK_FALSE(fine(&LinkChange::jitter, Duration{20s} + 1ns));
  CHECK_FALSE(fine(&LinkChange::jitter, Duration{-1}));
  CHECK(links.at(0, 3).delay == 0ms);
  CHECK(links.at(0, 3).jitter == 20s);
}

TEST_CASE("nodes that cannot be told apart, or are nowhere, are refused") {
  CHECK(refused({{"x", "a", ""}}) == "made");
  CHECK(refused({}).find("from 1 to") != std::string::npos);
  CHECK(refused({{"x", "mars", ""}}).find("region \"mars\"") != std::string::npos);
  CHECK(refused({{"x", "b", "a1"}}) == "node \"x\": datacenter a1 is not in region b");
  CHECK(refused({{"x", "a", ""}, {"x", "b", ""}}) == "two nodes are named \"x\"");
  CHECK(refused({{"", "a", ""}}) == "two nodes are named \"\"");
  // A node may have its own place's name, if nobody else is there.
  CHECK(refused({{"b", "b", ""}, {"x", "a", ""}}) == "made");
  CHECK(refused({{"b1", "b", ""}}) == "made");
  CHECK(refused({{"b", "b", ""}, {"x", "b", ""}}).find("has the name of") != std::string::npos);
  CHECK(refused({{"b", "a", ""}, {"x", "b", ""}}).find("has the name of") != std::string::npos);
  CHECK(refused({{"a2", "a", "a1"}, {"x", "a", "a2"}}).find("has the name of") != std::string::npos);
  CHECK(refused({{"b", "a", ""}}) == "made");  // nobody is at b
  std::vector<WanNode> many;
  for (std::size_t i = 0; i <= kMaxWanNodes; ++i) {
    many.push_back({"n" + std::to_string(i), "a", ""});
  }
  CHECK(refused(many).find("from 1 to") != std::string::npos);
  many.pop_back();
  CHECK(refused(many) == "made");
}

}  // namespace
}  // namespace geocommit
