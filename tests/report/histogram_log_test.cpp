// HdrHistogram's log: what was written is read again, and nothing hostile is believed.
#include "report/histogram_log.h"

#include <catch2/catch.hpp>
#include <random>

#include "measure/hdr_log.h"

namespace geocommit {
namespace {

bool near(Duration a, Duration b) {
  return std::abs(to_ms(a) - to_ms(b)) <= 0.0035 * std::max(to_ms(a), to_ms(b)) + 1e-5;
}

}  // namespace

TEST_CASE("hlog: distributions survive the way out and back") {
  std::mt19937_64 random(5);
  Histogram wide;
  for (int i = 0; i < 20000; ++i) wide.record(Duration{static_cast<Duration::rep>(random() >> (20 + random() % 40))});
  Histogram one;
  one.record(150ms, 3'000'000'000ULL);
  Histogram small;
  for (int i = 0; i < 3000; ++i) small.record(Duration{i});
  HistogramLog log;
  log.add("2pc-r1/commit_latency", wide, 10s);
  log.add("2pc-r1/lock_hold/us-east-1", one, 10s);
  log.add("small", small, 10s);
  log.add("empty", Histogram{}, 10s);
  const auto read = read_histogram_log(log.text());
  REQUIRE(read);
  CHECK(read->size() == 3);
  for (const auto& [tag, original] : {std::pair{"2pc-r1/commit_latency", wide},
                                      std::pair{"2pc-r1/lock_hold/us-east-1", one}, std::pair{"small", small}}) {
    const Histogram& back = read->at(tag);
    INFO(tag);
    CHECK(back.count() == original.count());
    for (const double q : {0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
      INFO(q << " " << to_ms(back.quantile(q)) << " " << to_ms(original.quantile(q)));
      CHECK(near(back.quantile(q), original.quantile(q)));
    }
  }
}

TEST_CASE("hlog: an encoding by hand") {
  // One value of 1 ns and two of 3 ns: counts 0, 1, 0, 2 are -1, 1, -1, 2, in zigzag 01 02 01 04.
  Histogram h;
  h.record(Duration{1});
  h.record(Duration{3}, 2);
  const std::string bytes = encode_hdr(h);
  REQUIRE(bytes.size() == 44);
  CHECK(bytes.substr(0, 8) == std::string("\x1c\x84\x93\x13\0\0\0\4", 8));
  CHECK(bytes.substr(40) == std::string("\1\2\1\4", 4));
  CHECK(base64("ab") == "YWI=");
  CHECK(from_base64("YWI=") == "ab");
  CHECK(from_base64(base64(bytes)) == bytes);
}

TEST_CASE("hlog: what is not one is refused") {
  Histogram h;
  h.record(5ms, 100);
  const std::string good = encode_hdr(h);
  REQUIRE(decode_hdr(good));
  for (std::size_t cut = 0; cut < good.size(); ++cut) CHECK_FALSE(decode_hdr(good.substr(0, cut)));
  std::mt19937_64 random(6);
  for (int i = 0; i < 5000; ++i) {
    std::string bad = good;
    bad[random() % bad.size()] = static_cast<char>(random());
    (void)decode_hdr(bad);  // Whatever it says: no crash (the sanitizer presets watch).
  }
  CHECK_FALSE(read_histogram_log("Tag=x,0,0,0,!!!!\n"));
  CHECK_FALSE(read_histogram_log("Tag=x,0,0,0,AAAA\n"));
  CHECK_FALSE(read_histogram_log("nonsense\n"));
  CHECK(read_histogram_log("#[a comment]\n\n")->empty());
}

}  // namespace geocommit
