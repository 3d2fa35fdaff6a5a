// One state of the whole search, small and comparable.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
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
  bool operator==(const Left&) const = default;
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
  [[nodiscard]] bool same(const State& other) const {
    return node == other.node && left == other.left && cut == other.cut && slow == other.slow &&
           commit == other.commit && abort == other.abort && in_flight == other.in_flight &&
           std::memcmp(message.data(), other.message.data(), in_flight * sizeof(MessageNumber)) == 0;
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

/// What of a state depends on how nodes are called. Of the messages as many as the state has.
struct Named {
  std::array<StateNumber, kNodesMax> node{};
  std::uint8_t cut{}, slow{};
  std::array<MessageNumber, kInFlightMax> message;
};

using Bytes = std::string;

/// States as bytes: equal states, equal bytes. What the bounds of the search do not allow costs nothing.
class Packing {
 public:
  explicit Packing(const Options& options);
  void pack(const State& state, Bytes& out) const {
    pack(state, {state.node, state.cut, state.slow, state.message}, out);
  }
  /// As if the state had that.
  void pack(const State& state, const Named& named, Bytes& out) const;
  /// Of what initial() of the same options leads to.
  [[nodiscard]] State unpack(std::string_view bytes) const;

 private:
  struct Weighed {
    std::uint8_t Left::*left;
    std::uint64_t most, weight;
  };
  std::size_t nodes_;
  bool every_restart_;
  std::vector<Weighed> weighed_;  ///< Those bounds that are not 0, as digits of one number.
  std::uint64_t cuts_, slows_;    ///< How many cuts, and sets of slow nodes, there can be.
};

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

}  // namespace geocommit::explore
