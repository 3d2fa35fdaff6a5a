// geocommit-router and its client, with sockets in the place of TUN devices: what becomes of each packet is counted,
// what is refused, and how its end is told.
#include "wan/router.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <thread>

#include "tests/runtime/temporary_directory.h"
#include "wan/router_client.h"

namespace geocommit {
namespace {

constexpr std::uint32_t kNetwork = 0x0a000000;  // node i: 10.0.0.(1 + i)

/// The near end is for the test, the far one for the router. Whole packets, ten at a time; the router never waits for
/// it, as for a TUN.
struct Wire {
  UniqueFd near, far;
  explicit Wire(int type = SOCK_DGRAM | SOCK_NONBLOCK) {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) == 0);
    near = UniqueFd(ends[0]);
    far = UniqueFd(ends[1]);
  }
  void send(std::uint32_t to_node, std::uint8_t mark, std::size_t size = 40, std::uint8_t version = 4) const {
    std::vector<std::uint8_t> packet(size, mark);
    packet[0] = static_cast<std::uint8_t>(version << 4U | 5U);
    if (size >= 20) {
      const std::uint32_t address = htonl(kNetwork + 1 + to_node);
      std::memcpy(packet.data() + 16, &address, sizeof address);
    }
    ssize_t sent = -1;
    while ((sent = ::send(near.get(), packet.data(), size, 0)) < 0 && errno == EAGAIN) std::this_thread::yield();
    REQUIRE(sent == static_cast<ssize_t>(size));
  }
  /// The mark and the size of the packet that comes next.
  [[nodiscard]] std::pair<int, std::size_t> receive() const {
    std::uint8_t packet[2048];
    const auto until = std::chrono::steady_clock::now() + 60s;
    while (std::chrono::steady_clock::now() < until) {
      const ssize_t size = ::recv(near.get(), packet, sizeof packet, 0);
      if (size > 20) return {packet[size - 1], static_cast<std::size_t>(size)};
      std::this_thread::sleep_for(1ms);
    }
    return {-1, 0};
  }
};

/// A started router of three nodes, of which the first `tuns` have a device; links of no delay.
class Started {
 public:
  explicit Started(std::uint32_t tuns = 3) {
    REQUIRE(client.start({}, {}).ok());
    REQUIRE(hello(3).ok());
    for (std::uint32_t i = 0; i < tuns; ++i) REQUIRE(add(i).ok());
  }
  [[nodiscard]] Result<RouterReply> hello(std::uint32_t nodes) {
    RouterRequest request;
    request.verb = RouterVerb::hello;
    request.count = nodes;
    request.wan_network = kNetwork;
    return client.ask(request, client.pulse_fd());
  }
  [[nodiscard]] Result<RouterReply> add(std::uint32_t index) {
    RouterRequest request;
    request.verb = RouterVerb::add_node;
    request.index = index;
    return client.ask(request, wires[std::min<std::uint32_t>(index, 2)].far.get());
  }
  [[nodiscard]] Result<RouterReply> link(std::uint32_t from, std::uint32_t to, const LinkSpec& spec) {
    RouterRequest request;
    request.verb = RouterVerb::set_links;
    request.count = 1;
    request.links[0] = to_wire(from, to, spec);
    return client.ask(request);
  }
  [[nodiscard]] RouterReply ask(RouterVerb verb, Duration value = 0s) {
    RouterRequest request;
    request.verb = verb;
    request.value_ns = value.count();
    const auto reply = client.ask(request);
    REQUIRE(reply.ok());
    return *reply;
  }
  /// Asks until so many packets have ended, in one way or another, and so many wait for their time.
  [[nodiscard]] RouterReply after(std::uint64_t ended, std::uint64_t waiting = 0) {
    const auto until = std::chrono::steady_clock::now() + 60s;
    RouterReply now;
    do {
      now = ask(RouterVerb::stats);
      const std::uint64_t dropped =
          now.lost + now.cut + now.queue_full + now.no_route + now.not_ipv4 + now.write_failed;
      if (now.packets + dropped >= ended && now.in_flight == waiting) break;
    } while (std::chrono::steady_clock::now() < until);
    return now;
  }
  RouterClient client;
  Wire wires[3];
};

LinkSpec delayed(Duration delay) {
  LinkSpec spec;
  spec.delay = delay;
  return spec;
}

