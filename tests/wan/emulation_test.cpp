// What every backend gets from the base: whole links, cuts, and partitions, as changes of directed links.
#include <catch2/catch.hpp>
#include <set>

#include "wan/node_network.h"

namespace geocommit {
namespace {

/// Links as they are told to be, without packets.
class Told final : public Emulation {
 public:
  explicit Told(LinkTable table) : links(std::move(table)) {}
  [[nodiscard]] Backend backend() const override { return Backend::loopback; }
  [[nodiscard]] std::string wan_address(std::string_view) const override { return ""; }
  [[nodiscard]] std::string management_address(std::string_view) const override { return ""; }
  [[nodiscard]] std::string runner_address() const override { return ""; }
  [[nodiscard]] int namespace_fd(std::string_view) const override { return -1; }
  [[nodiscard]] Result<void> change_link(std::string_view from, std::string_view to,
                                         const LinkChange& change) override {
    const auto done = links.change(from, to, change);
    return done ? Result<void>{} : Result<void>{done.error()};
  }
  [[nodiscard]] Result<LinkSpec> link(std::string_view from, std::string_view to) const override {
    return links.between(from, to);
  }
  [[nodiscard]] Result<void> heal_all() override { return {}; }
  [[nodiscard]] Result<RouterStats> stats() override { return RouterStats{}; }
  [[nodiscard]] Result<void> reset_stats() override { return {}; }
  [[nodiscard]] int failure_fd() const override { return -1; }
  [[nodiscard]] Result<void> health() override { return {}; }
  [[nodiscard]] std::map<std::string, std::string> describe() const override { return {}; }
  [[nodiscard]] std::vector<int> processes() const override { return {}; }
  void close() override {}

  [[nodiscard]] std::set<std::string> down() const {
    std::set<std::string> names;
    for (std::size_t from = 0; from < links.size(); ++from) {
      for (std::size_t to = 0; to < links.size(); ++to) {
        if (!links.at(from, to).up) names.insert(links.nodes()[from].name + ">" + links.nodes()[to].name);
      }
    }
    return names;
  }

  LinkTable links;
};

Told four() {
  const Topology topology =
      Topology::make("t", {}, {"a", "b", "c", "d"}, {{"a", "a"}, {"b", "b"}, {"c", "c"}, {"d", "d"}},
                     std::vector<std::vector<LinkSpec>>(4, std::vector<LinkSpec>(4)))
          .value();
  return Told{LinkTable::make(topology, {{"na", "a", ""}, {"nb", "b", ""}, {"nc", "c", ""}, {"nd", "d", ""}}).value()};
}

using Names = std::set<std::string>;

TEST_CASE("to set a link sets all of it, in its direction") {
  Told wan = four();
  LinkSpec spec;
  spec.delay = 11ms;
  spec.jitter = 12ms;
  spec.distribution = JitterDistribution::uniform;
  spec.loss = 0.13;
  spec.rate_bits_per_second = 14;
  spec.limit_packets = 15;
  spec.up = false;
  REQUIRE(wan.set_link("na", "nb", spec).ok());
  CHECK(wan.link("na", "nb").value() == spec);
  CHECK(wan.link("nb", "na").value() == LinkSpec{});
}

TEST_CASE("a cut is one way until it is healed; a partition is both ways, and leaves its groups whole") {
  Told wan = four();
  REQUIRE(wan.cut("na", "nb").ok());
  CHECK(wan.down() == Names{"na>nb"});
  REQUIRE(wan.heal("nb", "na").ok());
  CHECK(wan.down() == Names{"na>nb"});
  REQUIRE(wan.heal("na", "nb").ok());
  CHECK(wan.down().empty());
  REQUIRE(wan.partition({"a", "nb"}, {"c"}).ok());
  CHECK(wan.down() == Names{"na>nc", "nc>na", "nb>nc", "nc>nb"});
}

TEST_CASE("a name that is nobody's is an error wherever it stands") {
  Told wan = four();
  CHECK_FALSE(wan.cut("na", "mars").ok());
  CHECK_FALSE(wan.heal("mars", "na").ok());
  CHECK_FALSE(wan.set_link("na", "mars", {}).ok());
  CHECK_FALSE(wan.partition({"na"}, {"nb", "mars"}).ok());
  CHECK_FALSE(wan.partition({"na", "mars"}, {"nb"}).ok());
}

TEST_CASE("no namespace is nothing to enter") {
  CHECK(Emulation::enter_namespace(-1) == 0);
  CHECK(Emulation::enter_namespace(1'000'000) == EBADF);
}

}  // namespace
}  // namespace geocommit
