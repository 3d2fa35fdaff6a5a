#include "measure/prediction.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <set>

#include "protocols/registry.h"

using namespace geocommit;

namespace {

/// Schedule S1 of protocols/three_phase_commit/README.md: RTT us-eu 70, us-ap 150, eu-ap 202, W 2.
const std::vector<std::string> kRegions{"us", "eu", "ap"};
std::vector<std::vector<Duration>> s1() { return {{250us, 35ms, 75ms}, {35ms, 250us, 101ms}, {75ms, 101ms, 250us}}; }

PredictionInput input(const Directory& directory, const std::string& protocol, std::vector<RegionId> origins) {
  PredictionInput in;
  in.protocol = find_protocol(protocol);
  in.directory = &directory;
  in.origins = std::move(origins);
  in.one_way = s1();
  in.force = 2ms;
  return in;
}

/// The same with the closed forms written down once more, of other transactions.
struct Sampled {
  std::map<Duration, double> commit, hold, client;
  static double below(const std::map<Duration, double>& m, Duration v) {
    double sum = 0;
    double all = 0;
    for (const auto& [value, weight] : m) {
      sum += value <= v ? weight : 0;
      all += weight;
    }
    return sum / all;
  }
  static double mean_ms(const std::map<Duration, double>& m) {
    double sum = 0;
    double all = 0;
    for (const auto& [value, weight] : m) {
      sum += to_ms(value) * weight;
      all += weight;
    }
    return sum / all;
  }
};
Sampled sample(const PredictionInput& in, int draws) {
  Sampled out;
  const Directory& d = *in.directory;
  const auto rtt = [&](RegionId a, RegionId b) { return in.one_way[a.value][b.value] + in.one_way[b.value][a.value]; };
  for (const RegionId origin : in.origins) {
    Generator generator(in.workload, d, origin, 77);
    for (int i = 0; i < draws; ++i) {
      const Request request = generator.next().request;
      const Route route = in.protocol->route(request, d);
      Duration slowest{};
      for (const SiteWork& work : route.sites) {
        slowest = std::max(slowest, rtt(route.coordinator_region, d.region_of(work.site)));
      }
      const bool read = request.operations.front().read && route.sites.size() == 1;  // Lets go with its vote.
      const Duration w = in.force;
      const Duration t = read ? slowest : in.protocol->name == "3pc" ? 2 * (slowest + w) + 2 * w : slowest + w + w;
      out.commit[t] += 1;
      if (!read) {
        out.hold[t] += double(route.sites.size());
      }
      const Duration hop = route.coordinator_region == origin ? Duration{0} : rtt(origin, route.coordinator_region);
      out.client[rtt(origin, origin) + hop + t] += 1;
    }
  }
  return out;
}

}  // namespace

TEST_CASE("the timings of schedule S1") {
  const Directory directory(kRegions, 1, Placement::replicated, 1000);
  SECTION("2pc from us: the last YES at 152, the decision at 154") {
    const Prediction p = predict(input(directory, "2pc", {RegionId{0}}));
    CHECK(p.commit_latency->p50 == 154ms);
    CHECK(p.commit_latency->mean == 154ms);
    CHECK(p.lock_hold->p50 == 154ms);
    CHECK(p.in_doubt->p50 == 152ms);
    CHECK(p.client_latency->p50 == from_ms(154.5));
  }
  SECTION("3pc from us: twice, and two more forces") {
    const Prediction p = predict(input(directory, "3pc", {RegionId{0}}));
    CHECK(p.commit_latency->p50 == 308ms);
    CHECK(p.lock_hold->p50 == 308ms);
    CHECK(p.in_doubt->p50 == 306ms);
  }
  SECTION("all origins: 154 from us, 206 from eu and ap") {
    const Prediction p = predict(input(directory, "2pc", {}));
    CHECK(p.commit_latency->p50 == 206ms);
    CHECK(to_ms(p.commit_latency->mean) == Approx((154.0 + 206 + 206) / 3));
  }
  SECTION("home region, every entity at the origin: a local 2pc") {
    auto in = input(directory, "home-region", {RegionId{0}});
    in.workload.local = 1.0;
    const Prediction p = predict(in);
    CHECK(p.commit_latency->p50 == from_ms(4.5));
    CHECK(p.commit_latency->p55 == from_ms(4.5));
    CHECK(p.client_latency->p50 == from_ms(5.0));
    CHECK(p.lock_hold->p50 == from_ms(4.5));
  }
  SECTION("home region, every entity at one other region: forwarded") {
    const Directory two({"us", "eu"}, 1, Placement::replicated, 1000);
    auto in = input(two, "home-region", {RegionId{0}});
    in.one_way = {{250us, 35ms}, {35ms, 250us}};
    in.workload.local = 0.0;
    const Prediction p = predict(in);
    CHECK(p.commit_latency->p50 == from_ms(4.5));
    CHECK(p.client_latency->p50 == from_ms(0.5 + 70 + 4.5));
  }
  SECTION("home region, one entity of two at the origin: by hand") {
    auto in = input(directory, "home-region", {RegionId{0}});
    in.workload.participants = 2;
    in.workload.local = 0.5;
    // Both at us 1/4; both at eu 1/16, at ap 1/16: 4.5. us+eu 1/4: 74. us+ap 1/4, eu+ap 1/8: 154.
    const Prediction p = predict(in);
    CHECK(to_ms(p.commit_latency->mean) == Approx(4.5 * 0.375 + 74 * 0.25 + 154 * 0.375).epsilon(0.01));
    CHECK(p.commit_latency->p50 == 74ms);
    // By participants: 4.5 x 0.375, then 74 x 0.5, 154 x 0.75, of 1.625.
    CHECK(to_ms(p.lock_hold->mean) == Approx((4.5 * 0.375 + 74 * 0.5 + 154 * 0.75) / 1.625).epsilon(0.01));
    CHECK(to_ms(p.client_latency->mean) ==
          Approx(0.5 + 4.5 * 0.25 + (74.5 + 154.5) / 16 + 74 * 0.25 + 154 * 0.375).epsilon(0.01));
  }
  SECTION("partitioned, all across three regions") {
    const Directory partitioned(kRegions, 1, Placement::partitioned, 1000);
    auto in = input(partitioned, "3pc", {RegionId{1}});
    in.workload.local = 0.0;
    CHECK(predict(in).commit_latency->p50 == 412ms);
    CHECK(predict(in).commit_latency->p45 == 412ms);
    in.workload.local = 1.0;
    CHECK(predict(in).commit_latency->p50 == 9ms);
  }
  SECTION("costs: the row's, and of reads none") {
    auto in = input(directory, "3pc", {RegionId{0}});
    const Prediction p = predict(in);
    REQUIRE(p.costs);
    CHECK(p.costs->messages == 18);
    CHECK(p.costs->forced_writes == 11);
    CHECK(p.costs->delays_to_decision == 4);
    in.workload.reads = 1.0;
    CHECK_FALSE(predict(in).costs);
  }
  SECTION("costs of transactions with one site or three: the mean") {
    const Directory partitioned(kRegions, 1, Placement::partitioned, 1000);
    auto in = input(partitioned, "2pc", {RegionId{0}});
    in.workload.local = 0.25;
    const Prediction p = predict(in);
    REQUIRE(p.costs);
    CHECK(p.costs->messages == Approx(0.25 * 4 + 0.75 * 12).epsilon(0.02));
    CHECK(p.costs->forced_writes == Approx(0.25 * 3 + 0.75 * 7).epsilon(0.02));
  }
  SECTION("coordinated elsewhere: from us by way of eu, whose slowest is ap") {
    auto in = input(directory, "2pc", {RegionId{0}});
    in.coordinator = RegionId{1};
    const Prediction p = predict(in);
    CHECK(p.commit_latency->p50 == 206ms);
    CHECK(p.client_latency->p50 == from_ms(0.5 + 70 + 206));
  }
  SECTION("an asymmetric matrix: there and back") {
    auto in = input(directory, "2pc", {RegionId{0}});
    in.one_way[0][2] = 60ms;
    in.one_way[2][0] = 95ms;
    CHECK(predict(in).commit_latency->p50 == 159ms);
  }
}

