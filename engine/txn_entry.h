// One transaction in one role on this node.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/node_context.h"
#include "protocols/machine.h"

namespace geocommit {

/// One try to have a request executed: who is to be told, and how long others may follow (RequestRouter).
struct Attempt {
  NodeId reply_to;  ///< The client, or the coordinator that forwarded; 0 after a crash.
  bool to_forwarder{};
  Instant patience{};  ///< Until then an attempt that found nobody who may execute it is followed by another,
  Duration pause{};    ///< after twice this, which was before this attempt.
};

struct TxnEntry {
  TxnEntry *previous{}, *next{};  ///< TxnTable's.
  TxnDescriptor descriptor;
  const Protocol* protocol{};
  Role role{Role::participant};
  std::unique_ptr<CommitMachine> machine;
  TxnCost cost;
  std::uint16_t depth{};  ///< Message delays of the longest causal chain so far.
  Outcome outcome{Outcome::undecided};
  std::vector<MachineRecord> records;  ///< All that it has written, for checkpoints; without the descriptor.
  std::vector<std::pair<std::uint8_t, TimerToken>> timers;
  bool forgotten{};
  bool recovered{};  ///< Rebuilt from the log: its latencies began in another life.
  // Coordinator.
  std::vector<SiteWork> work;    ///< What goes with PREPARE.
  std::vector<ReadValue> reads;  ///< What came with votes. A participant's: what goes with its vote.
  Instant begun{};
  Attempt attempt;
  // Participant.
  /// PREPARE was fenced: Execute is answered NO, for this reason.
  std::optional<Reason> refused;
  bool may_vote_read_only{true};  ///< Execute::read_only
  bool executed{};                ///< Executed was delivered: the vote is settled here.
  bool read_only{};
  bool waiting{};  ///< For locks.
  TimerToken lock_timer{};
  bool wound_sent{};
  bool behind_blocked{};                ///< Refused because of a blocked transaction's locks.
  std::string_view refusal{"aborted"};  ///< Why it was denied its locks, if it was.
  bool in_doubt{};
  Instant in_doubt_since{};
  bool applied{};                 ///< Its operations are in the balances.
  std::vector<TxnId> versions;    ///< That its operations saw.
  std::vector<ShipPlace> places;  ///< A service's (Service::admit): where its writes go besides.

  [[nodiscard]] TxnKey key() const { return {descriptor.txn, role}; }
};

}  // namespace geocommit
