// The inside of NodeEngine: the table of machines and all that surrounds them. Split over node_engine.cpp (messages),
// node_clients.cpp, node_waiting.cpp (requests whose home is away), node_services.cpp, node_homes.cpp and
// node_home_logs.cpp (home region), node_machines.cpp (one machine's step and its outputs) and node_recovery.cpp.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/containers.h"
#include "engine/engine.h"
#include "engine/home_site.h"
#include "engine/lock_manager.h"
#include "engine/memory.h"
#include "engine/peer_epochs.h"
#include "engine/resource_manager.h"
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
  std::vector<SiteWork> work;    ///< What goes with PREPARE.
  std::vector<ReadValue> reads;  ///< What came with votes. A participant's: what goes with its vote.
  Instant begun{};
  NodeId reply_to;  ///< The client, or the coordinator that forwarded; 0 after a crash.
  bool reply_to_forwarder{};
  Instant patience{};  ///< Home region: until then an attempt that found no master is followed by another,
  Duration pause{};    ///< after twice this, which was before this attempt.
  // Participant.
  /// PREPARE was fenced: Execute is answered NO, for this reason.
  std::optional<Reason> refused;
  bool executed{};  ///< Executed was delivered: the vote is settled here.
  bool read_only{};
  bool waiting{};  ///< For locks.
  TimerToken lock_timer{};
  bool wound_sent{};
  bool behind_blocked{};                ///< Refused because of a blocked transaction's locks.
  std::string_view refusal{"aborted"};  ///< Why it was denied its locks, if it was.
  bool in_doubt{};
  Instant in_doubt_since{};
  bool applied{};                 ///< Its operations are in the balances.
  std::vector<TxnId> versions;    ///< That its operations saw.
  std::vector<ShipPlace> places;  ///< Home region: the homes it writes to here; the term in which it was accepted.
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
  void move_home(RegionId home, RegionId successor, bool forced);
  void quiesce();
  [[nodiscard]] Watermark watermark() const;
  [[nodiscard]] EngineStatus status() const;
  [[nodiscard]] std::vector<OpenInDoubt> open_in_doubt() const;
  [[nodiscard]] const std::vector<std::int64_t>& balances() const { return resources_->balances(); }
  [[nodiscard]] std::string describe() const;
  void hash_state(std::string& out) const;

 private:
  using Key = std::pair<TxnId, Role>;
  enum class Service : std::uint8_t { hello, ship, staleness, homes, announce, waiting, ping };
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
    std::vector<ShipPlace> ships;
  };
  struct ShippedForce {
    ShipPlace place;
  };
  struct HomeForce {
    NodeId home;
    HomeRecordKind kind{};
    HomeEpoch epoch;
  };
  using ForceUse = std::variant<MachineForce, ShippedForce, HomeForce>;
  /// A request that was passed on; its client waits here. Only its coordinator's answer frees it.
  struct Forwarded {
    NodeId client, to;
    Request request;
    Instant retry_at{}, patience{};
    Duration pause{};
    Epoch epoch{};  ///< The start of `to` that it was last addressed to: what an earlier one refused, this may begin.
  };
  /// A request without a master that may accept it, under the policy `wait`. It is open nowhere.
  struct Parked {
    Request request;
    NodeId reply_to;
    bool to_forwarder{};
    Instant retry_at{}, patience{};
    Duration pause{};
  };
  /// An outcome that every coordinator is asked for.
  struct Asked {
    std::set<NodeId> silent;
    bool forgotten{};  ///< By one of them.
  };

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
  void receive(const PeerMessage& from, const HomeMessage& message);
  void receive_prepare(const ProtocolMessage& message, const Protocol& protocol);
  void receive_orphan(const Message& message, const Protocol& protocol);
  void take_request(const Request& request, NodeId reply_to, bool forwarded);
  void begin(const Request& request, const Route& route, NodeId reply_to, bool forwarded, Instant patience,
             Duration pause);
  [[nodiscard]] bool request_is_valid(const Request& request) const;
  [[nodiscard]] bool is_underway(RequestId id) const;
  [[nodiscard]] ClientReply presume(RequestId id);
  void settle_unknown(const OutcomeQuery& query);
  void reply(NodeId to, bool to_forwarder, const ClientReply& reply);
  void say_hello();

  // node_waiting.cpp
  [[nodiscard]] bool routes_homes() const { return options_.protocol->ships_to_replicas; }
  [[nodiscard]] Route route_now(const Request& request) const;
  void refuse(const Request& request, NodeId reply_to, bool to_forwarder, Reason reason);
  void place(const Request& request, NodeId reply_to, bool forwarded, Instant patience, Duration pause);
  void park(Request request, NodeId reply_to, bool to_forwarder, Instant patience, Duration pause);
  /// An attempt found no master, or none that answered; true: it will be tried again, say nothing to anybody.
  [[nodiscard]] bool try_again(TxnEntry& entry, Reason& reason);
  void try_waiting();
  void schedule_waiting();
  void ask_everybody(const OutcomeQuery& query);
  void take_gathered(const PeerMessage& from, const ClientReply& reply);
  [[nodiscard]] bool silent_for(NodeId node, Duration length) const;
  void ping();

  // node_homes.cpp, node_home_logs.cpp
  [[nodiscard]] HomeSite* home_site(NodeId home);
  [[nodiscard]] std::vector<NodeId> sites_of_homes() const;
  [[nodiscard]] NodeId home_of(const Operation& operation) const {
    return home_region::home_site(directory_, operation.entity);
  }
  void start_homes();
  void become_sender(NodeId home, HomeSite& site);
  /// Reason::none: accepted.
  [[nodiscard]] Reason accept_writes(TxnEntry& entry);
  void give_places(TxnEntry& entry, MachineRecord& record);
  [[nodiscard]] std::vector<Operation> kept_operations(const std::vector<Operation>& operations,
                                                       const std::vector<ShipPlace>& places) const;
  [[nodiscard]] ShippedWrite write_to(NodeId home, const MachineRecord& commit, std::uint64_t sequence,
                                      const std::vector<Operation>& operations,
                                      const std::vector<TxnId>& versions) const;
  void perform(NodeId home, HomeSite& site, HomeEffects& effects);
  void tell(HomeEventKind kind, NodeId home, const HomeSite& site, Duration gap = {}, std::uint64_t writes = 0);
  void announce(NodeId home, const HomeSite& site);
  void announce_moved();
  void schedule_announce();
  void adopt(NodeId home, HomeSite& site, const HomeHistory& history);
  void ship_to_successor(NodeId to, const HomeSite& site, const HomeMessage& asked);
  void take_fetched(NodeId home, HomeSite& site);
  [[nodiscard]] bool is_full(NodeId home, HomeSite& site);
  void undo(const ShippedWrite& write);
  void check_drained(NodeId home, HomeSite& site);
  void check_drained();
  void forced_homes(const HomeForce& force);
  void forced_shipped(const ShippedForce& force);
  void forced_places(const std::vector<ShipPlace>& places);
  void tick_homes();
  void schedule_homes();
  void replay_home(const HomeRecord& record);
  void replay_shipped(const ShippedRecord& record);
  void replay_places(const MachineRecord& commit, const MachineRecord& prepared);
  void restore_homes(std::vector<HomeState> homes);
  [[nodiscard]] std::vector<HomeState> homes_for_checkpoint() const;
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
  void apply(TxnEntry& entry);
  [[nodiscard]] MachineRecord make_record(TxnEntry& entry, const LogRecord& record);
  [[nodiscard]] std::vector<ReadValue> reads_of(const TxnEntry& entry) const;
  static void take_reads(TxnEntry& entry, NodeId site, const std::vector<ReadValue>& reads);
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
  std::unique_ptr<LockManager> locks_;
  FinishedMemory memory_;
  RequestMemory requests_;

  TxnTable coordinators_{TxnTable::Order::by_id}, participants_{TxnTable::Order::arrival};
  FlatMap<RequestId, TxnId> open_requests_;
  std::map<RequestId, Forwarded> forwarded_;  ///< Home region.
  std::map<RequestId, Parked> parked_;        ///< Home region.
  std::map<RequestId, Asked> asked_;          ///< Home region.
  home_region::Masters masters_;
  std::vector<Instant> heard_;  ///< Home region: of each node, by index in the directory, when it was last heard of.
  TimerToken waiting_timer_{};  ///< 0: none is armed.
  bool quiesced_{};             ///< Begins nothing any more.
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

  bool keeps_homes_{};                ///< Home region, an agent, copies elsewhere.
  std::map<NodeId, HomeSite> homes_;  ///< Made when first heard of; the own one from the start.
  Instant next_heartbeat_{};
  TimerToken ship_timer_{};  ///< 0: none is armed.
  Instant ship_timer_at_{};
  bool announcing_{};
  TimerToken homes_timer_{};
  Instant homes_timer_at_{};

  std::map<Key, std::vector<MachineRecord>> recovered_;  ///< Between recover() and its end.
  std::vector<Key> to_wake_;                             ///< Recovered machines, stepped by start().
};

}  // namespace geocommit
