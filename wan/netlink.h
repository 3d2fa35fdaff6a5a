// Just enough rtnetlink to build namespaces, links, addresses and routes, without starting `ip` for each step.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "os/unique_fd.h"

struct nlmsghdr;

namespace geocommit {

class NetlinkMessage;

/// IPv4 address in host order.
struct Ipv4 {
  std::uint32_t bits = 0;
  friend bool operator==(const Ipv4&, const Ipv4&) = default;
};
[[nodiscard]] std::string to_string(Ipv4 address);

/// A rtnetlink socket in the network namespace that was current when it was opened. Each call waits for the kernel's
/// acknowledgement; errors name the step and the errno.
class Netlink {
 public:
  [[nodiscard]] static Result<Netlink> open();

  [[nodiscard]] Result<void> add_bridge(const std::string& name);
  /// Makes `name` here, with its peer `peer` in the namespace `peer_namespace` (-1: here too). `group` allows to delete
  /// many at once.
  [[nodiscard]] Result<void> add_veth(const std::string& name, const std::string& peer, int peer_namespace,
                                      std::uint32_t group = 0);
  [[nodiscard]] Result<void> set_up(const std::string& name);
  [[nodiscard]] Result<void> set_master(const std::string& name, const std::string& bridge);
  [[nodiscard]] Result<void> set_group(const std::string& name, std::uint32_t group);
  [[nodiscard]] Result<void> set_queue_length(const std::string& name, std::uint32_t packets);
  /// One packet a segment: a queue of packets then counts packets, and loss hits one at a time.
  [[nodiscard]] Result<void> set_gso_max_segments(const std::string& name, std::uint32_t segments);
  [[nodiscard]] Result<void> remove_group(std::uint32_t group);
  [[nodiscard]] Result<void> add_address(const std::string& name, Ipv4 address, std::uint8_t prefix);

  struct RouteMetrics {
    std::string congestion_control;    ///< empty: the namespace's default
    std::uint32_t initial_window = 0;  ///< segments; 0: the kernel's default
  };
  /// A route to a network on the link itself (no gateway); `source` is the preferred source address (0: none).
  [[nodiscard]] Result<void> add_route(Ipv4 network, std::uint8_t prefix, const std::string& device, Ipv4 source,
                                       const RouteMetrics& metrics);
  /// Sends a request that asks for an acknowledgement, and waits for it. `step` names it in the error.
  [[nodiscard]] Result<void> send(NetlinkMessage& message, const std::string& step);
  /// Sends a request with NLM_F_DUMP and hands each answer to `each`.
  [[nodiscard]] Result<void> dump(NetlinkMessage& message, const std::string& step,
                                  const std::function<void(const nlmsghdr&)>& each);

 private:
  explicit Netlink(UniqueFd socket) : socket_(std::move(socket)) {}
  [[nodiscard]] Result<void> set_number(const std::string& name, std::uint16_t type, std::uint32_t value,
                                        const std::string& step);
  [[nodiscard]] Result<void> receive(const std::string& step, const std::function<void(const nlmsghdr&)>* each);
  UniqueFd socket_;
  std::uint32_t sequence_ = 0;
};

}  // namespace geocommit
