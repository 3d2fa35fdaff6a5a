// A thread that does things when their time has come.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

namespace geocommit {

class FaultSchedule {
 public:
  using Clock = std::chrono::steady_clock;
  /// What ends comes before what begins at the same time.
  enum class Turn : std::uint8_t { end, begin };

  ~FaultSchedule();
  void start();
  /// `what` is called on the schedule's thread, one at a time; it may call at().
  void at(Clock::time_point when, Turn turn, std::function<void()> what);
  /// Nothing is begun from now on; what is under way goes on. May be called with locks that the things done take.
  void close();
  /// After close(): waits for what is under way. Without such locks.
  void join();

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<std::pair<Clock::time_point, Turn>, std::function<void()>> things_;
  bool closed_{};
  std::thread thread_;
};

}  // namespace geocommit
