// An agent or coordinator in the real world: the engine's Environment over loop, transport and log, and its
// NodeService.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "engine/engine.h"
#include "engine/environment.h"
#include "runtime/events/event_log.h"
#include "runtime/events/files.h"
#include "runtime/faults/fault_disk.h"
#include "runtime/faults/fault_points.h"
#include "runtime/log/commit_log.h"
#include "runtime/node_host.h"
#include "runtime/telemetry.h"

namespace geocommit {

class NodeRuntime final : public NodeService, public Environment {
 public:
  /// `opened`: the recovered log, its epoch the one that `host` was opened with. Recovers the engine and starts it.
  /// `disk`: what the log was opened on, for faults of the disk; may be nullptr, and outlives this.
  NodeRuntime(NodeHost& host, const Protocol& protocol, CommitLog::Opened opened, FaultDisk* disk = nullptr,
              EngineParts parts = {});
  ~NodeRuntime() override;

  void on_message(const PeerMessage& message) override { engine_->on_message(message); }
  [[nodiscard]] Result<void> move_home(const HomeOrder& order) override {
    engine_->move_home(order.home, order.successor, order.forced);
    return {};
  }
  [[nodiscard]] Result<void> quiesce() override {
    engine_->quiesce();
    return {};
  }
  [[nodiscard]] NodeStatus status() override;
  [[nodiscard]] NodeReport report() override;
  void refresh(MetricSet& live) override;
  [[nodiscard]] std::filesystem::path files() const override { return directory_; }
  [[nodiscard]] Result<void> close() override;

  [[nodiscard]] NodeEngine& engine() { return *engine_; }

 private:
  [[nodiscard]] Instant now() const override { return host_.loop().now(); }
  std::size_t send(NodeId to, const PeerPayload& payload) override { return host_.transport().send(to, payload); }
  void write(const DurableRecord& record, WriteToken token) override { log_->append(record, token); }
  [[nodiscard]] std::size_t log_bytes_since_checkpoint() const override { return log_->bytes_since_checkpoint(); }
  void write_checkpoint(Checkpoint checkpoint) override { log_->checkpoint(std::move(checkpoint)); }
  [[nodiscard]] bool checkpoint_in_progress() const override { return log_->checkpoint_in_progress(); }
  void set_timer(TimerToken token, Instant deadline) override { timers_.set(token, deadline); }
  void cancel_timer(TimerToken token) override { timers_.cancel(token); }

  [[nodiscard]] std::string missing_peers() const;
  [[nodiscard]] std::vector<Observer*> observers(Epoch epoch);

  NodeHost& host_;
  std::filesystem::path directory_;
  Durability durability_;
  NodeInfo self_;
  Telemetry telemetry_;
  TimerQueue timers_;
  std::unique_ptr<CommitLog> log_;
  std::unique_ptr<EventFiles> event_files_;
  std::unique_ptr<EventLog> events_;  ///< Null: not traced.
  FaultPoints points_;
  std::unique_ptr<NodeEngine> engine_;
};

}  // namespace geocommit
