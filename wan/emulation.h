// The one seam for WAN backends. A run brings an Emulation up with the nodes that it needs, starts its daemons inside
// the nodes' namespaces, changes links while they run, and closes it: everything it made is then gone.
//
// Address space. The runner first moves into a fresh private network namespace, the hub (enter_private_namespace(),
// before it starts threads), so the host's own namespace is never changed and everything vanishes with the processes.
// Each node has a namespace of its own, kept by a file descriptor only (no names, no files). In it are:
//   lo      up
//   mgmt0   management network, never impaired: 10.254.x.y/16, a bridge in the hub; the runner itself is 10.254.0.1
//   wan...  the emulated WAN: 10.100.x.y, on which data sockets bind (wan_address)
// Traffic between any two nodes' WAN addresses, also of one datacenter, crosses the emulated link between their
// datacenters, in each direction on its own.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "wan/topology.h"

namespace geocommit {

/// A process's place: one namespace each. Names are distinct from every datacenter and region name of the topology,
/// unless the node is the only one there.
struct WanNode {
  std::string name;
  std::string region;
  std::string datacenter;  ///< empty: the region's first
};

enum class Backend {
  loopback,  ///< local processes on 127.0.0.1, no impairment, no namespaces
  tun,       ///< geocommit-router holds each packet in user space
  netem,     ///< the kernel's tc netem on a full mesh of veth pairs
};

[[nodiscard]] std::string_view to_string(Backend backend);

/// What `auto` chose, and a sentence that says why, for the user and environment.json.
struct BackendChoice {
  Backend backend;
  std::string why;
};
/// Tries each backend in a scratch namespace of a short-lived child: netem, else tun, else an Error with every reason.
/// Never chooses loopback. Call it before threads exist.
[[nodiscard]] Result<BackendChoice> choose_backend();
/// Whether this machine can do the backend, tried likewise; the Error says what is missing.
[[nodiscard]] Result<void> probe_backend(Backend backend);

/// Moves the calling process into a fresh network namespace (the hub) and brings its loopback up; an ordinary user
/// first gets a user namespace in which it is root (/proc/self/uid_map: 0 <uid> 1). Needed by every backend but
/// loopback. Must be called once, before threads exist. Children inherit it.
[[nodiscard]] Result<void> enter_private_namespace();

/// TCP settings of every node, because they change results. What is in force is in describe().
struct TcpProfile {
  std::string congestion_control = "cubic";
  bool slow_start_after_idle = false;
  std::uint32_t initial_window = 10;  ///< segments
  Duration rto_max{0};                ///< net.ipv4.tcp_rto_max_ms where the kernel has it; 0: leave it
};

struct EmulationOptions {
  TcpProfile tcp;
  bool allow_sched_fifo = true;          ///< try SCHED_FIFO for the router
  Duration spin{0};                      ///< the router may spin this long before a deadline (0: never)
  bool calibrate = true;                 ///< measure the constant wake-up cost at start and take it off each delay
  std::uint64_t seed = 1;                ///< of loss and jitter
  std::filesystem::path router_program;  ///< empty: geocommit-router beside this program, or in ../wan
  std::filesystem::path router_log;      ///< stderr of the router; empty: inherited
};

/// Counters since bring_up() or the last reset_stats(). `netem` reads its counters from the qdiscs and has no lateness.
struct RouterStats {
  std::uint64_t packets = 0;     ///< delivered
  std::uint64_t bytes = 0;       ///< delivered, IP bytes
  std::uint64_t lost = 0;        ///< by the configured loss
  std::uint64_t cut = 0;         ///< the link was down when the packet left or arrived
  std::uint64_t queue_full = 0;  ///< the link's or the router's limit was reached
  std::uint64_t no_route = 0;    ///< no node has the destination address
  std::uint64_t not_ipv4 = 0;
  std::uint64_t write_failed = 0;
  std::uint64_t in_flight = 0;  ///< held now
  bool has_lateness = false;    ///< lateness: actual minus due time of each delivery
  double lateness_p50_us = 0;
  double lateness_p99_us = 0;
  double lateness_max_us = 0;
};

/// Beyond this p99 lateness a run's delays are not what was configured, and the run is marked invalid.
inline constexpr double kLatenessBoundUs = 1000;

/// A change to a link: only what is set changes.
struct LinkChange {
  std::optional<Duration> delay;
  std::optional<Duration> jitter;
  std::optional<JitterDistribution> distribution;
  std::optional<double> loss;
  std::optional<std::uint64_t> rate_bits_per_second;
  std::optional<std::uint32_t> limit_packets;
  std::optional<bool> up;
};

class Emulation {
 public:
  Emulation(const Emulation&) = delete;
  Emulation& operator=(const Emulation&) = delete;
  virtual ~Emulation() = default;  ///< removes everything, as close()

