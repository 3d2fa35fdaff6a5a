// The WAN that a run takes place on: regions, datacenters, and a directed link between each ordered pair of them.
// A model only: the emulation backends (emulation.h) and a simulator read it; nothing here reaches a socket.
//
// A topology file speaks in round trips, as measurements do. One way from a to b is half of the round trip published
// for the direction a to b, so asymmetric matrices stay asymmetric: the round trip between a and b is then the mean of
// the two published ones.
//
//   name: aws-3
//   source: {statistic: p50, date: 2025-07, text: "where the numbers are from"}
//   regions: [us-east-1, eu-west-1]           # or {us-east-1: {datacenters: [az1, az2]}, eu-west-1: {}}
//   defaults: {intra_region_rtt: 0.5ms, jitter: 0ms, distribution: normal, loss: 0%, rate: unlimited}
//   rtt:                                      # milliseconds, or 68ms; row = from, column = to
//     us-east-1: {eu-west-1: 68.0}            # a direction that is left out takes the other one's value
//   links:                                    # overrides of one direction; ends are regions or datacenters
//     - {from: us-east-1, to: eu-west-1, delay: 40ms, jitter: 1ms, loss: 1%, rate: 100mbit, up: true}
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace geocommit {

/// Shape of jitter, as in tc-netem: the delay is `delay` + `jitter` x a sample of the shape, never below zero.
enum class JitterDistribution { normal, uniform, pareto, paretonormal };

[[nodiscard]] std::string_view to_string(JitterDistribution distribution);

/// One direction of a link.
struct LinkSpec {
  Duration delay{0};   ///< one way
  Duration jitter{0};  ///< standard deviation (normal, pareto, paretonormal) or half width (uniform)
  JitterDistribution distribution = JitterDistribution::normal;
  double loss = 0.0;                       ///< chance of each packet to be lost, independently, [0, 1]
  std::uint64_t rate_bits_per_second = 0;  ///< per ordered pair of nodes; 0: unlimited
  std::uint32_t limit_packets = 0;         ///< packets that the link holds at most; 0: queue_limit() decides
  bool up = true;                          ///< a packet is lost if its link is down when it leaves or when it arrives
  friend bool operator==(const LinkSpec&, const LinkSpec&) = default;
};

/// Packets that a link with this spec may hold: its own limit, or 1.5 x rate x (delay + jitter) / 1500 B plus 100 ms of
/// queue at that rate (1 Gbit/s assumed where unlimited), at least 1000. Both backends use it (pitfall 32).
[[nodiscard]] std::uint32_t queue_limit(const LinkSpec& link);

/// Where the numbers are from; printed with every result.
struct TopologySource {
  std::string statistic;  ///< p50, mean, ...
  std::string date;
  std::string text;
};

struct Datacenter {
  std::string name;
  std::string region;
};

class Topology {
 public:
  /// Builds and checks: every region has a datacenter, names are distinct, `links` is a full square matrix over the
  /// datacenters (row = from; the diagonal is between nodes of one datacenter).
  [[nodiscard]] static Result<Topology> make(std::string name, TopologySource source, std::vector<std::string> regions,
                                             std::vector<Datacenter> datacenters,
                                             std::vector<std::vector<LinkSpec>> links);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const TopologySource& source() const { return source_; }
  [[nodiscard]] const std::vector<std::string>& regions() const { return regions_; }
  [[nodiscard]] const std::vector<Datacenter>& datacenters() const { return datacenters_; }
  /// Datacenters of a region, in the order of the file; never empty for a region of this topology.
  [[nodiscard]] std::vector<std::string> datacenters_of(std::string_view region) const;

  /// Index of a datacenter, or of the first datacenter of a region of that name.
  [[nodiscard]] std::optional<std::size_t> find(std::string_view datacenter_or_region) const;
  [[nodiscard]] const LinkSpec& link(std::size_t from, std::size_t to) const { return links_.at(from).at(to); }
  /// One-way delay from a to b plus one-way delay from b to a.
  [[nodiscard]] Duration round_trip(std::size_t a, std::size_t b) const;
  /// The largest round trip between any two datacenters (or inside one).
  [[nodiscard]] Duration largest_round_trip() const;
  /// True if any link has jitter, loss or a rate, or is down: predictions then do not apply.
  [[nodiscard]] bool impaired() const;

  /// The matrix for people: published round trip of each direction (2 x one way) in ms, row = from, then the source.
  [[nodiscard]] std::string print_matrix() const;

 private:
  Topology() = default;
  std::string name_;
  TopologySource source_;
  std::vector<std::string> regions_;
  std::vector<Datacenter> datacenters_;
  std::vector<std::vector<LinkSpec>> links_;
};

inline constexpr std::size_t kMaxRegions = 64;
inline constexpr std::size_t kMaxDatacenters = 128;

/// Reads the text of a topology file; `file` names it in errors (`file:line:column: key path: what was expected`).
[[nodiscard]] Result<Topology> parse_topology(std::string_view text, const std::string& file);

/// Loads `topologies/NAME.yaml` from the first folder of `search` that has it, or the file itself where `name_or_path`
/// contains a slash or ends in .yaml. An unknown name lists the names that there are.
[[nodiscard]] Result<Topology> load_topology(const std::string& name_or_path,
                                             const std::vector<std::filesystem::path>& search);
/// The same, searching shipped_folders("topologies") (config/shipped.h).
[[nodiscard]] Result<Topology> load_topology(const std::string& name_or_path);

}  // namespace geocommit
