// One engine from its start on, with a disk and timers that do nothing by themselves.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "sim/explore/node_model.h"

namespace geocommit::explore {

class NodeModel::Life final : public Environment, public Observer {
 public:
  Life(NodeModel& model, std::size_t node, const State& from);

  void apply(NodeInput input);
  /// The client's request; the coordinator's very first input.
  void begin();

  struct Armed {
    std::uint8_t timer{}, patience{};
    TimerToken token{};
  };

  // What the step has done; cleared by forget_step().
  std::vector<std::pair<NodeId, PeerPayload>> sent;
  std::vector<std::string> alarms;
  std::string violation;
  bool commits{}, aborts{};
  std::vector<Moment> moments;  ///< As of NodeStep.
  void forget_step();

  // What is.
  std::vector<DurableRecord> log;
  std::size_t synced{};
  std::vector<std::pair<WriteToken, std::size_t>> forces;  ///< Pending, and the log's size when asked.
  std::vector<Armed> timers;
  NodeEngine engine;
  std::uint8_t told_commit{};  ///< Nodes that a decision to commit was sent to, by this start. One bit each.

  [[nodiscard]] NodeProperties properties() const;
  /// Checks of a state, after each input.
  void check_state();

  // Environment
  [[nodiscard]] Instant now() const override { return Instant{}; }
  std::size_t send(NodeId to, const PeerPayload& payload) override;
  void write(const DurableRecord& record, WriteToken token) override;
  [[nodiscard]] std::size_t log_bytes_since_checkpoint() const override { return 0; }
  void write_checkpoint(Checkpoint /*checkpoint*/) override {}
  [[nodiscard]] bool checkpoint_in_progress() const override { return false; }
  void set_timer(TimerToken token, Instant deadline) override;
  void cancel_timer(TimerToken token) override;
  // Observer
  void machine_stepped(const TxnDescriptor& txn, Role role, const Input& input, const Outbox& out) override;
  void alarm(std::string_view what) override { alarms.emplace_back(what); }
  void transaction_decided(const TxnDescriptor& txn, Outcome outcome, Reason why, Duration latency,
                           std::uint32_t delays) override;

 private:
  void deny(const FlightMessage& message);
  void check_send(const Message& message, Outcome heard);
  void check_told(const ClientReply& reply);
  void violate(const std::string& what);
  [[nodiscard]] bool durable(Meaning meaning) const;
  [[nodiscard]] bool durable_outcome(Outcome outcome) const;
  /// Durable here; or, if the row says that this is enough, sent to every other site that has to know.
  [[nodiscard]] bool commit_is_irrevocable() const;
  [[nodiscard]] std::string commit_point() const;
  [[nodiscard]] bool ours(const TxnId& txn) const { return txn.coordinator == model_.id(NodeModel::kCoordinator); }
  [[nodiscard]] static EngineOptions engine_options(const NodeModel& model, std::size_t node, Epoch epoch);

  NodeModel& model_;
  std::size_t node_;
  Epoch epoch_;
  std::vector<std::uint8_t> arming_;  ///< Timers that the step's outputs arm, in order.
  Outcome decided_{Outcome::undecided};
  bool has_committed_{}, has_aborted_{};  ///< So far in the step.
  bool phantom_{};                        ///< Another transaction is at work: nothing of it is kept.
};

}  // namespace geocommit::explore
