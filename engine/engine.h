// NodeEngine: a node around its machines. One per process (runtime/) or many in one (sim/); single-threaded.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/environment.h"
#include "engine/home/home_rules.h"
#include "engine/observer.h"
#include "protocols/directory.h"
#include "protocols/registry.h"

namespace geocommit {

enum class LockingPolicy : std::uint8_t { wound_wait, no_wait };

/// Home region: what becomes of a request whose home cannot be reached, or has no master that may accept it.
enum class UnreachableHome : std::uint8_t {
  wait,  ///< It is tried again until it is decided or EngineOptions::unreachable_wait has passed.
  fail,  ///< It aborts at once, reason `unavailable`.
};

class LockManager;
class ResourceManager;

/// What an engine is made of; nullptr: the product's own. Tests plant faulty parts here, no configuration does.
struct EngineParts {
  std::unique_ptr<LockManager> (*locks)(LockingPolicy policy){};
  std::unique_ptr<ResourceManager> (*resources)(const Directory& directory, std::int64_t initial_balance){};
};

struct EngineOptions {
  NodeId self;
  Epoch epoch;                                      ///< This start's; already forced by the runtime.
  const Protocol* protocol{};                       ///< The run's row; never null.
  ProtocolOptions protocol_options{};               ///< Of that row.
  std::span<const Protocol> rows{all_protocols()};  ///< What a wire id names; tests plant mutants here.
  const Directory* directory{};                     ///< Outlives the engine.
  Timeouts timeouts;
  Duration lock_wait{};  ///< Lock-wait timeout.
  LockingPolicy locking{LockingPolicy::wound_wait};
  std::int64_t initial_balance{1000};
  Duration ship_interval{10ms};  ///< Home region: batching of writes outward.
  Duration heartbeat_interval{100ms};
  std::uint64_t retained_max{100'000};  ///< Writes of one home that some site has not confirmed: then no new ones.
  HomeRules home;                       ///< guard 0: the vote timeout, or half of the lease.
  UnreachableHome unreachable_home{UnreachableHome::wait};  ///< Home region.
  Duration unreachable_wait{10s};
  std::size_t checkpoint_bytes{64U << 20U};  ///< Log growth that triggers a checkpoint.
  std::size_t requests_remembered{200'000};  ///< Outcomes kept for OutcomeQuery.
  EngineParts parts{};
  std::uint64_t clock{};  ///< Names Environment::now()'s clock: times of an earlier start count only if it is the same.
};

/// What is going on now; cheap enough for every scrape.
struct EngineStatus {
  Epoch epoch;                                           ///< Of this start.
  bool quiesced{};                                       ///< It begins nothing any more (NodeEngine::quiesce).
  std::uint64_t open_coordinator{}, open_participant{};  ///< Machines.
  std::uint64_t open_acceptor{};
  std::uint64_t in_doubt{}, blocked{};
  Duration oldest_blocked{};
  std::uint64_t locks_held{}, lock_waiters{};
  std::uint64_t finished_remembered{};
  std::uint64_t waiting_requests{};               ///< Home region: in no machine here; to be tried again, passed on, or
                                                  ///< asked about.
  std::uint64_t unshipped{};                      ///< Home region: writes not yet applied at every replica, and
                                                  ///< homes that this site is handing over or taking over.
  std::uint64_t peers_expected{}, peers_known{};  ///< By hello.
  std::int64_t balance_total{};                   ///< Sum of this site's balances (committed).

  [[nodiscard]] std::uint64_t open_as(Role role) const {
    switch (role) {
      case Role::coordinator:
        return open_coordinator;
      case Role::participant:
        return open_participant;
      case Role::acceptor:
        return open_acceptor;
    }
    return 0;
  }
  [[nodiscard]] std::uint64_t open() const { return open_coordinator + open_participant + open_acceptor; }
};

/// A transaction that is still in doubt, for the end of a run: censored, never dropped. All its figures are lower
/// bounds.
struct OpenInDoubt {
  TxnDescriptor descriptor;
  Duration in_doubt{}, blocked{};
  BlockingCost cost;
};

class NodeEngine {
 public:
  NodeEngine(EngineOptions options, Environment& environment, Observer& observer);
  ~NodeEngine();
  NodeEngine(const NodeEngine&) = delete;
  NodeEngine& operator=(const NodeEngine&) = delete;

  /// Before anything else: rebuilds balances, memory and machines, and re-instates the locks of in-doubt transactions,
  /// so that nothing slips under them (pitfall 8). Sends nothing.
  void recover(DurableState state);
  /// After recover, sockets open: says hello to every peer and lets recovered machines act.
  void start();

  void on_message(const PeerMessage& message);
  void on_forced(WriteToken token);
  void on_timer(TimerToken token);
  /// Hints for who runs many engines: this one has something to do soon; the message after that. Changes nothing.
  void prefetch() const;
  void prefetch(const PeerMessage& message) const;
  /// Home region, an operator's order, given to every agent: the entities of `home` (Directory::home_of) get their
  /// master in `successor`. By plan the current master acts on it, forced the successor does; the others ignore it.
  void move_home(RegionId home, RegionId successor, bool forced);
  /// Until its end this start begins nothing any more. A coordinator refuses, for good, every request that it does not
  /// know, from a client, passed on to it, or waiting here for a home; an agent votes NO on every PREPARE. What runs
  /// goes on to its end. Again: nothing.
  void quiesce();

  /// The coordinator's own watermark, which the transport stamps on everything that it sends.
  [[nodiscard]] Watermark watermark() const;
  [[nodiscard]] EngineStatus status() const;
  [[nodiscard]] std::vector<OpenInDoubt> open_in_doubt() const;
  /// Balances by slot (committed).
  [[nodiscard]] const std::vector<std::int64_t>& balances() const;
  /// Canonical state for determinism checks.
  [[nodiscard]] std::string describe() const;
  /// Appends a canonical encoding of all that this node's future depends on, besides its options and its disk: equal
  /// states, equal bytes (the explorer's key). Costs, latencies and shipping are left out.
  void hash_state(std::string& out) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace geocommit
