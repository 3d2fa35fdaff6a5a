// When the router sleeps, and how it shows that it lives. A timer (timerfd, absolute) wakes it for the next due time,
// and nothing spins, but for at most `spin` before a deadline if that is asked for.
//
// SCHED_FIFO cannot hang the machine: the process sleeps for a millisecond whenever it ran 20 ms without sleeping, and
// RLIMIT_RTTIME ends it if it ever runs a second through.
#pragma once

#include <cstdint>
#include <optional>

#include "os/unique_fd.h"
#include "wan/router_protocol.h"

namespace geocommit {

class Pacer {
 public:
  Pacer();
  ~Pacer();
  Pacer(const Pacer&) = delete;
  Pacer& operator=(const Pacer&) = delete;

  /// 0, or an errno. `pulse`: memory of a RouterPulse.
  [[nodiscard]] int begin(const RouterRequest& hello, const UniqueFd& pulse);
  /// Readable, edge-triggered, when what arm() asked for has come; never read. Not valid if it could not be made.
  [[nodiscard]] const UniqueFd& timer() const { return timer_; }

  /// To be called in every round of the loop, at least every kPulseEvery.
  void beat(std::int64_t now_ns);
  /// The next due time is so near that sleeping would be late.
  [[nodiscard]] bool spins(std::int64_t now_ns, std::optional<std::int64_t> next_due_ns) const;
  /// Before a sleep.
  void arm(std::int64_t now_ns, std::optional<std::int64_t> next_due_ns);
  /// `slept`: it has just done so. Else a real-time process that has not for long rests, and counts that.
  void rest_if_busy(std::int64_t now_ns, bool slept);

  void fill(RouterReply& reply) const;
  void reset_stats() { rests_ = 0; }

 private:
  UniqueFd timer_;
  RouterPulse* pulse_ = nullptr;
  std::int64_t spin_ns_ = 0;
  bool sched_fifo_ = false;
  std::int64_t armed_ns_ = 0;
  std::int64_t busy_since_ns_;
  std::int64_t last_beat_ns_ = 0;
  std::uint64_t rests_ = 0;
};

}  // namespace geocommit
