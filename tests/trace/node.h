// A node of the scripted world: a NodeEngine, its disk, and the script's wishes. What the engine does is held against
// what its machine asked for, output by output, and told to the world in that order.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace geocommit::trace {

class World;

/// What the transaction does to the account of each site that writes.
inline constexpr std::int64_t kChange = -1;

class Node final : public Environment, public Observer {
 public:
  Node(World& world, NodeId node, std::string its_name, Role its_role);

  // ---- The process.
  /// A new start of it, in `epoch`. `session`: somebody who takes the locks before anybody else.
  void start(EngineOptions options, const PeerMessage* session);
  void crash();  ///< Within a step: nothing of the rest of the step happens.
  [[nodiscard]] bool up() const { return engine_ != nullptr && !dying_; }
  void take(const PeerMessage& message);
  void forced(std::size_t upto, WriteToken token);
  void fire(TimerToken token);
  /// Whoever had the locks lets go of them; or the wait has been too long, if that is what the script wants.
  void execute();
  /// The state of its machine; none if it has none.
  [[nodiscard]] std::optional<std::string> machine() const;
  /// The transaction holds locks here.
  [[nodiscard]] bool locks() const;
  [[nodiscard]] Watermark watermark() const;
  /// As of this start, and what the engine has made of it.
  std::int64_t initial_balance{};
  [[nodiscard]] std::int64_t balance() const;
  /// In its last message the engine found no machine, and sent nothing.
  [[nodiscard]] bool ignored() const { return !stepped_ && !answered_; }

  NodeId id;
  std::string name;
  Role role{Role::participant};
  Epoch epoch;  ///< Of this start, or the last one.

  // ---- The disk.
  std::vector<MachineRecord> log;
  std::size_t durable{};  ///< Records that survive a crash.

  // ---- The script's wishes.
  Vote vote{Vote::yes};  ///< `no`: its balance is too low, from its next start on. `read_only`: the request only reads.
  Reason reason{Reason::none};
  bool hold_execution{}, hold_forces{};
  bool execution_waits{};
  std::vector<std::pair<std::size_t, WriteToken>> waiting_forces;

  // ---- History, which survives everything: what the checkers judge.
  Vote voted{Vote::none};
  std::optional<Outcome> decided;
  bool told_abort{};  ///< In this start: decided, or heard of, an abort.

  // ---- Environment
  [[nodiscard]] Instant now() const override;
  std::size_t send(NodeId to, const PeerPayload& payload) override;
  void write(const DurableRecord& record, WriteToken token) override;
  [[nodiscard]] std::size_t log_bytes_since_checkpoint() const override { return 0; }
  void write_checkpoint(Checkpoint /*checkpoint*/) override {}
  [[nodiscard]] bool checkpoint_in_progress() const override { return false; }
  void set_timer(TimerToken token, Instant deadline) override;
  void cancel_timer(TimerToken token) override;

  // ---- Observer
  void machine_stepped(const TxnDescriptor& txn, Role at, const Input& input, const Outbox& outbox) override;
  void noted(const TxnDescriptor& txn, Role at, std::string_view event) override;
  void alarm(std::string_view what) override;
  void locks_awaited(const TxnDescriptor& txn, TxnId behind) override;
  void locks_granted(const TxnDescriptor& txn, bool waited) override;
  void locks_released(const TxnDescriptor& txn, Outcome outcome, Duration held, Duration summed, bool waited) override;
  void transaction_decided(const TxnDescriptor& txn, Outcome outcome, Reason why, Duration latency,
                           std::uint32_t delays) override;
  void message_sent(Traffic traffic, std::string_view kind, bool wan, std::size_t bytes) override;
  void forced_write() override;

 private:
  template <class F>
  void within(F&& call);
  [[nodiscard]] bool is_watched(const TxnDescriptor& txn) const;
  /// The engine has performed the next output that can be seen from outside; before it, those that cannot.
  template <class O>
  const O* performed();
  void tell_unseen();
  void tell(const Output& output);
  void end_step();

  World& world_;
  std::unique_ptr<NodeEngine> engine_;
  bool inside_{}, dying_{};
  bool session_{};  // It holds the locks.
  std::set<TimerToken> timers_;
  TimerToken lock_timer_{};  // 0: it does not wait for locks.
  bool lock_timer_next_{};   // The next timer is that one.
  // Of the call under way: has a machine stepped, has a message been sent without one. Of the step: what its machine
  // asked for, and how much of it has been performed.
  bool stepped_{}, answered_{};
  Outbox asked_;
  std::size_t next_{};
};

}  // namespace geocommit::trace
