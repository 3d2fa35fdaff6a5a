// One thing that happened to a transaction at a node, as the event logs hold it: 48 bytes, little-endian, the layout of
// this struct (runtime/events/README.md documents it).
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "base/ids.h"
#include "base/time.h"

namespace geocommit {

/// Stable for ever: they are in files. What the other fields mean is said per type; 0 where nothing is said.
enum class EventType : std::uint8_t {
  started = 1,     ///< A process began. value: its epoch; extra: steady_clock_id(). No transaction.
  name = 2,        ///< Not an event: value stands for the text in the bytes of counter .. extra.
  full = 3,        ///< The file's limit was reached here: what follows is missing.
  begun = 10,      ///< Coordinator took the request. peer: the client; extra: its request's number.
  sent = 11,       ///< kind, peer: to whom, value: bytes (0: dropped at once), depth, flag: a retry.
  received = 12,   ///< kind, peer: from whom, depth, flag: a retry.
  force = 13,      ///< Asked to force a record of `kind`.
  forced = 14,     ///< It is durable.
  append = 15,     ///< A lazy record of `kind`.
  await = 16,      ///< Queues for locks. peer, value, extra: coordinator, epoch, counter of the first ahead.
  granted = 17,    ///< Holds all its locks. flag: had to queue.
  released = 18,   ///< extra: ns since the first was granted. flag: had to queue.
  voted = 19,      ///< kind: Vote; reason.
  decided = 20,    ///< outcome, reason.
  timer = 21,      ///< kind: the machine's timer that fired.
  recovered = 22,  ///< Rebuilt from the log after a crash.
  note = 23,       ///< value: the name of a protocol point, or of something odd.
  wounded = 24,    ///< Coordinator: an older transaction waits.
  unblocked = 25,  ///< Was blocked, and knows the outcome now. extra: for how long, ns.
  held_up = 26,    ///< Had stood behind a blocked transaction. value: name of what became of it.
  forgotten = 27,  ///< The machine is gone. outcome.
};

struct Event {
  std::int64_t t_ns{};  ///< The host's steady clock: one for all processes of a machine.
  std::uint64_t counter{};
  std::uint32_t coordinator{}, epoch{};  ///< With counter: the transaction.
  std::uint32_t peer{}, value{};
  std::uint64_t extra{};
  EventType type{};
  std::uint8_t role{}, kind{}, protocol{};
  std::uint8_t outcome{}, reason{}, flag{}, depth{};  ///< depth: 255 and more are 255.

  [[nodiscard]] TxnId txn() const { return {NodeId{coordinator}, Epoch{epoch}, counter}; }
  [[nodiscard]] bool same(const Event& other) const { return std::memcmp(this, &other, sizeof *this) == 0; }
};
static_assert(sizeof(Event) == 48 && std::is_trivially_copyable_v<Event> &&
              std::has_unique_object_representations_v<Event>);

/// A name record holds up to this many bytes of text.
inline constexpr std::size_t kNameBytes = 31;

}  // namespace geocommit
