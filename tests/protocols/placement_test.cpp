#include <catch2/catch.hpp>

#include "protocols/registry.h"

namespace geocommit {
namespace {

Request request(std::uint32_t origin, std::vector<Operation> operations) {
  Request r;
  r.origin = RegionId{origin};
  r.operations = std::move(operations);
  return r;
}
Operation write(std::uint64_t entity, std::int64_t delta = 1) { return {Entity{entity}, delta, false}; }
Operation read(std::uint64_t entity) { return {Entity{entity}, 0, true}; }

}  // namespace

TEST_CASE("replicated: every copy of what is written, the origin's copy of what is read") {
  const Directory directory({"us", "eu", "ap"}, 1, Placement::replicated, 9);
  const auto work = place_everywhere(request(1, {write(4, -5), write(7, 5), read(2)}), directory);
  REQUIRE(work.size() == 3);
  for (std::uint32_t region = 0; region < 3; ++region) {
    CHECK(work[region].site == directory.agent(RegionId{region}, 0));
    std::int64_t sum = 0;
    for (const Operation& operation : work[region].operations) {
      sum += operation.delta;
    }
    CHECK(sum == 0);  // Money is conserved per copy.
    CHECK(work[region].operations.size() == (region == 1 ? 3 : 2));
    CHECK(work[region].operations[0] == write(4, -5));  // The request's order.
  }
}

TEST_CASE("a read-only request stays at the origin, or at the only copy") {
  const Directory replicated({"us", "eu", "ap"}, 2, Placement::replicated, 9);
  auto work = place_everywhere(request(2, {read(3)}), replicated);
  REQUIRE(work.size() == 1);
  CHECK(work[0].site == replicated.agent(RegionId{2}, 1));
  const Directory partitioned({"us", "eu", "ap"}, 1, Placement::partitioned, 9);
  work = place_everywhere(request(2, {read(3)}), partitioned);
  REQUIRE(work.size() == 1);
  CHECK(work[0].site == partitioned.agent(RegionId{0}, 0));
}

TEST_CASE("at home: one site per home; in partitioned placement the same as everywhere") {
  const Directory replicated({"us", "eu", "ap"}, 1, Placement::replicated, 9);
  const auto work = place_at_home(request(0, {write(1), write(4), write(2)}), replicated);
  REQUIRE(work.size() == 2);
  CHECK(work[0].site == replicated.agent(RegionId{1}, 0));
  CHECK(work[0].operations == std::vector<Operation>{write(1), write(4)});
  CHECK(work[1].site == replicated.agent(RegionId{2}, 0));

  const Directory partitioned({"us", "eu", "ap"}, 2, Placement::partitioned, 9);
  const Request r = request(0, {write(1), write(8), read(5), write(11)});
  const auto home = place_at_home(r, partitioned);
  const auto everywhere = place_everywhere(r, partitioned);
  REQUIRE(home.size() == everywhere.size());
  for (std::size_t i = 0; i < home.size(); ++i) {
    CHECK(home[i].site == everywhere[i].site);
    CHECK(home[i].operations == everywhere[i].operations);
  }
}

TEST_CASE("home-region coordinates at a single home, and at the origin for several") {
  const Directory directory({"us", "eu", "ap"}, 1, Placement::replicated, 9);
  const Protocol& row = *find_protocol("home-region");
  const Route single = row.route(request(0, {write(1), write(4)}), directory);
  CHECK(single.coordinator_region == RegionId{1});
  CHECK(single.protocol == find_protocol("2pc")->wire_id);
  const Route several = row.route(request(0, {write(1), write(2)}), directory);
  CHECK(several.coordinator_region == RegionId{0});
  // Back to the first home after another one: still several.
  CHECK(row.route(request(0, {write(1), write(2), write(4)}), directory).coordinator_region == RegionId{0});
}

TEST_CASE("an empty request is placed nowhere") {
  const Directory directory({"us"}, 1, Placement::replicated, 9);
  CHECK(place_everywhere(request(0, {}), directory).empty());
  CHECK(place_at_home(request(0, {}), directory).empty());
}

}  // namespace geocommit
