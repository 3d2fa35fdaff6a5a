// What a run left behind, as evidence: facts from every node's durable log, and what clients were told. The checkers
// (verdict/check.h) judge only this; who reads the logs and files is the worlds' business.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "protocols/directory.h"
#include "protocols/home_region/masters.h"
#include "protocols/transaction.h"

namespace geocommit {

enum class FactKind : std::uint8_t {
  voted_yes,  ///< Participant: a durable prepared record.
  committed,  ///< A durable record that fixes commit (coordinator or participant).
  aborted,
  applied_shipped,  ///< Replica: a shipped write of `txn` to `home`, at `sequence`.
  discarded,  ///< A write of `txn` to `home` was undone, or (sequence 0) committed without effect: its site was no
              ///< longer the master that had accepted it, and the new one never had it.
  opened,     ///< The node became master of `home`; what it has not got at `sequence` is lost.
};

/// Home region: a place in the order of one home's writes, and the term that it belongs to.
struct HomePlace {
  NodeId home;
  home_region::HomeEpoch term;
  std::uint64_t sequence{};  ///< committed: 0 if it has none. opened: of a term, the last write before it.
};

struct Fact {
  TxnId txn;
  FactKind kind{FactKind::committed};
  Role role{Role::participant};       ///< An acceptor's records are no facts.
  std::vector<NodeId> cohort;         ///< Where the record carries it; else empty.
  std::vector<Operation> operations;  ///< voted_yes, applied_shipped and discarded (unless sequence 0): this site's.
  RequestId request;                  ///< Where the record carries it.
  NodeId home;
  std::uint64_t sequence{};         ///< Replica: of the applied write. discarded, opened: see there.
  bool forced{};                    ///< opened: without the old master.
  bool fenced{true};                ///< opened: no other could still be master.
  std::vector<HomePlace> places{};  ///< committed: of its writes. opened: the terms of its log, its own the last.
  Instant written{};                ///< On the clock of History::load_began. Instant{}: not known.
  std::vector<TxnId> versions{};    ///< voted_yes, applied_shipped, discarded: that each operation saw, or replaced.
};

struct NodeHistory {
  NodeId node;
  bool log_complete{true};  ///< False: part of the log is missing or unreadable; the verdict may be unknown.
  std::string log_problem;
  std::vector<Fact> facts;  ///< In log order, from the node's first start.
  Epoch last_start;         ///< The newest in the log; 0: not known.
  bool has_balances{};
  std::vector<std::int64_t> balances;  ///< At the end, by slot; agents.
  Epoch balances_start;                ///< The start that was asked for them; 0: not known.
};

/// One transaction as its client saw it.
struct ClientOutcome {
  RequestId request;
  TxnId txn;                            ///< {} if none was told.
  Outcome outcome{Outcome::undecided};  ///< undecided: unknown to the client.
  Reason reason{Reason::none};
  RegionId origin;
  bool measured{};
  Duration intended_start{}, latency{};  ///< Since the start of the load; intended start - outcome.
  /// What was asked for. With it the checker knows by itself which sites had to write, and what; empty: not recorded,
  /// and the cohorts in the logs are all it has.
  std::vector<Operation> operations;
  std::vector<ReadValue> reads{};  ///< What it was told that it has read; with a commit.
};

/// A time that something was in force. Since the start of the load.
struct FaultSpan {
  Duration begin{};
  std::optional<Duration> end;  ///< None: to the end of the run.
};

struct History {
  const Directory* directory{};
  std::string protocol;  ///< Registry name.
  std::int64_t initial_balance{};
  /// At rest when balances were asked for, and from then on: nothing open, everything shipped, and nothing could begin
  /// (engine/quiescence.h). Else conservation is not judged.
  bool drained{};
  std::string why_not_drained;
  std::map<NodeId, NodeHistory> nodes;
  std::vector<ClientOutcome> outcomes;
  /// What of the evidence could not be had, and why: what a client was told, a file that is not as it was collected.
  std::vector<std::string> missing;
  Instant load_began{};  ///< Instant{}: not known, so that no record's time is related to a client's.
};

}  // namespace geocommit
