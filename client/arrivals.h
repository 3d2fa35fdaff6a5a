// When a load's requests are meant to start, and which they are. Open loop: at the instants that were drawn, however
// slow earlier ones are. Closed loop: each of so many clients has its next as soon as its last is answered.
#pragma once

#include <cstdint>
#include <optional>

#include "workload/generator.h"

namespace geocommit {

class Arrivals {
 public:
  /// Nothing is meant to start at or after `end`, since the load's start; so are all times here.
  Arrivals(const WorkloadSpec& workload, const Directory& directory, RegionId origin, std::uint64_t seed, Duration end);
  void start();
  /// One that is due by `elapsed`, with its intended start; nothing if none is.
  [[nodiscard]] std::optional<Planned> take(Duration elapsed);
  /// One of those taken is answered. True: its client has another.
  bool answered();
  /// When take() is wanted: 0 is at once. Nothing once there is no more, and in a closed loop whose clients all wait
  /// only the end.
  [[nodiscard]] std::optional<Duration> next() const;
  /// The last take() found that there will be no more.
  [[nodiscard]] bool ended() const { return ended_; }

 private:
  bool closed_;
  Duration end_;
  Generator generator_;
  std::optional<Planned> due_;  // open loop
  std::uint32_t clients_;       // closed loop
  std::uint32_t idle_{};        // closed loop: clients without a request
  bool ended_{};
};

}  // namespace geocommit
