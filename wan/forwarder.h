// A packet's way through the router: read from its sender's device, judged by the LinkModel of the ordered pair (that
// device, destination address), kept in a heap by due time, and written to the destination's device when due. Lateness
// is the time after the write minus the due time.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "os/unique_fd.h"
#include "wan/lateness.h"
#include "wan/link_model.h"
#include "wan/packet_store.h"
#include "wan/router_protocol.h"

namespace geocommit {

/// CLOCK_MONOTONIC, which timerfd and the runner's own clock agree with.
[[nodiscard]] std::int64_t monotonic_ns();

class Forwarder {
 public:
  /// `nodes` of them, with the addresses wan_network + 1 and so on, and links of no delay between them. Once.
  void begin(std::uint32_t nodes, std::uint32_t wan_network, std::uint64_t seed);
  [[nodiscard]] std::uint32_t nodes() const { return nodes_; }
  /// Of the next node; it is read without waiting.
  void add_device(UniqueFd device) { devices_.push_back(std::move(device)); }
  [[nodiscard]] std::size_t devices() const { return devices_.size(); }
  /// For what leaves from now on.
  void change_link(std::uint32_t from, std::uint32_t to, const LinkSpec& spec);
  /// Taken off each delay from now on.
  void calibrate(std::int64_t cost_ns) { advance_ns_ = cost_ns; }

  /// Takes what its node has sent, at most so many packets.
  void read(std::uint32_t node, int most);
  /// Some of what is due; the time after the last delivery.
  [[nodiscard]] std::int64_t deliver_due();
  /// Of the packet that is due first; nothing: none waits.
  [[nodiscard]] std::optional<std::int64_t> next_due_ns() const;

  /// What became of the packets.
  void fill(RouterReply& reply) const;
  void reset_stats();

 private:
  struct Due {
    std::int64_t due_ns;
    std::uint64_t sequence;  // keeps equal due times in order of arrival
    std::uint32_t slot;
    std::uint32_t link;  // from * nodes + to
    friend bool operator>(const Due& a, const Due& b) {
      return a.due_ns != b.due_ns ? a.due_ns > b.due_ns : a.sequence > b.sequence;
    }
  };

  void admit(std::uint32_t from, std::uint32_t slot, std::uint32_t size);
  void deliver(const Due& due);

  std::uint32_t nodes_ = 0;
  std::uint32_t wan_network_ = 0;
  std::int64_t advance_ns_ = 0;
  std::vector<UniqueFd> devices_;
  std::vector<LinkModel> links_;  // row = from
  std::vector<Due> heap_;
  PacketStore store_;
  std::uint64_t sequence_ = 0;
  RouterReply counters_;
  LatenessHistogram lateness_;
};

}  // namespace geocommit
