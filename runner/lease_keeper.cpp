#include "runner/lease_keeper.h"

#include <pthread.h>

#include <condition_variable>
#include <csignal>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "runtime/control.h"

namespace geocommit {

class LeaseKeeper::Impl {
 public:
  Impl(std::string run_id, Duration lease) : run_id_(std::move(run_id)), interval_(lease / 6) {}
  ~Impl() { stop(); }

  Result<void> keep(NodeId node, const std::string& address) {
    {
      const std::lock_guard lock(mutex_);
      nodes_[node] = address;
      stopping_ = false;
    }
    changed_.notify_all();
    if (thread_.joinable()) return {};
    // Ctrl-C is the main thread's.
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, &before);
    Result<void> started;
    try {
      thread_ = std::thread([this] { renew(); });
    } catch (const std::system_error& problem) {
      started = Error{"no thread to keep the daemons' leases: " + std::string(problem.what())};
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return started;
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      nodes_.clear();
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

 private:
  void renew() {
    ControlClient control;
    std::map<NodeId, std::string> known;
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      std::vector<NodeId> nodes;
      for (const auto& [node, address] : nodes_) {
        if (known.try_emplace(node, address).second) control.add(node, address);
        nodes.push_back(node);
      }
      lock.unlock();
      // Who stands still by a fault, or does not answer, gets the next one.
      (void)control.renew(nodes, run_id_, interval_ / 2);
      lock.lock();
      changed_.wait_for(lock, interval_, [&] { return stopping_ || nodes_.size() != known.size(); });
    }
  }

  std::string run_id_;
  Duration interval_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<NodeId, std::string> nodes_;
  bool stopping_{};
  std::thread thread_;
};

LeaseKeeper::LeaseKeeper(std::string run_id, Duration lease)
    : impl_(std::make_unique<Impl>(std::move(run_id), lease)) {}
LeaseKeeper::~LeaseKeeper() = default;
Result<void> LeaseKeeper::keep(NodeId node, const std::string& control_address) {
  return impl_->keep(node, control_address);
}
void LeaseKeeper::stop() { impl_->stop(); }

}  // namespace geocommit
