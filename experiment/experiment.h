// The experiment file: everything that a run is, strictly read (docs/results.md lists the keys). A mistake reads
// `file:line:column: key path: what was expected`, and one pass
// reports all that it can see.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "config/strict_yaml.h"
#include "engine/engine.h"
#include "experiment/fault_file.h"
#include "experiment/protocol_choice.h"
#include "experiment/thresholds.h"
#include "protocols/directory.h"
#include "protocols/registry.h"
#include "runtime/node_config.h"
#include "workload/generator.h"

namespace geocommit {

/// sim: no processes at all, but sim/ in virtual time.
enum class EmulationKind : std::uint8_t { automatic, netem, tun, loopback, deployed, sim };
[[nodiscard]] std::string_view name_of(EmulationKind kind);
[[nodiscard]] std::optional<EmulationKind> parse_emulation(std::string_view text);

/// nullopt is `auto`.
struct TimeoutSpec {
  std::optional<Duration> vote, decision, lock_wait;
};

/// What one sweep point fixes; the same for every protocol of the point.
struct Settings {
  std::string topology;  ///< A file (as found from the working directory), or a name in topologies/.
  Placement placement{Placement::replicated};
  std::uint32_t sites_per_region{1};
  std::uint64_t keys_per_participant{10'000};
  std::int64_t initial_balance{1000};
  WorkloadSpec workload;
  std::vector<std::string> origins;  ///< Region names; empty: all.
  LockingPolicy locking{LockingPolicy::wound_wait};
  TimeoutSpec timeouts;
  std::optional<Duration> home_lease;  ///< Home region. nullopt: `auto`; 0: off.
  bool fencing{true};
  UnreachableHome unreachable_home{UnreachableHome::wait};
  std::uint64_t home_retained_max{100'000};  ///< Home region: writes.
  Durability durability;
  Duration warmup{2s}, duration{10s};
  std::vector<FaultEntry> faults;
};

/// One combination of the swept values. Without a sweep there is exactly one, with no values.
struct SweepPoint {
  std::vector<std::pair<std::string, std::string>> values;  ///< Dotted key, value as written.
  Settings settings;
  yaml::Node root;  ///< The file with these values in place, for messages of later checks.
};

struct Experiment {
  std::string name;
  EmulationKind emulation{EmulationKind::automatic};
  std::vector<ProtocolChoice> protocols;
  std::uint32_t repetitions{1};
  std::uint64_t seed{42};
  std::vector<SweepPoint> points;                                       ///< Never empty.
  std::vector<std::pair<std::string, std::vector<std::string>>> sweep;  ///< As written; "scenario" has the names.
  std::vector<std::string> scenarios;                                   ///< Their fault lists, in flow style.
  std::map<std::string, NodeAddresses> deployed;                        ///< By node name.
  Duration lease{30s};  ///< Deployed: how long a daemon waits for a runner that has gone (NodeConfig::lease).
  TraceSettings trace;
  std::vector<Threshold> thresholds;
  std::filesystem::path file;
};

/// `--set workload.rate=100/s` and the like: applied to the file before it is read.
struct Override {
  std::string key, value;
};

/// Reads and validates everything that can be judged without the topology.
/// \param file  a path, or the name of an experiment that is shipped (config/shipped.h)
[[nodiscard]] Result<Experiment> load_experiment(const std::filesystem::path& file,
                                                 const std::vector<Override>& overrides = {});
[[nodiscard]] Result<Experiment> parse_experiment(std::string_view text, const std::string& name,
                                                  const std::vector<Override>& overrides = {});
/// The dotted keys that --set can name: "workload.rate"; and which of them ends as a word that is none, or "".
[[nodiscard]] std::vector<std::string> setting_keys();
[[nodiscard]] std::string meant_setting(const std::string& key);
/// What needs the regions, of each point's topology: origins, participants per transaction, deployed addresses, faults.
[[nodiscard]] Result<void> check_regions(const Experiment& experiment,
                                         const std::vector<std::vector<std::string>>& regions_by_point);

/// A duration for each `auto`: 4 x the largest RTT + 20 forced writes + 200 ms, the same for every protocol
/// of a run, so that their times compare. `resend` is half of that: no fault-free run resends.
struct ResolvedTimeouts {
  Timeouts protocol;
  Duration lock_wait{};
  /// After that a client asks for the outcome: past every timeout of the protocol, so that "unknown" means that nobody
  /// could tell.
  [[nodiscard]] Duration outcome() const { return protocol.vote + protocol.decision + lock_wait; }
};
/// `auto`: three vote timeouts where a failover is ordered, else none (a home that is cut off goes on).
[[nodiscard]] HomeRules resolve_home_rules(const Settings& settings, const ResolvedTimeouts& timeouts);
[[nodiscard]] ResolvedTimeouts resolve_timeouts(const Settings& settings, Duration rtt_max, Duration forced_write);

/// The experiment again as a file that load_experiment reads, with what was left to defaults or `auto` filled in. A
/// timeout stays `auto` where sweep points differ in it.
[[nodiscard]] std::string to_yaml(const Experiment& experiment, EmulationKind chosen,
                                  const std::vector<ResolvedTimeouts>& timeouts_by_point);

/// "fsync", "none", "fixed(2ms)"; "zipfian(0.99)"; as the file spells them.
[[nodiscard]] std::string spell(const Durability& durability);
[[nodiscard]] std::string spell_keys(const WorkloadSpec& workload);
/// "50/s"
[[nodiscard]] std::string spell_rate(double per_second);

}  // namespace geocommit
