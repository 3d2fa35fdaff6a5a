// The load of one origin region: client/load.h, which the client program runs too, with virtual time and the virtual
// network around it.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "client/load.h"
#include "sim/event_queue.h"

namespace geocommit::sim {

/// What a client asks of its world.
class ClientWorld {
 public:
  virtual ~ClientWorld() = default;
  [[nodiscard]] virtual Instant client_now() const = 0;
  virtual void client_send(std::uint32_t client, const PeerPayload& payload) = 0;
  virtual EventSlot client_wake_at(std::uint32_t client, Instant at) = 0;
  virtual void cancel(EventSlot slot) = 0;
};

class Client final : public LoadOutput {
 public:
  /// `index`: of its node. keep: outcomes are kept for a checker.
  Client(ClientWorld& world, const Directory& directory, std::uint32_t index, LoadPlan plan, bool keep);

  void start();
  void on_wake();
  void on_message(const PeerMessage& message);

  [[nodiscard]] NodeId self() const { return self_; }
  [[nodiscard]] bool finished() const { return load_.finished(); }
  [[nodiscard]] LoadCounts counts() const { return load_.counts(); }
  [[nodiscard]] const std::vector<ClientOutcome>& outcomes() const { return outcomes_; }
  [[nodiscard]] const std::vector<SecondRow>& rows() const { return rows_; }
  [[nodiscard]] const MetricSet& live() const { return live_; }
  [[nodiscard]] const MetricSet& window() const { return window_; }
  /// Replies that say otherwise than an earlier one: a bug, whatever the logs say.
  [[nodiscard]] const std::vector<RequestId>& contradicted() const { return contradicted_; }

 private:
  void on_reply(const ClientReply& reply);
  void send(const PeerPayload& payload) override { world_.client_send(index_, payload); }
  void finished(const ClientOutcome& outcome) override;
  void second(const SecondRow& row) override;
  void sleep();

  ClientWorld& world_;
  std::uint32_t index_;
  NodeId self_;
  bool keep_;
  MetricSet live_, window_;
  Load load_;
  EventSlot wake_{kNoEvent};
  Instant wake_at_{};
  std::vector<ClientOutcome> outcomes_;
  std::vector<SecondRow> rows_;
  std::unordered_map<std::uint64_t, Outcome> told_;  ///< By sequence; looked up only. Empty unless keep_.
  std::vector<RequestId> contradicted_;
};

}  // namespace geocommit::sim
