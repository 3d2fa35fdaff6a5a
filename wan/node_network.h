// What the tun and the netem backend have in common: a namespace per node, the management network, the TCP profile, and
// the table of links by name.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wan/emulation.h"
#include "wan/namespaces.h"
#include "wan/netlink.h"

namespace geocommit {

/// 10.100.0.1 + index: where the node's data sockets bind. The whole WAN is 10.100.0.0/16.
[[nodiscard]] Ipv4 wan_ipv4(std::size_t index);
/// 10.254.1.0 + index + 1; the runner is 10.254.0.1, the network 10.254.0.0/16.
[[nodiscard]] Ipv4 management_ipv4(std::size_t index);
inline constexpr Ipv4 kWanNetwork{(10U << 24) | (100U << 16)};
inline constexpr Ipv4 kRunnerManagement{(10U << 24) | (254U << 16) | 1U};
inline constexpr std::uint8_t kWanPrefix = 16;

/// Names of nodes, datacenters and regions, and the directed link between each ordered pair of nodes as it is now.
class LinkTable {
 public:
  /// Checks the nodes: names distinct and not a datacenter's or region's unless it is the only node there; places
  /// known.
  [[nodiscard]] static Result<LinkTable> make(const Topology& topology, const std::vector<WanNode>& nodes);

  [[nodiscard]] std::size_t size() const { return nodes_.size(); }
  [[nodiscard]] const std::vector<WanNode>& nodes() const { return nodes_; }
  /// Index of a node; GC_CHECKs that there is one.
  [[nodiscard]] std::size_t index_of(std::string_view node) const;
  [[nodiscard]] const LinkSpec& at(std::size_t from, std::size_t to) const { return links_[from * size() + to]; }

  using Pairs = std::vector<std::pair<std::size_t, std::size_t>>;
  /// Applies a change and gives the ordered pairs of nodes that it touched. An unknown name is an Error.
  [[nodiscard]] Result<Pairs> change(std::string_view from, std::string_view to, const LinkChange& change);
  /// Brings every link up; gives the pairs that were down.
  [[nodiscard]] Pairs heal_all();
  /// A single pair between two nodes.
  [[nodiscard]] Result<LinkSpec> between(std::string_view from_node, std::string_view to_node) const;
  void set(std::size_t from, std::size_t to, const LinkSpec& spec) { links_[from * size() + to] = spec; }

 private:
  [[nodiscard]] Result<std::vector<std::size_t>> resolve(std::string_view name) const;
  std::vector<WanNode> nodes_;
  std::vector<LinkSpec> links_;  // row = from
};

/// Checks a change for impossible values.
[[nodiscard]] Result<void> check_change(const LinkChange& change);

/// Namespaces, management network and TCP settings of all nodes. The destructor removes them.
class NodeNetwork {
 public:
  /// `setup(index)` runs inside each node's namespace once its loopback is up: the backend makes its WAN device there.
  [[nodiscard]] static Result<NodeNetwork> make(std::size_t nodes, const TcpProfile& tcp,
                                                const std::function<Result<void>(std::size_t)>& setup);
  NodeNetwork() = default;
  NodeNetwork(NodeNetwork&& other) noexcept
      : namespaces_(std::move(other.namespaces_)), has_bridge_(std::exchange(other.has_bridge_, false)) {}
  NodeNetwork& operator=(NodeNetwork&& other) noexcept {
    std::swap(namespaces_, other.namespaces_);
    std::swap(has_bridge_, other.has_bridge_);
    return *this;
  }
  ~NodeNetwork() { close(); }
  void close();

  [[nodiscard]] int namespace_fd(std::size_t index) const { return namespaces_.at(index).get(); }
  /// The settings in force, found out by asking a connecting socket and the kernel (call once the WAN routes exist).
  [[nodiscard]] std::map<std::string, std::string> describe_tcp() const;

 private:
  std::vector<UniqueFd> namespaces_;
  bool has_bridge_ = false;
};

/// Metrics for a node's route onto the WAN, from the profile.
[[nodiscard]] Netlink::RouteMetrics route_metrics(const TcpProfile& tcp);

/// `6.1.0-13-amd64`, for describe().
[[nodiscard]] std::string kernel_release();

// Backends, made by bring_up().
[[nodiscard]] Result<std::unique_ptr<Emulation>> bring_up_loopback(LinkTable table);
[[nodiscard]] Result<std::unique_ptr<Emulation>> bring_up_tun(LinkTable table, const EmulationOptions& options);
[[nodiscard]] Result<std::unique_ptr<Emulation>> bring_up_netem(LinkTable table, const EmulationOptions& options);
/// Brings two nodes up and times packets between them: also a kernel that takes the qdisc but does nothing is told. In
/// a hub of its own, see in_scratch_process().
[[nodiscard]] Result<void> probe_netem();

}  // namespace geocommit
