#include "sim/explore/crew.h"

namespace geocommit::explore {

Crew::Crew(std::size_t threads) {
  for (std::size_t worker = 1; worker < threads; ++worker) {
    others_.emplace_back([this, worker] { wait_for_work(worker); });
  }
}

Crew::~Crew() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  begun_.notify_all();
  for (std::thread& other : others_) {
    other.join();
  }
}

void Crew::run(std::size_t count, const Job& job) {
  {
    const std::lock_guard lock(mutex_);
    job_ = &job;
    count_ = count;
    next_ = 0;
    working_ = others_.size();
    ++round_;
  }
  begun_.notify_all();
  work(0);
  std::unique_lock lock(mutex_);
  done_.wait(lock, [this] { return working_ == 0; });
}

void Crew::work(std::size_t worker) {
  for (std::size_t index = next_++; index < count_; index = next_++) {
    (*job_)(worker, index);
  }
}

void Crew::wait_for_work(std::size_t worker) {
  std::uint64_t seen = 0;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      begun_.wait(lock, [&] { return over_ || round_ != seen; });
      if (over_) {
        return;
      }
      seen = round_;
    }
    work(worker);
    const std::lock_guard lock(mutex_);
    if (--working_ == 0) {
      done_.notify_one();
    }
  }
}

}  // namespace geocommit::explore
