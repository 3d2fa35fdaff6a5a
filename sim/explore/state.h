// One state of the whole search, small and comparable, and the set of those visited.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "sim/explore/node_model.h"

namespace geocommit::explore {

inline constexpr std::size_t kInFlightMax = 48;

/// What is left of each bound.
struct Left {
  std::uint8_t crashes{}, partitions{}, duplicates{}, drops{}, early_timers{}, early_firings{}, denials{}, wounds{};
  std::uint8_t restarts{};  ///< Bounds::kEveryRestart is not counted down.
};

struct State {
  std::array<StateNumber, kNodesMax> node{};
  Left left;
  std::uint8_t cut{};      ///< Bit per node: one side of the cut; 0: none. The coordinator's bit is never set.
  std::uint8_t slow{};     ///< Bit per node: its messages may outlast every timeout, to the end of the search: a slow
                           ///< one may always be quick, so that it gets well would add nothing.
  bool commit{}, abort{};  ///< Has been decided, made durable or told, somewhere, at some time.
  std::uint8_t in_flight{};
  std::array<MessageNumber, kInFlightMax> message{};  ///< Ascending, each once; those with kStale last.

  [[nodiscard]] bool apart(std::size_t a, std::size_t b) const { return ((cut >> a) & 1U) != ((cut >> b) & 1U); }
  [[nodiscard]] bool is_slow(std::size_t n) const { return ((slow >> n) & 1U) != 0; }
  /// Neither awaits anything of the other within its timeouts.
  [[nodiscard]] bool far(std::size_t a, std::size_t b) const {
    return apart(a, b) || (a != b && (is_slow(a) || is_slow(b)));
  }
  /// A copy of what is in flight already adds nothing: second copies are what Bounds::duplicates is for.
  void add(MessageNumber number) {
    std::size_t at = 0;
    while (at < in_flight && message[at] < number) {
      ++at;
    }
    if (at < in_flight && message[at] == number) {
      return;
    }
    GC_CHECK_NOTE(in_flight < kInFlightMax, "too many messages in flight");
    std::memmove(&message[at + 1], &message[at], (in_flight - at) * sizeof(MessageNumber));
    message[at] = number;
    ++in_flight;
  }
  void remove_at(std::size_t at) {
    --in_flight;
    std::memmove(&message[at], &message[at + 1], (in_flight - at) * sizeof(MessageNumber));
  }
};

using Bytes = std::string;
/// Equal states, equal bytes.
void encode(const State& state, std::size_t nodes, Bytes& out);
[[nodiscard]] State decode(std::string_view bytes, std::size_t nodes);
[[nodiscard]] std::uint64_t hash_of(std::string_view bytes);

enum class ActionKind : std::uint8_t {
  deliver,
  deliver_denied,
  duplicate,  ///< A second copy is on its way, which may come at any time, or never.
  drop,
  force,
  timer,
  crash,
  restart,
  cut,
  heal,
  wound,
};
struct Action {
  ActionKind kind{};
  std::uint8_t node{};
  std::uint8_t keep{};    ///< crash: records that survive. timer: nodes that are slow from now on, which explains it.
  std::uint16_t value{};  ///< Message, timer, or the cut's mask.
  std::uint16_t lost{};   ///< crash, restart: which of the node's own (its incoming) messages in flight are lost.
                          ///< Else: the node crashes in the midst of it; sends(), and kept_after_sends() above them.
  [[nodiscard]] bool in_step() const { return kind != ActionKind::crash && kind != ActionKind::restart && lost != 0; }
  /// Messages that have left when the node crashes in the midst of this. 0: it does not.
  [[nodiscard]] std::uint8_t sends() const { return in_step() ? static_cast<std::uint8_t>(lost & 0xFFU) : 0; }
  [[nodiscard]] std::uint8_t kept_after_sends() const { return in_step() ? static_cast<std::uint8_t>(lost >> 8U) : 0; }
};

/// Every state is kept whole (no hash compaction: nothing is missed by a collision), with its parent and the action
/// that led here.
class Visited {
 public:
  Visited();
  /// The state's number, and whether it is new.
  std::pair<std::uint32_t, bool> insert(const Bytes& bytes, std::uint32_t parent, const Action& action);
  [[nodiscard]] std::string_view bytes_of(std::uint32_t number) const;
  [[nodiscard]] std::uint32_t parent_of(std::uint32_t number) const;
  [[nodiscard]] Action action_of(std::uint32_t number) const;
  [[nodiscard]] std::uint32_t size() const { return size_; }
  [[nodiscard]] std::size_t memory() const {
    return chunks_.size() * kChunk + at_.size() * kPage * sizeof(std::uint32_t) +
           table_.size() * (sizeof(std::uint32_t) + 1);
  }

 private:
  static constexpr std::size_t kChunk = std::size_t{1} << 20U;
  static constexpr std::size_t kPage = std::size_t{1} << 16U;
  struct Header {
    std::uint32_t parent;
    Action action;
    std::uint8_t size;
  };
  [[nodiscard]] const char* record(std::uint32_t number) const {
    const std::uint32_t unit = at_[number / kPage][number % kPage];
    return chunks_[unit / (kChunk / 4)].get() + std::size_t{unit % (kChunk / 4)} * 4;
  }
  void grow();

  std::vector<std::unique_ptr<char[]>> chunks_;       ///< Records, back to back.
  std::size_t used_{kChunk};                          ///< Of the last chunk.
  std::vector<std::unique_ptr<std::uint32_t[]>> at_;  ///< Where a record is, in units of 4 bytes.
  std::vector<std::uint32_t> table_;                  ///< Open addressing; 0 is empty, else number + 1.
  std::vector<std::uint8_t> tags_;                    ///< Of the hash: most unequal states are told apart by it.
  std::uint32_t size_{};
};

}  // namespace geocommit::explore
