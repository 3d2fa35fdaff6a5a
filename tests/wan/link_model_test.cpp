// What a link does to packets, in virtual time.
#include "wan/link_model.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "wan/lateness.h"

using namespace geocommit;
using Fate = LinkModel::Fate;

TEST_CASE("delay, and the advance never makes it negative") {
  LinkSpec spec;
  spec.delay = 10ms;
  LinkModel link(spec, 1);
  CHECK(link.admit(1000, 100, 0).due_ns == 10'001'000);
  CHECK(link.admit(20'000'000, 100, 50'000).due_ns == 29'950'000);
  spec.delay = Duration{10};
  link.change(spec);
  CHECK(link.admit(90'000'000, 100, 50'000).due_ns == 90'000'000);
}

TEST_CASE("first in, first out under jitter of every shape, and when the delay is lowered") {
  for (const auto shape : {JitterDistribution::normal, JitterDistribution::uniform, JitterDistribution::pareto,
                           JitterDistribution::paretonormal}) {
    LinkSpec spec;
    spec.delay = 20ms;
    spec.jitter = 5ms;
    spec.distribution = shape;
    spec.limit_packets = 100000;
    LinkModel link(spec, 7);
    std::int64_t last = 0;
    bool varied = false;
    for (std::int64_t i = 0; i < 20000; ++i) {
      if (i == 10000) {
        spec.delay = 1ms;
        link.change(spec);
      }
      const auto admission = link.admit(i * 100'000, 100, 0);
      REQUIRE(admission.fate == Fate::deliver);
      REQUIRE(admission.due_ns >= last);
      REQUIRE(admission.due_ns >= i * 100'000);
      varied = varied || admission.due_ns - i * 100'000 != 20'000'000;
      last = admission.due_ns;
    }
    CHECK(varied);
  }
}

TEST_CASE("jitter has the mean and deviation that were asked for") {
  struct Expected {
    JitterDistribution shape;
    double deviation;
  };
  for (const auto& expected :
       {Expected{JitterDistribution::normal, 1.0}, Expected{JitterDistribution::uniform, 1.0 / std::sqrt(3.0)},
        Expected{JitterDistribution::pareto, 1.15}}) {
    LinkRandom random(3);
    double sum = 0;
    double squares = 0;
    constexpr int kSamples = 400000;
    for (int i = 0; i < kSamples; ++i) {
      const double sample = jitter_sample(expected.shape, random);
      sum += sample;
      squares += sample * sample;
    }
    const double mean = sum / kSamples;
    CHECK(mean == Approx(0).margin(0.02));
    CHECK(std::sqrt(squares / kSamples - mean * mean) == Approx(expected.deviation).margin(0.12));
  }
}

TEST_CASE("loss: the share that was asked for, the same for the same seed") {
  LinkSpec spec;
  spec.loss = 0.1;
  spec.limit_packets = 1000000;
  LinkModel a(spec, 5);
  LinkModel b(spec, 5);
  int lost = 0;
  for (int i = 0; i < 100000; ++i) {
    const auto fate = a.admit(i, 100, 0).fate;
    REQUIRE(fate == b.admit(i, 100, 0).fate);
    if (fate == Fate::lost) ++lost;
  }
  CHECK(lost > 9500);
  CHECK(lost < 10500);
}

TEST_CASE("rate: packets leave one after the other") {
  LinkSpec spec;
  spec.delay = 5ms;
  spec.rate_bits_per_second = 8'000'000;  // 1000 bytes a millisecond
  LinkModel link(spec, 1);
  CHECK(link.admit(0, 1000, 0).due_ns == 6'000'000);
  CHECK(link.admit(0, 1000, 0).due_ns == 7'000'000);
  CHECK(link.admit(0, 500, 0).due_ns == 7'500'000);
  CHECK(link.admit(100'000'000, 1000, 0).due_ns == 106'000'000);
}

TEST_CASE("limit: what does not fit is dropped, and room comes back on arrival") {
  LinkSpec spec;
  spec.delay = 5ms;
  spec.limit_packets = 3;
  LinkModel link(spec, 1);
  for (int i = 0; i < 3; ++i) CHECK(link.admit(0, 100, 0).fate == Fate::deliver);
  CHECK(link.admit(0, 100, 0).fate == Fate::queue_full);
  CHECK(link.arrive());
  CHECK(link.admit(0, 100, 0).fate == Fate::deliver);
}

TEST_CASE("a packet is lost if its link is down when it leaves or when it arrives") {
  LinkSpec up;
  LinkSpec down;
  down.up = false;
  LinkModel link(up, 1);
  CHECK(link.admit(0, 100, 0).fate == Fate::deliver);
  CHECK(link.admit(0, 100, 0).fate == Fate::deliver);
  link.change(down);
  CHECK(link.admit(0, 100, 0).fate == Fate::cut);
  CHECK_FALSE(link.arrive());
  link.change(up);
  CHECK(link.arrive());
  CHECK(link.in_flight() == 0);
}

TEST_CASE("lateness quantiles") {
  LatenessHistogram lateness;
  CHECK(lateness.quantile_us(0.99) == 0);
  for (int i = 1; i <= 1000; ++i) lateness.record(i * 1000);
  CHECK(lateness.quantile_us(0.5) == Approx(500).epsilon(0.06));
  CHECK(lateness.quantile_us(0.99) == Approx(990).epsilon(0.06));
  CHECK(lateness.quantile_us(1.0) == Approx(1000));
  lateness.record(-5);
  CHECK(lateness.max_us() == Approx(1000));
}
