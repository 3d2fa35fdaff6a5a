#include "runtime/event_loop.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <utility>

#include "base/check.h"

namespace geocommit {
namespace {

constexpr int kTimersPerStep = 4'096;  // bounded, so that a burst of timers cannot starve the sockets
constexpr std::size_t kDeadSlack = 1'024;

timespec to_timespec(Instant instant) {
  const auto ns = std::max<std::int64_t>(1, instant.time_since_epoch().count());  // 0 would disarm
  return {static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
}

std::uint64_t drain_counter(int fd) {
  std::uint64_t value = 0;
  return ::read(fd, &value, sizeof value) == sizeof value ? value : 0;
}

}  // namespace

Instant steady_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return Instant{Duration{std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec}};
}

std::uint64_t steady_clock_id() {
  std::array<char, 64> text{};
  const UniqueFd file{::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)};
  const ssize_t length = file.get() < 0 ? 0 : ::read(file.get(), text.data(), text.size());
  if (length < 16) {
    return 1;
  }
  std::uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a
  for (ssize_t i = 0; i < length; ++i) {
    hash = (hash ^ static_cast<unsigned char>(text.at(static_cast<std::size_t>(i)))) * 0x100000001b3ULL;
  }
  return std::max<std::uint64_t>(hash, 1);
}

// ---- TimerQueue --------------------------------------------------------------------------------------------------

void TimerQueue::set(std::uint64_t token, Instant deadline) {
  live_[token] = deadline;
  heap_.push_back({deadline, token});
  std::push_heap(heap_.begin(), heap_.end(), std::greater<>{});
  compact();
}

void TimerQueue::cancel(std::uint64_t token) { live_.erase(token); }

std::optional<Instant> TimerQueue::earliest() {
  drop_dead();
  return heap_.empty() ? std::nullopt : std::optional{heap_.front().deadline};
}

bool TimerQueue::take_due(Instant now, std::uint64_t& token) {
  drop_dead();
  if (heap_.empty() || heap_.front().deadline > now) {
    return false;
  }
  token = heap_.front().token;
  live_.erase(token);
  std::pop_heap(heap_.begin(), heap_.end(), std::greater<>{});
  heap_.pop_back();
  return true;
}

void TimerQueue::drop_dead() {
  while (!heap_.empty()) {
    const auto found = live_.find(heap_.front().token);
    if (found != live_.end() && found->second == heap_.front().deadline) {
      return;
    }
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>{});
    heap_.pop_back();
  }
}

void TimerQueue::compact() {
  if (heap_.size() < 2 * live_.size() + kDeadSlack) {
    return;
  }
  heap_.clear();
  for (const auto& [token, deadline] : live_) {
    heap_.push_back({deadline, token});
  }
  std::make_heap(heap_.begin(), heap_.end(), std::greater<>{});
}

// ---- EventLoop ---------------------------------------------------------------------------------------------------

Result<std::unique_ptr<EventLoop>> EventLoop::create() {
  std::unique_ptr<EventLoop> loop{new EventLoop};
  loop->epoll_ = UniqueFd{::epoll_create1(EPOLL_CLOEXEC)};
  loop->timer_fd_ = UniqueFd{::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)};
  loop->wake_fd_ = UniqueFd{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
  if (!loop->epoll_.valid() || !loop->timer_fd_.valid() || !loop->wake_fd_.valid()) {
    return Error{std::string{"cannot make an event loop: "} + std::strerror(errno)};
  }
  EventLoop& self = *loop;
  self.watch(self.timer_fd_.get(), [&self] {
    (void)drain_counter(self.timer_fd_.get());
    self.armed_.reset();
  });
  self.watch(self.wake_fd_.get(), [&self] { (void)drain_counter(self.wake_fd_.get()); });
  self.attach(self.calls_, [&self](std::uint64_t id) {
    const auto found = self.call_of_.find(id);
    if (found != self.call_of_.end()) {
      const std::function<void()> call = std::move(found->second);
      self.call_of_.erase(found);
      call();
    }
  });
  return loop;
}

EventLoop::~EventLoop() = default;

void EventLoop::watch(int fd, std::function<void()> ready) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  GC_CHECK(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0);
  watched_[fd] = std::move(ready);
}