TEST_CASE("a router carries each packet to the node of its address, whole, after its link's delay") {
  Started router;
  REQUIRE(router.link(0, 1, delayed(30ms)).ok());
  const auto sent = std::chrono::steady_clock::now();
  router.wires[0].send(1, 7, 1400);
  router.wires[0].send(2, 8, 21);
  router.wires[2].send(0, 9);
  CHECK(router.wires[2].receive() == std::pair<int, std::size_t>{8, 21});
  CHECK(router.wires[0].receive() == std::pair<int, std::size_t>{9, 40});
  CHECK(router.wires[1].receive() == std::pair<int, std::size_t>{7, 1400});
  CHECK(std::chrono::steady_clock::now() - sent >= 30ms);
  const RouterReply stats = router.after(3);
  CHECK(stats.packets == 3);
  CHECK(stats.bytes == 1400 + 21 + 40);
  CHECK(stats.in_flight == 0);
  CHECK(stats.lateness_max_us > 0);
  CHECK(stats.lateness_max_us >= stats.lateness_p50_us);
  const RouterReply reset = router.ask(RouterVerb::reset_stats);
  CHECK(reset.packets == 0);
  CHECK(reset.bytes == 0);
  CHECK(reset.lateness_max_us == 0);
  CHECK(router.client.health().ok());
}

TEST_CASE("packets of one link arrive in the order in which they left") {
  Started router;
  REQUIRE(router.link(0, 1, delayed(20ms)).ok());
  for (std::uint8_t i = 0; i < 10; ++i) router.wires[0].send(1, i);
  for (int i = 0; i < 10; ++i) REQUIRE(router.wires[1].receive().first == i);
}

TEST_CASE("a packet that does not arrive is counted by what became of it") {
  Started router(2);
  router.wires[0].send(1, 1, 40, 6);
  router.wires[0].send(1, 1, 19);
  router.wires[0].send(2, 1);    // No device yet ...
  router.wires[0].send(3, 1);    // ... no such node ...
  router.wires[0].send(~0U, 1);  // ... and the network's own address.
  RouterReply stats = router.after(5);
  CHECK(stats.not_ipv4 == 2);
  CHECK(stats.no_route == 3);
  LinkSpec spec;
  spec.loss = 1;
  REQUIRE(router.link(0, 1, spec).ok());
  router.wires[0].send(1, 1);
  CHECK(router.after(6).lost == 1);
  spec = {};
  spec.up = false;
  REQUIRE(router.link(0, 1, spec).ok());
  router.wires[0].send(1, 1);
  CHECK(router.after(7).cut == 1);
  spec = delayed(1h);
  spec.limit_packets = 2;
  REQUIRE(router.link(0, 1, spec).ok());
  for (int i = 0; i < 5; ++i) router.wires[0].send(1, 1);
  stats = router.after(10, 2);
  CHECK(stats.queue_full == 3);
  CHECK(stats.in_flight == 2);
  router.wires[0].near.reset();
  router.wires[1].send(0, 1);
  stats = router.after(11, 2);
  CHECK(stats.write_failed == 1);
  CHECK(stats.packets == 0);
}

TEST_CASE("what the machine costs is taken off each delay from then on") {
  Started router;
  REQUIRE(router.link(0, 1, delayed(1h)).ok());
  router.wires[0].send(1, 1);
  CHECK(router.after(0, 1).in_flight == 1);
  REQUIRE(router.link(2, 1, delayed(1h)).ok());
  CHECK(router.ask(RouterVerb::calibrate, 1h).error == 0);
  router.wires[2].send(1, 2);
  CHECK(router.wires[1].receive().first == 2);
  CHECK(router.after(1, 1).packets == 1);
}

TEST_CASE("what had left before a change goes by the link as it was") {
  Started router;
  LinkSpec down;
  down.up = false;
  for (std::uint8_t round = 0; round < 20; ++round) {
    router.wires[0].send(1, round);
    REQUIRE(router.link(0, 1, delayed(1h)).ok());  // Waits for nobody: the packet may still be in the device.
    CHECK(router.wires[1].receive().first == round);
    REQUIRE(router.link(0, 1, {}).ok());
  }
  REQUIRE(router.link(0, 1, delayed(1h)).ok());
  router.wires[0].send(1, 99);
  REQUIRE(router.link(0, 1, down).ok());
  CHECK(router.after(20, 1).in_flight == 1);
}

TEST_CASE("a router refuses what makes no sense") {
  Started router(1);
  const auto refused = [](const Result<RouterReply>& reply) {
    return !reply.ok() && reply.error().message.find("refused a request: Invalid argument") != std::string::npos;
  };
  CHECK(refused(router.hello(3)));  // Again.
  CHECK(refused(router.add(0)));
  CHECK(refused(router.add(2)));
  CHECK(router.add(1).ok());
  CHECK(router.add(2).ok());
  CHECK(refused(router.add(3)));
  CHECK(refused(router.link(0, 3, {})));
  CHECK(refused(router.link(3, 0, {})));
  RouterRequest many;
  many.verb = RouterVerb::set_links;
  many.count = kLinksPerRequest;
  CHECK(router.client.ask(many).ok());
  many.count = kLinksPerRequest + 1;
  CHECK(refused(router.client.ask(many)));
  RouterRequest other;
  other.protocol = kRouterProtocol + 1;
  const auto reply = router.client.ask(other);
  REQUIRE_FALSE(reply.ok());
  CHECK(reply.error().message.find("refused a request: Protocol error") != std::string::npos);
  RouterClient fresh;
  REQUIRE(fresh.start({}, {}).ok());
  RouterRequest hello;
  hello.verb = RouterVerb::hello;
  for (const std::uint32_t count : {0U, 1001U}) {
    hello.count = count;
    CHECK(refused(fresh.ask(hello, fresh.pulse_fd())));
  }
  hello.count = 1000;
  CHECK(refused(fresh.ask(hello)));  // Without its pulse.
  CHECK(fresh.ask(hello, fresh.pulse_fd()).ok());
}

