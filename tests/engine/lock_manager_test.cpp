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
