#include "sim/network.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

using namespace geocommit;
using namespace geocommit::sim;

namespace {

LinkMatrix two(const LinkSpec& link) { return {{link, link}, {link, link}}; }
std::vector<Network::Node> nodes() { return {{NodeId{1}, 0}, {NodeId{2}, 1}, {NodeId{3}, 1}}; }

LinkSpec link_of(Duration delay) {
  LinkSpec link;
  link.delay = delay;
  return link;
}

}  // namespace

TEST_CASE("jitter has the shape's mean and deviation, and stays in order") {
  for (const auto shape : {JitterDistribution::normal, JitterDistribution::uniform}) {
    LinkSpec link = link_of(20ms);
    link.jitter = 2ms;
    link.distribution = shape;
    Network network(two(link), nodes(), false, 7);
    double sum = 0;
    double squares = 0;
    constexpr int kCount = 20'000;
    std::int64_t last = 0;
    for (int i = 0; i < kCount; ++i) {
      const std::int64_t now = std::int64_t{i} * 100'000'000;  // Far apart: the order never binds.
      const auto transit = network.send(0, 1, 100, 0, now);
      REQUIRE(transit.sent);
      const double extra = static_cast<double>(transit.due_ns - now - 20'000'000) / 2e6;
      sum += extra;
      squares += extra * extra;
      REQUIRE(transit.due_ns >= last);
      last = transit.due_ns;
    }
    CHECK(std::abs(sum / kCount) < 0.03);
    CHECK(std::sqrt(squares / kCount) == Approx(shape == JitterDistribution::normal ? 1.0 : 0.5774).margin(0.02));
    std::int64_t previous = 0;
    for (int i = 0; i < 2000; ++i) {  // Close together: it does.
      const auto transit = network.send(0, 1, 100, 0, last + i * 1000);
      REQUIRE(transit.due_ns >= previous);
      previous = transit.due_ns;
    }
  }
}

TEST_CASE("a lost packet is a late message, as over TCP") {
  LinkSpec link = link_of(10ms);
  link.loss = 0.1;
  Network network(two(link), nodes(), false, 3);
  int late = 0;
  for (int i = 0; i < 10'000; ++i) {
    const std::int64_t now = std::int64_t{i} * 100'000'000'000;
    const auto transit = network.send(0, 1, 100, 0, now);
    REQUIRE(transit.sent);
    const std::int64_t took = transit.due_ns - now;
    late += took > 10'000'000 ? 1 : 0;
    REQUIRE((took == 10'000'000 || took >= 10'000'000 + 220'000'000));
  }
  CHECK(late == Approx(1000).margin(100));
}

TEST_CASE("a rate spaces messages out, per ordered pair") {
  LinkSpec link = link_of(10ms);
  link.rate_bits_per_second = 8'000'000;  // 1 byte a microsecond
  Network network(two(link), nodes(), false, 1);
  CHECK(network.send(0, 1, 900, 0, 0).due_ns == 11'000'000);
  CHECK(network.send(0, 1, 900, 0, 0).due_ns == 12'000'000);
  CHECK(network.send(0, 2, 900, 0, 0).due_ns == 11'000'000);
  CHECK(network.send(1, 0, 900, 0, 0).due_ns == 11'000'000);
}

TEST_CASE("cuts have a direction and an end; drops take classes; duplicates come later") {
  Network network(two(link_of(1ms)), nodes(), false, 1);
  Fault cut;
  cut.kind = FaultKind::cut;
  cut.from = {NodeId{1}};
  cut.to = {NodeId{2}};
  network.begin(cut);
  CHECK_FALSE(network.send(0, 1, 1, 0, 0).sent);
  CHECK_FALSE(network.connected(0, 1));
  CHECK(network.send(1, 0, 1, 0, 0).sent);
  CHECK(network.send(0, 2, 1, 0, 0).sent);
  network.end(cut);
  CHECK(network.send(0, 1, 1, 0, 0).sent);

  Fault drop = cut;
  drop.kind = FaultKind::drop;
  drop.classes = 1U << static_cast<std::uint32_t>(MessageClass::vote);
  network.begin(drop);
  CHECK_FALSE(network.send(0, 1, 1, drop.classes, 0).sent);
  CHECK(network.send(0, 1, 1, 1U << static_cast<std::uint32_t>(MessageClass::ack), 0).sent);
  network.heal();

  Fault duplicate = cut;
  duplicate.kind = FaultKind::duplicate;
  duplicate.extra = 5ms;
  network.begin(duplicate);
  const auto transit = network.send(0, 1, 1, 0, 0);
  CHECK(transit.twice);
  CHECK(transit.second_due_ns >= transit.due_ns);
  CHECK(transit.second_due_ns <= transit.due_ns + 5'000'000);
}

TEST_CASE("a poor link: delay, jitter, loss and rate while it lasts, and in order after it") {
  Network network(two(link_of(10ms)), nodes(), true, 5);
  Fault poor;
  poor.kind = FaultKind::link;
  poor.from = {NodeId{1}};
  poor.to = {NodeId{2}};
  poor.extra = 30ms;
  poor.rate = 8'000'000;
  network.begin(poor);
  CHECK(network.send(0, 1, 900, 0, 0).due_ns == 41'000'000);
  CHECK(network.send(0, 1, 900, 0, 0).due_ns == 42'000'000);
  CHECK(network.send(1, 0, 900, 0, 0).due_ns == 10'000'000);  // One way.
  CHECK(network.send(0, 2, 900, 0, 0).due_ns == 10'000'000);
  network.end(poor);
  CHECK(network.send(0, 1, 900, 0, 0).due_ns == 42'000'000);  // Behind the others.
  CHECK(network.send(0, 1, 900, 0, 50'000'000).due_ns == 60'000'000);
  poor.rate.reset();
  poor.jitter = 5ms;
  poor.probability = 0.2;
  network.begin(poor);
  int late = 0;
  int other = 0;
  for (int i = 1; i <= 1000; ++i) {
    const std::int64_t now = std::int64_t{i} * 100'000'000'000;
    const std::int64_t took = network.send(0, 1, 100, 0, now).due_ns - now;
    late += took >= 200'000'000 ? 1 : 0;
    other += took != 40'000'000 ? 1 : 0;
  }
  CHECK(late == Approx(200).margin(50));
  CHECK(other > 900);
}
