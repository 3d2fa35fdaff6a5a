// The parts of a home's mastership, each alone: leases, the hand-over, the claim of a successor, the promises of the
// others, and the change that nobody finishes.
#include <catch2/catch.hpp>
#include <utility>
#include <vector>

#include "engine/home/handover.h"
#include "engine/home/leasing.h"
#include "engine/home/promising.h"
#include "engine/home/resumption.h"
#include "engine/home/takeover.h"

using namespace geocommit;

namespace {

constexpr NodeId kFirst{1}, kSecond{2}, kThird{3};
constexpr HomeRules kRules{.lease = 3s, .guard = 1s, .retry = 100ms, .drain_limit = 5s};

Instant at(Duration after) { return Instant{1h} + after; }

/// Of a home whose first master is kFirst.
HomeStanding standing_of(NodeId self, const HomeRules& rules = kRules) {
  return {rules, HomeSites(self, kFirst, {kFirst, kSecond, kThird})};
}

HomeMessage message_of(HomeMessageKind kind, HomeEpoch epoch, HomeEpoch base = {}) {
  HomeMessage message;
  message.kind = kind;
  message.home = kFirst;
  message.epoch = epoch;
  message.base = base;
  return message;
}

using Sent = std::vector<std::pair<NodeId, HomeMessageKind>>;
/// What was sent since it was last asked.
Sent sent(HomeEffects& effects) {
  Sent all;
  for (const auto& [to, message] : std::exchange(effects.send, {})) {
    all.emplace_back(to, message.kind);
  }
  return all;
}

}  // namespace

TEST_CASE("standing: a refusal says what is promised, whether that is open, and whether the sender is at work on it") {
  HomeStanding site = standing_of(kSecond);
  HomeEffects out;
  site.refuse(kFirst, out);
  CHECK(out.send.at(0).second.epoch == site.opened);
  CHECK(out.send.at(0).second.opened);
  site.aim_at(site.sites.next_forced(site.promised), {});
  site.refuse(kFirst, out);
  CHECK(out.send.at(1).second.epoch == site.claimed);
  CHECK_FALSE(out.send.at(1).second.opened);
  CHECK(out.send.at(1).second.base == HomeEpoch{});  // It has given way meanwhile.
  site.role = HomeRole::claiming;
  site.refuse(kFirst, out);
  CHECK(out.send.at(2).second.base == site.claimed);
}

TEST_CASE("leasing: a master serves once a majority has granted what it asked in this term, and not before") {
  HomeStanding master = standing_of(kFirst);
  Leasing leasing(master);
  HomeEffects out;
  leasing.start(master, at(0s), Epoch{1});
  leasing.tick(master, at(0s), out);
  HomeMessage grant = message_of(HomeMessageKind::grant, HomeEpoch{master.opened.value + 1});
  grant.number = out.send.at(0).second.number;
  CHECK(sent(out) == Sent{{kSecond, HomeMessageKind::renew}, {kThird, HomeMessageKind::renew}});
  leasing.granted(master, kSecond, grant);
  CHECK_FALSE(leasing.may_serve(master, at(0s)));
  grant.epoch = master.opened;
  leasing.granted(master, kSecond, grant);
  CHECK(leasing.may_serve(master, at(1900ms)));
  leasing.tick(master, at(2s), out);
  CHECK(out.lease_lost);
  leasing.open(at(2s));  // The next term.
  leasing.granted(master, kSecond, grant);
  CHECK_FALSE(leasing.may_serve(master, at(0s)));
}

TEST_CASE("leasing: a site lends to one master at a time, and is idle once that is over") {
  HomeStanding site = standing_of(kSecond);
  Leasing leasing(site);
  HomeEffects out;
  leasing.asked(site, at(0s), kFirst, message_of(HomeMessageKind::renew, site.opened), out);
  CHECK(sent(out) == Sent{{kFirst, HomeMessageKind::grant}});
  const HomeEpoch later{site.opened.value + 5};
  leasing.asked(site, at(1s), kThird, message_of(HomeMessageKind::renew, later), out);
  CHECK(sent(out).empty());
  CHECK_FALSE(leasing.is_idle(site, at(kRules.lease)));
  CHECK(leasing.is_idle(site, at(surely(kRules.lease))));
  site.role = HomeRole::claiming;
  CHECK_FALSE(leasing.is_idle(site, at(surely(kRules.lease))));
}

