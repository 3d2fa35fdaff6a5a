// Everything that travels between nodes on the data plane, as the engine sees it. runtime/ encodes it (protobuf), sim/
// hands it over as it is. Protocol messages are one alternative; the rest belongs to the node, and is counted apart.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/home/home_message.h"
#include "protocols/transaction.h"

namespace geocommit {

/// Everything below it, in the order (epoch, counter), is finished at this coordinator: every participant that had to
/// know the outcome knows it. Lets participants drop what they remember of finished transactions.
struct Watermark {
  Epoch epoch;
  std::uint64_t counter{};
  auto operator<=>(const Watermark&) const = default;
};

/// A machine's message. `descriptor` comes with class prepare only, `reads` (what the site has read, under its locks)
/// with class vote.
struct ProtocolMessage {
  Message message;
  std::optional<TxnDescriptor> descriptor;
  std::vector<ReadValue> reads{};
};
/// First message to every peer, repeated until answered: makes the epochs known.
struct Hello {
  bool answer{};  ///< True: please send yours back.
  /// An agent's, to a coordinator: of its starts before this one nothing is open here, nor will be. 0: not said.
  Epoch settled{};
};
/// A participant asks a coordinator to abort a prepared transaction that an older one waits for (wound-wait).
struct Wound {
  TxnId txn;
};
/// A client's request, to the coordinator of its origin region. Only the start of it that is named begins it: whatever
/// another start has said of it stays true.
struct ClientRequest {
  Request request;
  Epoch to_epoch{};
};
/// The outcome, to the client. txn is {} when none was begun.
struct ClientReply {
  RequestId id;
  TxnId txn;
  /// undecided, with a reason. none: not yet known (answer to an OutcomeQuery), ask again. forgotten: it may have been
  /// executed, is not any more, and nobody knows. stale_epoch: it was addressed to another start of the sender.
  Outcome outcome{Outcome::undecided};
  Reason reason{Reason::none};
  std::vector<ReadValue> reads{};  ///< commit: what it has read. Not repeated in the answer to an OutcomeQuery.
};
/// A client with an unknown outcome asks again (pitfall 11). Answered by ClientReply. With the request itself,
/// the coordinator that is responsible for it can be found, and answers for good: what it has never had, it refuses for
/// ever; what it may have had and let go of, is forgotten.
struct OutcomeQuery {
  RequestId id;
  std::optional<Request> request{};
  bool gather{};  ///< Coordinator to coordinator: answer me (ForwardReply), not the client; I ask all of you.
};
/// Home region: the origin's coordinator passes a request to the coordinator of the home, and gets the reply back. Only
/// the start that is named begins it, and only while it knows of no later start of the sender.
struct Forward {
  Request request;
  Epoch to_epoch{};
};
struct ForwardReply {
  ClientReply reply;
};
/// Home region: one committed transaction's writes to one home, in commit order.
struct ShippedWrite {
  std::uint64_t sequence{};  ///< 1, 2, 3, ... per home
  TxnId txn;
  std::vector<Operation> operations;
  Instant committed{};            ///< At the master, by its own clock; does not travel. Instant{}: accepted elsewhere.
  std::vector<TxnId> versions{};  ///< The version that each operation replaced.
};
/// Master of a home -> replica: the writes after what the replica has, oldest first; none: a heartbeat alone. Also from
/// any site to a successor that fetches what it lacks before it opens.
struct Ship {
  std::uint64_t heartbeat{};  ///< Numbered by the home, which keeps the time of issue (same-host clocks only). 0: none.
  std::uint64_t through{};    ///< With a heartbeat: the last sequence that was committed when it was issued.
  std::vector<ShippedWrite> writes;
  NodeId home{};              ///< Which home: named by the agent that was its first master.
  HomeHistory history{};      ///< Of the master's log; empty: it is in its first term.
  std::uint64_t confirmed{};  ///< Every site has confirmed up to here.
  HomeEpoch claim{};          ///< The failover whose successor has asked for this; 0: from the master.
};
/// Replica -> master: applied up to here (written to its log, in order), and the newest heartbeat whose writes are
/// all applied.
struct ShipAck {
  std::uint64_t applied{};
  std::uint64_t heartbeat{};
  NodeId home{};
  HomeEpoch epoch{};  ///< Whose log this is a prefix of.
};

using PeerPayload = std::variant<ProtocolMessage, Hello, Wound, ClientRequest, ClientReply, OutcomeQuery, Forward,
                                 ForwardReply, Ship, ShipAck, HomeMessage>;

/// One item on the wire. from and from_epoch come from the transport's envelope.
struct PeerMessage {
  NodeId from;
  Epoch from_epoch;
  Watermark watermark;  ///< The sender's, as a coordinator ({} from an agent or a client).
  PeerPayload payload;
};

}  // namespace geocommit
