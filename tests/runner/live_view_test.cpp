// The live view as text.
#include "runner/live_view.h"

#include <catch2/catch.hpp>

namespace geocommit {
namespace {

LiveState state() {
  LiveState s;
  s.cell = "3pc-r1";
  s.protocol = "3pc";
  s.number = 2;
  s.of = 6;
  s.elapsed = 6s;
  s.warmup = 2s;
  s.total = 12s;
  s.all = {"", 96.4, 151, 310, 9, 3, 27, 1, 4200ms};
  s.regions = {{"us-east-1", 48.2, 150, 300, 4, 0, 12, 0, {}}, {"eu-west-1", 48.2, 152, 310, 5, 3, 15, 1, 4200ms}};
  return s;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += line + "\n";
  return out;
}

}  // namespace

TEST_CASE("live: a plain line") {
  LiveState s = state();
  CHECK(live_line(s) == "[2/6] 3pc-r1  6/12 s  96 commits/s  p99 310 ms  in doubt 9  blocked 3");
  s.elapsed = 1s;
  s.all.blocked = 0;
  s.shed = 4;
  s.faults = {"partition us-east-1 | eu-west-1", "pause agent@eu-west-1"};
  CHECK(live_line(s) ==
        "[2/6] 3pc-r1  1/12 s warm-up  96 commits/s  p99 310 ms  in doubt 9  shed 4  fault: partition us-east-1 | "
        "eu-west-1 "
        "and 1 more");
}

TEST_CASE("live: a row per region, the blocked first, and the faults in force") {
  LiveState s = state();
  s.faults = {"partition us-east-1 | eu-west-1"};
  const auto block = live_block(s, 100, 10, false);
  const std::string text = joined(block);
  INFO(text);
  CHECK(block.size() == 6);
  CHECK(text.find("[############............]") != std::string::npos);
  CHECK(text.find("eu-west-1") < text.find("us-east-1"));
  CHECK(text.find("for 4.20 s") != std::string::npos);
  CHECK(block.back() == "  fault: partition us-east-1 | eu-west-1");
  CHECK(text.find("\033[") == std::string::npos);
  CHECK(joined(live_block(s, 100, 10, true)).find("\033[31m  fault") != std::string::npos);
}

TEST_CASE("live: never wider than the terminal nor taller than asked") {
  LiveState s = state();
  s.regions.clear();
  for (int i = 0; i < 40; ++i) {
    s.regions.push_back({"region-with-a-rather-long-name-" + std::to_string(i), 1, 0, 0, 0, 0, 0, 0, {}});
  }
  s.faults = {std::string(300, 'x')};
  const auto block = live_block(s, 60, 5, false);
  CHECK(block.size() == 2 + 5 + 1 + 1 + 1);
  for (const std::string& line : block) CHECK(line.size() <= 60);
  CHECK(joined(block).find("... and 35 regions more") != std::string::npos);
}

}  // namespace geocommit
