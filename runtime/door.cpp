#include "runtime/door.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>
#include <zmq.hpp>

#include "os/unique_fd.h"

namespace geocommit {
namespace {

constexpr const char* kDomain = "geocommit";
constexpr const char* kUser = "node";
constexpr int kBacklog = 256;
constexpr int kRequestsPerStep = 64;
constexpr int kEventsPerStep = 1'024;
constexpr Duration kLogInterval = 10s;

Error failed(const std::string& address) {
  return Error{"cannot listen for data on " + address + ": " + std::strerror(errno)};
}

/// "tcp://127.0.0.1:7001"; port "*" is any. Nullopt: not an IPv4 address in numbers, ZeroMQ knows what it is.
std::optional<sockaddr_in> tcp_address(std::string_view address) {
  constexpr std::string_view kScheme = "tcp://";
  const std::size_t colon = address.rfind(':');
  if (!address.starts_with(kScheme) || colon < kScheme.size()) {
    return std::nullopt;
  }
  const std::string host{address.substr(kScheme.size(), colon - kScheme.size())};
  const std::string_view port = address.substr(colon + 1);
  std::uint16_t number = 0;
  const auto [end, problem] = std::from_chars(port.data(), port.data() + port.size(), number);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(number);
  if ((port != "*" && (problem != std::errc{} || end != port.data() + port.size())) ||
      ::inet_pton(AF_INET, host.c_str(), &at.sin_addr) != 1) {
    return std::nullopt;
  }
  return at;
}

/// The same work whatever is wrong: how far two secrets agree is nobody's business.
bool equal(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0U : 1U;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference |= static_cast<unsigned>(static_cast<unsigned char>(a[i]) ^
                                        static_cast<unsigned char>(b.empty() ? '\0' : b[i % b.size()]));
  }
  return difference == 0;
}

std::string_view text_of(const zmq::message_t& part) { return {static_cast<const char*>(part.data()), part.size()}; }

}  // namespace

class Door::Impl {
 public:
  Impl(EventLoop& loop, zmq::socket_t& router, std::string secret)
      : loop_(loop), router_(router), secret_(std::move(secret)) {}
  ~Impl() {
    if (source_ != 0) {
      loop_.remove_source(source_, zap_fd_);
    }
    if (accepts_source_ != 0) {
      loop_.remove_source(accepts_source_, accepts_fd_);
    }
    // Before the socket that hears of it: ZeroMQ waits for ever to tell nobody.
    (void)::zmq_socket_monitor(router_.handle(), nullptr, 0);
  }

  Result<void> open(zmq::context_t& context, const std::string& address) {
    if (!secret_.empty()) {
      zap_.emplace(context, zmq::socket_type::rep);
      zap_->set(zmq::sockopt::linger, 0);
      zap_->bind("inproc://zeromq.zap.01");
      zap_fd_ = zap_->get(zmq::sockopt::fd);
      source_ = loop_.add_source(zap_fd_, [this] { return answer(); });
      router_.set(zmq::sockopt::plain_server, 1);
      router_.set(zmq::sockopt::zap_domain, kDomain);
    }
    router_.set(zmq::sockopt::backlog, kBacklog);
    if (const std::optional<sockaddr_in> at = tcp_address(address)) {
      if (Result<void> listening = listen(*at, address); !listening) {
        return listening;
      }
      hear_accepts(context);
    }
    router_.bind(address);
    return {};
  }

  void watch() {
    rlimit limit{};
    if (!listener_.valid() || ::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
      return;
    }
    // Descriptors are given lowest first. Plain system calls: to ThreadSanitizer a number that ZeroMQ's threads use
    // before and after is memory that they share with this one.
    const long lowest = ::syscall(SYS_fcntl, listener_.get(), F_DUPFD_CLOEXEC, 0);
    const rlim_t used = lowest >= 0 ? static_cast<rlim_t>(lowest) : limit.rlim_cur;
    if (lowest >= 0) {
      (void)::syscall(SYS_close, lowest);
    }
    if (used > limit.rlim_cur / 4 * 3) {
      shut(used, limit.rlim_cur);
      turn_away();
    } else if (shut_ && used < limit.rlim_cur / 2) {
      const int ignored = 0;
      shut_ = ::setsockopt(listener_.get(), SOL_SOCKET, SO_DETACH_FILTER, &ignored, sizeof ignored) != 0;
      spdlog::info("door: open again");
    }
  }

  std::uint64_t failed_accepts_{};
  std::uint64_t refused_{};

