// HdrHistogram's log: what was written is read again, and nothing hostile is believed.
#include "report/histogram_log.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>
#include <initializer_list>
#include <random>
#include <utility>

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

namespace {

/// The payload of one value, as words of hex.
std::string payload_of(Duration value, std::uint64_t count = 1) {
  Histogram one;
  one.record(value, count);
  std::string hex;
  for (const char byte : encode_hdr(one).substr(40)) {
    char text[4];  // NOLINT: snprintf
    std::snprintf(text, sizeof text, "%02x", static_cast<unsigned>(static_cast<unsigned char>(byte)));
    hex += text;
  }
  return hex;
}

}  // namespace

TEST_CASE("hlog: where a value is counted, and how often, as HdrHistogram writes it") {
  // A run of i zeros is -i: in zigzag 2i - 1, seven bits a byte. A count c is 2c.
  CHECK(payload_of(0ns) == "02");
  CHECK(payload_of(1ns) == "0102");
  CHECK(payload_of(64ns) == "7f02");
  CHECK(payload_of(65ns) == "810102");
  CHECK(payload_of(1ns, 63) == "017e");
  CHECK(payload_of(1ns, 64) == "018001");
  CHECK(payload_of(1ns, std::uint64_t{1} << 55U) ==
        "01"
        "808080808080808001");
  // 2047 is the last with an index of its own; 2048 and 2049 share the next; from 4096 on four share one.
  CHECK(payload_of(2047ns) == "fd1f02");
  CHECK(payload_of(2048ns) == payload_of(2049ns));
  CHECK(payload_of(2048ns) == "ff1f02");
  CHECK(payload_of(2050ns) == "812002");
  CHECK(payload_of(4095ns) == "fd2f02");
  CHECK(payload_of(4096ns) == "ff2f02");
  CHECK(payload_of(4096ns) == payload_of(4099ns));
  // The highest: 2^44 - 1 ns, almost five hours; what is longer counts there.
  CHECK(payload_of(Duration{(std::int64_t{1} << 44U) - 1}) == payload_of(24h));
  CHECK(payload_of(24h) == "fdaf0402");
}

TEST_CASE("hlog: what each field of the head has to be") {
  Histogram one;
  one.record(1ns);
  const std::string good = encode_hdr(one);
  CHECK(good == std::string("\x1c\x84\x93\x13\0\0\0\2\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\1\0\0\x0f\xff\xff\xff\xff\xff"
                            "\x3f\xf0\0\0\0\0\0\0\1\2",
                            42));
  for (std::size_t at = 0; at < 24; ++at) {
    std::string bad = good;
    ++bad[at];
    CAPTURE(at);
    CHECK_FALSE(decode_hdr(bad));
  }
  CHECK_FALSE(decode_hdr(good + '\0'));
  const auto with = [&](const std::string& payload) {
    std::string bytes = good.substr(0, 40) + payload;
    bytes[7] = static_cast<char>(payload.size());
    return decode_hdr(bytes);
  };
  CHECK(with("")->count() == 0);
  CHECK(with("\6")->count() == 3);
  CHECK(with(std::string("\x0a") + '\0' + "\2")->count() == 6);  // Five of the first, none of the second.
  CHECK_FALSE(with("\x80"));                                     // A number that does not end.
  const std::string most("\xff\xaf\x04", 3);                     // As many zeros as there are places ...
  CHECK(with(most));
  CHECK_FALSE(with(most + "\2"));                               // ... and a count behind them.
  CHECK_FALSE(with(std::string("\x81\xb0\x04", 3)));            // One more.
  CHECK_FALSE(with(std::string("\xff\xaf\x04\x01", 4)));        // In two runs.
  CHECK(with(std::string("\xfd\xaf\x04\2", 4))->count() == 1);  // The last place.
  CHECK(with("\1\x80\x80\x80\x80\x80\x80\x80\x80\x01"
             "\2")
            ->count() == (std::uint64_t{1} << 55U) + 1);
}

TEST_CASE("base64: of every length, and nothing else") {
  for (const auto& [plain, coded] : std::initializer_list<std::pair<std::string, std::string>>{
           {"", ""},
           {"f", "Zg=="},
           {"fo", "Zm8="},
           {"foo", "Zm9v"},
           {"foob", "Zm9vYg=="},
           {"fooba", "Zm9vYmE="},
           {"foobar", "Zm9vYmFy"},
           {std::string("\0\x10\x83\x10\x51\x87", 6), "ABCDEFGH"},
           {"\xff\xef\xbe", "/+++"}}) {  // RFC 4648, section 10, and the alphabet's ends
    CHECK(base64(plain) == coded);
    CHECK(from_base64(coded) == plain);
  }
  for (const char* wrong : {"Z", "Zg", "Zg=", "Z===", "====", "Zg==Zg==", "Zm9=v", "Zm=v", "=m9v", "Zm 8", "Zm9v\n"}) {
    CAPTURE(wrong);
    CHECK_FALSE(from_base64(wrong));
  }
  CHECK(word_at("abcd", 0) == 0x61626364U);
  CHECK(word_at("abcde", 1) == 0x62636465U);
  CHECK_FALSE(word_at("abcd", 1));
  CHECK_FALSE(word_at("abc", 0));
}

}  // namespace geocommit
