// A home's writes in terms: what two sites' logs have in common, and how far one counts as having got.
#include "engine/home/home_log.h"

#include <catch2/catch.hpp>
#include <vector>

using namespace geocommit;

TEST_CASE("home log: what two logs have in common, by their terms") {
  const auto write = [](std::uint64_t sequence) {
    return ShippedWrite{sequence, {NodeId{1001}, Epoch{1}, sequence}, {}};
  };
  HomeLog log(HomeEpoch{3});
  for (std::uint64_t s = 1; s <= 10; ++s) {
    log.append(write(s));
  }
  CHECK(log.common_with({{HomeEpoch{3}, 0}}) == 10);
  CHECK(log.common_with({{HomeEpoch{3}, 0}, {HomeEpoch{7}, 6}}) == 6);
  // Two terms passed it by: the first of them was shorter than the second.
  CHECK(log.common_with({{HomeEpoch{3}, 0}, {HomeEpoch{7}, 6}, {HomeEpoch{11}, 15}}) == 6);
  CHECK(log.common_with({{HomeEpoch{3}, 0}, {HomeEpoch{11}, 15}}) == 10);
  CHECK(log.common_with({{HomeEpoch{3}, 0}}, 4) == 4);  // With a log that is shorter.
  const std::vector<ShippedWrite> cut = log.cut_to(6);
  REQUIRE(cut.size() == 4);
  CHECK(cut.front().sequence == 10);
  log.adopt({{HomeEpoch{3}, 0}, {HomeEpoch{7}, 6}});
  log.append(write(7));
  CHECK(log.epoch_at(6) == HomeEpoch{3});
  CHECK(log.epoch_at(7) == HomeEpoch{7});
  // A term of its own that nobody has heard of.
  log.begin_term(HomeEpoch{8});
  log.append(write(8));
  CHECK(log.common_with({{HomeEpoch{3}, 0}, {HomeEpoch{7}, 6}, {HomeEpoch{10}, 9}}) == 7);
  log.confirm(5);
  CHECK(log.confirmed() == 5);
}

// Who hears of a new master before it has what that one began with holds no more than before: else it would win an
// election against who has it.
TEST_CASE("home log: a term counts once what its master began with is there") {
  HomeLog log(HomeEpoch{3});
  log.append({1, {NodeId{1001}, Epoch{1}, 1}, {}});
  log.set_durable(1);
  log.adopt({{HomeEpoch{3}, 0}, {HomeEpoch{7}, 2}});
  CHECK(log.position() == HomePosition{HomeEpoch{3}, 1});
  SECTION("it comes") {
    log.append({2, {NodeId{1001}, Epoch{1}, 2}, {}});
    CHECK(log.position() == HomePosition{HomeEpoch{3}, 1});
    log.set_durable(2);
    CHECK(log.position() == HomePosition{HomeEpoch{7}, 2});
  }
  SECTION("it does not, and the site is the next master") {
    log.begin_term(HomeEpoch{8});
    CHECK(log.history() == HomeHistory{{HomeEpoch{3}, 0}, {HomeEpoch{8}, 1}});
    HomeLog ahead(HomeEpoch{3});
    ahead.append({1, {NodeId{1001}, Epoch{1}, 1}, {}});
    ahead.append({2, {NodeId{1001}, Epoch{1}, 2}, {}});
    CHECK(ahead.common_with(log.history()) == 1);
  }
}
