// Strict two-phase locking on entities: shared and exclusive, FIFO queues, wound-wait (Rosenkrantz, Stearns and Lewis,
// TODS 3(2), 1978, section 4) or no-wait. Single-threaded; knows nothing of time but what it is told.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "engine/engine.h"

namespace geocommit {

enum class LockMode : std::uint8_t { shared, exclusive };

struct LockRequest {
  Entity entity;
  LockMode mode{LockMode::exclusive};
  auto operator<=>(const LockRequest&) const = default;
};

/// Age: smaller is older; ties are broken by the transaction id, so that the order is total.
struct LockAge {
  std::uint64_t priority{};
  TxnId txn;
  auto operator<=>(const LockAge&) const = default;
};

enum class LockAnswer : std::uint8_t { granted, waiting, denied };

class LockManager {
 public:
  explicit LockManager(LockingPolicy policy) : policy_(policy) {}
  virtual ~LockManager() = default;  // Tests plant others.
  LockManager(const LockManager&) = delete;
  LockManager& operator=(const LockManager&) = delete;

  /// What one call changed, beyond the caller. Orders are those of the queues, hence deterministic.
  struct Effects {
    std::vector<TxnId> complete;  ///< Waiters that now hold all that they asked for.
    std::vector<TxnId> wounded;   ///< Younger owners in the caller's way (wound-wait); each at most once a call.
    bool behind_blocked{};        ///< Denied because of a blocked owner, among others (no-wait).
  };

  /// Asks for all of `requests` at once (one entity may occur more than once: the strongest mode counts). An owner asks
  /// once. denied (no-wait only): nothing is held or queued. A request waits behind every incompatible holder and every
  /// incompatible request queued before it, and wounds those that are younger (queued conflicting requests count as
  /// holders). So nobody ever waits for a younger one that is not wounded: no deadlock.
  [[nodiscard]] virtual LockAnswer acquire(const LockAge& owner, std::vector<LockRequest> requests, Instant now,
                                           Effects& effects);

  /// For recovery: like acquire, but must be granted at once (the locks of in-doubt transactions never conflict).
  virtual void reinstate(const LockAge& owner, std::vector<LockRequest> requests, Instant now);

  struct Held {
    Duration first_to_last{};  ///< First lock granted - now; 0 if none was.
    Duration summed_over_keys{};
    bool waited{};
    bool any{};
    bool complete{};                       ///< It held all that it had asked for.
    bool behind_blocked{};                 ///< It stood in line behind an owner while that one was blocked.
    std::optional<BlockingCost> blocking;  ///< It was blocked itself (blocked_from).
  };
  /// Releases what `txn` holds and withdraws what it waits for. Harmless for an unknown owner.
  virtual Held release(TxnId txn, Instant now, Effects& effects);

  /// `txn` counts as blocked from `from` on (its decision timeout, known when its YES is durable), until it releases.
  /// Who stands in line for its locks then is in its blast radius: directly, not behind somebody who waits for it.
  void blocked_from(TxnId txn, Instant from);
  /// What `txn` costs others so far; none if it is not blocked at `now`.
  [[nodiscard]] std::optional<BlockingCost> blocking_cost(TxnId txn, Instant now) const;
  /// The first incompatible owner ahead of a waiter; {} if there is none.
  [[nodiscard]] TxnId ahead_of(TxnId txn) const;

  [[nodiscard]] std::uint64_t held() const { return held_; }        ///< Granted (owner, entity) pairs.
  [[nodiscard]] std::uint64_t waiting() const { return waiting_; }  ///< Owners that wait.
  [[nodiscard]] bool idle() const { return owners_.empty(); }

 private:
  struct Slot {  // One owner's place in one queue; holders come first by construction (FIFO, no barging).
    LockAge owner;
    LockMode mode{LockMode::exclusive};
    bool granted{};
    Instant granted_at{};
  };
  struct Owner {
    LockAge age;
    std::vector<Entity> entities;
    std::size_t granted{};
    Instant first_granted{};
    bool waited{};
    bool behind_blocked{};
    Instant blocked_from{Instant::max()};
    std::uint32_t aborted_behind{};
  };

  void grant(Slot& slot, Owner& owner, Instant now);
  void advance(std::vector<Slot>& queue, Instant now, Effects& effects);
  [[nodiscard]] BlockingCost cost_of(TxnId txn, const Owner& owner, Instant now, std::vector<TxnId>& behind) const;
  [[nodiscard]] bool count_refusal(const std::vector<TxnId>& holders, Instant now);
  [[nodiscard]] std::vector<TxnId> holders_ahead(TxnId txn, const Owner& owner) const;
  [[nodiscard]] static bool compatible(LockMode a, LockMode b) {
    return a == LockMode::shared && b == LockMode::shared;
  }

  LockingPolicy policy_;
  std::unordered_map<Entity, std::vector<Slot>> queues_;  // Looked up only, never iterated.
  std::unordered_map<TxnId, Owner> owners_;               // Likewise.
  std::uint64_t held_{}, waiting_{};
};

}  // namespace geocommit
