// A node's flight recorder: what happened to transactions, for timelines (`./geocommit trace`). An Observer beside the
// telemetry, in both worlds. Bounded: everything goes into a window of the recent past; what is sampled (by
// transaction, the same ones at every node), or turns out to matter, is kept for good, up to a limit.
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "engine/observer.h"
#include "runtime/events/event.h"
#include "runtime/events/settings.h"

namespace geocommit {

/// The recent past: a ring in memory that the caller owns (a mapped file survives a SIGKILL; runtime/events/files.h).
class EventWindow {
 public:
  /// `slots` hold `written` events already, the last ones of them.
  EventWindow(Event* slots, std::size_t capacity, std::uint64_t* written)
      : slots_(slots), capacity_(capacity), written_(written) {}
  void push(const Event& event) {
    slots_[*written_ % capacity_] = event;
    ++*written_;
  }
  /// Oldest first.
  template <class F>
  void for_each(F&& each) const {
    const std::uint64_t end = *written_;
    for (std::uint64_t i = end > capacity_ ? end - capacity_ : 0; i < end; ++i) {
      each(slots_[i % capacity_]);
    }
  }

 private:
  Event* slots_;
  std::size_t capacity_;
  std::uint64_t* written_;
};

/// True for the same transactions at every node and in every run with the same ids.
[[nodiscard]] bool in_sample(const TxnId& txn, double share);

class EventLog final : public Observer {
 public:
  using Clock = std::function<Instant()>;
  /// Takes what is kept, in the order of the events but for those that come out of the window.
  using Sink = std::function<void(const Event*, std::size_t)>;
  /// `kept_bytes`: what the sink holds already, of an earlier process.
  EventLog(const TraceSettings& settings, EventWindow window, Clock clock, Sink sink, std::size_t kept_bytes = 0);

  /// A process begins.
  void started(Epoch epoch, std::uint64_t clock_id);
  /// From now on, and from as long ago as the window reaches, this transaction's events are kept.
  void keep(const TxnId& txn);
  /// Writes what is to be kept and still only in the window.
  void settle();
  [[nodiscard]] std::uint64_t missed() const { return missed_; }  ///< Not kept: over the limit.

  void transaction_begun(const TxnDescriptor& d) override;
  void locks_released(const TxnDescriptor& d, Outcome o, Duration held, Duration summed, bool waited) override;
  void in_doubt_ended(const TxnDescriptor& d, Outcome o, Duration in_doubt, Duration blocked) override;
  void held_up_by_blocked(const TxnDescriptor& d, std::string_view cause) override;
  void locks_awaited(const TxnDescriptor& d, TxnId behind) override;
  void locks_granted(const TxnDescriptor& d, bool waited) override;
  void voted(const TxnDescriptor& d, Vote vote, Reason reason) override;
  void transaction_forgotten(const TxnDescriptor& d, Role role, Outcome outcome, const TxnCost& cost) override;
  void message_in(const Message& message) override;
  void message_out(Role from, const Message& message, std::size_t bytes) override;
  void machine_stepped(const TxnDescriptor& d, Role role, const Input& input, const Outbox& outbox) override;
  void noted(const TxnDescriptor& d, Role role, std::string_view event) override;

 private:
  /// Looks at the clock: once for whatever begins in a node. What follows from it, in the same breath, has its time.
  void tick() { now_ns_ = clock_().time_since_epoch().count(); }
  [[nodiscard]] Event event(EventType type, const TxnId& txn, std::uint8_t protocol, Role role) const;
  [[nodiscard]] Event event(EventType type, const TxnDescriptor& d, Role role) const {
    return event(type, d.txn, d.protocol, role);
  }
  void add(const Event& event);
  void write(const Event* events, std::size_t count, std::size_t room);
  [[nodiscard]] std::uint32_t name(std::string_view text);
  void add_input(const TxnDescriptor& d, Role role, const Input& input);

  TraceSettings settings_;
  EventWindow window_;
  Clock clock_;
  Sink sink_;
  std::size_t kept_bytes_;
  std::uint64_t missed_{};
  std::unordered_set<TxnId> kept_;     ///< Open here, and everything of them goes to the sink.
  std::unordered_set<TxnId> pending_;  ///< To be kept: still only in the window.
  std::int64_t now_ns_{}, settle_at_ns_{};
  std::vector<std::pair<const char*, std::uint32_t>> names_;  ///< Static strings: found by address.
};

}  // namespace geocommit
