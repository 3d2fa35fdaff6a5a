// One engine from its start on, with a disk that checkpoints when told to, and timers that do nothing by themselves.
#pragma once

#include <deque>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "sim/explore/conflict/conflict.h"

namespace geocommit::explore::conflict {

/// Transaction t is begun by coordinator node t, in region t; site s is node kCoordinators + s.
inline constexpr std::size_t kCoordinators = 2, kTransactions = 2, kNodesMost = 4;

enum class InputKind : std::uint8_t {
  deliver,
  force,
  timer,             ///< value: its place among those armed.
  begin_checkpoint,  ///< With the node's next step.
  checkpoint,        ///< The one under way is durable, and the log before it goes.
  crash,             ///< value: how many records survive.
  restart,
};
struct Input {
  InputKind kind{};
  std::uint16_t value{};
  auto operator<=>(const Input&) const = default;
};

/// What the search fixes for all nodes.
struct Setting {
  ConflictOptions options;
  Directory directory;
  std::vector<Protocol> rows;  ///< The mutant's row in place of the real one.
  explicit Setting(const ConflictOptions& o);
  [[nodiscard]] std::size_t nodes() const { return kCoordinators + options.sites; }
  [[nodiscard]] NodeId id(std::size_t node) const;
  /// nodes(): outside the search.
  [[nodiscard]] std::size_t node_of(NodeId id) const;
  /// Transaction t adds 1 to the t-th byte of its keys' balances.
  [[nodiscard]] static std::int64_t amount(std::size_t txn) { return std::int64_t{1} << (8 * txn); }
  /// By whose it is; there is one of each coordinator.
  [[nodiscard]] std::size_t txn_of(const TxnId& txn) const { return txn.coordinator == id(0) ? 0 : 1; }
};

/// On disk at a start.
struct Disk {
  std::optional<Checkpoint> checkpoint;
  std::vector<DurableRecord> log;      ///< After it.
  std::vector<DurableRecord> dropped;  ///< Before it: gone, but for the comparison.
};
void encode(const Disk& disk, std::string& out);

class Node final : public Environment, public Observer {
 public:
  Node(const Setting& setting, std::size_t self, Epoch epoch, const Disk& disk);

  /// Coordinators: their transaction's request; the very first input.
  void begin();
  void apply(Input input, const PeerMessage* message);
  void forget_step();

  // What the step has done; transactions as bits.
  std::vector<std::pair<NodeId, PeerPayload>> sent;
  std::uint8_t commits{}, aborts{};  ///< Decided, or told to the client.
  std::uint8_t prepared{};           ///< A `prepared` record was written.

  [[nodiscard]] Disk disk_after_crash(std::size_t keep) const;
  [[nodiscard]] std::uint8_t outcomes_durable(std::size_t records, Outcome outcome) const;
  [[nodiscard]] std::uint8_t finished_durably() const;
  [[nodiscard]] std::size_t synced() const { return synced_; }
  [[nodiscard]] std::size_t log_size() const { return log_.size(); }
  [[nodiscard]] bool forcing() const { return !forces_.empty(); }
  [[nodiscard]] bool checkpointing() const { return coming_.has_value(); }
  [[nodiscard]] bool may_checkpoint() const { return !coming_ && !wanted_; }
  struct Armed {
    TxnId txn;
    Role role{};
    std::uint8_t timer{}, patience{};  ///< patience: its duration in timeouts; 0: it only asks or says again.
    TimerToken token{};
  };
  [[nodiscard]] const std::vector<Armed>& timers() const { return timers_; }
  [[nodiscard]] std::int64_t balance() const;
  [[nodiscard]] const NodeEngine& engine() const { return engine_; }
  void encode(std::string& out) const;

  // Environment
  [[nodiscard]] Instant now() const override { return Instant{}; }
  std::size_t send(NodeId to, const PeerPayload& payload) override;
  void write(const DurableRecord& record, WriteToken token) override;
  [[nodiscard]] std::size_t log_bytes_since_checkpoint() const override { return wanted_ ? 1 : 0; }
  void write_checkpoint(Checkpoint checkpoint) override;
  [[nodiscard]] bool checkpoint_in_progress() const override { return coming_.has_value(); }
  void set_timer(TimerToken token, Instant deadline) override;
  void cancel_timer(TimerToken token) override;
  // Observer
  void machine_stepped(const TxnDescriptor& txn, Role role, const geocommit::Input& input, const Outbox& out) override;
  void locks_awaited(const TxnDescriptor& txn, TxnId behind) override;
  void locks_granted(const TxnDescriptor& txn, bool waited) override;
  void voted(const TxnDescriptor& txn, Vote vote, Reason reason) override;
  void locks_released(const TxnDescriptor& txn, Outcome outcome, Duration held, Duration summed, bool waited) override;

 private:
  void check_replay() const;
  [[nodiscard]] static EngineOptions engine_options(const Setting& setting, std::size_t self, Epoch epoch);

  const Setting& setting_;
  std::size_t self_;
  Epoch epoch_;
  std::optional<Checkpoint> checkpoint_, coming_;
  std::size_t coming_end_{};
  bool wanted_{};
  std::vector<DurableRecord> dropped_, log_;
  std::size_t synced_{};
  std::deque<std::pair<WriteToken, std::size_t>> forces_;  ///< Pending, and the log's size when asked.
  std::deque<Armed> arming_;
  std::vector<Armed> timers_;
  TxnId awaiting_;          ///< Whose lock-wait timer is armed next.
  std::set<TxnId> owners_;  ///< Of the site's key, until they are decided.
  NodeEngine engine_;
};

}  // namespace geocommit::explore::conflict
