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
/// A transaction's place in the order of one home's writes.
struct ShipPlace {
  NodeId home;
  HomeEpoch epoch;           ///< The term in which the site voted YES.
  std::uint64_t sequence{};  ///< With a commit: 0 if the site was no longer that term's master: the write is lost.
  auto operator<=>(const ShipPlace&) const = default;
};
/// A machine's record. `descriptor` where the machine asked for it (LogRecord::with_descriptor).
struct MachineRecord {
  TxnId txn;
  Role role{Role::participant};
  std::uint8_t protocol{};  ///< wire_id
  LogRecord record;
  std::optional<TxnDescriptor> descriptor;
  /// Home region. With a commit: its place in the order of each home that it wrote to. With a prepared record: the
  /// terms in which it was accepted, where one is not the home's first.
  std::vector<ShipPlace> ships;
  /// With a descriptor, a place in an order or an outcome: when it was written, on the writer's steady clock, and which
  /// clock that was (a reboot begins another). In-doubt time goes on across a crash from here, and the verdict knows
  /// what a transaction has lived through. Instant{}: not known.
  Instant written{};
  std::uint64_t clock{};
  /// With a participant's descriptor: the version that each of its operations saw, under its lock.
  std::vector<TxnId> versions{};
};
/// A replica has applied a write of `home`.
struct ShippedRecord {
  NodeId home;
  ShippedWrite write;
};
/// The master has learnt that every replica has applied up to here (lazy; bounds what it must keep).
struct ShipAckedRecord {
  std::uint64_t sequence{};
  NodeId home;
};
/// How a site became master.
enum class HomeOpening : std::uint8_t {
  planned,   ///< The old master handed over: nothing can be lost.
  fenced,    ///< By force, after the old master's lease had surely ended: what was not shipped is lost.
  unfenced,  ///< By force, and nobody was asked: there may be two masters.
};
enum class HomeRecordKind : std::uint8_t {
  promised,     ///< Grants nothing below `epoch` any more. If that is this node's own epoch: it claims the home.
  handed_over,  ///< Was the master and is none any more: `epoch` is the successor's, from the end of this log on.
  opened,       ///< Is the master of `epoch`, from the start in `history` on.
  adopted,      ///< Follows the master of `epoch`: its own log was cut back to `keep`, and is a prefix of the master's.
};
/// Mastership of a home at one of its sites. Durable before the node acts on it.
struct HomeRecord {
  HomeRecordKind kind{};
  NodeId home;
  HomeEpoch epoch;
  HomeOpening opening{};           ///< opened
  std::uint64_t keep{};            ///< adopted
  HomeHistory history;             ///< opened, adopted: from now on.
  std::vector<ShippedWrite> lost;  ///< adopted: what was cut off, newest first.
  Instant written{};               ///< opened: as MachineRecord's. What the old master accepts after it, it may not.
  std::uint64_t clock{};
};
using DurableRecord = std::variant<EpochRecord, MachineRecord, ShippedRecord, ShipAckedRecord, HomeRecord>;

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
  Outcome outcome{Outcome::undecided};  ///< undecided: forgotten where it was executed, if it was.
};

/// One home at one of its sites.
struct HomeState {
  NodeId home;
  HomeHistory history;                 ///< Of its log; empty: the first term.
  std::uint64_t last{};                ///< Last sequence in its log.
  std::vector<ShippedWrite> retained;  ///< The end of its log: not yet known to be applied everywhere.
  HomeEpoch epoch, promised, handoff;  ///< engine/home/mastership.h
};

/// The state of a node as of a point in its log: recovery = checkpoint + the records after it.
struct Checkpoint {
  Epoch epoch;                         ///< Of the writer.
  std::vector<std::int64_t> balances;  ///< By slot (Directory::slot_of); empty at a coordinator.
  std::vector<MachineRecord> open;     ///< All records of transactions that still have a machine, in log order.
  std::vector<FinishedTxn> finished;
  std::vector<FinishedRequest> requests;
  std::map<NodeId, std::uint64_t> forgotten{};  ///< RequestMemory::dropped().
  std::map<NodeId, Watermark> watermarks;       ///< By coordinator.
  std::vector<HomeState> homes;                 ///< Home region, an agent: ascending by home.
  std::vector<TxnId> writers{};                 ///< Of the balances, by slot; empty: none is written yet.
};

/// What the log gives back after a crash; both empty on a first start.
struct DurableState {
  std::optional<Checkpoint> checkpoint;
  std::vector<DurableRecord> records;  ///< After the checkpoint, oldest first.
};

}  // namespace geocommit
