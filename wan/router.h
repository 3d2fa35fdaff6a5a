// The router of the tun backend: holds every packet between nodes for its link's delay. One thread, one process.
//
// Packets are read from the nodes' TUN descriptors, judged by the LinkModel of the ordered pair (source descriptor,
// destination address), kept in a heap by due time, and written to the destination's descriptor when due. It sleeps in
// epoll until a packet, a request, or the timer (timerfd, absolute) of the next due time; nothing spins, but for at
// most `spin` before a deadline if that is asked for. Lateness is the time after the write minus the due time.
//
// SCHED_FIFO cannot hang the machine: the process sleeps for a millisecond whenever it ran 20 ms without sleeping, and
// RLIMIT_RTTIME ends it if it ever runs a second through.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "os/unique_fd.h"
#include "wan/lateness.h"
#include "wan/link_model.h"
#include "wan/packet_store.h"
#include "wan/router_protocol.h"

namespace geocommit {

class Router {
 public:
  explicit Router(int control_fd);
  ~Router();
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;

  /// Serves until the control socket closes (then 0) or something fails (then 1, with a line on stderr).
  [[nodiscard]] int run();

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

  [[nodiscard]] bool serve_control();  ///< false: the runner has gone
  void handle(const RouterRequest& request, UniqueFd passed, RouterReply& reply);
  [[nodiscard]] int hello(const RouterRequest& request, UniqueFd pulse);
  [[nodiscard]] int add_node(const RouterRequest& request, UniqueFd tun);
  [[nodiscard]] int set_links(const RouterRequest& request);
  void fill_stats(RouterReply& reply) const;

  void read_node(std::uint32_t node, int most);
  void admit(std::uint32_t from, std::uint32_t slot, std::uint32_t size);
  [[nodiscard]] std::int64_t deliver_due();  ///< gives the time after the last delivery
  void deliver(const Due& due);
  void arm_timer(std::int64_t now_ns);
  void rest_if_busy(std::int64_t now_ns, bool slept);
  void beat(std::int64_t now_ns);
  [[nodiscard]] bool spin_is_worth_it(std::int64_t now_ns) const;

  UniqueFd control_;
  UniqueFd epoll_;
  UniqueFd timer_;
  RouterPulse* pulse_ = nullptr;
  std::uint32_t nodes_ = 0;
  std::uint32_t wan_network_ = 0;
  std::int64_t spin_ns_ = 0;
  std::int64_t advance_ns_ = 0;
  bool sched_fifo_ = false;
  std::vector<UniqueFd> tuns_;
  std::vector<LinkModel> links_;  // row = from
  std::vector<Due> heap_;
  PacketStore store_;
  std::uint64_t sequence_ = 0;
  std::int64_t armed_ns_ = 0;
  std::int64_t busy_since_ns_ = 0;
  std::int64_t last_beat_ns_ = 0;
  RouterReply counters_;
  LatenessHistogram lateness_;
};

/// CLOCK_MONOTONIC, which timerfd and the runner's own clock agree with.
[[nodiscard]] std::int64_t monotonic_ns();

}  // namespace geocommit