void EventLoop::unwatch(int fd) {
  if (watched_.erase(fd) > 0) {
    (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  }
}

EventLoop::SourceId EventLoop::add_source(int fd, std::function<bool()> work) {
  // The fd only ends the sleep: its source is asked in every step anyway. It is edge-like (ZMQ_FD), so it is watched
  // edge-triggered: level-triggered it would stay readable, and spin, until the socket's commands are processed.
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.fd = fd;
  GC_CHECK(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0);
  sources_.push_back({next_id_, std::move(work)});
  return next_id_++;
}

void EventLoop::remove_source(SourceId id, int fd) {
  std::erase_if(sources_, [id](const Source& source) { return source.id == id; });
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

EventLoop::HookId EventLoop::at_step_end(std::function<bool()> hook) {
  hooks_.push_back({next_id_, std::move(hook)});
  return next_id_++;
}

void EventLoop::remove_hook(HookId id) {
  std::erase_if(hooks_, [id](const Hook& hook) { return hook.id == id; });
}

void EventLoop::detach(TimerQueue& timers) {
  std::erase_if(timers_, [&timers](const Timers& attached) { return attached.queue == &timers; });
}

void EventLoop::attach(TimerQueue& timers, std::function<void(std::uint64_t token)> fire) {
  timers_.push_back({&timers, std::move(fire)});
}

std::uint64_t EventLoop::call_at(Instant deadline, std::function<void()> call) {
  call_of_[next_id_] = std::move(call);
  calls_.set(next_id_, deadline);
  return next_id_++;
}

void EventLoop::cancel(std::uint64_t id) {
  calls_.cancel(id);
  call_of_.erase(id);
}

void EventLoop::post(std::function<void()> call) {
  {
    const std::lock_guard lock{posted_mutex_};
    posted_.push_back(std::move(call));
  }
  const std::uint64_t one = 1;
  (void)!::write(wake_fd_.get(), &one, sizeof one);  // can only fail when the counter is full: awake anyway
}

Result<void> EventLoop::handle_signals(std::function<void(int signal)> handler) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  if (::pthread_sigmask(SIG_BLOCK, &signals, nullptr) != 0) {
    return Error{"cannot block signals"};
  }
  signal_fd_ = UniqueFd{::signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC)};
  if (!signal_fd_.valid()) {
    return Error{std::string{"cannot make a signalfd: "} + std::strerror(errno)};
  }
  watch(signal_fd_.get(), [fd = signal_fd_.get(), handler = std::move(handler)] {
    signalfd_siginfo info{};
    while (::read(fd, &info, sizeof info) == sizeof info) {
      handler(static_cast<int>(info.ssi_signo));
    }
  });
  return {};
}

int EventLoop::run() {
  while (!exit_code_) {
    const bool more = work_once();
    if (!exit_code_) {
      wait(more ? Duration::zero() : Duration::max());
    }
  }
  return *exit_code_;
}

void EventLoop::run_once(Duration patience) {
  const bool more = work_once();
  wait(more ? Duration::zero() : patience);
  (void)work_once();
}

void EventLoop::stop(int exit_code) {
  if (!exit_code_) {
    exit_code_ = exit_code;
  }
}

bool EventLoop::work_once() {
  bool more = false;
  for (std::size_t i = 0; i < sources_.size() && !exit_code_; ++i) {
    more |= sources_[i].work();
  }
  fire_timers();
  run_posted();
  for (std::size_t i = 0; i < hooks_.size(); ++i) {
    if (exit_code_) {
      break;  // stop() means no further sends, unless the owner flushes itself
    }
    more |= hooks_[i].call();
  }
  return more;
}

void EventLoop::fire_timers() {
  for (std::size_t i = 0; i < timers_.size(); ++i) {
    const Instant at = now();
    std::uint64_t token = 0;
    for (int fired = 0; fired < kTimersPerStep && !exit_code_ && timers_[i].queue->take_due(at, token); ++fired) {
      timers_[i].fire(token);
    }
  }
}

void EventLoop::run_posted() {
  std::vector<std::function<void()>> calls;
  {
    const std::lock_guard lock{posted_mutex_};
    calls.swap(posted_);
  }
  for (const std::function<void()>& call : calls) {
    call();
  }
}

void EventLoop::arm_timer() {
  std::optional<Instant> earliest;
  for (const Timers& timers : timers_) {
    const std::optional<Instant> candidate = timers.queue->earliest();
    if (candidate && (!earliest || *candidate < *earliest)) {
      earliest = candidate;
    }
  }
  // An alarm that is too early is kept: it fires for nothing once and is then set right. This saves a system call for
  // each timer that is set and cancelled again, which most are.
  if (!earliest || (armed_ && *armed_ <= *earliest)) {
    return;
  }
  itimerspec alarm{};
  alarm.it_value = to_timespec(*earliest);
  GC_CHECK(::timerfd_settime(timer_fd_.get(), TFD_TIMER_ABSTIME, &alarm, nullptr) == 0);
  armed_ = earliest;
}

void EventLoop::wait(Duration patience) {
  arm_timer();
  int timeout_ms = -1;
  if (patience != Duration::max()) {
    timeout_ms = static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(patience).count());
  }
  std::array<epoll_event, 16> events{};
  const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout_ms);
  GC_CHECK(count >= 0 || errno == EINTR);
  for (int i = 0; i < count; ++i) {
    const auto found = watched_.find(events[static_cast<std::size_t>(i)].data.fd);
    if (found != watched_.end()) {
      const std::function<void()> ready = found->second;  // it may unwatch itself
      ready();
    }
  }
}

}  // namespace geocommit
