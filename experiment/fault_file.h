// `faults:` of the experiment file: as written (FaultEntry), and made concrete for one cell (NamedFault), so that a run
// on real processes and one in virtual time carry out the very same plan. docs/faults.md is the user's manual.
//
// Times count from the start of the load, warm-up included; what starts after the load's end never happens. An entry
// with `every` stands for many faults; a random one is drawn here, from its seed, not while the run goes on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/strict_yaml.h"
#include "faults/fault_plan.h"
#include "protocols/directory.h"
#include "protocols/registry.h"

namespace geocommit {

enum class FaultForm : std::uint8_t {
  partition,
  cut,
  drop,
  link,
  crash,
  pause,
  disk,
  clock,
  transfer,
  failover,
  random
};
[[nodiscard]] std::string_view name_of(FaultForm form);

/// One item of the list. Which fields count depends on the form.
struct FaultEntry {
  explicit FaultEntry(yaml::Node at_place) : place(std::move(at_place)) {}
  yaml::Node place;  ///< For messages of later checks, and to write it back.
  FaultForm form{};
  // When.
  Duration at{}, length{};  ///< With `on`: `at` is FaultPlan's `since`. length: kForever for `for: forever`.
  std::optional<Duration> every, until;
  std::string on, node;  ///< The protocol point and whose it is.
  std::uint32_t occurrence{1};
  // What.
  std::vector<std::vector<std::string>> groups;  ///< partition; the others on links: senders, receivers. Names.
  bool both_ways{};
  std::uint32_t classes{};
  double probability{1.0};
  Duration extra{};
  std::optional<Duration> jitter;
  std::optional<std::uint64_t> rate;
  std::string victim;     ///< crash, pause, disk, clock; transfer, failover: the home (a region)
  std::string successor;  ///< transfer, failover: a region
  FaultKind kind{};       ///< disk: which of its three.
  Tail tail{Tail::kept};
  std::vector<FaultForm> draw;  ///< random
  std::optional<std::uint64_t> seed;
};

/// Reads the list; names are not resolved yet.
[[nodiscard]] Result<std::vector<FaultEntry>> read_faults(const yaml::Node& list);
/// The list again, as read_faults reads it, a line each; `seed` is filled in where it was left out.
[[nodiscard]] std::string to_yaml(const std::vector<FaultEntry>& entries, std::uint64_t seed);

/// One thing that goes wrong, under one name. All parts begin and end together.
struct NamedFault {
  std::string kind;    ///< "partition", "crash", "disk-stall", ...: label of geocommit_fault_active
  std::string target;  ///< "us-east-1 | eu-west-1", "agent@eu-west-1": likewise
  std::size_t entry{};
  FaultPlan parts;  ///< Never empty.
  [[nodiscard]] const Fault& first() const { return parts.front(); }
  friend bool operator==(const NamedFault&, const NamedFault&) = default;
};

/// What a cell is, as far as its faults depend on it.
struct FaultScene {
  const Directory* directory{};
  const Protocol* protocol{};
  Duration warmup{}, duration{};
  std::uint64_t seed{};         ///< The experiment's: for random entries that name none.
  std::uint32_t repetition{1};  ///< Each repetition draws its own; every protocol of a repetition gets the same.
};

/// In the order of the file, and of time within an entry. An error has its place in the file.
[[nodiscard]] Result<std::vector<NamedFault>> resolve_faults(const std::vector<FaultEntry>& entries,
                                                             const FaultScene& scene);
/// What can be done and will probably not be what was meant: a class or a point that the protocol does not have, a time
/// outside of the load's.
[[nodiscard]] std::vector<std::string> fault_warnings(const std::vector<FaultEntry>& entries,
                                                      const std::vector<NamedFault>& faults, const FaultScene& scene);
/// All parts in one list, as sim/ takes it.
[[nodiscard]] FaultPlan plan_of(const std::vector<NamedFault>& faults);
/// "crash coordinator@us-east-1", "link us-east-1 <-> eu-west-1 (+100ms, loss 2%)"
[[nodiscard]] std::string describe(const NamedFault& fault);
/// "5s - 15s", "from 5s on", "on votes-collected of coordinator@us-east-1, the 1st, for 5s"
[[nodiscard]] std::string describe_time(const NamedFault& fault, const Directory& directory);

/// The classes of protocol messages, with `ship`.
[[nodiscard]] const std::vector<std::pair<std::string, std::uint32_t>>& message_classes();

}  // namespace geocommit
