// The counts behind a home's mastership: what a site grants, what a master has been granted, what a successor collects.
#include "engine/home/lease.h"

#include <catch2/catch.hpp>

#include "engine/home/claim.h"

using namespace geocommit;

namespace {

constexpr NodeId kSelf{1}, kSecond{2}, kThird{3};
constexpr Duration kLength = 3s, kGuard = 1s;

Instant at(Duration after) { return Instant{100s} + after; }

}  // namespace

TEST_CASE("a grant binds a site to one master until it has surely ended; where that one has handed over, to the next") {
  Grants grants;
  grants.grant(at(0s), HomeEpoch{7}, kLength);
  CHECK(grants.holder(at(1s)) == HomeEpoch{7});
  CHECK(grants.allow(at(1s), HomeEpoch{7}, {}));
  CHECK_FALSE(grants.allow(at(1s), HomeEpoch{8}, {}));
  CHECK_FALSE(grants.allow(at(1s), HomeEpoch{8}, HomeEpoch{6}));
  CHECK(grants.allow(at(1s), HomeEpoch{8}, HomeEpoch{7}));
  CHECK_FALSE(grants.allow(at(kLength), HomeEpoch{8}, {}));  // Another's clock may be slower.
  CHECK(grants.allow(at(surely(kLength)), HomeEpoch{8}, {}));
  CHECK(grants.holder(at(surely(kLength))) == HomeEpoch{});
}

TEST_CASE("what a site granted before a crash counts as granted now; its own help changes nobody's end") {
  Grants grants;
  grants.restart(at(5s), HomeEpoch{9}, kLength);
  CHECK_FALSE(grants.allow(at(6s), HomeEpoch{10}, {}));
  const Instant until = grants.until();
  CHECK(until == at(5s) + surely(kLength));
  grants.help_self(HomeEpoch{10});
  CHECK(grants.until() == until);
  CHECK(grants.holder(at(6s)) == HomeEpoch{10});
}

TEST_CASE("a lease lasts from when a majority was asked, less the guard, and its loss is told once") {
  Lease lease(kLength, kGuard, 2);
  lease.start(at(0s), Epoch{1});
  CHECK(lease.is_due(at(0s)));
  const std::uint64_t first = lease.ask(at(0s), kSelf, true);
  CHECK_FALSE(lease.serves(at(0s)));
  CHECK_FALSE(lease.is_lost(at(0s)));  // It never had one.
  lease.granted(kSecond, first);
  CHECK(lease.serves(at(1900ms)));
  CHECK_FALSE(lease.serves(at(2s)));
  const std::uint64_t second = lease.ask(at(1s), kSelf, true);
  lease.granted(kThird, first);  // Late: it says nothing of the second.
  CHECK_FALSE(lease.serves(at(2s)));
  lease.granted(kThird, second);
  CHECK(lease.serves(at(2900ms)));
  CHECK(lease.is_lost(at(3s)));
  CHECK_FALSE(lease.is_lost(at(4s)));
}

TEST_CASE("a grant without this site's own help, or to an earlier start's renewal, is no majority") {
  Lease lease(kLength, kGuard, 2);
  lease.start(at(0s), Epoch{2});
  const std::uint64_t number = lease.ask(at(0s), kSelf, false);
  CHECK(number == (std::uint64_t{2} << 32U) + 1);
  lease.granted(kSecond, (std::uint64_t{1} << 32U) + 1);
  lease.granted(kSecond, number);
  CHECK_FALSE(lease.serves(at(0s)));
  CHECK_FALSE(lease.awaits(1));
  CHECK(lease.awaits(number));
  lease.granted(kThird, number);
  CHECK(lease.serves(at(0s)));
}

TEST_CASE("a new term begins with nothing") {
  Lease lease(kLength, kGuard, 2);
  lease.start(at(0s), Epoch{1});
  const std::uint64_t first = lease.ask(at(0s), kSelf, true);
  lease.granted(kSecond, first);
  lease.granted(kSecond, lease.ask(at(1s), kSelf, true));
  REQUIRE(lease.serves(at(1s)));
  lease.begin(at(1s));
  CHECK_FALSE(lease.serves(at(1s)));
  CHECK_FALSE(lease.is_lost(at(1s)));  // It has not had one.
  CHECK_FALSE(lease.awaits(first));
  CHECK(lease.is_due(at(1s)));
}

TEST_CASE("alone, a site is its own majority; it wakes for the renewal, or for the end of what it has") {
  Lease lease(kLength, kGuard, 1);
  lease.start(at(0s), Epoch{1});
  CHECK(lease.deadline() == at(0s));
  (void)lease.ask(at(0s), kSelf, true);
  CHECK(lease.serves(at(1s)));
  CHECK(lease.deadline() == at(kLength / 6));
  CHECK_FALSE(lease.is_due(at(0s)));
}

TEST_CASE("a claim opens when every older lease has ended: later, unless all have promised, by what may still arrive") {
  Claim claim;
  claim.begin(at(2s));
  claim.promised_self(kSelf, at(5s));
  claim.promised(kSecond, {HomeEpoch{3}, 4}, at(3s));
  CHECK(claim.promises() == 2);
  CHECK(claim.opens_at(3) == at(5s));
  CHECK(claim.opens_at(2) == at(3s));
  claim.promised(kSecond, {HomeEpoch{3}, 4}, at(1s));  // A copy does not shorten it.
  CHECK(claim.promises() == 2);
  CHECK(claim.opens_at(2) == at(3s));
}

TEST_CASE("a claim fetches from the most up-to-date log of those that promised, and goes on without who is silent") {
  Claim claim;
  claim.begin(at(0s));
  claim.promised(kSecond, {HomeEpoch{3}, 9}, at(0s));
  claim.promised(kThird, {HomeEpoch{4}, 5}, at(0s));
  claim.promised(kThird, {HomeEpoch{4}, 2}, at(0s));  // Overtaken.
  REQUIRE(claim.fetches_beyond({HomeEpoch{3}, 1}));
  CHECK(claim.source() == kThird);
  CHECK(claim.wanted() == HomePosition{HomeEpoch{4}, 5});
  CHECK_FALSE(claim.fetches_beyond({HomeEpoch{4}, 5}));
  claim.give_up_source();
  REQUIRE(claim.fetches_beyond({HomeEpoch{3}, 1}));
  CHECK(claim.source() == kSecond);
  claim.begin(at(0s));
  CHECK(claim.promises() == 0);
  claim.promised(kThird, {HomeEpoch{4}, 5}, at(0s));
  CHECK(claim.fetches_beyond({HomeEpoch{3}, 1}));  // It may answer by now.
}
