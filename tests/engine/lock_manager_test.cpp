#include "engine/lock_manager.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <set>

using namespace geocommit;

namespace {
LockAge age(std::uint64_t n) { return {n, TxnId{NodeId{1001}, Epoch{1}, n}}; }
TxnId txn(std::uint64_t n) { return age(n).txn; }
std::vector<LockRequest> want(std::initializer_list<std::uint64_t> entities, LockMode mode = LockMode::exclusive) {
  std::vector<LockRequest> requests;
  for (const std::uint64_t entity : entities) {
    requests.push_back({Entity{entity}, mode});
  }
  return requests;
}
constexpr Instant kZero{};
}  // namespace

TEST_CASE("a free lock is granted, a release ends the hold") {
  LockManager locks(LockingPolicy::wound_wait);
  LockManager::Effects effects;
  REQUIRE(locks.acquire(age(1), want({1, 2}), kZero, effects) == LockAnswer::granted);
  REQUIRE(locks.held() == 2);
  const auto held = locks.release(txn(1), kZero + 5ms, effects);
  REQUIRE(held.first_to_last == 5ms);
  REQUIRE(held.summed_over_keys == 10ms);
  REQUIRE(locks.idle());
}

TEST_CASE("the younger waits for the older, and is granted in order") {
  LockManager locks(LockingPolicy::wound_wait);
  LockManager::Effects effects;
  REQUIRE(locks.acquire(age(1), want({1}), kZero, effects) == LockAnswer::granted);
  REQUIRE(locks.acquire(age(2), want({1}), kZero, effects) == LockAnswer::waiting);
  REQUIRE(locks.acquire(age(3), want({1}), kZero, effects) == LockAnswer::waiting);
  REQUIRE(effects.wounded.empty());
  locks.release(txn(1), kZero, effects);
  REQUIRE(effects.complete == std::vector<TxnId>{txn(2)});
}

TEST_CASE("the older wounds the younger holder, and the younger waiter in its way") {
  LockManager locks(LockingPolicy::wound_wait);
  LockManager::Effects effects;
  REQUIRE(locks.acquire(age(5), want({1}), kZero, effects) == LockAnswer::granted);
  REQUIRE(locks.acquire(age(6), want({1}), kZero, effects) == LockAnswer::waiting);
  REQUIRE(locks.acquire(age(1), want({1}), kZero, effects) == LockAnswer::waiting);
  REQUIRE(effects.wounded == std::vector<TxnId>{txn(5), txn(6)});
}

TEST_CASE("age decides who is wounded, not the transaction id") {
  LockManager locks(LockingPolicy::wound_wait);
  LockManager::Effects effects;
  const LockAge old_with_high_id{1, txn(9)}, middle{2, txn(5)}, young_with_low_id{3, txn(1)};
  REQUIRE(locks.acquire(middle, want({1}), kZero, effects) == LockAnswer::granted);
  REQUIRE(locks.acquire(young_with_low_id, want({1}), kZero, effects) == LockAnswer::waiting);
  CHECK(effects.wounded.empty());
  REQUIRE(locks.acquire(old_with_high_id, want({1}), kZero, effects) == LockAnswer::waiting);
  CHECK(effects.wounded == std::vector<TxnId>{txn(5), txn(1)});
}

TEST_CASE("a hold begins with the first lock that was granted, however late the last one was") {
  LockManager locks(LockingPolicy::wound_wait);
  LockManager::Effects effects;
  REQUIRE(locks.acquire(age(1), want({2}), kZero, effects) == LockAnswer::granted);
  REQUIRE(locks.acquire(age(2), want({1, 2}), kZero + 1ms, effects) == LockAnswer::waiting);
  locks.release(txn(1), kZero + 5ms, effects);
  REQUIRE(effects.complete == std::vector<TxnId>{txn(2)});
  const auto held = locks.release(txn(2), kZero + 20ms, effects);
  CHECK(held.first_to_last == 19ms);
  CHECK(held.summed_over_keys == 19ms + 15ms);
  CHECK(held.waited);
}

TEST_CASE("readers share, a writer waits for them, later readers do not overtake the writer") {
  LockManager locks(LockingPolicy::wound_wait);
  LockManager::Effects effects;
  REQUIRE(locks.acquire(age(1), want({1}, LockMode::shared), kZero, effects) == LockAnswer::granted);
  REQUIRE(locks.acquire(age(2), want({1}, LockMode::shared), kZero, effects) == LockAnswer::granted);
  REQUIRE(locks.acquire(age(3), want({1}), kZero, effects) == LockAnswer::waiting);
  REQUIRE(locks.acquire(age(4), want({1}, LockMode::shared), kZero, effects) == LockAnswer::waiting);
  locks.release(txn(1), kZero, effects);
  REQUIRE(effects.complete.empty());
  locks.release(txn(2), kZero, effects);
  REQUIRE(effects.complete == std::vector<TxnId>{txn(3)});
}

