#include "wan/netem_mesh.h"

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/veth.h>
#include <net/if.h>

#include <array>

#include "wan/netlink_message.h"

namespace geocommit {
namespace {

using Mac = std::array<std::uint8_t, 6>;

/// Locally administered (02:...), one for each end.
Mac mac_of(std::size_t own, std::size_t peer) {
  const auto byte = [](std::size_t value) { return static_cast<std::uint8_t>(value & 255); };
  return {0x02, 0x67, byte(own >> 8), byte(own), byte(peer >> 8), byte(peer)};
}

ifinfomsg end_body(std::size_t peer) {
  ifinfomsg body{};
  body.ifi_family = AF_UNSPEC;
  body.ifi_index = mesh_device_index(peer);
  return body;
}

void describe_end(NetlinkMessage& message, std::size_t own, std::size_t peer, int namespace_fd) {
  const Mac mac = mac_of(own, peer);
  message.text(IFLA_IFNAME, mesh_device_name(peer));
  message.attribute(IFLA_ADDRESS, mac.data(), mac.size());
  message.number(IFLA_GSO_MAX_SEGS, 1);
  message.number(IFLA_NET_NS_FD, static_cast<std::uint32_t>(namespace_fd));
}

Result<void> make_pair(Netlink& netlink, const NodeNetwork& network, std::size_t a, std::size_t b) {
  const ifinfomsg first = end_body(b);
  const ifinfomsg second = end_body(a);
  NetlinkMessage message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, first);
  describe_end(message, a, b, network.namespace_fd(a));
  const auto info = message.begin(IFLA_LINKINFO);
  message.text(IFLA_INFO_KIND, "veth");
  const auto data = message.begin(IFLA_INFO_DATA);
  const auto peer = message.begin(VETH_INFO_PEER);
  message.append(&second, sizeof second);
  describe_end(message, b, a, network.namespace_fd(b));
  message.end(peer);
  message.end(data);
  message.end(info);
  return netlink.send(message, "make the veth pair of nodes " + std::to_string(a) + " and " + std::to_string(b));
}

Result<void> add_neighbour(Netlink& netlink, std::size_t own, std::size_t peer) {
  ndmsg body{};
  body.ndm_family = AF_INET;
  body.ndm_ifindex = mesh_device_index(peer);
  body.ndm_state = NUD_PERMANENT;
  const std::uint32_t address = htonl(wan_ipv4(peer).bits);
  const Mac mac = mac_of(peer, own);
  NetlinkMessage message(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, body);
  message.attribute(NDA_DST, &address, sizeof address);
  message.attribute(NDA_LLADDR, mac.data(), mac.size());
  return netlink.send(message, "make " + to_string(wan_ipv4(peer)) + " a permanent neighbour");
}

}  // namespace

std::string mesh_device_name(std::size_t peer) { return "wan" + std::to_string(peer); }

Result<void> make_mesh_devices(const NodeNetwork& network, std::size_t nodes) {
  auto netlink = Netlink::open();
  if (!netlink) return netlink.error();
  for (std::size_t a = 0; a < nodes; ++a) {
    for (std::size_t b = a + 1; b < nodes; ++b) {
      if (auto done = make_pair(*netlink, network, a, b); !done) return done;
    }
  }
  return {};
}

Result<void> make_mesh_routes(Netlink& netlink, std::size_t own, std::size_t nodes, const TcpProfile& tcp) {
  for (std::size_t peer = 0; peer < nodes; ++peer) {
    if (peer == own) continue;
    const auto device = mesh_device_name(peer);
    if (auto done = netlink.set_up(device); !done) return done;  // not at creation: a veth needs its peer to come up
    if (auto done = add_neighbour(netlink, own, peer); !done) return done;
    auto routed = netlink.add_route(wan_ipv4(peer), 32, device, wan_ipv4(own), route_metrics(tcp));
    if (!routed) routed = netlink.add_route(wan_ipv4(peer), 32, device, wan_ipv4(own), {});
    if (!routed) return routed;
  }
  return {};
}

}  // namespace geocommit
