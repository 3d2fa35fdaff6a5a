// A whole run in virtual time: the nodes of an experiment, each around its own NodeEngine, their disks, the WAN between
// them, the clients that load them, and the faults that befall them. One thread; nothing but the spec goes in, so the
// same spec gives the same run to the last bit.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "faults/fault_plan.h"
#include "sim/client.h"
#include "sim/event_queue.h"
#include "sim/network.h"
#include "verdict/history.h"
#include "workload/generator.h"

namespace geocommit::sim {

struct WorldSpec {
  const Protocol* protocol{};
  ProtocolOptions options{};                        ///< Of that row.
  std::string label{};                              ///< In metrics; empty: the row's name.
  std::span<const Protocol> rows{all_protocols()};  ///< What a wire id names; tests plant mutants here.
  Directory directory;
  LinkMatrix links;  ///< By region.
  Timeouts timeouts;
  Duration lock_wait{1s};
  LockingPolicy locking{LockingPolicy::wound_wait};
  std::int64_t initial_balance{1000};
  Duration force{2ms};  ///< Each forced write completes this long after it was asked, without a queue.
  std::size_t checkpoint_bytes{64U << 20U};
  std::size_t requests_remembered{200'000};
  std::uint64_t retained_max{100'000};  ///< Home region.
  EngineParts parts;                    ///< Tests plant faulty ones here.
  HomeRules home;                       ///< Home region.
  UnreachableHome unreachable_home{UnreachableHome::wait};
  Duration unreachable_wait{10s};
  WorkloadSpec workload;
  std::vector<RegionId> origins;  ///< Empty: all regions.
  Duration warmup{}, duration{10s};
  Duration outcome_timeout{10s};
  std::uint64_t seed{42};
  FaultPlan faults;
  /// Told of every record of a node's log once it is durable; may be empty. Needs keep_history.
  std::function<void(NodeId, const DurableRecord&)> durable{};
  bool keep_history{true};  ///< For a verdict; without it memory is bounded by what is in flight.
  std::uint64_t events_most{~std::uint64_t{0}};
};

/// One time that a fault was in force.
struct FaultSpan {
  std::size_t fault{};            ///< Index into the plan.
  Duration began{};               ///< Since the load began.
  std::optional<Duration> ended;  ///< Not set: it still is.
  std::optional<Duration> felt;   ///< With `ended`: until when what it had held up may hold up what came later.
};

class World {
 public:
  /// Another observer of each node, beside the world's own; outlives the world. May be empty.
  using ObserverOf = std::function<Observer*(NodeId)>;
  explicit World(WorldSpec spec, const ObserverOf& observers = {});
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// Until every node knows every other; false: not within `most`.
  [[nodiscard]] bool become_ready(Duration most = 60s);
  /// From now on clients send and the fault plan's clock runs.
  void start_load();
  void run_for(Duration duration);
  /// Through warm-up and measurement window, to the end of the load.
  void run_load();
  /// No further fault begins, and those in force end in their time. How long until then; what lasts for ever stays.
  [[nodiscard]] Duration let_faults_end();
  /// Ends all faults: links are whole, everybody runs, no further fault begins.
  void heal();
  /// Until clients wait for nothing and nothing is open, locked or unshipped anywhere, for good: nodes are quiesced
  /// then (engine/quiescence.h). False: not within `most`.
  [[nodiscard]] bool drain(Duration most);
  /// For so long messages between nodes of different sides are lost, besides what the plan says. `one_side`: by index
  /// in Directory::nodes(). What is proven to be at rest stays so.
  void part(const std::vector<bool>& one_side, Duration length);
  /// Until the last message that the network is late with has come: a lost one is sent again after minutes.
  [[nodiscard]] Duration under_way() const;
  /// What drain() waits for, in words; empty when quiet.
  [[nodiscard]] std::string why_not_quiet() const;

  [[nodiscard]] Instant now() const;
  [[nodiscard]] Duration since_load() const;
  [[nodiscard]] const WorldSpec& spec() const;
  [[nodiscard]] bool up(NodeId node) const;
  [[nodiscard]] const NodeEngine& engine(NodeId node) const;
  [[nodiscard]] EngineStatus status() const;  ///< Summed over nodes.
  [[nodiscard]] const std::map<RegionId, Client>& clients() const;
  [[nodiscard]] LoadCounts client_counts() const;  ///< Summed over clients.

  /// As if every node ended now, in order: what it has written is durable.
  void write_out();
  /// The evidence so far. `drained`: the caller's word that drain() said so. Needs keep_history.
  [[nodiscard]] History history(bool drained) const;
  /// Alarms of all engines, by what.
  [[nodiscard]] const std::map<std::string, std::uint64_t, std::less<>>& alarms() const;
  /// In the order in which they began. A fault that found nothing to do (a crash of what is down) has none.
  [[nodiscard]] const std::vector<FaultSpan>& fault_spans() const;
  /// Messages that faults have lost.
  [[nodiscard]] std::uint64_t messages_lost() const;

  [[nodiscard]] std::uint64_t events() const;  ///< Handled; a cancelled timer is none.
  [[nodiscard]] bool exhausted() const;        ///< Stopped at events_most: what follows did not happen.
  /// Digest of every event with its time and content, in order.
  [[nodiscard]] std::uint64_t trace_hash() const;
  [[nodiscard]] std::size_t memory_slots() const;  ///< Events and messages ever in flight at once.

  class Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace geocommit::sim
