// A site: the machines of one node, the data that they decide about, what is remembered of those that have ended, and
// all of it again after a crash, from one log.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "engine/machines.h"
#include "engine/peers.h"
#include "engine/recovery.h"

namespace geocommit {

class Site {
 public:
  Site(NodeContext& context, const Services& services, Requester& requester, const Peers& peers);

  // Recovery: restore, replay of every record after it, replayed; start lets the recovered machines act.
  void restore(Checkpoint& checkpoint);
  void replay(MachineRecord record);
  void replayed();
  void start();

  /// Begins a transaction as its coordinator.
  TxnId begin(const Request& request, const Route& route, const Attempt& attempt);
  void receive(const PeerMessage& from, const ProtocolMessage& message);
  void receive(const Wound& wound) { transactions_.feed({wound.txn, Role::coordinator}, Wounded{}); }
  void raise(NodeId coordinator, Watermark watermark) { memory_.raise(coordinator, watermark); }
  void timer_fired(const MachineTimer& timer, TimerToken token) { machines_.timer_fired(timer, token); }
  void timer_fired(const LockTimer& timer) { execution_.lock_timed_out(timer.txn); }
  void forced(const MachineForce& force) { transactions_.feed(force.key, LogForced{force.kind}); }
  void drain() { machines_.drain(); }
  void prefetch(const ProtocolMessage& message) const {
    transactions_.prefetch({message.message.txn, message.message.to_role});
  }

  [[nodiscard]] ResourceManager& resources() const { return execution_.resources(); }
  [[nodiscard]] const TxnTable& participants() const { return transactions_.participants(); }
  [[nodiscard]] Watermark watermark() const;
  /// The start of `coordinator` before whose beginning nothing of it is open here, nor will be; 0: something is.
  [[nodiscard]] Epoch settled(NodeId coordinator) const;
  [[nodiscard]] std::vector<OpenInDoubt> open_in_doubt() const;
  [[nodiscard]] std::string describe() const { return transactions_.describe(); }
  void add_to(EngineStatus& status) const;
  void add_to(Checkpoint& checkpoint) const;
  void hash_transactions(std::string& out) const;
  void hash_data(std::string& out) const { execution_.hash_state(out); }

 private:
  void receive_prepare(const ProtocolMessage& message, const Protocol& protocol);
  void receive_orphan(const Message& message, const Protocol& protocol);
  /// Of a start of its coordinator that was over before a later one was heard of, of a row by which that one asks what
  /// is still open (ADR 45).
  [[nodiscard]] bool is_superseded(const TxnId& txn, const Protocol& protocol) const;
  void keep_for_prepare(const Message& message);

  NodeContext& context_;
  const Peers& peers_;
  Transactions transactions_;
  Execution execution_;
  FinishedMemory memory_;
  Machines machines_;
  Recovery recovery_;
  std::uint64_t next_counter_{1};
  std::deque<Message> early_;  // They have overtaken PREPARE; in the order in which they came.
};

}  // namespace geocommit
