// Messages between the runner and geocommit-router, over a SOCK_SEQPACKET pair (descriptor 3 of the router): one
// request, one reply, in the machine's own byte order, since both ends are the same build on the same machine.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "wan/topology.h"

namespace geocommit {

inline constexpr std::uint32_t kRouterProtocol = 1;
inline constexpr int kRouterControlFd = 3;

enum class RouterVerb : std::uint32_t {
  hello,      ///< the first; carries the descriptor of a RouterPulse (memfd)
  add_node,   ///< carries the TUN descriptor of node `index`, in order of index
  set_links,  ///< `links[0..count)`
  calibrate,  ///< from now on take `value_ns` off each delay
  stats,
  reset_stats,
};

struct WireLink {
  std::uint32_t from;
  std::uint32_t to;
  std::int64_t delay_ns;
  std::int64_t jitter_ns;
  double loss;
  std::uint64_t rate_bits_per_second;
  std::uint32_t limit_packets;
  std::uint8_t distribution;
  std::uint8_t up;
};

inline constexpr std::size_t kLinksPerRequest = 256;

struct RouterRequest {
  RouterVerb verb = RouterVerb::stats;
  std::uint32_t protocol = kRouterProtocol;
  std::uint32_t count = 0;        ///< hello: nodes; set_links: entries
  std::uint32_t wan_network = 0;  ///< hello: node i has the address wan_network + 1 + i, host order
  std::uint32_t allow_sched_fifo = 0;
  std::uint32_t index = 0;    ///< add_node
  std::int64_t value_ns = 0;  ///< hello: spin; calibrate: cost
  std::uint64_t seed = 0;
  std::array<WireLink, kLinksPerRequest> links{};
};

struct RouterReply {
  std::int32_t error = 0;  ///< 0, or an errno
  std::uint32_t sched_fifo = 0;
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  std::uint64_t lost = 0;
  std::uint64_t cut = 0;
  std::uint64_t queue_full = 0;
  std::uint64_t no_route = 0;
  std::uint64_t not_ipv4 = 0;
  std::uint64_t write_failed = 0;
  std::uint64_t in_flight = 0;
  std::uint64_t rests = 0;  ///< times a router under SCHED_FIFO stepped back because it had not slept
  double lateness_p50_us = 0;
  double lateness_p99_us = 0;
  double lateness_max_us = 0;
};

/// Shared memory in which the router shows that it moves (its main loop, at least every kPulseEvery).
struct RouterPulse {
  std::atomic<std::int64_t> monotonic_ns{0};
};
inline constexpr Duration kPulseEvery = std::chrono::milliseconds(100);
static_assert(std::atomic<std::int64_t>::is_always_lock_free);

[[nodiscard]] inline WireLink to_wire(std::size_t from, std::size_t to, const LinkSpec& spec) {
  return {static_cast<std::uint32_t>(from),
          static_cast<std::uint32_t>(to),
          spec.delay.count(),
          spec.jitter.count(),
          spec.loss,
          spec.rate_bits_per_second,
          spec.limit_packets,
          static_cast<std::uint8_t>(spec.distribution),
          static_cast<std::uint8_t>(spec.up)};
}
[[nodiscard]] inline LinkSpec from_wire(const WireLink& wire) {
  return {Duration{wire.delay_ns},
          Duration{wire.jitter_ns},
          static_cast<JitterDistribution>(wire.distribution),
          wire.loss,
          wire.rate_bits_per_second,
          wire.limit_packets,
          wire.up != 0};
}

}  // namespace geocommit