TEST_CASE("handover: called off when it cannot be drained in time; else told once it is durable, again and again") {
  HomeStanding master = standing_of(kFirst);
  Handover handover;
  HomeEffects out;
  handover.order(master, at(0s), kFirst);
  CHECK(master.role == HomeRole::master);
  handover.order(master, at(0s), kThird);
  CHECK(master.role == HomeRole::fencing);
  CHECK(handover.deadline(master) == at(5s));
  SECTION("not drained") {
    handover.tick(master, at(5s), out);
    CHECK(out.called_off);
    CHECK(master.role == HomeRole::master);
  }
  SECTION("drained") {
    handover.drained(master, at(1s), out);
    CHECK(master.role == HomeRole::handing_over);
    REQUIRE(out.force.size() == 1);
    CHECK(out.force[0].kind == HomeRecordKind::handed_over);
    CHECK(master.sites.site_of(handover.epoch()) == kThird);
    CHECK(master.promised == handover.epoch());
    handover.tick(master, at(2s), out);
    CHECK(sent(out).empty());
    master.durable_promise = handover.epoch();
    handover.stopped(at(2s));
    handover.tick(master, at(2s), out);
    CHECK(out.send.at(0).second.base == master.opened);
    CHECK(sent(out) == Sent{{kThird, HomeMessageKind::handoff}});
    handover.tick(master, at(2050ms), out);
    CHECK(sent(out).empty());
    handover.tick(master, at(2100ms), out);
    CHECK(sent(out) == Sent{{kThird, HomeMessageKind::handoff}});
  }
}

TEST_CASE("handover: the successor opens when it has everything, and refuses what a failover has overtaken") {
  HomeStanding site = standing_of(kThird);
  HomeEffects out;
  const HomeEpoch epoch = site.sites.next_planned(site.opened, kThird);
  const HomeMessage handoff = message_of(HomeMessageKind::handoff, epoch, site.opened);
  Handover::received(site, kFirst, handoff, false, out);
  CHECK(site.role == HomeRole::replica);
  CHECK(out.send.empty());
  SECTION("it has") {
    Handover::received(site, kFirst, handoff, true, out);
    CHECK(site.role == HomeRole::opening);
    CHECK(site.claimed == epoch);
    CHECK(site.base == handoff.base);
    REQUIRE(out.force.size() == 1);
    CHECK(out.force[0].opening == HomeOpening::planned);
    site.role = HomeRole::master;
    site.opened = epoch;
    Handover::received(site, kFirst, handoff, true, out);  // Again: the answer was lost.
    CHECK(sent(out) == Sent{{kFirst, HomeMessageKind::open}});
  }
  SECTION("it has promised a failover since") {
    site.promised = HomeEpoch{site.opened.value + 1};
    Handover::received(site, kFirst, handoff, true, out);
    CHECK(site.role == HomeRole::replica);
    CHECK(sent(out) == Sent{{kFirst, HomeMessageKind::refuse}});
  }
}

TEST_CASE(
    "takeover: without fencing it opens at once; without leases it is refused; else its own promise comes first") {
  HomeRules rules = kRules;
  HomeEffects out;
  Takeover takeover;
  SECTION("without fencing") {
    rules.fencing = false;
    HomeStanding site = standing_of(kSecond, rules);
    takeover.order(site, at(0s), at(0s), out);
    CHECK(site.role == HomeRole::opening);
    CHECK(out.force.at(0).opening == HomeOpening::unfenced);
  }
  SECTION("without leases") {
    rules.lease = {};
    HomeStanding site = standing_of(kSecond, rules);
    takeover.order(site, at(0s), at(0s), out);
    CHECK(site.role == HomeRole::replica);
    CHECK(out.refused_order);
    CHECK(out.force.empty());
  }
  SECTION("with both") {
    HomeStanding site = standing_of(kSecond, rules);
    takeover.order(site, at(0s), at(0s), out);
    CHECK(site.role == HomeRole::claiming);
    CHECK(out.force.at(0).kind == HomeRecordKind::promised);
    takeover.tick(site, at(1s), out);
    CHECK(sent(out).empty());
    site.durable_promise = site.promised;
    takeover.promised_self(site, at(1s), out);
    CHECK(sent(out) == Sent{{kFirst, HomeMessageKind::claim}, {kThird, HomeMessageKind::claim}});
  }
}

