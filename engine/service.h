// What a node may do besides executing transactions, and where the engine asks it: home region (engine/home/) is the
// one that stands. A service has messages, records, timers and forced writes of its own, and a say in the transactions
// of its site. Where it does not run, nothing asks for it.
#pragma once

#include <optional>
#include <vector>

#include "engine/engine.h"

namespace geocommit {

struct TxnEntry;

class Service {
 public:
  virtual ~Service() = default;

  // ---- The node ----
  virtual void start() = 0;
  virtual void on_timer(std::uint8_t timer) = 0;
  /// It begins nothing any more (NodeEngine::quiesce); what is under way goes on to its end.
  virtual void quiesce() = 0;
  /// The oldest of its own forced writes (NodeContext::force) is durable.
  virtual void on_forced() = 0;
  /// false: no message of its own.
  [[nodiscard]] virtual bool receive(const PeerMessage& message) = 0;
  /// A peer that has just started, or restarted, has said hello.
  virtual void greeted(NodeId peer) = 0;
  virtual void add_to(EngineStatus& status) const = 0;

  // ---- Requests ----
  /// Where a request goes now; nullopt: where the row of the protocol says.
  [[nodiscard]] virtual std::optional<Route> route(const Request& request) const = 0;

  // ---- The transactions of this site ----
  /// One has its locks and is about to be executed. Reason::none: admitted, TxnEntry::places says with which places.
  [[nodiscard]] virtual Reason admit(TxnEntry& entry) = 0;
  /// A record of one that has places is about to be written.
  virtual void before_record(TxnEntry& entry, MachineRecord& record) = 0;
  /// Such a record is durable.
  virtual void durable(const std::vector<ShipPlace>& places) = 0;
  /// Takes out of a committed transaction's operations those that are not to be applied.
  virtual void keep(std::vector<Operation>& operations, const std::vector<ShipPlace>& places) const = 0;
  /// One has ended and is forgotten.
  virtual void forgotten() = 0;

  // ---- Checkpoints and recovery, in this order; nothing is sent ----
  virtual void add_to(Checkpoint& checkpoint) const = 0;
  virtual void restore(Checkpoint& checkpoint) = 0;
  /// A record after the checkpoint that is not a machine's.
  virtual void replay(const DurableRecord& record) = 0;
  /// A commit after the checkpoint, of a participant; `prepared` has its descriptor.
  virtual void replay_commit(const MachineRecord& commit, const MachineRecord& prepared) = 0;
  /// All has been read.
  virtual void replayed() = 0;
  /// A transaction that was in doubt has its machine back.
  virtual void reinstated(TxnEntry& entry) = 0;
};

/// Those that run at a node; not owned.
using Services = std::vector<Service*>;

}  // namespace geocommit
