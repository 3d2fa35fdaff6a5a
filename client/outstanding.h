// The requests of a load that are not answered: until when an answer is awaited, and when the outcome of those whose
// time is over is asked for, again and again, backing off.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <queue>
#include <unordered_map>
#include <utility>
#include <vector>

#include "protocols/transaction.h"

namespace geocommit {

struct OutstandingRequest {
  Request request;
  Duration intended{};  ///< Since the load's start.
  bool wan{};           ///< Touches an entity whose home is not the origin.
  bool timed_out{};
  std::uint32_t queries{};
};

class Outstanding {
 public:
  explicit Outstanding(Duration outcome_timeout) : outcome_timeout_(outcome_timeout) {}
  /// `now` never descends.
  void add(Instant now, OutstandingRequest request);
  /// Answered: it is no longer here. Nothing if it was not.
  [[nodiscard]] std::optional<OutstandingRequest> take(std::uint64_t sequence);
  /// One whose time is over, once; its outcome is to be asked for at once. Null: there is none.
  [[nodiscard]] const OutstandingRequest* time_out(Instant now);
  /// Those whose outcome is to be asked for now, a bounded number at a time.
  void ask(Instant now, const std::function<void(const OutstandingRequest&)>& ask);
  /// When time_out() or ask() is wanted.
  [[nodiscard]] std::optional<Instant> next();
  [[nodiscard]] std::size_t size() const { return requests_.size(); }
  [[nodiscard]] bool empty() const { return requests_.empty(); }
  /// Ascending.
  [[nodiscard]] std::vector<std::uint64_t> sequences() const;

 private:
  using Timed = std::pair<Instant, std::uint64_t>;  // when, sequence

  Duration outcome_timeout_;
  std::unordered_map<std::uint64_t, OutstandingRequest> requests_;  // by sequence
  std::deque<Timed> deadlines_;                                     // ascending: the timeout is the same for all
  std::priority_queue<Timed, std::vector<Timed>, std::greater<>> queries_;
};

}  // namespace geocommit