 private:
  /// A socket of ours, so that it can be shut; ZeroMQ takes it over.
  Result<void> listen(const sockaddr_in& at, const std::string& address) {
    UniqueFd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    const int on = 1;
    if (!fd.valid() || ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 || ::listen(fd.get(), kBacklog) != 0) {
      return failed(address);
    }
    listener_ = UniqueFd{::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0)};
    router_.set(zmq::sockopt::use_fd, fd.release());
    return {};
  }

  /// Each connection that ZeroMQ takes, or cannot take, is a moment to look at the descriptors: a timer would come too
  /// late for a flood.
  void hear_accepts(zmq::context_t& context) {
    const std::string address = "inproc://door-" + std::to_string(reinterpret_cast<std::uintptr_t>(this));
    if (::zmq_socket_monitor(router_.handle(), address.c_str(), ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_ACCEPT_FAILED) != 0) {
      throw zmq::error_t{};
    }
    accepts_.emplace(context, zmq::socket_type::pair);
    accepts_->set(zmq::sockopt::linger, 0);
    accepts_->set(zmq::sockopt::rcvhwm, 0);  // else ZeroMQ's thread would wait for ours
    accepts_->connect(address);
    accepts_fd_ = accepts_->get(zmq::sockopt::fd);
    accepts_source_ = loop_.add_source(accepts_fd_, [this] { return hear(); });
  }

  /// Events of two parts: number (16 bits) and value, address.
  bool hear() {
    int heard = 0;
    for (zmq::message_t part; heard < kEventsPerStep && accepts_->recv(part, zmq::recv_flags::dontwait); ++heard) {
      std::uint16_t event = 0;
      std::memcpy(&event, part.data(), std::min(part.size(), sizeof event));
      failed_accepts_ += event == ZMQ_EVENT_ACCEPT_FAILED ? 1U : 0U;
      while (part.more() && accepts_->recv(part, zmq::recv_flags::dontwait)) {
      }
    }
    if (heard > 0) {
      watch();
    }
    return heard == kEventsPerStep;
  }

  void shut(rlim_t used, rlim_t limit) {
    if (!shut_) {
      // Drops every packet to the listening socket, connections that stand have sockets of their own.
      sock_filter none{BPF_RET | BPF_K, 0, 0, 0};
      const sock_fprog program{1, &none};
      shut_ = ::setsockopt(listener_.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
      spdlog::error("door: {} of {} descriptors are in use: no new connections for now", used, limit);
    }
  }

  /// Who stood before the door when it shut. Left there, with no descriptor to be had, they would be tried again and
  /// again, on a whole core, for as long as handshakes may last. A thread with descriptors of its own sends them away:
  /// a descriptor set free here would be ZeroMQ's thread's, which tries all the time. (Plain system calls:
  /// ThreadSanitizer takes descriptors for the process's.)
  void turn_away() const {
    const auto let_in_and_out = [listener = static_cast<unsigned>(listener_.get())] {
      if (::syscall(SYS_close_range, listener + 1, ~0U, CLOSE_RANGE_UNSHARE) != 0 ||
          ::syscall(SYS_close_range, 0U, listener - 1, 0U) != 0) {
        return;
      }
      long one = 0;
      for (int i = 0; i < 2 * kBacklog && one >= 0; ++i) {
        one = ::syscall(SYS_accept4, listener, nullptr, nullptr, 0);
        (void)::syscall(SYS_close, one);
      }
    };
    try {
      std::thread{let_in_and_out}.join();
    } catch (const std::system_error& problem) {
      spdlog::error("door: those who wait cannot be turned away: {}", problem.what());
    }
  }

  /// ZAP (RFC 27): version, request id, domain, address, identity, mechanism, user, password.
  bool answer() {
    for (int i = 0; i < kRequestsPerStep; ++i) {
      std::vector<zmq::message_t> parts;
      do {
        zmq::message_t part;
        if (!zap_->recv(part, zmq::recv_flags::dontwait)) {
          return false;
        }
        parts.push_back(std::move(part));
      } while (parts.back().more());
      const bool known = parts.size() == 8 && text_of(parts[2]) == kDomain && text_of(parts[5]) == "PLAIN" &&
                         text_of(parts[6]) == kUser && equal(text_of(parts[7]), secret_);
      if (!known) {
        complain();
      }
      const std::string id = parts.size() > 1 ? std::string{text_of(parts[1])} : std::string{};
      const std::array<std::string, 6> reply{"1.0", id, known ? "200" : "400", known ? "OK" : "not of this run",
                                             "",    ""};
      for (std::size_t at = 0; at < reply.size(); ++at) {
        (void)zap_->send(zmq::buffer(reply[at]),
                         at + 1 < reply.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
      }
    }
    return true;
  }

  void complain() {
    ++refused_;
    if (loop_.now() >= next_line_) {
      next_line_ = loop_.now() + kLogInterval;
      spdlog::warn("door: somebody who is not of this run was refused ({} so far)", refused_);
    }
  }

  EventLoop& loop_;
  zmq::socket_t& router_;
  std::string secret_;
  std::optional<zmq::socket_t> zap_, accepts_;
  int zap_fd_{-1}, accepts_fd_{-1};
  EventLoop::SourceId source_{}, accepts_source_{};
  UniqueFd listener_;
  bool shut_{};
  Instant next_line_{};
};

Result<std::unique_ptr<Door>> Door::open(zmq::context_t& context, EventLoop& loop, zmq::socket_t& router,
                                         const std::string& address, const std::string& secret) {
  auto impl = std::make_unique<Impl>(loop, router, secret);
  if (Result<void> opened = impl->open(context, address); !opened) {
    return opened.error();
  }
  return std::unique_ptr<Door>{new Door(std::move(impl))};
}

Door::Door(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Door::~Door() = default;
void Door::watch() { impl_->watch(); }
std::uint64_t Door::refused() const { return impl_->refused_; }
std::uint64_t Door::failed_accepts() const { return impl_->failed_accepts_; }

void Door::show(zmq::socket_t& dealer, const std::string& secret) {
  if (!secret.empty()) {
    dealer.set(zmq::sockopt::plain_username, kUser);
    dealer.set(zmq::sockopt::plain_password, secret);
  }
}

}  // namespace geocommit
