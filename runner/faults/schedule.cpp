#include "runner/faults/schedule.h"

namespace geocommit {

FaultSchedule::~FaultSchedule() {
  close();
  join();
}

void FaultSchedule::start() {
  thread_ = std::thread([this] { run(); });
}

void FaultSchedule::at(Clock::time_point when, Turn turn, std::function<void()> what) {
  const std::lock_guard lock(mutex_);
  things_.emplace(std::pair{when, turn}, std::move(what));
  changed_.notify_all();
}

void FaultSchedule::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  things_.clear();
  changed_.notify_all();
}

void FaultSchedule::join() {
  if (thread_.joinable()) thread_.join();
}

void FaultSchedule::run() {
  std::unique_lock lock(mutex_);
  while (!closed_) {
    if (things_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const auto first = things_.begin();
    if (Clock::now() < first->first.first) {
      const Clock::time_point when = first->first.first;  // wait_until keeps a reference, and close() clears the rest.
      changed_.wait_until(lock, when);
      continue;
    }
    const auto what = std::move(first->second);
    things_.erase(first);
    lock.unlock();
    what();
    lock.lock();
  }
}

}  // namespace geocommit