TEST_CASE("takeover: it opens when a quorum has promised and what that had lent is over, with what its log holds") {
  HomeStanding site = standing_of(kSecond);
  site.log = {site.opened, 4};
  Takeover takeover;
  HomeEffects out;
  takeover.order(site, at(0s), at(500ms), out);
  site.durable_promise = site.promised;
  takeover.promised_self(site, at(0s), out);  // So others have until 2 s.
  out = {};
  HomeMessage promise = message_of(HomeMessageKind::promise, site.claimed);
  promise.log = {site.opened, 4};
  SECTION("nobody has more") {
    takeover.promised(site, at(0s), kThird, promise, out);
    CHECK(takeover.deadline(site) == at(100ms));  // Claims again: who has not promised may.
    takeover.tick(site, at(1900ms), out);
    CHECK(site.role == HomeRole::claiming);
    takeover.tick(site, at(2s), out);
    CHECK(site.role == HomeRole::opening);
    CHECK(out.force.at(0).opening == HomeOpening::fenced);
  }
  SECTION("all have promised: at once, when the longest lease is over") {
    takeover.promised(site, at(0s), kThird, promise, out);
    promise.remaining = 1s;
    takeover.promised(site, at(0s), kFirst, promise, out);
    takeover.tick(site, at(1s), out);
    CHECK(site.role == HomeRole::claiming);
    takeover.tick(site, at(surely(1s)), out);
    CHECK(site.role == HomeRole::opening);
  }
  SECTION("one has more, and gives it") {
    promise.log.end = 9;
    takeover.promised(site, at(2s), kThird, promise, out);
    CHECK(site.role == HomeRole::fetching);
    CHECK(takeover.source() == kThird);
    CHECK(sent(out) == Sent{{kThird, HomeMessageKind::fetch}});
    site.log.end = 7;
    takeover.fetched(site, at(3s), out);
    CHECK(sent(out) == Sent{{kThird, HomeMessageKind::fetch}});
    takeover.tick(site, at(5900ms), out);  // What came has given it another lease's length.
    CHECK_FALSE(out.left_behind.has_value());
    site.log.end = 9;
    takeover.fetched(site, at(5900ms), out);
    CHECK(site.role == HomeRole::opening);
  }
  SECTION("one has more, and is silent") {
    promise.log.end = 9;
    takeover.promised(site, at(2s), kThird, promise, out);
    takeover.tick(site, at(5s), out);
    CHECK(out.left_behind == promise.log);
    CHECK(site.role == HomeRole::opening);
  }
}

TEST_CASE("takeover: who hears that a higher claim is at work gives way; one that may be gone it claims above") {
  HomeStanding site = standing_of(kSecond);
  Takeover takeover;
  HomeEffects out;
  takeover.order(site, at(0s), at(0s), out);
  const HomeEpoch higher = standing_of(kThird).sites.next_forced(site.claimed);
  HomeMessage refusal = message_of(HomeMessageKind::refuse, site.claimed, site.claimed);
  CHECK_FALSE(takeover.refused(site, at(0s), refusal, at(0s), out));  // Its own, from before a restart.
  CHECK(site.role == HomeRole::claiming);
  refusal.epoch = higher;
  SECTION("at work") {
    refusal.base = higher;
    CHECK(takeover.refused(site, at(0s), refusal, at(0s), out));
    CHECK(site.role == HomeRole::replica);
    CHECK(out.deposed);
  }
  SECTION("promised to by a third") {
    refusal.base = {};
    CHECK_FALSE(takeover.refused(site, at(0s), refusal, at(0s), out));
    CHECK(site.role == HomeRole::claiming);
    CHECK(site.claimed > higher);
    CHECK(out.force.size() == 2);
  }
}

TEST_CASE("promising: told to the claimant once it is durable; a master yields first; one's own claim is told nobody") {
  HomeStanding site = standing_of(kFirst);
  site.log = {site.opened, 7};
  const HomeEpoch claim = standing_of(kSecond).sites.next_forced(site.promised);
  Promising promising;
  HomeEffects out;
  SECTION("a replica") {
    site.role = HomeRole::replica;
    promising.claimed(site, at(0s), claim, at(2s), out);
    CHECK(sent(out).empty());
    CHECK(out.force.at(0).epoch == claim);
    CHECK_FALSE(out.deposed);
    site.durable_promise = claim;
    promising.claimed(site, at(0s), claim, at(2s), out);  // Asked again.
    REQUIRE(out.send.size() == 1);
    CHECK(out.send[0].first == kSecond);
    CHECK(out.send[0].second.remaining == 2s);
    CHECK(out.send[0].second.log == site.log);
  }
  SECTION("a master") {
    promising.claimed(site, at(0s), claim, at(0s), out);
    CHECK(out.deposed);
    CHECK(out.force.empty());
    CHECK(site.role == HomeRole::yielding);
    CHECK(promising.deadline() == at(kRules.guard));
    promising.tick(site, at(900ms), out);
    CHECK(out.force.empty());
    promising.tick(site, at(kRules.guard), out);
    CHECK(site.role == HomeRole::replica);
    CHECK(out.force.at(0).epoch == claim);
  }
  SECTION("its own") {
    site.promised = site.durable_promise = site.sites.next_forced(claim);
    Promising::durable(site, at(0s), at(0s), out);
    CHECK(out.send.empty());
  }
}

