// One engine from its start on, with a disk that can checkpoint, and timers that do nothing by themselves.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "sim/explore/shipping/shipping.h"

namespace geocommit::explore::shipping {

inline constexpr std::size_t kCoordinator = 0, kHome = 1, kFirstReplica = 2;  // Nodes of the search.

enum class InputKind : std::uint8_t {
  request,
  deliver,
  force,
  timer,       ///< A machine's; value: its place among those armed.
  hello,       ///< Says hello again.
  round,       ///< The home ships what is new.
  late_round,  ///< The home has waited in vain: once more from what was confirmed, and a heartbeat.
  checkpoint,  ///< The one under way is durable, and the log before it goes.
  crash,       ///< value: how many records survive.
  restart,
};
struct Input {
  InputKind kind{};
  std::uint16_t value{};
  auto operator<=>(const Input&) const = default;
};

/// What the search fixes for all nodes.
struct Setting {
  ShippingOptions options;
  Directory directory;
  explicit Setting(const ShippingOptions& o);
  [[nodiscard]] std::size_t nodes() const { return kFirstReplica + options.replicas; }
  [[nodiscard]] NodeId id(std::size_t node) const;
  /// nodes(): outside the search.
  [[nodiscard]] std::size_t node_of(NodeId id) const;
  [[nodiscard]] static std::int64_t amount(std::size_t write) { return std::int64_t{1} << (8 * write); }
};

/// On disk at a start.
struct Disk {
  std::optional<Checkpoint> checkpoint;
  std::vector<DurableRecord> log;
};
void encode(const Disk& disk, std::string& out);
/// Which write a shipped or prepared operation belongs to.
[[nodiscard]] std::uint8_t write_of(const std::vector<Operation>& operations);

class Node final : public Environment, public Observer {
 public:
  Node(const Setting& setting, std::size_t self, Epoch epoch, const Disk& disk);

  void apply(Input input, const PeerMessage* message);
  void forget_step();
  /// A crash that leaves so many records: they are durable.
  void survive(std::size_t keep) { sync_to(keep); }

  // What the step has done.
  std::vector<std::pair<NodeId, PeerPayload>> sent;
  std::vector<std::pair<std::uint64_t, std::uint8_t>> ordered;  ///< Home: place and write that became durable.
  std::uint8_t told_commit{}, told_abort{};                     ///< Writes, as bits.

  [[nodiscard]] Disk disk() const { return {checkpoint_, log_}; }
  [[nodiscard]] std::size_t synced() const { return synced_; }
  [[nodiscard]] std::size_t log_size() const { return log_.size(); }
  [[nodiscard]] bool forcing() const { return !forces_.empty(); }
  [[nodiscard]] bool checkpointing() const { return coming_.has_value(); }
  [[nodiscard]] std::size_t timers() const { return timers_.size(); }
  [[nodiscard]] bool greets() const { return hello_ != 0; }
  [[nodiscard]] bool ships() const { return self_ == kHome && ship_ != 0; }
  [[nodiscard]] std::uint64_t applied() const { return applied_among(log_.size()); }  ///< Replica: in order.
  [[nodiscard]] std::uint64_t applied_durably() const { return applied_among(synced_); }
  [[nodiscard]] std::int64_t balance() const;
  [[nodiscard]] const NodeEngine& engine() const { return engine_; }
  void encode(std::string& out) const;

  // Environment
  [[nodiscard]] Instant now() const override { return now_; }
  std::size_t send(NodeId to, const PeerPayload& payload) override;
  void write(const DurableRecord& record, WriteToken token) override;
  [[nodiscard]] std::size_t log_bytes_since_checkpoint() const override { return log_.size(); }
  void write_checkpoint(Checkpoint checkpoint) override;
  [[nodiscard]] bool checkpoint_in_progress() const override { return coming_.has_value(); }
  void set_timer(TimerToken token, Instant deadline) override;
  void cancel_timer(TimerToken token) override;
  // Observer
  void machine_stepped(const TxnDescriptor& txn, Role role, const geocommit::Input& input, const Outbox& out) override;

 private:
  struct Armed {
    TxnId txn;
    Role role{};
    std::uint8_t timer{};
    TimerToken token{};
  };
  [[nodiscard]] std::uint64_t applied_among(std::size_t records) const;
  void sync_to(std::size_t end);
  void complete(WriteToken token);
  void run_hasty();
  void check_ship(const Ship& ship) const;
  void check_ack(const ShipAck& ack) const;
  void check_heard(NodeId from, const ShipAck& ack);
  void note_reply(const ClientReply& reply);
  [[nodiscard]] static EngineOptions engine_options(const Setting& setting, std::size_t self, Epoch epoch);

  const Setting& setting_;
  std::size_t self_;
  Epoch epoch_;
  Instant now_{};
  std::optional<Checkpoint> checkpoint_, coming_;
  std::size_t coming_end_{};
  std::vector<DurableRecord> log_;  ///< After checkpoint_.
  std::size_t synced_{};
  std::deque<std::pair<WriteToken, std::size_t>> forces_;  ///< Pending, and the log's size when asked.
  std::vector<WriteToken> hasty_;                          ///< To be called durable at the end of the step.
  std::deque<Armed> arming_;
  std::vector<Armed> timers_;
  TimerToken hello_{}, ship_{};
  std::uint8_t asked_{};  ///< Writes asked for in this life, as bits: which transaction is which.

  // What the shipping classes keep to themselves, followed from outside: two nodes with the same have the same future.
  std::map<NodeId, std::uint64_t> shipped_, confirmed_, confirmed_heartbeat_;  ///< Home, by replica.
  std::map<std::uint64_t, std::uint64_t> issued_;                              ///< Home: heartbeat -> through.
  std::uint64_t last_round_{};                                                 ///< Home: heartbeats so far.
  std::map<std::uint64_t, std::uint64_t> uncovered_;  ///< Replica: through -> newest heartbeat.
  std::uint64_t known_confirmed_{};                   ///< Replica: every site has it, as it knows.
  std::uint64_t covered_{};                           ///< Replica: newest heartbeat confirmed.
  NodeEngine engine_;
};

}  // namespace geocommit::explore::shipping