TEST_CASE("the strongest mode counts when an entity is asked for twice") {
  LockManager locks(LockingPolicy::wound_wait);
  LockManager::Effects effects;
  REQUIRE(locks.acquire(age(1), {{Entity{1}, LockMode::shared}, {Entity{1}, LockMode::exclusive}}, kZero, effects) ==
          LockAnswer::granted);
  REQUIRE(locks.held() == 1);
  REQUIRE(locks.acquire(age(2), want({1}, LockMode::shared), kZero, effects) == LockAnswer::waiting);
}

TEST_CASE("no-wait denies a conflict and leaves nothing behind") {
  LockManager locks(LockingPolicy::no_wait);
  LockManager::Effects effects;
  REQUIRE(locks.acquire(age(2), want({1}), kZero, effects) == LockAnswer::granted);
  REQUIRE(locks.acquire(age(1), want({2, 1}), kZero, effects) == LockAnswer::denied);
  REQUIRE(effects.wounded.empty());
  REQUIRE(locks.held() == 1);
  REQUIRE(locks.acquire(age(3), want({2}), kZero, effects) == LockAnswer::granted);
}

TEST_CASE("a hold that never was granted measures nothing") {
  LockManager locks(LockingPolicy::wound_wait);
  LockManager::Effects effects;
  REQUIRE(locks.acquire(age(1), want({1}), kZero, effects) == LockAnswer::granted);
  REQUIRE(locks.acquire(age(2), want({1}), kZero, effects) == LockAnswer::waiting);
  REQUIRE_FALSE(locks.release(txn(2), kZero + 1s, effects).any);
  REQUIRE(locks.waiting() == 0);
}

TEST_CASE("wound-wait never deadlocks and never grants conflicting locks: random histories") {
  for (unsigned seed = 1; seed <= 50; ++seed) {
    std::mt19937 random(seed);
    LockManager locks(LockingPolicy::wound_wait);
    std::map<TxnId, std::set<std::uint64_t>> wants;
    std::set<TxnId> complete, wounded;
    std::uint64_t next = 0;
    const auto absorb = [&](const LockManager::Effects& effects) {
      complete.insert(effects.complete.begin(), effects.complete.end());
      wounded.insert(effects.wounded.begin(), effects.wounded.end());
    };
    for (int i = 0; i < 400; ++i) {
      LockManager::Effects effects;
      if (wants.size() < 12 && random() % 2 == 0) {
        // Ages do not arrive in order: an older transaction may come late.
        const std::uint64_t id = random() % 1000 * 1000 + ++next;
        std::set<std::uint64_t> keys;
        while (keys.size() < 1 + random() % 3) {
          keys.insert(random() % 6);
        }
        std::vector<LockRequest> requests;
        for (const std::uint64_t key : keys) {
          requests.push_back({Entity{key}, LockMode::exclusive});
        }
        wants[txn(id)] = keys;
        if (locks.acquire(age(id), requests, kZero, effects) == LockAnswer::granted) {
          complete.insert(txn(id));
        }
      } else if (!wants.empty()) {
        // Somebody can always go: one that holds all its locks, or one that was wounded.
        std::vector<TxnId> able;
        for (const auto& [t, keys] : wants) {
          if (complete.contains(t) || wounded.contains(t)) {
            able.push_back(t);
          }
        }
        REQUIRE_FALSE(able.empty());
        const TxnId gone = able[random() % able.size()];
        locks.release(gone, kZero, effects);
        wants.erase(gone);
        complete.erase(gone);
        wounded.erase(gone);
      }
      absorb(effects);
      std::map<std::uint64_t, int> holders;
      for (const TxnId& t : complete) {
        for (const std::uint64_t key : wants.at(t)) {
          REQUIRE(++holders[key] == 1);
        }
      }
    }
  }
}

// ---- Blocking: what a blocked owner costs others
// ---------------------------------------------------------------------

TEST_CASE("lock time lost is what is held past the decision timeout, summed over keys") {
  LockManager locks(LockingPolicy::wound_wait);
  LockManager::Effects effects;
  REQUIRE(locks.acquire(age(1), want({1, 2, 3}), kZero, effects) == LockAnswer::granted);
  locks.blocked_from(txn(1), kZero + 100ms);
  CHECK_FALSE(locks.blocking_cost(txn(1), kZero + 100ms));  // At the timeout itself: not yet.
  const auto so_far = locks.blocking_cost(txn(1), kZero + 150ms);
  REQUIRE(so_far);
  CHECK(so_far->lock_time == 150ms);
  CHECK(so_far->keys == 3);
  const auto held = locks.release(txn(1), kZero + 400ms, effects);
  REQUIRE(held.blocking);
  CHECK(held.blocking->lock_time == 900ms);
  CHECK(held.blocking->waited == 0);
  CHECK(held.blocking->aborted == 0);
}

