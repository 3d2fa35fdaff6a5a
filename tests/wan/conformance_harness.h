// What the conformance cases share: numbered datagrams from one node to another, and checks that are counted.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "os/unique_fd.h"
#include "wan/emulation.h"

namespace geocommit::conformance {

/// Counts and prints a failed check; the case goes on.
void check(bool condition, const std::string& what);
[[nodiscard]] int failures();
/// A condition without which the case makes no sense: prints, and ends the program with status 1.
void require(const Result<void>& result, const std::string& what);

struct Arrival {
  std::uint64_t sequence;
  std::int64_t sent_ns;
  std::int64_t arrived_ns;
  [[nodiscard]] Duration one_way() const { return Duration{arrived_ns - sent_ns}; }
};

/// Receives numbered datagrams at a node and keeps them in order of arrival. Both ends share the machine's clock.
class Receiver {
 public:
  Receiver(Emulation& emulation, const std::string& node, bool management = false);
  ~Receiver();
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] const std::string& address() const { return address_; }
  /// Waits until `count` arrived or nothing came for `quiet`, and hands over what arrived so far.
  [[nodiscard]] std::vector<Arrival> take(std::size_t count, Duration quiet);

 private:
  void run();
  UniqueFd socket_;
  std::string address_;
  std::uint16_t port_;
  std::atomic<bool> stop_{false};
  std::atomic<std::size_t> count_{0};
  std::vector<Arrival> arrivals_;  // written by the thread up to count_
  std::size_t taken_ = 0;
  std::thread thread_;
};

struct SendPlan {
  int count = 1;
  Duration interval{0};
  std::size_t ip_bytes = 92;  ///< with the 28 bytes of IP and UDP header
};
/// Sends datagrams numbered from 0, and tells how long that took.
Duration send(Emulation& emulation, const std::string& from_node, const Receiver& to, const SendPlan& plan,
              bool management = false);

/// How many of `count` requests were answered, one after the other.
[[nodiscard]] int answered(Emulation& emulation, const std::string& from, const std::string& to, int count,
                           Duration timeout, bool management = false);
/// Nothing came for this long: nothing more will.
inline constexpr Duration kQuiet = 1s;
/// A link with a delay and nothing else.
[[nodiscard]] LinkSpec plain(Duration delay);

/// A TCP connection from a1 to b1.
class TcpPair {
 public:
  explicit TcpPair(Emulation& emulation);
  void write_bytes(std::size_t count) const;
  [[nodiscard]] bool byte_within(Duration time) const;

 private:
  UniqueFd listener_;
  UniqueFd client_;
  UniqueFd server_;
};

[[nodiscard]] bool in_order(const std::vector<Arrival>& arrivals);
[[nodiscard]] std::string text(Duration duration);
void pause_for(Duration time);

// Cases about what a link does to a queue of packets (conformance_queues.cpp).
void case_jitter_is_fifo(Emulation& emulation);
void case_loss(Emulation& emulation);
void case_rate(Emulation& emulation);
void case_limit(Emulation& emulation);
void case_lowered_delay_is_fifo(Emulation& emulation);
void case_segments(Emulation& emulation);

}  // namespace geocommit::conformance
