#include "wan/router.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace geocommit {
namespace {

constexpr int kReadsPerWake = 16;   // per node, so that no sender starves the others
constexpr int kDeviceQueue = 1000;  // packets; the kernel keeps 500 of a TUN device that nobody has configured
constexpr std::uint64_t kControlTag = ~std::uint64_t{0};
constexpr std::uint64_t kTimerTag = kControlTag - 1;

bool watch(int epoll, int fd, std::uint32_t events, std::uint64_t tag) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = tag;
  return ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

}  // namespace

Router::Router(int control_fd) : control_(control_fd), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  const int timer = pacer_.timer().get();
  if (!epoll_.valid() || !pacer_.timer().valid() || !watch(epoll_.get(), control_.get(), EPOLLIN, kControlTag) ||
      !watch(epoll_.get(), timer, EPOLLIN | EPOLLET, kTimerTag)) {
    epoll_.reset();
  }
}

int Router::run() {
  if (!epoll_.valid() || !pacer_.timer().valid()) {
    std::fprintf(stderr, "geocommit-router: cannot make an epoll or timer descriptor: %s\n", std::strerror(errno));
    return 1;
  }
  epoll_event events[64];
  while (true) {
    const std::int64_t now = forwarder_.deliver_due();
    pacer_.beat(now);
    const std::optional<std::int64_t> next = forwarder_.next_due_ns();
    const bool more_due = next && *next <= now;
    const bool wait = !more_due && !pacer_.spins(now, next);
    if (wait) pacer_.arm(now, next);
    const int ready = ::epoll_wait(epoll_.get(), events, 64, wait ? -1 : 0);
    if (ready < 0 && errno != EINTR) {
      std::fprintf(stderr, "geocommit-router: epoll_wait: %s\n", std::strerror(errno));
      return 1;
    }
    const std::int64_t woken = monotonic_ns();
    pacer_.rest_if_busy(woken, wait && woken - now > 20'000);  // 20 us in epoll: it slept
    for (int i = 0; i < ready; ++i) {
      const std::uint64_t tag = events[i].data.u64;
      if (tag == kControlTag) {
        if (!serve_control()) return 0;
      } else if (tag != kTimerTag) {
        forwarder_.read(static_cast<std::uint32_t>(tag), kReadsPerWake);
      }
    }
  }
}

// ---- The control socket (router_protocol.h) -------------------------------------------------------------------------

bool Router::serve_control() {
  RouterRequest request;
  iovec part{&request, sizeof request};
  alignas(cmsghdr) char ancillary[CMSG_SPACE(sizeof(int))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = ancillary;
  message.msg_controllen = sizeof ancillary;
  const ssize_t size = ::recvmsg(control_.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (size < 0) return errno == EAGAIN || errno == EINTR;
  if (size == 0) return false;
  UniqueFd passed;
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_type == SCM_RIGHTS) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
    passed = UniqueFd(fd);
  }
  RouterReply reply;
  if (static_cast<std::size_t>(size) == sizeof request && request.protocol == kRouterProtocol) {
    handle(request, std::move(passed), reply);
  } else {
    reply.error = EPROTO;
  }
  return ::send(control_.get(), &reply, sizeof reply, MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof reply);
}

void Router::handle(const RouterRequest& request, UniqueFd passed, RouterReply& reply) {
  int error = 0;
  switch (request.verb) {
    case RouterVerb::hello:
      error = hello(request, passed);
      break;
    case RouterVerb::add_node:
      error = add_node(request, std::move(passed));
      break;
    case RouterVerb::set_links:
      error = set_links(request);
      break;
    case RouterVerb::calibrate:
      forwarder_.calibrate(request.value_ns);
      break;
    case RouterVerb::stats:
      break;
    case RouterVerb::reset_stats:
      forwarder_.reset_stats();
      pacer_.reset_stats();
      break;
  }
  forwarder_.fill(reply);
  pacer_.fill(reply);
  reply.error = error;
}

int Router::hello(const RouterRequest& request, const UniqueFd& pulse) {
  if (forwarder_.nodes() != 0 || request.count == 0 || request.count > 1000 || !pulse.valid()) return EINVAL;
  if (const int error = pacer_.begin(request, pulse); error != 0) return error;
  forwarder_.begin(request.count, request.wan_network, request.seed);
  return 0;
}

int Router::add_node(const RouterRequest& request, UniqueFd tun) {
  if (request.index != forwarder_.devices() || request.index >= forwarder_.nodes() || !tun.valid()) return EINVAL;
  if (!watch(epoll_.get(), tun.get(), EPOLLIN, request.index)) return errno;
  forwarder_.add_device(std::move(tun));
  return 0;
}

/// What has left before the change, and only waits for this process, goes by the link as it was.
int Router::set_links(const RouterRequest& request) {
  if (request.count > kLinksPerRequest) return EINVAL;
  for (std::uint32_t i = 0; i < request.count; ++i) {
    const WireLink& wire = request.links[i];
    if (wire.from >= forwarder_.nodes() || wire.to >= forwarder_.nodes()) return EINVAL;
    const bool seen = i > 0 && wire.from == request.links[i - 1].from;
    if (!seen && wire.from < forwarder_.devices()) forwarder_.read(wire.from, kDeviceQueue);
    forwarder_.change_link(wire.from, wire.to, from_wire(wire));
  }
  return 0;
}

}  // namespace geocommit
