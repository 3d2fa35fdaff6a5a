// The engine's Observer: counts into two MetricSets, `live` (everything, for /metrics) and `window` (measured
// transactions only, for summary.json). On the hot path: counters are found by pointer, nothing is allocated or locked.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "engine/observer.h"
#include "measure/metric_set.h"
#include "protocols/directory.h"

namespace geocommit {

namespace metric {
// What the real world adds to measure/names.h.
inline constexpr const char* kForceLatency = "geocommit_force_latency_seconds";       // histogram: asked - durable
inline constexpr const char* kLogBatches = "geocommit_log_batches_total";             // group commits
inline constexpr const char* kLogBatchRecords = "geocommit_log_batch_records_total";  // records in them
inline constexpr const char* kLogBytes = "geocommit_log_bytes_total";
inline constexpr const char* kCheckpoints = "geocommit_checkpoints_total";
inline constexpr const char* kTransportDropped = "geocommit_transport_dropped_total";  // {cause}
inline constexpr const char* kTransportFrames = "geocommit_transport_frames_total";    // {direction}
inline constexpr const char* kTransportItems = "geocommit_transport_items_total";      // {direction}
inline constexpr const char* kTransportBytes = "geocommit_transport_bytes_total";      // {direction}
inline constexpr const char* kDirection = "direction";                                 // "sent", "received"
inline constexpr const char* kLocksHeld = "geocommit_locks_held";                      // gauge
inline constexpr const char* kLockWaiters = "geocommit_lock_waiters";                  // gauge
inline constexpr const char* kOpen = "geocommit_open_transactions";                    // gauge {role}
inline constexpr const char* kUnshipped = "geocommit_unshipped_writes";                // gauge
inline constexpr const char* kPeersKnown = "geocommit_peers_known";                    // gauge
}  // namespace metric

class Telemetry final : public Observer {
 public:
  /// All outlive the telemetry. `protocol` and `region` label everything.
  Telemetry(MetricSet& live, MetricSet& window, const Directory& directory, std::string protocol, std::string region);

  void transaction_begun(const TxnDescriptor& txn) override;
  void transaction_decided(const TxnDescriptor& txn, Outcome outcome, Reason reason, Duration latency,
                           std::uint32_t delays) override;
  void locks_released(const TxnDescriptor& txn, Outcome outcome, Duration held, Duration summed_over_keys,
                      bool waited) override;
  void in_doubt_ended(const TxnDescriptor& txn, Outcome outcome, Duration in_doubt, Duration blocked) override;
  void blocking_ended(const TxnDescriptor& txn, Outcome outcome, const BlockingCost& cost) override;
  void held_up_by_blocked(const TxnDescriptor& txn, std::string_view cause) override;
  void voted(const TxnDescriptor& txn, Vote vote, Reason reason) override;
  void transaction_forgotten(const TxnDescriptor& txn, Role role, Outcome outcome, const TxnCost& cost) override;
  void message_sent(Traffic traffic, std::string_view kind, bool wan, std::size_t bytes) override;
  void forced_write() override { ++*forced_writes_; }
  void lazy_write() override { ++*lazy_writes_; }
  void noted(const TxnDescriptor& txn, Role role, std::string_view event) override;
  void staleness(NodeId replica, Duration age) override;
  void home_changed(const HomeEvent& event) override;
  void alarm(std::string_view what) override;

  /// Makes the series that a node of this kind will write under this row, at zero: what first appears at 1 has no rate.
  void announce(NodeKind kind, const Protocol& protocol);
  /// Brings the gauges of `live` up to date.
  void show(const EngineStatus& status);

  [[nodiscard]] Labels labels(Labels more = {}) const;
  [[nodiscard]] Histogram& force_latency() { return *force_latency_; }

 private:
  void announce(Role role);

  static constexpr std::size_t kOutcomes = 3, kVotes = 4, kScopes = 2, kTraffics = 8;
  static constexpr std::size_t kReasons = static_cast<std::size_t>(Reason::forgotten) + 1;
  struct CostCounters {
    std::uint64_t *messages{}, *wan_messages{}, *bytes{}, *wan_bytes{}, *forced{}, *lazy{}, *retries{}, *forgotten{};
  };
  /// Pointers into one MetricSet, filled at first use.
  struct Cache {
    MetricSet* set{};
    std::array<std::array<std::array<std::uint64_t*, kReasons>, kOutcomes>, kScopes> transactions{};
    std::array<std::array<std::uint64_t*, kReasons>, kVotes> votes{};
    std::array<std::uint64_t*, kScopes> delays{};
    std::array<std::array<Histogram*, kOutcomes>, kScopes> latency{}, hold{}, hold_keys{}, in_doubt{}, blocking{};
    std::array<std::array<std::uint64_t*, kOutcomes>, kScopes> waits{};
    std::array<std::array<CostCounters, kOutcomes>, kRoles> costs{};
  };
  struct Named {
    const char* name;
    std::uint64_t* counter;
  };

  [[nodiscard]] std::size_t scope_of(const TxnDescriptor& txn) const;
  [[nodiscard]] Labels scoped(std::size_t scope, Outcome outcome) const;
  Histogram& find(Cache& cache, std::array<std::array<Histogram*, kOutcomes>, kScopes>& table, const char* name,
                  std::size_t scope, Outcome outcome);
  std::uint64_t& find_decided(Cache& cache, std::size_t scope, Outcome outcome, Reason reason);
  CostCounters& find_costs(Cache& cache, Role role, Outcome outcome);
  /// Runs `count` on the live cache, and on the window's if the transaction is measured.
  template <class Count>
  void both(bool measured, Count count) {
    count(live_);
    if (measured) {
      count(window_);
    }
  }
  [[nodiscard]] static std::uint64_t* find_named(const std::vector<Named>& table, std::string_view name);

  const Directory& directory_;
  std::string protocol_, region_;
  std::span<const Role> roles_{};  ///< That the run's protocol has; static.
  Cache live_, window_;
  std::array<std::array<std::vector<Named>, kScopes>, kTraffics> messages_;
  std::array<std::array<std::uint64_t*, kScopes>, kTraffics> message_bytes_{};
  std::vector<Named> notes_;
  std::uint64_t *forced_writes_, *lazy_writes_;
  Histogram* force_latency_;
};

}  // namespace geocommit
