// The data plane on loopback: nothing lost in silence, hostile bytes harmless, restarts heal.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <thread>
#include <zmq.hpp>

#include "runtime/event_loop.h"
#include "runtime/transport.h"
#include "runtime/wire/peer_codec.h"
#include "tests/runtime/ports.h"

namespace geocommit {
namespace {

const Directory& directory() {
  static const Directory two{{"us", "eu"}, 1, Placement::replicated, 100};
  return two;
}

std::string own_address() { return "tcp://" + own_port(); }

UniqueFd connect_raw(const std::string& address) {
  UniqueFd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in to = socket_address(address);
  REQUIRE(::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
  return fd;
}

struct World {
  std::unique_ptr<zmq::context_t> context = make_zmq_context();
  std::unique_ptr<EventLoop> loop = EventLoop::create().value();
  std::map<NodeId, std::string> addresses{
      {NodeId{1}, own_address()}, {NodeId{1001}, own_address()}, {NodeId{2001}, own_address()}};
  std::size_t frame_bytes_max = TransportOptions{}.frame_bytes_max;

  std::unique_ptr<Transport> open(NodeId self, const Transport::Handler& handler, const std::string& run = "run",
                                  std::uint32_t epoch = 1) {
    TransportOptions options;
    options.self = self;
    options.epoch = Epoch{epoch};
    options.run_id = run;
    options.bind = addresses.at(self);
    options.addresses = addresses;
    options.directory = &directory();
    options.frame_bytes_max = frame_bytes_max;
    Result<std::unique_ptr<Transport>> transport = Transport::open(*context, *loop, options, handler);
    for (int tries = 0; tries < 1'000 && !transport; ++tries) {  // ZeroMQ closes the one before in the background
      loop->run_once(1ms);
      transport = Transport::open(*context, *loop, options, handler);
    }
    INFO((transport ? "" : transport.error().message));
    REQUIRE(transport.ok());
    return std::move(transport).value();
  }

  /// Bounded by count, not by time: 30,000 steps of at most 1 ms.
  template <class Done>
  bool run_until(Done done) {
    for (int step = 0; step < 30'000 && !done(); ++step) {
      loop->run_once(1ms);
    }
    return done();
  }
  /// Says hello until it is heard.
  bool introduce(Transport& from, NodeId to, const Transport& other, NodeId self) {
    return run_until([&] {
      if (!other.heard_from(self)) {
        (void)from.send(to, Hello{});
      }
      return other.heard_from(self);
    });
  }
};

OutcomeQuery numbered(std::uint64_t n) { return OutcomeQuery{{NodeId{1}, n}, {}}; }

TEST_CASE("what was sent and not counted as dropped arrives, once and in order") {
  World world;
  std::vector<std::uint64_t> got;
  const auto receiver = world.open(NodeId{1}, [&](const PeerMessage& message) {
    if (const auto* query = std::get_if<OutcomeQuery>(&message.payload)) {
      got.push_back(query->id.sequence);
    }
  });
  const auto sender = world.open(NodeId{1001}, [](const PeerMessage&) {});
  REQUIRE(world.introduce(*sender, NodeId{1}, *receiver, NodeId{1001}));
  world.run_until([&, settled = 0]() mutable { return ++settled > 5; });
  const std::uint64_t before = sender->stats().items_sent;
  const std::uint64_t heard_before = receiver->stats().items_received;
  std::uint64_t next = 0;
  for (int burst = 0; burst < 200; ++burst) {
    for (int i = 0; i < 1'000; ++i) {
      (void)sender->send(NodeId{1}, numbered(next++));
    }
    world.loop->run_once(0ms);
  }
  const std::uint64_t dropped = sender->stats().dropped[static_cast<std::size_t>(Drop::peer_down)];
  const std::uint64_t sent = sender->stats().items_sent - before;
  CHECK(world.run_until([&] { return receiver->stats().items_received - heard_before >= sent; }));
  CHECK(sent >= 200'000 - dropped);
  CHECK(receiver->stats().items_received - heard_before == sent);
  CHECK(std::is_sorted(got.begin(), got.end()));
  CHECK(std::adjacent_find(got.begin(), got.end()) == got.end());
  CHECK(sender->stats().frames_sent < sender->stats().items_sent / 100);  // batched
}

TEST_CASE("a peer that is down costs nothing but a count; a restarted one is found again under its address") {
  World world;
  std::uint32_t seen_epoch = 0;
  const auto handler = [&](const PeerMessage& message) { seen_epoch = message.from_epoch.value; };
  const auto receiver = world.open(NodeId{1}, handler);
  CHECK(receiver->send(NodeId{1001}, Hello{}) > 0);  // nobody there
  receiver->flush();
  CHECK(receiver->stats().dropped[static_cast<std::size_t>(Drop::peer_down)] == 1);
  for (int i = 0; i < 5; ++i) {
    CHECK(receiver->send(NodeId{1001}, Hello{}) > 0);
  }
  receiver->flush();  // one frame: its items are what is counted
  CHECK(receiver->stats().dropped[static_cast<std::size_t>(Drop::peer_down)] == 6);
  CHECK(receiver->stats().frames_sent == 0);
  CHECK(receiver->stats().items_sent == 0);
  for (std::uint32_t epoch = 1; epoch <= 3; ++epoch) {
    auto peer = world.open(
        NodeId{1001}, [](const PeerMessage&) {}, "run", epoch);
    CHECK(world.run_until([&] {
      (void)peer->send(NodeId{1}, Hello{});
      (void)receiver->send(NodeId{1001}, Hello{});  // busy all the while
      return seen_epoch == epoch && peer->heard_from(NodeId{1});
    }));
  }
  CHECK(receiver->send(NodeId{77}, Hello{}) == 0);
  CHECK(receiver->stats().dropped[static_cast<std::size_t>(Drop::unknown_peer)] == 1);
}

TEST_CASE("garbage, an oversized frame and half a handshake leave the node serving") {
  World world;
  std::uint64_t got = 0;
  const auto receiver = world.open(NodeId{1}, [&](const PeerMessage&) { ++got; });
  const std::string& address = world.addresses.at(NodeId{1});

  std::vector<UniqueFd> half_open;
  std::mt19937 random{7};
  for (int i = 0; i < 50; ++i) {
    UniqueFd fd = connect_raw(address);
    std::string bytes(static_cast<std::size_t>(i) * 40, '\0');
    for (char& c : bytes) {
      c = static_cast<char>(random());
    }
    CHECK(::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
    half_open.push_back(std::move(fd));
  }
  UniqueFd greeting = connect_raw(address);  // a ZMTP greeting, and then nothing
  const std::string half{"\xff\0\0\0\0\0\0\0\x01\x7f\x03", 11};
  CHECK(::send(greeting.get(), half.data(), half.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(half.size()));

  zmq::socket_t stranger{*world.context, zmq::socket_type::dealer};
  stranger.set(zmq::sockopt::linger, 0);
  stranger.connect(address);
  stranger.send(zmq::str_buffer("not protobuf"), zmq::send_flags::none);
  stranger.send(zmq::str_buffer("two"), zmq::send_flags::sndmore);
  stranger.send(zmq::str_buffer("parts"), zmq::send_flags::none);
  EnvelopeWriter other_run("another", NodeId{1001}, Epoch{1});
  (void)other_run.add(Hello{});
  EnvelopeWriter nobody("run", NodeId{500}, Epoch{1});
  (void)nobody.add(Hello{});
  EnvelopeWriter client("run", NodeId{2001}, Epoch{1});
  (void)client.add(ShipAck{});  // not a client's to send
  for (EnvelopeWriter* writer : {&other_run, &nobody, &client}) {
    zmq::message_t frame{writer->seal({})};
    writer->serialize(frame.data(), frame.size());
    stranger.send(frame, zmq::send_flags::none);
  }
  const auto dropped = [&](Drop cause) { return receiver->stats().dropped[static_cast<std::size_t>(cause)]; };
  CHECK(world.run_until([&] { return dropped(Drop::wrong_sender) == 2; }));
  CHECK(dropped(Drop::garbage) >= 2);  // old versions of ZMTP take random bytes for a message, too
  CHECK(dropped(Drop::wrong_run) == 1);

  zmq::message_t huge{(2U << 20U) + 1};
  stranger.send(huge, zmq::send_flags::none);  // its connection is closed by the socket
  const auto sender = world.open(NodeId{1001}, [](const PeerMessage&) {});
  CHECK(world.introduce(*sender, NodeId{1}, *receiver, NodeId{1001}));
  CHECK(got > 0);
  CHECK(receiver->stats().bytes_received < (1U << 20U));
}

TEST_CASE("an address that is taken is an error that names it") {
  World world;
  const auto first = world.open(NodeId{1}, [](const PeerMessage&) {});
  TransportOptions options;
  options.self = NodeId{1001};
  options.run_id = "run";
  options.bind = world.addresses.at(NodeId{1});
  options.directory = &directory();
  const auto second = Transport::open(*world.context, *world.loop, options, [](const PeerMessage&) {});
  REQUIRE_FALSE(second.ok());
  CHECK(second.error().message.find(options.bind) != std::string::npos);
}

TEST_CASE("an item that no frame can carry is refused, large ones are split over frames") {
  World world;
  std::uint64_t writes = 0;
  const auto receiver = world.open(NodeId{1}, [&](const PeerMessage& message) {
    if (const auto* ship = std::get_if<Ship>(&message.payload)) {
      writes += ship->writes.size();
    }
  });
  const auto sender = world.open(NodeId{1001}, [](const PeerMessage&) {});
  REQUIRE(world.introduce(*sender, NodeId{1}, *receiver, NodeId{1001}));
  Ship ship;
  ship.writes.resize(10'000, ShippedWrite{1, {NodeId{1001}, Epoch{1}, 1}, std::vector<Operation>(10)});
  for (int i = 0; i < 5; ++i) {
    CHECK(sender->send(NodeId{1}, ship) > 0);
  }
  CHECK(world.run_until([&] { return writes == 50'000; }));
  ship.writes.resize(60'000, ship.writes.front());
  CHECK(sender->send(NodeId{1}, ship) == 0);
  CHECK(sender->stats().dropped[static_cast<std::size_t>(Drop::too_large)] == 1);
  CHECK(receiver->stats().dropped[static_cast<std::size_t>(Drop::garbage)] == 0);
}

TEST_CASE("a frame carries the sender's watermark of the moment when it leaves, also to the sender itself") {
  World world;
  std::vector<Watermark> got, own;
  const auto receiver = world.open(NodeId{1}, [&](const PeerMessage& message) { got.push_back(message.watermark); });
  const auto sender = world.open(NodeId{1001}, [&](const PeerMessage& message) { own.push_back(message.watermark); });
  REQUIRE(world.introduce(*sender, NodeId{1}, *receiver, NodeId{1001}));
  CHECK(got.back() == Watermark{});
  Watermark mark{Epoch{3}, 42};
  sender->set_watermark_source([&] { return mark; });
  for (mark.counter = 42; mark.counter < 45; ++mark.counter) {
    got.clear(), own.clear();
    (void)sender->send(NodeId{1001}, Hello{});
    (void)sender->send(NodeId{1}, Hello{});
    REQUIRE(world.run_until([&] { return !own.empty() && !got.empty() && got.back() == mark; }));
    CHECK(own.back() == mark);
  }
}

/// An item of exactly that size.
Ship item_of(std::size_t bytes) {
  EnvelopeWriter writer("run", NodeId{1001}, Epoch{1});
  Ship ship;
  ship.writes = {ShippedWrite{1, {NodeId{1001}, Epoch{1}, 1}, {}}};
  const auto size = [&] {
    const std::size_t now = writer.add(ship);
    writer.drop_last(now);
    return now;
  };
  while (size() + 10 < bytes) {
    ship.writes.front().operations.emplace_back();
  }
  for (ship.heartbeat = 1; size() < bytes; ship.heartbeat <<= 7U) {  // a byte at a time
  }
  REQUIRE(size() == bytes);
  return ship;
}

TEST_CASE(
    "the largest item that is taken fits into a frame, with the longest name of a run; one byte more is refused") {
  World world;
  world.frame_bytes_max = 16U << 10U;
  const std::string run(kRunIdBytesMax, 'r');
  std::vector<Ship> got;
  const auto receiver = world.open(
      NodeId{1},
      [&](const PeerMessage& message) {
        if (const auto* ship = std::get_if<Ship>(&message.payload)) got.push_back(*ship);
      },
      run);
  const auto sender = world.open(
      NodeId{1001}, [](const PeerMessage&) {}, run);
  REQUIRE(world.introduce(*sender, NodeId{1}, *receiver, NodeId{1001}));
  const std::size_t largest = world.frame_bytes_max - 1'024;
  CHECK(sender->send(NodeId{1}, item_of(largest + 1)) == 0);
  CHECK(sender->stats().dropped[static_cast<std::size_t>(Drop::too_large)] == 1);
  const Ship most = item_of(largest);
  CHECK(sender->send(NodeId{1}, most) == largest);
  REQUIRE(world.run_until([&] { return got.size() == 1; }));
  CHECK(got.front().heartbeat == most.heartbeat);
  // Two that each fit, and not together: two frames.
  const std::uint64_t frames = sender->stats().frames_sent;
  CHECK(sender->send(NodeId{1}, item_of(9'000)) == 9'000);
  CHECK(sender->send(NodeId{1}, item_of(9'001)) == 9'001);
  REQUIRE(world.run_until([&] { return got.size() == 3; }));
  CHECK(sender->stats().frames_sent == frames + 2);
  CHECK(sender->stats().dropped[static_cast<std::size_t>(Drop::too_large)] == 1);
}

TEST_CASE("a frame leaves within a step when it has 64 KiB of items, or 1024 of them, and not before") {
  World world;
  const auto receiver = world.open(NodeId{1}, [](const PeerMessage&) {});
  const auto sender = world.open(NodeId{1001}, [](const PeerMessage&) {});
  REQUIRE(world.introduce(*sender, NodeId{1}, *receiver, NodeId{1001}));
  sender->flush();
  const TransportStats before = sender->stats();
  const auto frames = [&] { return sender->stats().frames_sent - before.frames_sent; };
  const Ship eighth = item_of(8U << 10U);
  for (int i = 0; i < 7; ++i) {
    (void)sender->send(NodeId{1}, eighth);
  }
  (void)sender->send(NodeId{1}, item_of((8U << 10U) - 1));
  CHECK(frames() == 0);
  sender->flush();
  CHECK(frames() == 1);
  for (int i = 0; i < 8; ++i) {
    CHECK(frames() == 1);
    (void)sender->send(NodeId{1}, eighth);
  }
  CHECK(frames() == 2);
  for (int i = 0; i < 1'024; ++i) {
    CHECK(frames() == 2);
    (void)sender->send(NodeId{1}, Hello{});
  }
  CHECK(frames() == 3);
  sender->flush();  // Nothing is left.
  CHECK(frames() == 3);
  CHECK(sender->stats().items_sent - before.items_sent == 8 + 8 + 1'024);
  CHECK(sender->stats().bytes_sent - before.bytes_sent > (128U << 10U));
}

TEST_CASE("timers fire in order, never early, and cancelled ones never") {
  const std::unique_ptr<EventLoop> loop = EventLoop::create().value();
  TimerQueue timers;
  std::vector<std::uint64_t> fired;
  const Instant start = loop->now();
  bool early = false;
  loop->attach(timers, [&](std::uint64_t token) {
    fired.push_back(token);
    early |= loop->now() < start + std::chrono::milliseconds{token};
  });
  for (const std::uint64_t token : {9U, 3U, 6U, 1U}) {
    timers.set(token, start + std::chrono::milliseconds{token});
  }
  timers.set(4, start);
  timers.set(4, start + 4ms);  // replaced
  timers.cancel(6);
  for (int step = 0; step < 1'000 && fired.size() < 4; ++step) {
    loop->run_once(20ms);
  }
  CHECK(fired == std::vector<std::uint64_t>{1, 3, 4, 9});
  CHECK_FALSE(early);
  for (std::uint64_t token = 0; token < 100'000; ++token) {  // set and cancelled: memory stays bounded
    timers.set(100 + token, start + 1h);
    timers.cancel(100 + token);
  }
  CHECK(timers.size() == 0);
  CHECK_FALSE(timers.earliest().has_value());
}

TEST_CASE("work posted from another thread wakes the loop") {
  const std::unique_ptr<EventLoop> loop = EventLoop::create().value();
  std::thread other{[&] { loop->post([&] { loop->stop(7); }); }};
  CHECK(loop->run() == 7);
  other.join();
}

}  // namespace
}  // namespace geocommit
