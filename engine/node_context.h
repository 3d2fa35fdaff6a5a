// What all parts of one node share: who it is, its world, and in whose name a timer runs or a write is being forced.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "engine/containers.h"
#include "engine/engine.h"

namespace geocommit {

class Service;

using TxnKey = std::pair<TxnId, Role>;

struct MachineTimer {
  TxnKey key;
  std::uint8_t timer{};
};
struct LockTimer {
  TxnId txn;
};
enum class NodeTimer : std::uint8_t { hello, ping, waiting };
struct ServiceTimer {
  Service* service{};
  std::uint8_t timer{};
};
using TimerUse = std::variant<MachineTimer, LockTimer, NodeTimer, ServiceTimer>;

struct MachineForce {
  TxnKey key;
  std::uint8_t kind{};
  std::vector<ShipPlace> ships;
};
struct ServiceForce {
  Service* service{};
};
using ForceUse = std::variant<MachineForce, ServiceForce>;

class NodeContext {
 public:
  NodeContext(EngineOptions options, Environment& environment, Observer& observer);

  [[nodiscard]] const EngineOptions& options() const { return options_; }
  [[nodiscard]] const Directory& directory() const { return *options_.directory; }
  [[nodiscard]] NodeId self() const { return options_.self; }
  [[nodiscard]] const NodeInfo& info() const { return *directory().find(options_.self); }
  [[nodiscard]] Observer& observer() const { return observer_; }
  [[nodiscard]] Environment& environment() const { return environment_; }
  [[nodiscard]] Instant now() const { return environment_.now(); }
  /// The row that a wire id names; nullptr: none.
  [[nodiscard]] const Protocol* row(std::uint8_t wire_id) const;
  /// Its requests may be another coordinator's to execute, and which may change: homes.
  [[nodiscard]] bool routes_homes() const { return options_.protocol->ships_to_replicas; }
  /// Restarted, it may have begun what has committed without a record of it here (ADR 45).
  [[nodiscard]] bool may_have_lost_commits() const {
    return options_.protocol->commit_point == CommitPoint::accepted && options_.epoch > Epoch{1};
  }
  [[nodiscard]] bool quiesced() const { return quiesced_; }
  void quiesce() { quiesced_ = true; }

  /// Counted. Returns the bytes.
  std::size_t send(NodeId to, const PeerPayload& payload, Traffic traffic, std::string_view kind);

  TimerToken set_timer(const TimerUse& use, Duration after);
  /// 0, and one that has fired: nothing.
  void cancel_timer(TimerToken token);
  /// It has fired. nullopt: it had been cancelled.
  [[nodiscard]] std::optional<TimerUse> take_timer(TimerToken token);

  void force(const DurableRecord& record, ForceUse use);
  void append(const DurableRecord& record) { environment_.write(record, 0); }
  /// Everything up to `token` is durable: in whose name the oldest was forced that has not been dropped; nullptr: none.
  [[nodiscard]] const ForceUse* oldest_forced(WriteToken token) const;
  void drop_oldest_forced() { forces_.pop_front(); }
  /// Writes that are being forced (NodeEngine::hash_state).
  void hash_forces(std::string& out) const;

 private:
  EngineOptions options_;
  Environment& environment_;
  Observer& observer_;
  bool quiesced_{};
  TimerToken last_timer_{};
  TokenRing<TimerUse> timers_;
  WriteToken last_write_{};
  std::deque<std::pair<WriteToken, ForceUse>> forces_;  // Complete in order.
};

}  // namespace geocommit
