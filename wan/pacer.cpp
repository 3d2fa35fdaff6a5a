#include "wan/pacer.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>

#include <algorithm>
#include <cerrno>

#include "wan/forwarder.h"

namespace geocommit {
namespace {

constexpr std::int64_t kBusyLimitNs = 20'000'000;

/// True if the process now runs under SCHED_FIFO, with its time without sleep limited to a second.
bool try_sched_fifo() {
  const rlimit limit{1'000'000, 1'000'000};  // microseconds
  if (::setrlimit(RLIMIT_RTTIME, &limit) != 0) return false;
  sched_param parameter{};
  parameter.sched_priority = 10;
  return ::sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &parameter) == 0;
}

}  // namespace

Pacer::Pacer()
    : timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)), busy_since_ns_(monotonic_ns()) {}

Pacer::~Pacer() {
  if (pulse_ != nullptr) ::munmap(pulse_, sizeof *pulse_);
}

int Pacer::begin(const RouterRequest& hello, const UniqueFd& pulse) {
  void* memory = ::mmap(nullptr, sizeof(RouterPulse), PROT_READ | PROT_WRITE, MAP_SHARED, pulse.get(), 0);
  if (memory == MAP_FAILED) return errno;
  pulse_ = static_cast<RouterPulse*>(memory);
  spin_ns_ = hello.value_ns;
  ::prctl(PR_SET_TIMERSLACK, 1UL);
  sched_fifo_ = hello.allow_sched_fifo != 0 && try_sched_fifo();
  return 0;
}

bool Pacer::spins(std::int64_t now_ns, std::optional<std::int64_t> next_due_ns) const {
  return spin_ns_ > 0 && next_due_ns && *next_due_ns - now_ns <= spin_ns_;
}

/// The timer is edge-triggered in epoll and never read: setting it again arms a new edge.
void Pacer::arm(std::int64_t now_ns, std::optional<std::int64_t> next_due_ns) {
  std::int64_t next = last_beat_ns_ + kPulseEvery.count();
  if (next_due_ns) next = std::min(next, *next_due_ns - spin_ns_);
  next = std::max(next, now_ns + 1);
  if (next == armed_ns_) return;
  itimerspec spec{};
  spec.it_value.tv_sec = next / 1'000'000'000;
  spec.it_value.tv_nsec = next % 1'000'000'000;
  ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
  armed_ns_ = next;
}

/// A real-time process that does not sleep would starve the machine.
void Pacer::rest_if_busy(std::int64_t now_ns, bool slept) {
  if (slept) {
    busy_since_ns_ = now_ns;
    return;
  }
  if (!sched_fifo_ || now_ns - busy_since_ns_ < kBusyLimitNs) return;
  const timespec rest{0, 1'000'000};
  ::nanosleep(&rest, nullptr);
  ++rests_;
  busy_since_ns_ = monotonic_ns();
}

void Pacer::beat(std::int64_t now_ns) {
  if (now_ns - last_beat_ns_ < kPulseEvery.count()) return;
  last_beat_ns_ = now_ns;
  if (pulse_ != nullptr) pulse_->monotonic_ns.store(now_ns, std::memory_order_relaxed);
}

void Pacer::fill(RouterReply& reply) const {
  reply.sched_fifo = sched_fifo_ ? 1 : 0;
  reply.rests = rests_;
}

}  // namespace geocommit
