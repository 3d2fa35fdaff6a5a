// The whole contract between one commit protocol and the world: what can happen to a machine (Input) and what it can
// ask for (Output). Pure: no clock, socket, file, thread or global is reached from this folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "protocols/options.h"

namespace geocommit {

/// What a machine is to its transaction. Which roles a protocol has is said by its row (Protocol::roles).
enum class Role : std::uint8_t { coordinator, participant, acceptor };
inline constexpr std::size_t kRoles = 3;
enum class Outcome : std::uint8_t { undecided, commit, abort };

/// A participant's answer to PREPARE. read_only: nothing to write, locks released, no phase two for this site.
enum class Vote : std::uint8_t { none, yes, no, read_only };

/// Why a transaction aborted (or a site voted NO). `none` goes with commit.
enum class Reason : std::uint8_t {
  none,
  lock_conflict,    ///< Wounded by an older transaction, or refused by no-wait.
  lock_timeout,     ///< Waited for a lock longer than the lock-wait timeout.
  constraint,       ///< The resource manager refused: a transfer would overdraw.
  vote_timeout,     ///< The coordinator did not have all votes in time.
  stale_epoch,      ///< PREPARE addressed to an earlier start of the participant, or from one of the coordinator.
  terminated,       ///< Aborted by a termination protocol (cooperative termination, 3PC backup, presumed abort).
  recovery,         ///< Aborted by a coordinator that restarted without a decision.
  unavailable,      ///< The request could not be placed (no live coordinator or home known).
  invalid_request,  ///< Malformed request: unknown entity, empty transaction.
  replica_away,     ///< Home region: a site of the home is away, and as many writes are kept for it as may be.
  forgotten,        ///< Of no abort: what became of it is known no more. Only with Outcome::undecided.
};

/// A site's local state of one transaction as told to others (Skeen 1981: q, w, p, c, a).
enum class SiteState : std::uint8_t { unknown, working, prepared, precommitted, committed, aborted };

/// Classes that protocols share: metric labels, cost counting and `drop.kinds` use them.
enum class MessageClass : std::uint8_t { prepare, vote, precommit, decision, ack, inquiry, state };

/// A site of a transaction, with the epoch (start) of the site that PREPARE was addressed to.
struct Member {
  NodeId node;
  Epoch epoch;
  auto operator<=>(const Member&) const = default;
};

/// One flat message for every protocol, so that codec and trace printer exist once. `kind` is protocol-local.
struct Message {
  NodeId from, to;
  TxnId txn;
  std::uint8_t protocol{};  ///< Protocol::wire_id; set by the engine.
  std::uint8_t kind{};
  Role to_role{Role::participant};
  Ballot ballot, accepted;
  NodeId subject;  ///< Whose vote (Paxos Commit: which instance).
  Outcome outcome{Outcome::undecided};
  Vote vote{Vote::none};
  SiteState state{SiteState::unknown};
  Reason reason{Reason::none};
  Epoch to_epoch;  ///< PREPARE: the start it is addressed to. Inquiry to a peer: that peer's epoch in the cohort.
  bool retry{};    ///< Sent again (a resend or an answer to one): counted apart from the protocol's cost.
  std::uint16_t depth{};  ///< Message delays since Begin along the longest causal chain; set by the engine.
  auto operator<=>(const Message&) const = default;
};

/// What a machine puts on stable storage. `kind` is protocol-local. with_descriptor: the engine adds its TxnDescriptor
/// (cohort, this site's operations, request), from which it rebuilds the machine's context at recovery; the first
/// record that a role must survive by carries it.
struct LogRecord {
  std::uint8_t kind{};
  Ballot ballot;
  Outcome outcome{Outcome::undecided};  ///< Records that fix an outcome say which, for checkers and for memory of
                                        ///< finished transactions.
  Reason reason{Reason::none};
  bool with_descriptor{};
  std::vector<NodeId> sites{};  ///< Coordinator's records: the sites that phase two concerns, when that is not the
                                ///< whole cohort (others voted read-only). Empty: all of it.
  auto operator<=>(const LogRecord&) const = default;
};

// ---- Inputs -----------------------------------------------------------------------------------------------------
struct Begin {};  ///< Coordinator: a client asked to commit.
struct Received {
  Message message;
};
struct TimerFired {
  std::uint8_t timer{};
};
struct LogForced {
  std::uint8_t kind{};
};  ///< That record, and all before it, are durable.
struct Executed {
  Vote vote{};
  Reason reason{Reason::none};
};                  ///< Participant: Execute finished; yes, no or read_only.
struct Wounded {};  ///< Coordinator: an older transaction waits for a lock of this one.
struct Recovered {
  std::vector<LogRecord> durable;
};  ///< First input after a crash; oldest record first.
using Input = std::variant<Begin, Received, TimerFired, LogForced, Executed, Wounded, Recovered>;

// ---- Outputs, performed in order --------------------------------------------------------------------------------
struct Send {
  Message message;
};  ///< Leaves now. To send after a force, wait for LogForced.
struct ForceLog {
  LogRecord record;
};  ///< Forced write: answered by LogForced{kind}.
struct AppendLog {
  LogRecord record;
};  ///< Lazy write: durable with the next force, or lost.
struct SetTimer {
  std::uint8_t timer{};
  Duration after{};
};  ///< Re-arming replaces.
struct CancelTimer {
  std::uint8_t timer{};
};
struct Execute {
  bool read_only{true};  ///< A site with nothing to write may vote so; else it votes yes.
};                       ///< Participant: take the locks, check constraints; answered by Executed.
struct ReleaseLocks {};
struct Decide {
  Outcome outcome{};
  Reason reason{Reason::none};
};
///< Irrevocable; repeated with the same value after recovery. Coordinator: the client is answered. Participant:
///< the operations are applied (commit) or dropped (abort); comes before ReleaseLocks.
struct Forget {};  ///< The engine may delete the machine; the outcome is remembered (engine/memory.h).
struct Note {
  std::string_view event;
};  ///< Counter, trace mark and protocol point ("votes-collected"). Static strings only.
using Output =
    std::variant<Send, ForceLog, AppendLog, SetTimer, CancelTimer, Execute, ReleaseLocks, Decide, Forget, Note>;
using Outbox = std::vector<Output>;

struct Timeouts {
  Duration vote{};      ///< Coordinator: all votes must be in by then. 3PC: also for the ACKs of PRECOMMIT.
  Duration decision{};  ///< Participant: in doubt for longer than this is blocked; termination starts.
  Duration resend{};    ///< First interval of a resend; doubles up to 16x (pitfall 18).
};

struct TxnContext {
  TxnId txn;
  NodeId self, coordinator;
  std::vector<Member> cohort;  ///< Participants, ascending by node id; empty for a machine made by an inquiry alone.
  Timeouts timeouts;
  ProtocolOptions options{};
};

/// One transaction, seen by one role on one node. The same inputs give the same outputs.
class CommitMachine {
 public:
  virtual ~CommitMachine() = default;
  /// Consumes one input and appends its effects to `out`; never blocks, never throws. `now` is for durations only.
  /// An unexpected or duplicate input is ignored with a Note, never undefined.
  virtual void step(Instant now, const Input& input, Outbox& out) = 0;
  /// One-line state for people and traces, e.g. "in-doubt inquiries=2".
  [[nodiscard]] virtual std::string describe() const = 0;
  /// Appends a canonical encoding of the complete state: equal states, equal bytes (the explorer's key).
  virtual void hash_state(std::string& out) const = 0;
  [[nodiscard]] virtual SiteState site_state() const = 0;
  [[nodiscard]] virtual std::unique_ptr<CommitMachine> clone() const = 0;
};

}  // namespace geocommit
