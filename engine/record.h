// What a node writes to stable storage. runtime/ frames and encodes it (runtime/log/README.md has the bytes).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "engine/peer_message.h"
#include "protocols/transaction.h"

namespace geocommit {

/// A node has started for the epoch-th time. Forced before its sockets open.
struct EpochRecord {
  Epoch epoch;
};
/// A machine's record. `descriptor` where the machine asked for it (LogRecord::with_descriptor).
struct MachineRecord {
  TxnId txn;
  Role role{Role::participant};
  std::uint8_t protocol{};  ///< wire_id
  LogRecord record;
  std::optional<TxnDescriptor> descriptor;
  std::uint64_t ship_sequence{};  ///< Home site, a commit that is shipped: its place in the order. Else 0.
  /// With a descriptor: when it was written, on the writer's steady clock, and which clock that was (a reboot begins
  /// another). In-doubt time goes on across a crash from here. Instant{}: not known.
  Instant written{};
  std::uint64_t clock{};
};
/// A replica has applied a write shipped from `home`.
struct ShippedRecord {
  NodeId home;
  ShippedWrite write;
};
/// The home has learnt that every replica has applied up to here (lazy; bounds what it must keep).
struct ShipAckedRecord {
  std::uint64_t sequence{};
};
using DurableRecord = std::variant<EpochRecord, MachineRecord, ShippedRecord, ShipAckedRecord>;

/// What a finished transaction leaves behind until its coordinator's watermark passes it.
struct FinishedTxn {
  TxnId txn;
  Outcome outcome{Outcome::undecided};
  bool read_only{};
};
/// A coordinator's answer to OutcomeQuery, kept for the last requests.
struct FinishedRequest {
  RequestId request;
  TxnId txn;
  Outcome outcome{Outcome::undecided};
};

/// The state of a node as of a point in its log: recovery = checkpoint + the records after it.
struct Checkpoint {
  Epoch epoch;                         ///< Of the writer.
  std::vector<std::int64_t> balances;  ///< By slot (Directory::slot_of); empty at a coordinator.
  std::vector<MachineRecord> open;     ///< All records of transactions that still have a machine, in log order.
  std::vector<FinishedTxn> finished;
  std::vector<FinishedRequest> requests;
  std::map<NodeId, Watermark> watermarks;   ///< By coordinator.
  std::uint64_t shipped{};                  ///< Home site: last ship sequence given out.
  std::vector<ShippedWrite> unshipped;      ///< Home site: not yet known to be applied everywhere.
  std::map<NodeId, std::uint64_t> applied;  ///< Replica: by home site, last sequence applied.
};

/// What the log gives back after a crash; both empty on a first start.
struct DurableState {
  std::optional<Checkpoint> checkpoint;
  std::vector<DurableRecord> records;  ///< After the checkpoint, oldest first.
};

}  // namespace geocommit
