// The virtual WAN: when a message arrives, if it does. Links are wan/topology.h's; a node's place is its region.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "faults/fault_plan.h"
#include "wan/topology.h"
#include "workload/random.h"

namespace geocommit::sim {

/// [from region][to region]; the diagonal is between two nodes of the region.
using LinkMatrix = std::vector<std::vector<LinkSpec>>;
/// A region's nodes are in its first datacenter.
[[nodiscard]] LinkMatrix region_links(const Topology& topology);

/// A sample of the shapes that wan/link_model.h describes, of arithmetic alone: no library's logarithm or cosine shows
/// in a run's outputs.
[[nodiscard]] double portable_jitter(JitterDistribution distribution, Random& random);

class Network {
 public:
  /// A node by its index in Directory::nodes().
  struct Node {
    NodeId id;
    std::uint32_t region{};
  };
  Network(LinkMatrix links, std::vector<Node> nodes, bool ordered, std::uint64_t seed);

  struct Transit {
    bool sent{};
    std::int64_t due_ns{};
    bool twice{};
    std::int64_t second_due_ns{};
  };
  /// A message of `bytes` leaves now. `message_class`: bit of its class, 0 if it is not a protocol's. First in, first
  /// out per ordered pair, but for `reorder` and the second copies of `duplicate`.
  ///
  /// A lost packet is not a lost message: the real transport is TCP. It arrives a retransmission timeout later (round
  /// trip + 200 ms, Linux' minimum, doubling), and what follows waits behind it.
  [[nodiscard]] Transit send(std::uint32_t from, std::uint32_t to, std::size_t bytes, std::uint32_t message_class,
                             std::int64_t now_ns);
  /// False if the pair is cut now.
  [[nodiscard]] bool connected(std::uint32_t from, std::uint32_t to) const;

  void begin(const Fault& fault);
  void end(const Fault& fault);
  void heal() { active_.clear(); }
  /// When the last of what is under way arrives: what is sent from now on may have to wait behind it until then.
  [[nodiscard]] std::int64_t clear_by_ns() const;
  [[nodiscard]] bool faulty() const { return !active_.empty(); }

 private:
  struct Active {
    Fault fault;
    std::vector<bool> from, to;
    [[nodiscard]] bool concerns(std::uint32_t a, std::uint32_t b) const {
      return (from[a] && to[b]) || (fault.both_ways && from[b] && to[a]);
    }
  };
  struct Pair {
    std::int64_t last_due_ns{}, busy_until_ns{};
  };
  /// Adds what faults do, to the link as it is now and to this message; false: lost.
  bool afflict(std::uint32_t from, std::uint32_t to, std::uint32_t message_class, LinkSpec& link, Transit& transit,
               bool& overtakes);

  LinkMatrix links_;
  std::vector<Node> nodes_;
  bool ordered_{};  ///< Some delay can change: the order per pair must be kept by hand.
  std::vector<Active> active_;
  std::unordered_map<std::uint64_t, Pair> pairs_;
  Random random_, fault_random_;
};

}  // namespace geocommit::sim
