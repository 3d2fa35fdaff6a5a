// The inside of NodeEngine: the table of machines and all that surrounds them. Split over node_engine.cpp (messages),
// node_clients.cpp, node_services.cpp, node_machines.cpp (one machine's step and its outputs) and node_recovery.cpp.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/containers.h"
#include "engine/engine.h"
#include "engine/lock_manager.h"
#include "engine/memory.h"
#include "engine/peer_epochs.h"
#include "engine/resource_manager.h"
#include "engine/shipping.h"
#include "engine/txn_table.h"

namespace geocommit {

/// One transaction in one role on this node.
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
  std::vector<SiteWork> work;  ///< What goes with PREPARE.
  Instant begun{};
  NodeId reply_to;  ///< The client, or the coordinator that forwarded; 0 after a crash.
  bool reply_to_forwarder{};
  // Participant.
  bool refused{};   ///< PREPARE was fenced: Execute is answered NO.
  bool executed{};  ///< Executed was delivered: the vote is settled here.
  bool read_only{};
  bool waiting{};  ///< For locks.
  TimerToken lock_timer{};
  bool wound_sent{};
  bool behind_blocked{};                ///< Refused because of a blocked transaction's locks.
  std::string_view refusal{"aborted"};  ///< Why it was denied its locks, if it was.
  bool in_doubt{};
  Instant in_doubt_since{};
  bool applied{};  ///< Its operations are in the balances.
  std::uint64_t ship_sequence{};
};

class NodeEngine::Impl {
 public:
  Impl(EngineOptions options, Environment& environment, Observer& observer);

  void recover(DurableState state);
  void start();
  void on_message(const PeerMessage& message);
  void on_forced(WriteToken token);
  void on_timer(TimerToken token);
  void prefetch(const PeerMessage& message) const;
  [[nodiscard]] Watermark watermark() const;
  [[nodiscard]] EngineStatus status() const;
  [[nodiscard]] std::vector<OpenInDoubt> open_in_doubt() const;
  [[nodiscard]] const std::vector<std::int64_t>& balances() const { return resources_->balances(); }
  [[nodiscard]] std::string describe() const;
  void hash_state(std::string& out) const;

 private:
  using Key = std::pair<TxnId, Role>;
  enum class Service : std::uint8_t { hello, ship, staleness };
  struct MachineTimer {
    Key key;
    std::uint8_t timer{};
  };
  struct LockTimer {
    TxnId txn;
  };
  using TimerUse = std::variant<MachineTimer, LockTimer, Service>;
  struct MachineForce {
    Key key;
    std::uint8_t kind{};
    std::uint64_t ship_sequence{};
  };
  struct ShippedForce {
    NodeId home;
    std::uint64_t sequence{};
  };
  using ForceUse = std::variant<MachineForce, ShippedForce>;

  // node_engine.cpp
  [[nodiscard]] const Protocol* find_row(std::uint8_t wire_id) const;
  void receive(const PeerMessage& from, const ProtocolMessage& message);
  void receive(const PeerMessage& from, const Hello& hello);
  void receive(const PeerMessage& from, const Wound& wound);
  void receive(const PeerMessage& from, const ClientRequest& request);
  void receive(const PeerMessage& from, const ClientReply& reply);
  void receive(const PeerMessage& from, const OutcomeQuery& query);
  void receive(const PeerMessage& from, const Forward& forward);
  void receive(const PeerMessage& from, const ForwardReply& reply);
  void receive(const PeerMessage& from, const Ship& ship);
  void receive(const PeerMessage& from, const ShipAck& ack);
  void receive_prepare(const ProtocolMessage& message, const Protocol& protocol);
  void receive_orphan(const Message& message, const Protocol& protocol);
  void take_request(const Request& request, NodeId reply_to, bool forwarded);
  void begin(const Request& request, const Route& route, NodeId reply_to, bool forwarded);
  [[nodiscard]] bool request_is_valid(const Request& request) const;
  void reply(NodeId to, bool to_forwarder, const ClientReply& reply);
  void say_hello();
  void ship_tick();
  void sample_staleness();
  TimerToken schedule(Service service, Duration after);
  void schedule_ship(Duration after);
  std::size_t send(NodeId to, const PeerPayload& payload, Traffic traffic, std::string_view kind);
  void maybe_checkpoint();
  [[nodiscard]] Checkpoint make_checkpoint() const;

