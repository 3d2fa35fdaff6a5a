// The router's side of the control socket (router_protocol.h), and its scheduling.
#include <fcntl.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include <cerrno>
#include <cstring>

#include "wan/router.h"

namespace geocommit {
namespace {

constexpr std::uint64_t kControlTag = ~std::uint64_t{0};
constexpr std::uint64_t kTimerTag = kControlTag - 1;
constexpr int kDeviceQueue = 1000;  // packets; the kernel keeps 500 of a TUN device that nobody has configured

/// True if the process now runs under SCHED_FIFO, with its time without sleep limited to a second.
bool try_sched_fifo() {
  const rlimit limit{1'000'000, 1'000'000};  // microseconds
  if (::setrlimit(RLIMIT_RTTIME, &limit) != 0) return false;
  sched_param parameter{};
  parameter.sched_priority = 10;
  return ::sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &parameter) == 0;
}

bool watch(int epoll, int fd, std::uint32_t events, std::uint64_t tag) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = tag;
  return ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

}  // namespace

Router::Router(int control_fd)
    : control_(control_fd),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
  if (!epoll_.valid() || !timer_.valid() || !watch(epoll_.get(), control_.get(), EPOLLIN, kControlTag) ||
      !watch(epoll_.get(), timer_.get(), EPOLLIN | EPOLLET, kTimerTag)) {
    epoll_.reset();
  }
}

Router::~Router() {
  if (pulse_ != nullptr) ::munmap(pulse_, sizeof *pulse_);
}

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
      error = hello(request, std::move(passed));
      break;
    case RouterVerb::add_node:
      error = add_node(request, std::move(passed));
      break;
    case RouterVerb::set_links:
      error = set_links(request);
      break;
    case RouterVerb::calibrate:
      advance_ns_ = request.value_ns;
      break;
    case RouterVerb::stats:
      break;
    case RouterVerb::reset_stats:
      counters_ = RouterReply{};
      lateness_.reset();
      break;
  }
  fill_stats(reply);
  reply.error = error;
}

int Router::hello(const RouterRequest& request, UniqueFd pulse) {
  if (nodes_ != 0 || request.count == 0 || request.count > 1000 || !pulse.valid()) return EINVAL;
  void* memory = ::mmap(nullptr, sizeof(RouterPulse), PROT_READ | PROT_WRITE, MAP_SHARED, pulse.get(), 0);
  if (memory == MAP_FAILED) return errno;
  pulse_ = static_cast<RouterPulse*>(memory);
  nodes_ = request.count;
  wan_network_ = request.wan_network;
  spin_ns_ = request.value_ns;
  ::prctl(PR_SET_TIMERSLACK, 1UL);
  sched_fifo_ = request.allow_sched_fifo != 0 && try_sched_fifo();
  links_.reserve(std::size_t{nodes_} * nodes_);
  for (std::uint64_t i = 0; i < std::uint64_t{nodes_} * nodes_; ++i) {
    links_.emplace_back(LinkSpec{}, LinkRandom(request.seed + i * 0x9e3779b97f4a7c15ULL).next());
  }
  heap_.reserve(1 << 16);
  return 0;
}

int Router::add_node(const RouterRequest& request, UniqueFd tun) {
  if (request.index != tuns_.size() || request.index >= nodes_ || !tun.valid()) return EINVAL;
  if (!watch(epoll_.get(), tun.get(), EPOLLIN, request.index)) return errno;
  tuns_.push_back(std::move(tun));
  return 0;
}

/// What has left before the change, and only waits for this process, goes by the link as it was.
int Router::set_links(const RouterRequest& request) {
  if (request.count > kLinksPerRequest) return EINVAL;
  for (std::uint32_t i = 0; i < request.count; ++i) {
    const WireLink& wire = request.links[i];
    if (wire.from >= nodes_ || wire.to >= nodes_) return EINVAL;
    const bool seen = i > 0 && wire.from == request.links[i - 1].from;
    if (!seen && wire.from < tuns_.size()) read_node(wire.from, kDeviceQueue);
    links_[wire.from * nodes_ + wire.to].change(from_wire(wire));
  }
  return 0;
}

}  // namespace geocommit
