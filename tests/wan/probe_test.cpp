// The probe's arithmetic and words, and its packets over loopback; over a WAN it is the conformance suite's.
#include "wan/probe.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <thread>

#include "wan/echo.h"

namespace geocommit {
namespace {

ProbeReport report() {
  ProbeReport report;
  report.topology = "aws-3";
  report.backend = "tun";
  report.why = "asked for";
  report.pairs = {{"us", "eu", 80ms, 80'100us, 80'300us, 1000, 0},
                  {"us", "ap", 160ms, 159'880us, 160'450us, 998, 2},
                  {"eu", "ap", 240ms, 240'050us, 239'900us, 500, 1}};
  report.bare_p50 = 40us;
  report.bare_p99 = 90us;
  report.stats.packets = 12'345;
  report.stats.has_lateness = true;
  report.stats.lateness_p50_us = 7;
  report.stats.lateness_p99_us = 21;
  report.stats.lateness_max_us = 63;
  report.environment = {{"router_scheduling", "SCHED_FIFO"}};
  return report;
}

TEST_CASE("the worst error: of either sign at the median, only late ones at the 99th percentile") {
  CHECK(worst_error(report()).p50 == 120us);
  CHECK(worst_error(report()).p99 == 450us);
  ProbeReport early = report();
  for (ProbePair& pair : early.pairs) pair.p99 = pair.configured - 5ms;
  CHECK(worst_error(early).p99 == 0us);
  CHECK(worst_error({}).p50 == 0us);
}

TEST_CASE("bounds are wider under load, and widest where the router has no real-time scheduling") {
  ProbeReport one = report();
  CHECK(probe_bounds(one).p50 == 150us);
  CHECK(probe_bounds(one).p99 == 500us);
  one.load_per_second = 10'000;
  CHECK(probe_bounds(one).p50 == 500us);
  CHECK(probe_bounds(one).p99 == 500us);
  one.environment["router_scheduling"] = "SCHED_OTHER";
  CHECK(probe_bounds(one).p99 == 2ms);
  one.environment.clear();
  CHECK(probe_bounds(one).p50 == 2ms);
}

TEST_CASE("what is printed is what was measured, and the verdict on it") {
  ProbeReport one = report();
  const std::string text = print_probe(one);
  INFO(text);
  const auto has = [&](const std::string& words) { return text.find(words) != std::string::npos; };
  CHECK(has("aws-3 over tun (asked for)"));
  CHECK(has("us - ap       160.000      159.880      160.450       -0.120       +0.450      998      2"));
  CHECK(has("without the WAN: p50 0.040 ms, p99 0.090 ms"));
  CHECK(has("p50 7, p99 21, max 63, over 12345 packets"));
  CHECK(has("router_scheduling: SCHED_FIFO"));
  CHECK_FALSE(has("other packets"));
  CHECK(has("p50 0.120 ms (bound 0.15), p99 0.450 ms (bound 0.50): within bounds"));
  one.pairs[0].a = "ap-southeast-2";  // Columns are as wide as the longest pair of names.
  CHECK(print_probe(one).find("\nRTT in ms             configured") != std::string::npos);
  CHECK(print_probe(one).find("\nap-southeast-2 - eu       80.000") != std::string::npos);
  CHECK(print_probe(one).find("\nus - ap                  160.000") != std::string::npos);
  one.load_per_second = 1234;
  CHECK(print_probe(one).find("other packets across the router: 1234/s") != std::string::npos);
  one.pairs[0].p50 += 1ms;
  CHECK(print_probe(one).find("OUT OF BOUNDS") != std::string::npos);
  one = report();
  one.pairs[1].p99 += 50us;  // At a bound is within it.
  one.pairs[1].p50 -= 30us;
  CHECK(print_probe(one).find("p50 0.150 ms (bound 0.15), p99 0.500 ms (bound 0.50): within bounds") !=
        std::string::npos);
  one.pairs[1].p99 += 1us;
  CHECK(print_probe(one).find("OUT OF BOUNDS") != std::string::npos);
}

TEST_CASE("the same as JSON") {
  ProbeReport one = report();
  one.load_per_second = 77;
  const auto json = nlohmann::json::parse(probe_json(one));
  CHECK(json["schema"] == "geocommit/probe/1");
  CHECK(json["topology"] == "aws-3");
  CHECK(json["emulation"] == "tun");
  CHECK(json["why"] == "asked for");
  REQUIRE(json["pairs"].size() == 3);
  const auto& pair = json["pairs"][1];
  CHECK(pair["a"] == "us");
  CHECK(pair["b"] == "ap");
  CHECK(pair["configured_ms"] == Approx(160.0));
  CHECK(pair["p50_ms"] == Approx(159.88));
  CHECK(pair["p99_ms"] == Approx(160.45));
  CHECK(pair["p50_error_ms"] == Approx(-0.12));
  CHECK(pair["p99_error_ms"] == Approx(0.45));
  CHECK(pair["samples"] == 998);
  CHECK(pair["lost"] == 2);
  CHECK(json["bare_ms"]["p50"] == Approx(0.04));
  CHECK(json["bare_ms"]["p99"] == Approx(0.09));
  CHECK(json["load_per_second"] == 77);
  CHECK(json["router"]["packets"] == 12'345);
  CHECK(json["router"]["lateness_p50_us"] == Approx(7));
  CHECK(json["router"]["lateness_p99_us"] == Approx(21));
  CHECK(json["router"]["lateness_max_us"] == Approx(63));
  CHECK(json["environment"]["router_scheduling"] == "SCHED_FIFO");
  CHECK(json["worst_error_ms"]["p50"] == Approx(0.12));
  CHECK(json["worst_error_ms"]["p99"] == Approx(0.45));
}

TEST_CASE("every pair of places is measured once, at its interval, whatever comes back") {
  std::vector<std::vector<LinkSpec>> links(3, std::vector<LinkSpec>(3));
  links[0][1].delay = 1ms;
  links[1][0].delay = 2ms;
  links[1][2].delay = 4ms;
  const Topology topology =
      Topology::make("t", {}, {"a", "b", "c"}, {{"a", "a"}, {"b", "b"}, {"c", "c"}}, links).value();
  const std::vector<WanNode> nodes{{"a", "a", "a"}, {"b", "b", "b"}, {"c", "c", "c"}};
  const auto loopback = bring_up(Backend::loopback, topology, nodes);
  REQUIRE(loopback.ok());
  const auto pairs = probe_pairs(*loopback.value(), topology, nodes, 200ms);
  REQUIRE(pairs.ok());
  REQUIRE(pairs.value().size() == 3);
  const char* ends[3][2] = {{"a", "b"}, {"a", "c"}, {"b", "c"}};
  const Duration configured[3] = {3ms, 0ms, 4ms};
  for (std::size_t i = 0; i < 3; ++i) {
    const ProbePair& pair = pairs.value()[i];
    CHECK(pair.a == ends[i][0]);
    CHECK(pair.b == ends[i][1]);
    CHECK(pair.configured == configured[i]);
    CHECK(pair.samples + pair.lost == 34);  // one each 6 ms
    CHECK(pair.samples > 0);
    CHECK(pair.p50 > 0ns);
    CHECK(pair.p99 >= pair.p50);
  }
}

TEST_CASE("a ping counts each answer once, and what is not answered as lost") {
  const auto echo = EchoServer::start(-1, "127.0.0.1");
  REQUIRE(echo.ok());
  PingPlan plan;
  plan.count = 7;
  plan.timeout = 20s;
  const auto answered = ping(-1, "127.0.0.1", "127.0.0.1", (*echo)->port(), plan);
  REQUIRE(answered.ok());
  CHECK(answered->round_trips.size() == 7);
  CHECK(answered->lost == 0);
  for (const Duration time : answered->round_trips) CHECK(time > 0ns);
  const auto silent = udp_socket(-1, "127.0.0.1");
  REQUIRE(silent.ok());
  plan.timeout = 1ms;
  const auto lost = ping(-1, "127.0.0.1", "127.0.0.1", port_of(silent->get()), plan);
  REQUIRE(lost.ok());
  CHECK(lost->round_trips.empty());
  CHECK(lost->lost == 7);
  CHECK_FALSE(udp_socket(-1, "127.0.0.1", (*echo)->port()).ok());  // taken
  CHECK_FALSE(udp_socket(-1, "203.0.113.9").ok());                 // not ours
}

TEST_CASE("a ping takes nothing but its own answer for one") {
  const auto peer = udp_socket(-1, "127.0.0.1");
  REQUIRE(peer.ok());
  std::thread answers([socket = peer->get()] {
    for (std::uint64_t round = 0; round < 5; ++round) {
      std::uint64_t request[2] = {99, 99};
      sockaddr_in from{};
      socklen_t length = sizeof from;
      if (::recvfrom(socket, request, sizeof request, 0, reinterpret_cast<sockaddr*>(&from), &length) < 0) return;
      const auto send = [&](const void* bytes, std::size_t size) {
        (void)::sendto(socket, bytes, size, 0, reinterpret_cast<const sockaddr*>(&from), length);
      };
      const std::uint64_t late = request[0] - 1;
      send("", 0);
      send("abc", 3);
      send(&late, sizeof late);
      if (request[0] == round && round != 3) send(request, sizeof request);  // The fourth has no answer.
    }
  });
  PingPlan plan;
  plan.count = 5;
  plan.timeout = 2s;
  plan.bytes = 16;
  const auto result = ping(-1, "127.0.0.1", "127.0.0.1", port_of(peer->get()), plan);
  answers.join();
  REQUIRE(result.ok());
  CHECK(result->round_trips.size() == 4);
  CHECK(result->lost == 1);
}

TEST_CASE("a probe without an emulation is refused") {
  ProbeOptions options;
  options.topology = "no/such/file.yaml";
  CHECK_FALSE(probe(options).ok());
}

}  // namespace
}  // namespace geocommit