  [[nodiscard]] virtual Backend backend() const = 0;

  /// IPv4 address on which the node's data sockets bind, and at which other nodes reach it over the emulated WAN.
  /// Backend loopback: 127.0.0.1 for every node. `node` must be one given to bring_up().
  [[nodiscard]] virtual std::string wan_address(std::string_view node) const = 0;
  /// IPv4 address for control and metrics, reached from the runner and never impaired.
  [[nodiscard]] virtual std::string management_address(std::string_view node) const = 0;
  /// The address of the runner on the management network.
  [[nodiscard]] virtual std::string runner_address() const = 0;

  /// Descriptor of the node's network namespace, close-on-exec, owned by this object; -1 for loopback. For a child
  /// between fork and exec: `enter_namespace(fd)`, which is async-signal-safe.
  [[nodiscard]] virtual int namespace_fd(std::string_view node) const = 0;
  /// setns(2) of the calling thread; a no-op for fd -1. Returns 0, or errno.
  [[nodiscard]] static int enter_namespace(int namespace_fd) noexcept;

  /// Changes every directed link from the nodes that `from` names to those that `to` names, a node, a datacenter or a
  /// region each, effective for packets that leave from now on (`up` also for those that arrive).
  [[nodiscard]] virtual Result<void> change_link(std::string_view from, std::string_view to,
                                                 const LinkChange& change) = 0;
  /// The directed link between two nodes as it is now.
  [[nodiscard]] virtual Result<LinkSpec> link(std::string_view from_node, std::string_view to_node) const = 0;

  /// All of a link's values at once.
  [[nodiscard]] Result<void> set_link(std::string_view from, std::string_view to, const LinkSpec& spec);
  /// One way.
  [[nodiscard]] Result<void> cut(std::string_view from, std::string_view to);
  [[nodiscard]] Result<void> heal(std::string_view from, std::string_view to);
  /// Cuts every link between the two groups, both ways; links inside a group stay.
  [[nodiscard]] Result<void> partition(const std::vector<std::string>& a, const std::vector<std::string>& b);
  /// Brings every link up.
  [[nodiscard]] virtual Result<void> heal_all() = 0;

  [[nodiscard]] virtual Result<RouterStats> stats() = 0;
  [[nodiscard]] virtual Result<void> reset_stats() = 0;

  /// Becomes readable when a process that the emulation depends on has ended (poll for POLLIN, then call health());
  /// -1 where there is none.
  [[nodiscard]] virtual int failure_fd() const = 0;
  /// OK, or which process failed and why, in one sentence. A router that is stopped or hangs does not make
  /// failure_fd() readable: call this at least every 500 ms too. Cheap: no round trip.
  [[nodiscard]] virtual Result<void> health() = 0;

  /// For environment.json: backend, kernel, router scheduling, calibration, the TCP settings in force.
  [[nodiscard]] virtual std::map<std::string, std::string> describe() const = 0;
  /// Process ids that the emulation started (for the run-state registry).
  [[nodiscard]] virtual std::vector<int> processes() const = 0;

  /// Ends processes and removes namespaces. Idempotent.
  virtual void close() = 0;

 protected:
  Emulation() = default;
};

/// Makes the WAN. For tun and netem, enter_private_namespace() must have succeeded in this process; may be called again
/// after close(), not twice at a time. The topology gives each link; every node's datacenter must exist in it.
[[nodiscard]] Result<std::unique_ptr<Emulation>> bring_up(Backend backend, const Topology& topology,
                                                          const std::vector<WanNode>& nodes,
                                                          const EmulationOptions& options = {});

/// Most nodes in one emulation.
inline constexpr std::size_t kMaxWanNodes = 500;

}  // namespace geocommit
