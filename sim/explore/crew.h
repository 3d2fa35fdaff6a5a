// Threads that divide a row of jobs among themselves.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace geocommit::explore {

class Crew {
 public:
  using Job = std::function<void(std::size_t worker, std::size_t index)>;

  /// The caller is one of them.
  explicit Crew(std::size_t threads);
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  [[nodiscard]] std::size_t size() const { return others_.size() + 1; }
  /// job(worker, index) once for each index below `count`; returns when all are done. Jobs do not throw.
  void run(std::size_t count, const Job& job);

 private:
  void work(std::size_t worker);
  void wait_for_work(std::size_t worker);

  std::mutex mutex_;
  std::condition_variable begun_, done_;
  std::uint64_t round_{};  ///< Of run().
  std::size_t working_{};  ///< Others that are not done with it.
  bool over_{};
  const Job* job_{};
  std::size_t count_{};
  std::atomic<std::size_t> next_{};
  std::vector<std::thread> others_;
};

}  // namespace geocommit::explore
