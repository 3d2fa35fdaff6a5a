#include "wan/netlink.h"

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "wan/netlink_message.h"

namespace geocommit {

std::string to_string(Ipv4 address) {
  return std::to_string(address.bits >> 24) + "." + std::to_string((address.bits >> 16) & 255) + "." +
         std::to_string((address.bits >> 8) & 255) + "." + std::to_string(address.bits & 255);
}

namespace {

ifinfomsg no_link() {
  ifinfomsg link{};
  link.ifi_family = AF_UNSPEC;
  return link;
}

Result<ifinfomsg> link_named(const std::string& name) {
  ifinfomsg link = no_link();
  link.ifi_index = static_cast<int>(if_nametoindex(name.c_str()));
  if (link.ifi_index == 0) return Error{"no network device " + name};
  return link;
}

constexpr std::uint16_t kCreate = NLM_F_CREATE | NLM_F_EXCL;

}  // namespace

Result<Netlink> Netlink::open() {
  UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket.valid()) return Error{std::string("cannot open a rtnetlink socket: ") + std::strerror(errno)};
  const timeval limit{5, 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  return Netlink(std::move(socket));
}

Result<void> Netlink::send(NetlinkMessage& message, const std::string& step) {
  const nlmsghdr* request = message.finish(++sequence_);
  if (::send(socket_.get(), request, request->nlmsg_len, 0) < 0) {
    return Error{step + ": rtnetlink send: " + std::strerror(errno)};
  }
  return receive(step, nullptr);
}

Result<void> Netlink::dump(NetlinkMessage& message, const std::string& step,
                           const std::function<void(const nlmsghdr&)>& each) {
  const nlmsghdr* request = message.finish(++sequence_);
  if (::send(socket_.get(), request, request->nlmsg_len, 0) < 0) {
    return Error{step + ": rtnetlink send: " + std::strerror(errno)};
  }
  return receive(step, &each);
}

/// Reads until the acknowledgement, or until the end of the dump, of the request that was sent last.
Result<void> Netlink::receive(const std::string& step, const std::function<void(const nlmsghdr&)>* each) {
  constexpr int kRounds = 100'000;  // messages of a dump; each waits at most for the socket's receive timeout
  alignas(nlmsghdr) char reply[32768];
  for (int round = 0; round < kRounds; ++round) {
    const ssize_t size = ::recv(socket_.get(), reply, sizeof reply, 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return Error{step + ": rtnetlink: " + std::strerror(errno)};
    int left = static_cast<int>(size);
    for (auto* header = reinterpret_cast<nlmsghdr*>(reply); NLMSG_OK(header, static_cast<unsigned>(left));
         header = NLMSG_NEXT(header, left)) {
      if (header->nlmsg_seq != sequence_) continue;
      if (header->nlmsg_type == NLMSG_DONE) return {};
      if (header->nlmsg_type == NLMSG_ERROR) {
        const int code = static_cast<const nlmsgerr*>(NLMSG_DATA(header))->error;
        if (code == 0) return {};
        return Error{step + ": " + std::strerror(-code)};
      }
      if (each != nullptr) (*each)(*header);
    }
  }
  return Error{step + ": no answer from rtnetlink"};
}

Result<void> Netlink::add_bridge(const std::string& name) {
  NetlinkMessage message(RTM_NEWLINK, kCreate, no_link());
  message.text(IFLA_IFNAME, name);
  const auto info = message.begin(IFLA_LINKINFO);
  message.text(IFLA_INFO_KIND, "bridge");
  message.end(info);
  return send(message, "make the bridge " + name);
}

Result<void> Netlink::add_veth(const std::string& name, const std::string& peer, int peer_namespace,
                               std::uint32_t group) {
  NetlinkMessage message(RTM_NEWLINK, kCreate, no_link());
  message.text(IFLA_IFNAME, name);
  message.number(IFLA_GROUP, group);
  const auto info = message.begin(IFLA_LINKINFO);
  message.text(IFLA_INFO_KIND, "veth");
  const auto data = message.begin(IFLA_INFO_DATA);
  const auto peer_part = message.begin(VETH_INFO_PEER);
  const ifinfomsg peer_link = no_link();
  message.append(&peer_link, sizeof peer_link);
  message.text(IFLA_IFNAME, peer);
  if (peer_namespace >= 0) message.number(IFLA_NET_NS_FD, static_cast<std::uint32_t>(peer_namespace));
  message.end(peer_part);
  message.end(data);
  message.end(info);
  return send(message, "make the veth pair " + name);
}

Result<void> Netlink::set_up(const std::string& name) {
  auto link = link_named(name);
  if (!link) return link.error();
  link->ifi_flags = IFF_UP;
  link->ifi_change = IFF_UP;
  NetlinkMessage message(RTM_NEWLINK, 0, *link);
  return send(message, "bring " + name + " up");
}

Result<void> Netlink::set_number(const std::string& name, std::uint16_t type, std::uint32_t value,
                                 const std::string& step) {
  auto link = link_named(name);
  if (!link) return link.error();
  NetlinkMessage message(RTM_NEWLINK, 0, *link);
  message.number(type, value);
  return send(message, step);
}

Result<void> Netlink::set_master(const std::string& name, const std::string& bridge) {
  const unsigned index = if_nametoindex(bridge.c_str());
  if (index == 0) return Error{"no network device " + bridge};
  return set_number(name, IFLA_MASTER, index, "add " + name + " to " + bridge);
}
Result<void> Netlink::set_group(const std::string& name, std::uint32_t group) {
  return set_number(name, IFLA_GROUP, group, "set the group of " + name);
}
Result<void> Netlink::set_queue_length(const std::string& name, std::uint32_t packets) {
  return set_number(name, IFLA_TXQLEN, packets, "set the queue length of " + name);
}
Result<void> Netlink::set_gso_max_segments(const std::string& name, std::uint32_t segments) {
  return set_number(name, IFLA_GSO_MAX_SEGS, segments, "set gso_max_segs of " + name);
}

Result<void> Netlink::remove_group(std::uint32_t group) {
  NetlinkMessage message(RTM_DELLINK, 0, no_link());
  message.number(IFLA_GROUP, group);
  return send(message, "remove the devices of group " + std::to_string(group));
}

Result<void> Netlink::add_address(const std::string& name, Ipv4 address, std::uint8_t prefix) {
  ifaddrmsg body{};
  body.ifa_family = AF_INET;
  body.ifa_prefixlen = prefix;
  body.ifa_index = if_nametoindex(name.c_str());
  if (body.ifa_index == 0) return Error{"no network device " + name};
  const std::uint32_t bits = htonl(address.bits);
  NetlinkMessage message(RTM_NEWADDR, kCreate, body);
  message.attribute(IFA_LOCAL, &bits, sizeof bits);
  message.attribute(IFA_ADDRESS, &bits, sizeof bits);
  return send(message, "give " + name + " the address " + to_string(address));
}

Result<void> Netlink::add_route(Ipv4 network, std::uint8_t prefix, const std::string& device, Ipv4 source,
                                const RouteMetrics& metrics) {
  rtmsg body{};
  body.rtm_family = AF_INET;
  body.rtm_dst_len = prefix;
  body.rtm_table = RT_TABLE_MAIN;
  body.rtm_protocol = RTPROT_BOOT;
  body.rtm_scope = RT_SCOPE_LINK;
  body.rtm_type = RTN_UNICAST;
  const unsigned index = if_nametoindex(device.c_str());
  if (index == 0) return Error{"no network device " + device};
  const std::uint32_t to = htonl(network.bits);
  const std::uint32_t from = htonl(source.bits);
  NetlinkMessage message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, body);
  message.attribute(RTA_DST, &to, sizeof to);
  message.number(RTA_OIF, index);
  if (source.bits != 0) message.attribute(RTA_PREFSRC, &from, sizeof from);
  if (!metrics.congestion_control.empty() || metrics.initial_window != 0) {
    const auto nested = message.begin(RTA_METRICS);
    if (!metrics.congestion_control.empty()) message.text(RTAX_CC_ALGO, metrics.congestion_control);
    if (metrics.initial_window != 0) message.number(RTAX_INITCWND, metrics.initial_window);
    message.end(nested);
  }
  return send(message, "route " + to_string(network) + " over " + device);
}

}  // namespace geocommit
