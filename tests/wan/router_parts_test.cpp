// What the router is made of, in one process and with sockets in the place of TUN devices: a packet's way, and when to
// sleep.
#include <arpa/inet.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>

#include "wan/forwarder.h"
#include "wan/pacer.h"

namespace geocommit {
namespace {

constexpr std::uint32_t kNetwork = 0x0a000000;  // node i: 10.0.0.(1 + i)

/// Two nodes with a device each, both ends of which are the test's.
struct Forwarding {
  Forwarder forwarder;
  UniqueFd nodes[2];
  Forwarding() {
    forwarder.begin(2, kNetwork, 42);
    for (UniqueFd& node : nodes) {
      int ends[2];
      REQUIRE(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
      node = UniqueFd(ends[0]);
      forwarder.add_device(UniqueFd(ends[1]));
    }
  }
  void send(std::uint8_t mark) const {
    std::uint8_t packet[40] = {0x45};
    const std::uint32_t address = htonl(kNetwork + 2);
    std::memcpy(packet + 16, &address, sizeof address);
    packet[39] = mark;
    REQUIRE(::send(nodes[0].get(), packet, sizeof packet, 0) == sizeof packet);
  }
  /// The mark of the packet that has arrived; -1: none has.
  [[nodiscard]] int received() const {
    std::uint8_t packet[64];
    return ::recv(nodes[1].get(), packet, sizeof packet, 0) == 40 ? packet[39] : -1;
  }
  [[nodiscard]] RouterReply stats() const {
    RouterReply reply;
    forwarder.fill(reply);
    return reply;
  }
};

LinkSpec delayed(Duration delay) {
  LinkSpec spec;
  spec.delay = delay;
  return spec;
}

TEST_CASE("a packet waits until it is due, and those that are due at once go in the order in which they came") {
  Forwarding one;
  CHECK_FALSE(one.forwarder.next_due_ns());
  one.forwarder.change_link(0, 1, delayed(1h));
  const std::int64_t before = monotonic_ns();
  one.send(1);
  one.forwarder.read(0, 16);
  const std::optional<std::int64_t> due = one.forwarder.next_due_ns();
  REQUIRE(due);
  CHECK(*due >= before + Duration{1h}.count());
  CHECK(one.forwarder.deliver_due() >= before);
  CHECK(one.received() == -1);
  CHECK(one.stats().in_flight == 1);

  Forwarding many;
  for (std::uint8_t mark = 0; mark < 8; ++mark) many.send(mark);
  many.forwarder.read(0, 5);
  CHECK(many.stats().in_flight == 5);  // No sender takes more than its turn.
  many.forwarder.read(0, 16);
  (void)many.forwarder.deliver_due();
  for (int mark = 0; mark < 8; ++mark) CHECK(many.received() == mark);
  CHECK(many.stats().packets == 8);
  CHECK(many.stats().bytes == 8 * 40);
  many.forwarder.reset_stats();
  CHECK(many.stats().packets == 0);
}

TEST_CASE("what has left before a link is cut is cut when it arrives, and counted") {
  Forwarding one;
  one.send(1);
  one.forwarder.read(0, 16);
  LinkSpec down;
  down.up = false;
  one.forwarder.change_link(0, 1, down);
  (void)one.forwarder.deliver_due();
  one.send(2);
  one.forwarder.read(0, 16);
  CHECK(one.received() == -1);
  CHECK(one.stats().cut == 2);
  CHECK(one.stats().in_flight == 0);
}

TEST_CASE("a pacer spins only before a deadline that is near, and shows that it lives") {
  Pacer pacer;
  REQUIRE(pacer.timer().valid());
  RouterRequest hello;
  hello.value_ns = 50'000;
  CHECK(pacer.begin(hello, UniqueFd{}) == EBADF);
  UniqueFd memory{::memfd_create("pulse", MFD_CLOEXEC)};
  REQUIRE(::ftruncate(memory.get(), sizeof(RouterPulse)) == 0);
  CHECK_FALSE(pacer.spins(0, 10'000));  // Nobody has asked for it yet.
  REQUIRE(pacer.begin(hello, memory) == 0);
  CHECK_FALSE(pacer.spins(1'000, std::nullopt));
  CHECK(pacer.spins(1'000, 51'000));
  CHECK_FALSE(pacer.spins(1'000, 51'001));
  void* shared = ::mmap(nullptr, sizeof(RouterPulse), PROT_READ, MAP_SHARED, memory.get(), 0);
  REQUIRE(shared != MAP_FAILED);
  const auto* pulse = static_cast<const RouterPulse*>(shared);
  const std::int64_t now = monotonic_ns();
  pacer.beat(now);
  CHECK(pulse->monotonic_ns == now);
  pacer.beat(now + kPulseEvery.count() - 1);
  CHECK(pulse->monotonic_ns == now);
  pacer.beat(now + kPulseEvery.count());
  CHECK(pulse->monotonic_ns == now + kPulseEvery.count());
  ::munmap(shared, sizeof(RouterPulse));
  RouterReply reply;
  pacer.fill(reply);
  CHECK(reply.sched_fifo == 0);
  CHECK(reply.rests == 0);
}

}  // namespace
}  // namespace geocommit
