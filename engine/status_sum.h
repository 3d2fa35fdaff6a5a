// The statuses of several engines as one.
#pragma once

#include <algorithm>

#include "engine/engine.h"

namespace geocommit {

/// Adds up; of the oldest blocked the older. Epochs, and who is quiesced, are single nodes' affair.
inline EngineStatus& operator+=(EngineStatus& sum, const EngineStatus& one) {
  sum.open_coordinator += one.open_coordinator;
  sum.open_participant += one.open_participant;
  sum.open_acceptor += one.open_acceptor;
  sum.in_doubt += one.in_doubt;
  sum.blocked += one.blocked;
  sum.oldest_blocked = std::max(sum.oldest_blocked, one.oldest_blocked);
  sum.locks_held += one.locks_held;
  sum.lock_waiters += one.lock_waiters;
  sum.finished_remembered += one.finished_remembered;
  sum.waiting_requests += one.waiting_requests;
  sum.unshipped += one.unshipped;
  sum.peers_expected += one.peers_expected;
  sum.peers_known += one.peers_known;
  sum.balance_total += one.balance_total;
  return sum;
}

}  // namespace geocommit