TEST_CASE("resumption: who comes next after the claimant asks first, and claims above all once a majority is idle") {
  HomeStanding site = standing_of(kThird);
  Resumption resumption;
  HomeEffects out;
  CHECK_FALSE(resumption.deadline(site).has_value());
  site.promised = standing_of(kSecond).sites.next_forced(site.opened);
  resumption.be_patient(site, at(0s));
  CHECK(resumption.deadline(site) == at(9s));        // Two leases, and one for its place.
  CHECK(resumption.awaits_master(site, Instant{}));  // Also when the host's clock has just begun.
  CHECK(resumption.awaits_master(site, at(0s)));
  resumption.heard(at(0s), HomeEpoch{site.opened.value - 1});  // Of an earlier term: that is no master now.
  CHECK(resumption.awaits_master(site, at(0s)));
  resumption.heard(at(0s), site.opened);
  CHECK_FALSE(resumption.awaits_master(site, at(1s)));
  resumption.tick(site, at(8s), true, out);
  CHECK(sent(out).empty());
  SECTION("it helps nobody itself") {
    resumption.tick(site, at(9s), true, out);
    CHECK(sent(out) == Sent{{kFirst, HomeMessageKind::probe}, {kSecond, HomeMessageKind::probe}});
    const HomeEpoch higher{site.promised.value + 30};
    const auto claim = resumption.answered(site, kFirst, higher);
    REQUIRE(claim.has_value());
    CHECK(*claim > higher);
    CHECK(site.sites.site_of(*claim) == kThird);
  }
  SECTION("it lends: two others must not; a copy of an answer is none") {
    resumption.tick(site, at(9s), false, out);
    CHECK_FALSE(resumption.answered(site, kFirst, site.promised).has_value());
    CHECK_FALSE(resumption.answered(site, kFirst, site.promised).has_value());
    resumption.tick(site, at(15s), false, out);  // Each probe counts anew.
    CHECK_FALSE(resumption.answered(site, kSecond, site.promised).has_value());
    CHECK(resumption.answered(site, kFirst, site.promised).has_value());
  }
  SECTION("it is finished meanwhile") {
    resumption.tick(site, at(9s), true, out);
    site.opened = site.promised;
    CHECK_FALSE(resumption.answered(site, kFirst, site.promised).has_value());
  }
}

TEST_CASE("resumption: who asks is told of a later master, or that nobody is helped here, which is then patient") {
  HomeStanding site = standing_of(kThird);
  site.promised = HomeEpoch{site.opened.value + 30};
  Resumption resumption;
  HomeEffects out;
  HomeMessage probe = message_of(HomeMessageKind::probe, site.promised, site.opened);
  resumption.asked(site, at(0s), false, kSecond, probe, out);
  CHECK(sent(out).empty());
  resumption.asked(site, at(0s), true, kSecond, probe, out);
  CHECK(sent(out) == Sent{{kSecond, HomeMessageKind::idle}});
  CHECK(resumption.deadline(site) >= at(2 * kRules.lease));
  probe.base = HomeEpoch{};
  resumption.asked(site, at(0s), true, kSecond, probe, out);
  CHECK(sent(out) == Sent{{kSecond, HomeMessageKind::open}});
}

TEST_CASE("resumption: once stopped, a site asks nobody, helps nobody to begin, and begins nothing itself") {
  HomeStanding site = standing_of(kThird);
  site.promised = HomeEpoch{site.opened.value + 30};
  Resumption resumption;
  HomeEffects out;
  resumption.be_patient(site, at(0s));
  resumption.tick(site, *resumption.deadline(site), true, out);
  CHECK(sent(out).size() == 2);
  resumption.stop();
  CHECK_FALSE(resumption.deadline(site).has_value());
  CHECK_FALSE(resumption.answered(site, kFirst, site.promised).has_value());  // With itself, a majority.
  resumption.tick(site, at(99s), true, out);
  CHECK(sent(out).empty());
  HomeMessage probe = message_of(HomeMessageKind::probe, site.promised, site.opened);
  resumption.asked(site, at(99s), true, kSecond, probe, out);
  CHECK(sent(out).empty());
  probe.base = HomeEpoch{};  // But what it knows it says.
  resumption.asked(site, at(99s), true, kSecond, probe, out);
  CHECK(sent(out) == Sent{{kSecond, HomeMessageKind::open}});
}
