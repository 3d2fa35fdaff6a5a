#include "wan/router.h"

#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <functional>

namespace geocommit {
namespace {

constexpr std::int64_t kBusyLimitNs = 20'000'000;
constexpr int kReadsPerWake = 16;        // per node, so that no sender starves the others
constexpr int kDeliveriesPerRound = 64;  // before looking at new packets again
constexpr std::uint64_t kControlTag = ~std::uint64_t{0};
constexpr std::uint64_t kTimerTag = kControlTag - 1;

}  // namespace

std::int64_t monotonic_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

int Router::run() {
  if (!epoll_.valid() || !timer_.valid()) {
    std::fprintf(stderr, "geocommit-router: cannot make an epoll or timer descriptor: %s\n", std::strerror(errno));
    return 1;
  }
  epoll_event events[64];
  busy_since_ns_ = monotonic_ns();
  while (true) {
    const std::int64_t now = deliver_due();
    beat(now);
    const bool more_due = !heap_.empty() && heap_.front().due_ns <= now;
    const bool wait = !more_due && !spin_is_worth_it(now);
    if (wait) arm_timer(now);
    const int ready = ::epoll_wait(epoll_.get(), events, 64, wait ? -1 : 0);
    if (ready < 0 && errno != EINTR) {
      std::fprintf(stderr, "geocommit-router: epoll_wait: %s\n", std::strerror(errno));
      return 1;
    }
    const std::int64_t woken = monotonic_ns();
    rest_if_busy(woken, wait && woken - now > 20'000);  // 20 us in epoll: it slept
    for (int i = 0; i < ready; ++i) {
      const std::uint64_t tag = events[i].data.u64;
      if (tag == kControlTag) {
        if (!serve_control()) return 0;
      } else if (tag != kTimerTag) {
        read_node(static_cast<std::uint32_t>(tag), kReadsPerWake);
      }
    }
  }
}

bool Router::spin_is_worth_it(std::int64_t now_ns) const {
  return spin_ns_ > 0 && !heap_.empty() && heap_.front().due_ns - now_ns <= spin_ns_;
}

/// The timer is edge-triggered in epoll and never read: setting it again arms a new edge.
void Router::arm_timer(std::int64_t now_ns) {
  std::int64_t next = last_beat_ns_ + kPulseEvery.count();
  if (!heap_.empty()) next = std::min(next, heap_.front().due_ns - spin_ns_);
  next = std::max(next, now_ns + 1);
  if (next == armed_ns_) return;
  itimerspec spec{};
  spec.it_value.tv_sec = next / 1'000'000'000;
  spec.it_value.tv_nsec = next % 1'000'000'000;
  ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
  armed_ns_ = next;
}

/// A real-time process that does not sleep would starve the machine: it rests instead, and counts that.
void Router::rest_if_busy(std::int64_t now_ns, bool slept) {
  if (slept) {
    busy_since_ns_ = now_ns;
    return;
  }
  if (!sched_fifo_ || now_ns - busy_since_ns_ < kBusyLimitNs) return;
  const timespec rest{0, 1'000'000};
  ::nanosleep(&rest, nullptr);
  ++counters_.rests;
  busy_since_ns_ = monotonic_ns();
}

void Router::beat(std::int64_t now_ns) {
  if (now_ns - last_beat_ns_ < kPulseEvery.count()) return;
  last_beat_ns_ = now_ns;
  if (pulse_ != nullptr) pulse_->monotonic_ns.store(now_ns, std::memory_order_relaxed);
}

void Router::read_node(std::uint32_t node, int most) {
  for (int i = 0; i < most; ++i) {
    const auto slot = store_.take();
    if (!slot) {
      char lost[PacketStore::kSlotBytes];  // no memory left for packets: take it off the device, and count it
      if (::read(tuns_[node].get(), lost, sizeof lost) <= 0) return;
      ++counters_.queue_full;
      continue;
    }
    const ssize_t size = ::read(tuns_[node].get(), store_.data(*slot), PacketStore::kSlotBytes);
    if (size <= 0) {
      store_.give_back(*slot);
      return;
    }
    admit(node, *slot, static_cast<std::uint32_t>(size));
  }
}

void Router::admit(std::uint32_t from, std::uint32_t slot, std::uint32_t size) {
  constexpr std::uint32_t kIpv4Header = 20;
  constexpr std::size_t kDestinationAt = 16;
  const std::byte* packet = store_.data(slot);
  if (size < kIpv4Header || (std::to_integer<unsigned>(packet[0]) >> 4) != 4) {
    ++counters_.not_ipv4;
    return store_.give_back(slot);
  }
  std::uint32_t destination = 0;
  std::memcpy(&destination, packet + kDestinationAt, sizeof destination);
  const std::uint32_t to = ntohl(destination) - wan_network_ - 1;
  if (to >= nodes_ || to >= tuns_.size()) {
    ++counters_.no_route;
    return store_.give_back(slot);
  }
  const std::uint32_t link = from * nodes_ + to;
  const auto admission = links_[link].admit(monotonic_ns(), size, advance_ns_);
  switch (admission.fate) {
    case LinkModel::Fate::deliver:
      store_.size(slot) = size;
      heap_.push_back({admission.due_ns, sequence_++, slot, link});
      std::push_heap(heap_.begin(), heap_.end(), std::greater<>{});
      return;
    case LinkModel::Fate::cut:
      ++counters_.cut;
      break;
    case LinkModel::Fate::lost:
      ++counters_.lost;
      break;
    case LinkModel::Fate::queue_full:
      ++counters_.queue_full;
      break;
  }
  store_.give_back(slot);
}

std::int64_t Router::deliver_due() {
  std::int64_t now = monotonic_ns();
  for (int i = 0; i < kDeliveriesPerRound && !heap_.empty() && heap_.front().due_ns <= now; ++i) {
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>{});
    const Due due = heap_.back();
    heap_.pop_back();
    deliver(due);
    now = monotonic_ns();
    lateness_.record(now - due.due_ns);
  }
  return now;
}

void Router::deliver(const Due& due) {
  const std::uint32_t size = store_.size(due.slot);
  if (!links_[due.link].arrive()) {
    ++counters_.cut;
  } else if (::write(tuns_[due.link % nodes_].get(), store_.data(due.slot), size) != static_cast<ssize_t>(size)) {
    ++counters_.write_failed;
  } else {
    ++counters_.packets;
    counters_.bytes += size;
  }
  store_.give_back(due.slot);
}

void Router::fill_stats(RouterReply& reply) const {
  reply = counters_;
  reply.sched_fifo = sched_fifo_ ? 1 : 0;
  reply.in_flight = heap_.size();
  reply.lateness_p50_us = lateness_.quantile_us(0.5);
  reply.lateness_p99_us = lateness_.quantile_us(0.99);
  reply.lateness_max_us = lateness_.max_us();
}

}  // namespace geocommit
