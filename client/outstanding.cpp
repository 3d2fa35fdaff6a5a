#include "client/outstanding.h"

#include <algorithm>

namespace geocommit {
namespace {

constexpr int kQueriesPerStep = 1024;
constexpr Duration kQueryFirst = 1s;  // at most; a quarter of the outcome timeout where that is less
constexpr Duration kQueryLeast = 100ms;
constexpr std::uint32_t kQueryDoublings = 4;

}  // namespace

void Outstanding::add(Instant now, OutstandingRequest request) {
  const std::uint64_t sequence = request.request.id.sequence;
  requests_.emplace(sequence, std::move(request));
  deadlines_.emplace_back(now + outcome_timeout_, sequence);
}

std::optional<OutstandingRequest> Outstanding::take(std::uint64_t sequence) {
  const auto found = requests_.find(sequence);
  if (found == requests_.end()) {
    return std::nullopt;
  }
  OutstandingRequest out = std::move(found->second);
  requests_.erase(found);
  return out;
}

const OutstandingRequest* Outstanding::time_out(Instant now) {
  while (!deadlines_.empty() && deadlines_.front().first <= now) {
    const auto found = requests_.find(deadlines_.front().second);
    deadlines_.pop_front();
    if (found != requests_.end()) {
      found->second.timed_out = true;
      queries_.emplace(now, found->first);
      return &found->second;
    }
  }
  return nullptr;
}

void Outstanding::ask(Instant now, const std::function<void(const OutstandingRequest&)>& ask) {
  for (int i = 0; i < kQueriesPerStep && !queries_.empty() && queries_.top().first <= now; ++i) {
    const std::uint64_t sequence = queries_.top().second;
    queries_.pop();
    const auto found = requests_.find(sequence);
    if (found == requests_.end()) {
      continue;
    }
    OutstandingRequest& request = found->second;
    ask(request);
    const Duration first = std::clamp<Duration>(outcome_timeout_ / 4, kQueryLeast, kQueryFirst);
    queries_.emplace(now + first * (1U << std::min(request.queries, kQueryDoublings)), sequence);
    ++request.queries;
  }
}

std::optional<Instant> Outstanding::next() {
  while (!deadlines_.empty() && !requests_.contains(deadlines_.front().second)) {
    deadlines_.pop_front();  // answered in time, as nearly all
  }
  std::optional<Instant> soonest;
  if (!deadlines_.empty()) {
    soonest = deadlines_.front().first;
  }
  if (!queries_.empty()) {
    soonest = soonest ? std::min(*soonest, queries_.top().first) : queries_.top().first;
  }
  return soonest;
}

std::vector<std::uint64_t> Outstanding::sequences() const {
  std::vector<std::uint64_t> out;
  out.reserve(requests_.size());
  for (const auto& [sequence, request] : requests_) {
    out.push_back(sequence);
  }
  std::sort(out.begin(), out.end());  // what follows must not hang on a hash table's order
  return out;
}

}  // namespace geocommit
