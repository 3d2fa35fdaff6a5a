// One thread, one epoll: file descriptors, ZeroMQ sockets, timers of nanosecond precision, work posted by other
// threads. Nothing spins: without work the loop sleeps in epoll_wait. Reads CLOCK_MONOTONIC only (pitfall 24).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <queue>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "os/unique_fd.h"

namespace geocommit {

/// CLOCK_MONOTONIC: the only clock of runtime/.
[[nodiscard]] Instant steady_now();
/// Names this boot of this machine, hence what steady_now() counts from: it goes on while a process restarts, and
/// begins anew with a reboot. Never 0; 1 where the kernel does not say.
[[nodiscard]] std::uint64_t steady_clock_id();

/// Deadlines by token. Cancelling is lazy, so both operations are cheap. Setting a token again replaces its deadline.
class TimerQueue {
 public:
  void set(std::uint64_t token, Instant deadline);
  void cancel(std::uint64_t token);
  /// Deadline of the earliest live timer.
  [[nodiscard]] std::optional<Instant> earliest();
  /// Takes the earliest timer that is due; false if none is.
  [[nodiscard]] bool take_due(Instant now, std::uint64_t& token);
  [[nodiscard]] std::size_t size() const { return live_.size(); }

 private:
  struct Entry {
    Instant deadline;
    std::uint64_t token;
    bool operator>(const Entry& other) const {
      return deadline != other.deadline ? deadline > other.deadline : token > other.token;
    }
  };
  void drop_dead();
  void compact();
  std::vector<Entry> heap_;
  std::unordered_map<std::uint64_t, Instant> live_;
};

class EventLoop {
 public:
  [[nodiscard]] static Result<std::unique_ptr<EventLoop>> create();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  [[nodiscard]] Instant now() const { return steady_now(); }

  /// Calls `ready` whenever fd is readable (level-triggered: it must read). The loop does not own fd.
  void watch(int fd, std::function<void()> ready);
  void unwatch(int fd);

  /// A source of work whose fd only hints at it (a ZeroMQ socket and its ZMQ_FD). `work` is called once every step; it
  /// does a bounded amount and returns whether more may be waiting, in which case the loop does not sleep.
  using SourceId = std::uint64_t;
  SourceId add_source(int fd, std::function<bool()> work);
  void remove_source(SourceId id, int fd);

  /// Called at the end of each step, in the order of registration, before the loop sleeps: flushing of batches. Returns
  /// true if it made work for the next step.
  using HookId = std::uint64_t;
  HookId at_step_end(std::function<bool()> hook);
  void remove_hook(HookId id);

  /// Timers of an owner that has many: `fire` is called with each token that is due. Until detached.
  void attach(TimerQueue& timers, std::function<void(std::uint64_t token)> fire);
  void detach(TimerQueue& timers);
  /// A single call. The id is never reused.
  std::uint64_t call_at(Instant deadline, std::function<void()> call);
  void cancel(std::uint64_t id);

  /// From any thread: runs `call` on the loop's thread. Dropped if the loop never runs again.
  void post(std::function<void()> call);

  /// Handles SIGTERM and SIGINT through a signalfd (blocks them in this thread: call before making threads).
  [[nodiscard]] Result<void> handle_signals(std::function<void(int signal)> handler);

  /// Until stop(); returns stop's argument.
  int run();
  /// One step; sleeps at most `patience`. For tests.
  void run_once(Duration patience);
  /// Ends run() after this step. The first call's code counts.
  void stop(int exit_code);
  [[nodiscard]] bool stopped() const { return exit_code_.has_value(); }

 private:
  EventLoop() = default;
  bool work_once();
  void arm_timer();
  void wait(Duration patience);
  void fire_timers();
  void run_posted();

  struct Source {
    SourceId id;
    std::function<bool()> work;
  };
  struct Timers {
    TimerQueue* queue;
    std::function<void(std::uint64_t)> fire;
  };
  UniqueFd epoll_, timer_fd_, wake_fd_, signal_fd_;
  std::unordered_map<int, std::function<void()>> watched_;
  std::vector<Source> sources_;
  struct Hook {
    HookId id;
    std::function<bool()> call;
  };
  std::vector<Hook> hooks_;
  std::vector<Timers> timers_;
  TimerQueue calls_;
  std::unordered_map<std::uint64_t, std::function<void()>> call_of_;
  std::uint64_t next_id_{1};
  std::optional<Instant> armed_;
  std::optional<int> exit_code_;
  std::mutex posted_mutex_;
  std::vector<std::function<void()>> posted_;  // guarded by posted_mutex_
};

}  // namespace geocommit
