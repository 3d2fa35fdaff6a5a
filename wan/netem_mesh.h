// The wires of the netem backend: a veth pair between each two nodes, so that each directed link has a device of its
// own whose root qdisc shapes it (netem acts on what leaves).
#pragma once

#include <cstdint>
#include <vector>

#include "wan/node_network.h"

namespace geocommit {

/// Most nodes in one mesh: n x (n - 1) devices, each with a qdisc.
inline constexpr std::size_t kMaxNetemNodes = 128;

/// Index, in its namespace, of the device of any node towards node `peer`.
[[nodiscard]] constexpr int mesh_device_index(std::size_t peer) { return 1000 + static_cast<int>(peer); }
/// Its name, `wan7`.
[[nodiscard]] std::string mesh_device_name(std::size_t peer);

/// Makes all pairs, still down, one packet a segment (gso_max_segs 1). The namespaces must exist.
[[nodiscard]] Result<void> make_mesh_devices(const NodeNetwork& network, std::size_t nodes);

/// Inside node `own`'s namespace: for each other node the device up, its permanent neighbour entry (ARP would be
/// delayed and lost with the rest) and the host route to its address.
[[nodiscard]] Result<void> make_mesh_routes(Netlink& netlink, std::size_t own, std::size_t nodes,
                                            const TcpProfile& tcp);

}  // namespace geocommit
