// A directed link as the kernel's netem qdisc (tc-netem(8), linux/pkt_sched.h), over rtnetlink: no `tc` process for
// each change.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "wan/netlink.h"
#include "wan/netlink_message.h"
#include "wan/topology.h"

namespace geocommit {

/// Inverse distribution functions of jitter, as netem samples them: equally likely entries, 8192 for one `jitter`. Made
/// from the same samples as the tun backend's (link_model.h), so that both backends mean the same by a distribution,
/// and the machine needs no /usr/lib/tc/*.dist. Entries are cut at 4 x jitter, netem's own bound.
class JitterTables {
 public:
  [[nodiscard]] const std::vector<std::int16_t>& of(JitterDistribution distribution);

 private:
  std::array<std::vector<std::int16_t>, 4> tables_;  // made when first used
};

/// How a request is to act on the root qdisc of a device.
enum class QdiscAction {
  add,     ///< there is none of ours yet
  change,  ///< keeps the packets that are held, which keep their due times
  swap,    ///< puts a new instance with another handle in place: the packets that were held are gone
};

/// Jitter above this is more than netem can represent (a signed 32-bit number of nanoseconds).
inline constexpr Duration kNetemMaxJitter = 2147ms;

/// The request for one device. `handle` is the qdisc's major number. The link's rate is always set, to kOrderingRate
/// where the link has none: netem then never lets a packet overtake another, neither under jitter nor when the delay
/// is lowered (measured). A link that is down is a loss of all packets. Kernels from 6.6 seed their randomness
/// with `seed`; older ones ignore it.
[[nodiscard]] NetlinkMessage netem_request(QdiscAction action, int device_index, std::uint16_t handle,
                                           const LinkSpec& link, std::uint64_t seed, JitterTables& tables);

/// Bytes a second: the most that fits the 32-bit field, 34 Gbit/s. A 1500-byte packet then takes 0.35 us.
inline constexpr std::uint64_t kOrderingRate = 0xffffffffU;

/// Counters of a qdisc since it was made.
struct QdiscCounters {
  std::uint64_t packets = 0;  ///< sent on
  std::uint64_t bytes = 0;    ///< sent on, with Ethernet headers
  std::uint32_t drops = 0;    ///< loss and limit together
  std::uint32_t held = 0;     ///< now
};

/// Of all root netem qdiscs in the socket's namespace, by device index.
[[nodiscard]] Result<std::map<int, QdiscCounters>> read_netem_counters(Netlink& netlink);

}  // namespace geocommit