TEST_CASE("a router ends with its runner, and says when it cannot begin") {
  for (const bool runner : {true, false}) {
    Wire control(SOCK_SEQPACKET);
    const int fd = control.far.release();
    Router router(runner ? fd : -1);
    control.near.reset();
    CHECK(router.run() == (runner ? 0 : 1));
  }
}

TEST_CASE("how a router ended is told, with its log") {
  const TemporaryDirectory folder;
  const auto told = [&](const std::string& script) {
    const auto program = folder.path / "router";
    std::ofstream(program) << "#!/bin/sh\n" << script << "\n";
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
    RouterClient client;
    REQUIRE(client.start(program, folder.path / "log").ok());
    pid_t pid = client.pid();
    const auto until = std::chrono::steady_clock::now() + 60s;
    Result<RouterReply> reply = client.ask({});
    Result<void> health = client.health();
    while (health.ok() && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(1ms);
      health = client.health();
    }
    CHECK_FALSE(reply.ok());
    REQUIRE_FALSE(health.ok());
    const std::string begin = "the router (geocommit-router, pid " + std::to_string(pid) + ") ";
    const std::string end = "; its log is " + (folder.path / "log").string();
    const std::string text = health.error().message;
    REQUIRE(text.starts_with(begin));
    REQUIRE(text.ends_with(end));
    return text.substr(begin.size(), text.size() - begin.size() - end.size());
  };
  CHECK(told("echo broken >&2; exit 3") == "ended with status 3");
  std::string log;
  std::getline(std::ifstream(folder.path / "log"), log);
  CHECK(log == "broken");
  CHECK(told("kill -9 $$") == "was killed by signal 9 (Killed)");
  CHECK(told("exit 127") == "could not be started");
  RouterClient none;
  const auto missing = none.start(folder.path / "nothing", {});
  REQUIRE_FALSE(missing.ok());
  CHECK(missing.error().message == "no router program at " + (folder.path / "nothing").string());
  CHECK(none.health().error().message == "the router is not running");
  CHECK(none.ask({}).error().message == "the router is not running");
  none.stop();
  RouterClient unlogged;
  CHECK_FALSE(unlogged.start({}, folder.path / "no" / "log").ok());
}

TEST_CASE("a router that has nothing to do shows that it lives, and sleeps in between") {
  Started router;
  void* memory = ::mmap(nullptr, sizeof(RouterPulse), PROT_READ, MAP_SHARED, router.client.pulse_fd(), 0);
  REQUIRE(memory != MAP_FAILED);
  const auto& pulse = static_cast<const RouterPulse*>(memory)->monotonic_ns;
  const std::int64_t begin = pulse.load();
  const auto until = std::chrono::steady_clock::now() + 60s;
  int beats = 0;
  for (std::int64_t last = begin; beats < 5 && std::chrono::steady_clock::now() < until;) {
    const std::int64_t now = pulse.load();
    if (now != last) {
      CHECK(now - last >= kPulseEvery.count());
      last = now;
      ++beats;
    }
    std::this_thread::sleep_for(1ms);
  }
  CHECK(beats == 5);
  CHECK(router.client.health().ok());
  ::munmap(memory, sizeof(RouterPulse));
}

TEST_CASE("a router that stands still is told from one that ended") {
  Started router;
  CHECK(router.client.health().ok());
  ::kill(router.client.pid(), SIGSTOP);
  const auto until = std::chrono::steady_clock::now() + 60s;
  while (router.client.health().ok() && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(1ms);
  REQUIRE_FALSE(router.client.health().ok());
  CHECK(router.client.health().error().message.find("is stopped by a signal or a debugger") != std::string::npos);
  ::kill(router.client.pid(), SIGCONT);
  while (!router.client.health().ok() && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(1ms);
  CHECK(router.client.health().ok());
  router.client.stop();
  CHECK(router.client.pid() == -1);
  CHECK(router.client.health().error().message == "the router is not running");
}

}  // namespace
}  // namespace geocommit