  // node_machines.cpp
  TxnEntry& add_entry(TxnDescriptor descriptor, Role role, const Protocol& protocol);
  [[nodiscard]] TxnEntry* find_entry(Key key);
  void feed(Key key, Input input) { inputs_.emplace_back(key, std::move(input)); }
  void drain();
  void step(TxnEntry& entry, const Input& input);
  void perform(TxnEntry& entry, Send& output);
  void perform(TxnEntry& entry, ForceLog& output);
  void perform(TxnEntry& entry, AppendLog& output);
  void perform(TxnEntry& entry, SetTimer& output);
  void perform(TxnEntry& entry, CancelTimer& output);
  void perform(TxnEntry& entry, Execute& output);
  void perform(TxnEntry& entry, ReleaseLocks& output);
  void perform(TxnEntry& entry, Decide& output);
  void perform(TxnEntry& entry, Forget& output);
  void perform(TxnEntry& entry, Note& output);
  [[nodiscard]] MachineRecord make_record(TxnEntry& entry, const LogRecord& record);
  void cancel_machine_timer(TxnEntry& entry, std::uint8_t timer);
  void execute_with_locks(TxnEntry& entry);
  void deny(TxnEntry& entry, Reason reason);
  void handle(LockManager::Effects& effects);
  void release_locks(TxnEntry& entry);
  void note_in_doubt(TxnEntry& entry);
  void begin_in_doubt(TxnEntry& entry, Instant since);
  void remove(TxnEntry& entry);
  [[nodiscard]] static std::vector<LockRequest> lock_requests(const TxnDescriptor& descriptor);
  [[nodiscard]] static LockAge lock_age(const TxnDescriptor& descriptor);

  // node_recovery.cpp
  void restore_checkpoint(Checkpoint checkpoint);
  void replay(MachineRecord record, bool after_checkpoint);
  void rebuild_machines();
  void settle_recovered(TxnEntry& entry);

  EngineOptions options_;
  Environment& environment_;
  Observer& observer_;
  const Directory& directory_;
  std::unique_ptr<ResourceManager> resources_;
  LockManager locks_;
  FinishedMemory memory_;
  RequestMemory requests_;

  TxnTable coordinators_{TxnTable::Order::by_id}, participants_{TxnTable::Order::arrival};
  FlatMap<RequestId, TxnId> open_requests_;
  std::map<RequestId, NodeId> forwarded_;  ///< Home region: passed on, the client waits here.
  std::uint64_t next_counter_{1};
  PeerEpochs peer_epochs_;
  std::vector<NodeId> peers_;
  /// At once; the next follow. Among a thousand nodes everybody at once would be a million messages in flight.
  static constexpr std::size_t kHelloBatch = 64;
  std::size_t first_hello_{}, next_hello_{};  ///< Where a round through peers_ begins, and how far it has got.
  bool unanswered_hello_{};                   ///< Somebody was not known in this round.

  std::deque<std::pair<Key, Input>> inputs_;
  bool draining_{};
  Outbox outbox_;
  TimerToken last_timer_{};
  TokenRing<TimerUse> timers_;
  WriteToken last_write_{};
  std::deque<std::pair<WriteToken, ForceUse>> forces_;  ///< Complete in order.

  std::unique_ptr<ShippingHome> home_;
  ShippingReplica replica_;
  Instant next_heartbeat_{};
  TimerToken ship_timer_{};  ///< 0: none is armed.
  Instant ship_timer_at_{};
  std::uint64_t reported_confirmed_{};

  std::map<Key, std::vector<MachineRecord>> recovered_;  ///< Between recover() and its end.
  std::vector<ShippedWrite> recovered_writes_;
  std::uint64_t recovered_sequence_{};
  std::vector<Key> to_wake_;  ///< Recovered machines, stepped by start().
};

}  // namespace geocommit