TEST_CASE("the mixture is what the workload draws, for every protocol and placement") {
  const auto* protocol = GENERATE("2pc", "3pc", "home-region");
  const auto placement = GENERATE(Placement::replicated, Placement::partitioned);
  const auto sites = GENERATE(1U, 3U);
  const auto participants = GENERATE(1U, 2U, 3U, 6U);
  const Directory directory(kRegions, sites, placement, 3000);
  auto in = input(directory, protocol, {RegionId{0}, RegionId{2}});
  in.workload.participants = participants;
  in.workload.local = 0.6;
  in.workload.reads = 0.2;
  INFO(protocol << " placement " << int(placement) << " sites " << sites << " participants " << participants);
  const Prediction p = predict(in);
  const Sampled s = sample(in, 20'000);
  CHECK(to_ms(p.commit_latency->mean) == Approx(Sampled::mean_ms(s.commit)).epsilon(0.02));
  CHECK(to_ms(p.lock_hold->mean) == Approx(Sampled::mean_ms(s.hold)).epsilon(0.02));
  CHECK(to_ms(p.client_latency->mean) == Approx(Sampled::mean_ms(s.client)).epsilon(0.02));
  // The median to within the p45 - p55 band.
  CHECK(Sampled::below(s.commit, p.commit_latency->p55) >= 0.53);
  CHECK(Sampled::below(s.commit, p.commit_latency->p45 - Duration{1}) <= 0.47);
  CHECK(Sampled::below(s.client, p.client_latency->p50) >= 0.49);
}

TEST_CASE("no prediction where the closed forms do not hold") {
  const Directory directory(kRegions, 1, Placement::replicated, 1000);
  auto in = input(directory, "2pc", {});
  const auto none = [&] {
    const Prediction p = predict(in);
    return !p.commit_latency && !p.lock_hold && !p.in_doubt && !p.client_latency && !p.why_not.empty();
  };
  CHECK_FALSE(none());
  SECTION("faults") { in.faults = true; }
  SECTION("jitter") { in.jitter = true; }
  SECTION("lock waits") { in.lock_wait_share = 0.011; }
  CHECK(none());
}

TEST_CASE("fifteen regions and many participants are no work") {
  std::vector<std::string> names;
  std::vector<std::vector<Duration>> matrix(15, std::vector<Duration>(15));
  for (int a = 0; a < 15; ++a) {
    names.push_back("r" + std::to_string(a));
    for (int b = 0; b < 15; ++b) {
      matrix[std::size_t(a)][std::size_t(b)] = a == b ? Duration{250us} : Duration{10ms * (1 + (a * 7 + b * 3) % 13)};
    }
  }
  const Directory directory(names, 4, Placement::replicated, 1000);
  auto in = input(directory, "home-region", {});
  in.one_way = matrix;
  in.workload.participants = 40;
  CHECK(predict(in).commit_latency->p50 > 100ms);
}
