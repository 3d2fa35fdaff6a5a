#include "tests/wan/conformance_harness.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "wan/echo.h"
#include "wan/namespaces.h"
#include "wan/router.h"

namespace geocommit::conformance {
namespace {

int failed_checks = 0;
constexpr std::size_t kMostArrivals = 100000;
constexpr std::size_t kHeaders = 28;

std::string address_of(Emulation& emulation, const std::string& node, bool management) {
  return management ? emulation.management_address(node) : emulation.wan_address(node);
}

}  // namespace

void check(bool condition, const std::string& what) {
  if (condition) return;
  ++failed_checks;
  std::printf("    FAILED: %s\n", what.c_str());
}

int failures() { return failed_checks; }

void require(const Result<void>& result, const std::string& what) {
  if (result) return;
  std::printf("    FAILED: %s: %s\n", what.c_str(), result.error().message.c_str());
  std::fflush(stdout);
  std::exit(1);
}

Receiver::Receiver(Emulation& emulation, const std::string& node, bool management)
    : address_(address_of(emulation, node, management)) {
  auto socket = udp_socket(emulation.namespace_fd(node), address_);
  require(socket ? Result<void>{} : socket.error(), "receiver");
  socket_ = std::move(socket).value();
  port_ = port_of(socket_.get());
  arrivals_.resize(kMostArrivals);
  const timeval limit{0, 50000};
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  thread_ = std::thread([this] { run(); });
}

Receiver::~Receiver() {
  stop_ = true;
  thread_.join();
}

void Receiver::run() {
  std::array<char, 2048> buffer;
  while (!stop_) {
    const ssize_t size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    const std::size_t at = count_;
    if (size < static_cast<ssize_t>(2 * sizeof(std::uint64_t)) || at >= kMostArrivals) continue;
    Arrival arrival{};
    std::memcpy(&arrival.sequence, buffer.data(), sizeof arrival.sequence);
    std::memcpy(&arrival.sent_ns, buffer.data() + sizeof arrival.sequence, sizeof arrival.sent_ns);
    arrival.arrived_ns = monotonic_ns();
    arrivals_[at] = arrival;
    count_ = at + 1;
  }
}

std::vector<Arrival> Receiver::take(std::size_t count, Duration quiet) {
  std::size_t seen = count_;
  std::int64_t last_news = monotonic_ns();
  while (seen < taken_ + count && monotonic_ns() - last_news < quiet.count()) {
    pause_for(2ms);
    if (count_ == seen) continue;
    seen = count_;
    last_news = monotonic_ns();
  }
  std::vector<Arrival> out(arrivals_.begin() + static_cast<std::ptrdiff_t>(taken_),
                           arrivals_.begin() + static_cast<std::ptrdiff_t>(seen));
  taken_ = seen;
  return out;
}

Duration send(Emulation& emulation, const std::string& from_node, const Receiver& to, const SendPlan& plan,
              bool management) {
  auto socket = udp_socket(emulation.namespace_fd(from_node), address_of(emulation, from_node, management));
  require(socket ? Result<void>{} : socket.error(), "sender");
  sockaddr_in target{};
  target.sin_family = AF_INET;
  target.sin_port = htons(to.port());
  ::inet_pton(AF_INET, to.address().c_str(), &target.sin_addr);
  std::vector<char> packet(std::max(plan.ip_bytes, kHeaders + 16) - kHeaders);
  const std::int64_t start = monotonic_ns();
  for (int i = 0; i < plan.count; ++i) {
    const auto sequence = static_cast<std::uint64_t>(i);
    const std::int64_t now = monotonic_ns();
    std::memcpy(packet.data(), &sequence, sizeof sequence);
    std::memcpy(packet.data() + sizeof sequence, &now, sizeof now);
    // ENOBUFS is how a full queue on the way out is told: a loss like any other.
    const ssize_t sent = ::sendto(socket->get(), packet.data(), packet.size(), 0,
                                  reinterpret_cast<const sockaddr*>(&target), sizeof target);
    (void)sent;
    if (plan.interval > Duration{0}) pause_for(plan.interval);
  }
  return Duration{monotonic_ns() - start};
}

int answered(Emulation& emulation, const std::string& from, const std::string& to, int count, Duration timeout,
             bool management) {
  auto echo = EchoServer::start(emulation.namespace_fd(to), address_of(emulation, to, management));
  require(echo ? Result<void>{} : echo.error(), "echo server");
  PingPlan plan;
  plan.count = count;
  plan.timeout = timeout;
  const auto pings = ping(emulation.namespace_fd(from), address_of(emulation, from, management), (*echo)->address(),
                          (*echo)->port(), plan);
  require(pings ? Result<void>{} : pings.error(), "ping");
  return static_cast<int>(pings->round_trips.size());
}

bool in_order(const std::vector<Arrival>& arrivals) {
  return std::is_sorted(arrivals.begin(), arrivals.end(),
                        [](const Arrival& a, const Arrival& b) { return a.sequence < b.sequence; });
}

LinkSpec plain(Duration delay) {
  LinkSpec spec;
  spec.delay = delay;
  return spec;
}

void pause_for(Duration time) {
  const timespec rest{time / 1s, (time % 1s).count()};
  ::nanosleep(&rest, nullptr);
}

TcpPair::TcpPair(Emulation& emulation) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(7000);
  ::inet_pton(AF_INET, emulation.wan_address("b1").c_str(), &at.sin_addr);
  require(in_namespace(emulation.namespace_fd("b1"),
                       [&]() -> Result<void> {
                         listener_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
                         const int yes = 1;
                         ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
                         const bool good =
                             ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0 &&
                             ::listen(listener_.get(), 4) == 0;
                         return good ? Result<void>{} : Error{std::strerror(errno)};
                       }),
          "listen");
  require(in_namespace(emulation.namespace_fd("a1"),
                       [&]() -> Result<void> {
                         client_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
                         const bool good =
                             ::connect(client_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0;
                         return good ? Result<void>{} : Error{std::strerror(errno)};
                       }),
          "connect");
  server_ = UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
}

void TcpPair::write_bytes(std::size_t count) const {
  const std::string bytes(count, 'x');
  check(::write(client_.get(), bytes.data(), count) == static_cast<ssize_t>(count), "TCP write");
}

bool TcpPair::byte_within(Duration time) const {
  pollfd waiting{server_.get(), POLLIN, 0};
  char byte = 0;
  return ::poll(&waiting, 1, static_cast<int>(time / 1ms)) == 1 && ::read(server_.get(), &byte, 1) == 1;
}

std::string text(Duration duration) { return std::to_string(to_ms(duration)) + " ms"; }

}  // namespace geocommit::conformance
