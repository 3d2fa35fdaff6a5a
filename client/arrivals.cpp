#include "client/arrivals.h"

#include <algorithm>
#include <utility>

namespace geocommit {

Arrivals::Arrivals(const WorkloadSpec& workload, const Directory& directory, RegionId origin, std::uint64_t seed,
                   Duration end)
    : closed_(workload.arrival == Arrival::closed),
      end_(end),
      generator_(workload, directory, origin, seed),
      clients_(std::min(workload.clients, workload.outstanding_max)) {}  // so that a closed loop never sheds

void Arrivals::start() {
  if (closed_) {
    idle_ = clients_;
  } else {
    due_ = generator_.next();
  }
}

std::optional<Planned> Arrivals::take(Duration elapsed) {
  if (closed_) {
    ended_ = elapsed >= end_;
    if (ended_ || idle_ == 0) {
      return std::nullopt;
    }
    --idle_;
    Planned planned = generator_.next();
    planned.intended_start = elapsed;
    return planned;
  }
  if (due_ && due_->intended_start >= end_ && elapsed >= end_) {
    due_.reset();
  }
  ended_ = !due_;
  if (ended_ || due_->intended_start > elapsed || due_->intended_start >= end_) {
    return std::nullopt;
  }
  return std::exchange(due_, generator_.next());
}

bool Arrivals::answered() {
  idle_ += closed_ ? 1 : 0;
  return closed_;
}

std::optional<Duration> Arrivals::next() const {
  if (closed_) {
    return ended_ ? std::nullopt : std::optional{idle_ > 0 ? Duration{0} : end_};
  }
  return due_ ? std::optional{std::min(due_->intended_start, end_)} : std::nullopt;
}

}  // namespace geocommit
