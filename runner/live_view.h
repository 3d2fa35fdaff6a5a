// What is shown while a cell runs: a block that is rewritten in place on a terminal, a plain line otherwise. Pure text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace geocommit {

/// A region now, or all of them.
struct LiveRow {
  std::string region;  ///< Empty: all.
  double commits_per_s{};
  double p50_ms{}, p99_ms{};  ///< Client latency of the last whole second; 0: nothing came back in it.
  std::uint64_t in_doubt{}, blocked{}, locks_held{}, lock_waiters{};
  Duration oldest_blocked{};
};

struct LiveState {
  std::string cell, protocol;
  std::size_t number{}, of{};  ///< Cell 2 of 6.
  Duration elapsed{}, warmup{}, total{};
  LiveRow all;
  std::vector<LiveRow> regions;
  std::uint64_t shed{}, unknown{};
  std::vector<std::string> faults;  ///< Those in force now, in words.
};

/// "[2/6] 3pc-r1  4/12 s  48 commits/s  p99 310 ms  in doubt 9".
[[nodiscard]] std::string live_line(const LiveState& state);

/// The block: the line, a row per region (at most `rows`, those with blocked participants first), and the faults. No
/// line is wider than `width`.
[[nodiscard]] std::vector<std::string> live_block(const LiveState& state, std::size_t width, std::size_t rows,
                                                  bool colour);

}  // namespace geocommit
