// Two transactions that conflict, searched: two coordinators and two sites, all real NodeEngines; both transactions
// write one key at each site. Wound-wait or no-wait, crashes, lost tails, late copies, and a checkpoint at any time.
// docs/adr/0010-explorer.md, "Conflicts", argues what is searched and what is not.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "sim/explore/breadth_first.h"

namespace geocommit::explore {

/// What a planted mutant does. Tests only.
struct ConflictFilter {
  /// Before a message is taken. False: it is swallowed.
  bool (*deliver)(Epoch epoch, PeerMessage& message){};
  /// Before the disk is given back to a node that restarts.
  void (*recover)(DurableState& disk){};
  /// Before a checkpoint is written.
  void (*checkpoint)(Checkpoint& checkpoint){};
};

struct ConflictOptions {
  const Protocol* protocol{};  ///< A row with machines; may be a mutant's.
  LockingPolicy locking{LockingPolicy::wound_wait};
  std::uint32_t sites{2};  ///< That each transaction writes at: 1 or 2.
  std::uint32_t crashes{}, duplicates{}, drops{};
  std::uint32_t checkpoints{};         ///< So many are begun, each by any node, at any time.
  bool lost_tail{};                    ///< A crash may lose any suffix of the unsynced log.
  std::optional<bool> sent_arrives{};  ///< Options::sent_arrives
  Limits limits;
  ConflictFilter filter;
};

using ConflictReport = PlainReport;

[[nodiscard]] ConflictReport explore_conflict(const ConflictOptions& options, const Stop& stop = {});
[[nodiscard]] Replayed replay_conflict(const ConflictOptions& options, const std::vector<std::string>& steps);
/// Explores and prints; exit codes as of run_explore.
[[nodiscard]] int run_explore_conflict(const ConflictOptions& options, const Host& host);

/// As golden_trace and run_golden_trace; such a file begins its second line with "explore-conflict ".
[[nodiscard]] std::string golden_conflict_trace(const ConflictOptions& options, const ConflictReport& report);
[[nodiscard]] GoldenResult run_golden_conflict_trace(const std::string& file);

}  // namespace geocommit::explore
