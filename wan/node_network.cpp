#include "wan/node_network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/utsname.h>

namespace geocommit {
namespace {

constexpr const char* kBridge = "gcmgmt";
constexpr std::uint32_t kGroup = 0x6763;  // marks the management devices, so that close() removes them at once

/// Settings of one node's namespace. Missing sysctls are no error: describe_tcp() tells what is in force.
void set_sysctls(const TcpProfile& tcp) {
  const auto set = [](const char* path, const std::string& value) {
    const auto done = write_sysctl(path, value);
    (void)done;
  };
  set("net/ipv6/conf/all/disable_ipv6", "1");
  set("net/ipv6/conf/default/disable_ipv6", "1");
  set("net/ipv4/tcp_slow_start_after_idle", tcp.slow_start_after_idle ? "1" : "0");
  set("net/ipv4/tcp_no_metrics_save", "1");  // else one cell's congestion window leaks into the next
  set("net/ipv4/tcp_congestion_control", tcp.congestion_control);
  if (tcp.rto_max > Duration{0}) set("net/ipv4/tcp_rto_max_ms", std::to_string(tcp.rto_max / 1ms));
}

Result<void> make_bridge(Netlink& netlink) {
  if (auto done = netlink.add_bridge(kBridge); !done) return done;
  if (auto done = netlink.set_group(kBridge, kGroup); !done) return done;
  if (auto done = netlink.add_address(kBridge, kRunnerManagement, 16); !done) return done;
  return netlink.set_up(kBridge);
}

}  // namespace

Ipv4 wan_ipv4(std::size_t index) { return Ipv4{kWanNetwork.bits + static_cast<std::uint32_t>(index) + 1}; }
Ipv4 management_ipv4(std::size_t index) {
  return Ipv4{((10U << 24) | (254U << 16) | (1U << 8)) + static_cast<std::uint32_t>(index) + 1};
}

Netlink::RouteMetrics route_metrics(const TcpProfile& tcp) { return {tcp.congestion_control, tcp.initial_window}; }

std::string kernel_release() {
  utsname name{};
  return ::uname(&name) == 0 ? name.release : "unknown";
}

Result<NodeNetwork> NodeNetwork::make(std::size_t nodes, const TcpProfile& tcp,
                                      const std::function<Result<void>(std::size_t)>& setup) {
  NodeNetwork network;
  auto netlink = Netlink::open();
  if (!netlink) return netlink.error();
  if (auto done = make_bridge(*netlink); !done) {
    return Error{done.error().message + " (was enter_private_namespace() called, and is the last emulation closed?)"};
  }
  network.has_bridge_ = true;
  for (std::size_t i = 0; i < nodes; ++i) {
    auto made = make_namespace([&]() -> Result<void> {
      set_sysctls(tcp);
      return setup(i);
    });
    if (!made) return made.error();
    network.namespaces_.push_back(std::move(made).value());
    const std::string end = "gcm" + std::to_string(i);
    const int fd = network.namespaces_.back().get();
    if (auto done = netlink->add_veth(end, "mgmt0", fd, kGroup); !done) return done.error();
    if (auto done = netlink->set_master(end, kBridge); !done) return done.error();
    if (auto done = netlink->set_up(end); !done) return done.error();
    auto inside = in_namespace(fd, [&]() -> Result<void> {
      auto own = Netlink::open();
      if (!own) return own.error();
      if (auto done = own->add_address("mgmt0", management_ipv4(i), 16); !done) return done;
      return own->set_up("mgmt0");
    });
    if (!inside) return inside.error();
  }
  return network;
}

void NodeNetwork::close() {
  namespaces_.clear();
  if (!has_bridge_) return;
  has_bridge_ = false;
  auto netlink = Netlink::open();
  if (!netlink) return;
  const auto removed = netlink->remove_group(kGroup);
  (void)removed;  // what is left vanishes with the hub namespace
}

std::map<std::string, std::string> NodeNetwork::describe_tcp() const {
  std::map<std::string, std::string> out;
  if (namespaces_.empty()) return out;
  const auto done = in_namespace(namespaces_.front().get(), [&]() -> Result<void> {
    for (const char* name : {"tcp_slow_start_after_idle", "tcp_no_metrics_save", "tcp_rto_max_ms", "tcp_rmem",
                             "tcp_wmem", "tcp_congestion_control"}) {
      out[name] = read_sysctl(std::string("net/ipv4/") + name);
      if (out[name].empty()) out[name] = "not in this kernel";
    }
    // The route decides, and only a socket that has looked its route up knows: connect, without waiting.
    const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(9);
    to.sin_addr.s_addr = htonl(wan_ipv4(namespaces_.size() - 1).bits + (namespaces_.size() == 1 ? 1 : 0));
    const int refused = ::connect(socket.get(), reinterpret_cast<sockaddr*>(&to), sizeof to);
    (void)refused;  // EINPROGRESS, or already refused
    char name[16] = {};
    socklen_t size = sizeof name;
    if (::getsockopt(socket.get(), IPPROTO_TCP, TCP_CONGESTION, name, &size) == 0) out["tcp_in_force"] = name;
    return {};
  });
  if (!done) out["tcp_in_force"] = done.error().message;
  return out;
}

}  // namespace geocommit
