// The question for an outcome that it has not been told, again and again at growing intervals
// (Bernstein, Hadzilacos, Goodman 1987, section 7.4).
#pragma once

#include <cstdint>
#include <string>

#include "protocols/machine_base.h"

namespace geocommit {

class Inquiry {
 public:
  /// `kind`: INQUIRY; `timer`: when it is asked again, after 1, 2, 4, ... 16 times `first`, never more than `most`.
  Inquiry(std::uint8_t kind, std::uint8_t timer, Duration first, Duration most = Duration::max())
      : kind_(kind), timer_(timer), interval_(first, most) {}

  /// Asks the coordinator and all participants but itself, and arms the timer.
  void ask(Effects effects, bool retry);
  /// Its own: it asks again.
  void timer(Effects effects, std::uint8_t timer) { timer == timer_ ? ask(effects, true) : effects.ignored(); }
  /// Arms the timer, and asks nobody: an answer is expected.
  void wait(Effects effects) { effects.arm(timer_, interval_.next()); }
  [[nodiscard]] std::uint32_t rounds() const { return rounds_; }

  /// How often it was asked counts no further than whether it was.
  void encode(std::string& out) const;

 private:
  std::uint8_t kind_, timer_;
  Backoff interval_;
  std::uint32_t rounds_{};
};

}  // namespace geocommit