TEST_CASE("who releases in time was never blocked, and holds nobody up") {
  LockManager locks(LockingPolicy::wound_wait);
  LockManager::Effects effects;
  REQUIRE(locks.acquire(age(1), want({1}), kZero, effects) == LockAnswer::granted);
  locks.blocked_from(txn(1), kZero + 100ms);
  REQUIRE(locks.acquire(age(2), want({1}), kZero, effects) == LockAnswer::waiting);
  CHECK_FALSE(locks.release(txn(1), kZero + 100ms, effects).blocking);
  CHECK_FALSE(locks.release(txn(2), kZero + 200ms, effects).behind_blocked);
}

TEST_CASE("the blast radius counts each that stood in line, once, and not who stood behind those") {
  LockManager locks(LockingPolicy::wound_wait);
  LockManager::Effects effects;
  REQUIRE(locks.acquire(age(1), want({1, 2}), kZero, effects) == LockAnswer::granted);
  locks.blocked_from(txn(1), kZero + 100ms);
  REQUIRE(locks.acquire(age(2), want({1, 2}), kZero, effects) == LockAnswer::waiting);  // Both keys: one waiter.
  REQUIRE(locks.acquire(age(3), want({2, 7}), kZero + 50ms, effects) ==
          LockAnswer::waiting);  // Came before the timeout.
  REQUIRE(locks.acquire(age(4), want({2}), kZero + 150ms, effects) == LockAnswer::waiting);
  REQUIRE(locks.acquire(age(5), want({7}), kZero + 150ms, effects) == LockAnswer::waiting);  // Behind 3, not behind 1.
  REQUIRE(locks.ahead_of(txn(4)) == txn(1));
  REQUIRE(locks.ahead_of(txn(5)) == txn(3));
  const auto gave_up = locks.release(txn(4), kZero + 180ms, effects);
  CHECK(gave_up.behind_blocked);
  CHECK_FALSE(gave_up.complete);
  const auto held = locks.release(txn(1), kZero + 200ms, effects);
  REQUIRE(held.blocking);
  CHECK(held.blocking->waited == 2);
  CHECK(held.blocking->aborted == 1);
  CHECK(effects.complete == std::vector<TxnId>{txn(2)});
  const auto after = locks.release(txn(2), kZero + 250ms, effects);
  CHECK(after.behind_blocked);
  CHECK(after.complete);
  CHECK_FALSE(after.blocking);
  CHECK(locks.release(txn(3), kZero + 300ms, effects).behind_blocked);
  CHECK_FALSE(locks.release(txn(5), kZero + 300ms, effects).behind_blocked);
  CHECK(locks.idle());
}

TEST_CASE("a waiter that left before the holder was blocked is not in its blast radius") {
  LockManager locks(LockingPolicy::wound_wait);
  LockManager::Effects effects;
  REQUIRE(locks.acquire(age(1), want({1}), kZero, effects) == LockAnswer::granted);
  locks.blocked_from(txn(1), kZero + 100ms);
  REQUIRE(locks.acquire(age(2), want({1}), kZero, effects) == LockAnswer::waiting);
  CHECK_FALSE(locks.release(txn(2), kZero + 90ms, effects).behind_blocked);
  const auto held = locks.release(txn(1), kZero + 200ms, effects);
  REQUIRE(held.blocking);
  CHECK(held.blocking->waited + held.blocking->aborted == 0);
}

TEST_CASE("readers beside a blocked reader are not held up") {
  LockManager locks(LockingPolicy::wound_wait);
  LockManager::Effects effects;
  REQUIRE(locks.acquire(age(1), want({1}, LockMode::shared), kZero, effects) == LockAnswer::granted);
  locks.blocked_from(txn(1), kZero + 100ms);
  REQUIRE(locks.acquire(age(2), want({1}, LockMode::shared), kZero, effects) == LockAnswer::granted);
  REQUIRE(locks.acquire(age(3), want({1}), kZero, effects) == LockAnswer::waiting);
  REQUIRE(locks.acquire(age(4), want({1}, LockMode::shared), kZero, effects) == LockAnswer::waiting);  // Behind 3.
  const auto held = locks.release(txn(1), kZero + 200ms, effects);
  REQUIRE(held.blocking);
  CHECK(held.blocking->waited == 1);
}

TEST_CASE("no-wait: who is refused because of a blocked holder counts as aborted behind it") {
  LockManager locks(LockingPolicy::no_wait);
  LockManager::Effects effects;
  REQUIRE(locks.acquire(age(1), want({1, 2}), kZero, effects) == LockAnswer::granted);
  locks.blocked_from(txn(1), kZero + 100ms);
  REQUIRE(locks.acquire(age(2), want({1}), kZero + 50ms, effects) == LockAnswer::denied);
  CHECK_FALSE(effects.behind_blocked);
  REQUIRE(locks.acquire(age(3), want({1, 2}), kZero + 150ms, effects) == LockAnswer::denied);
  CHECK(effects.behind_blocked);
  const auto held = locks.release(txn(1), kZero + 200ms, effects);
  REQUIRE(held.blocking);
  CHECK(held.blocking->aborted == 1);
}
