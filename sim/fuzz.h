// Random simulation: a seed draws topology, workload, protocol, timeouts and a swarm of faults (random subsets of the
// kinds switched off, after Groce et al., Swarm Testing, ISSTA 2012); the run is healed, drained and judged.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sim/world.h"
#include "verdict/check.h"

namespace geocommit::sim {

/// What is left out of a drawn case, or put in place of what it draws: names another one of the same seed. All of it is
/// in the replay command.
struct Reduction {
  std::optional<std::vector<std::size_t>> faults;  ///< Only these of the plan, by index.
  std::optional<std::uint32_t> regions, participants;
  std::optional<Duration> duration;
  std::optional<std::string> protocol;
  ProtocolOptions options;  ///< Of `protocol`; no seed draws any.
};

/// The row whose own number of this seed is the largest: a new row takes its share of the seeds, and no other seed
/// draws another one than before (rendezvous hashing: Thaler, Ravishankar, ACM TON 1998). Never of no rows.
[[nodiscard]] const Protocol& draw_protocol(std::uint64_t seed, std::span<const Protocol> rows);

struct FuzzCase {
  std::uint64_t seed{};
  WorldSpec spec;
  std::size_t faults_drawn{};  ///< Before reduction.
  bool timely{};               ///< Neither links nor timeouts break what 3PC assumes ...
  bool synchronous{};          ///< ... nor does a fault.
};
[[nodiscard]] FuzzCase draw_case(std::uint64_t seed, const Reduction& reduction = {});
/// A few lines for people: all that was drawn, and the fault plan.
[[nodiscard]] std::string describe(const FuzzCase& one);

struct FuzzResult {
  std::vector<std::string> failures;  ///< Empty: it passed.
  Verdict verdict;
  std::uint64_t events{}, committed{}, aborted{}, trace_hash{};
  Duration virtual_time{};
  bool split_expected{};  ///< 3PC, under what it is not built for.
};
[[nodiscard]] FuzzResult run_case(const FuzzCase& one);

/// Makes a failing case smaller while `fails` says that it still does: fewer faults (one at a time, until none can go),
/// less load, fewer participants and regions. At most `runs_most` trials.
[[nodiscard]] Reduction shrink(std::uint64_t seed, Reduction from, const std::function<bool(const FuzzCase&)>& fails,
                               std::size_t runs_most = 400);

/// The command's arguments that replay it: "fuzz --seeds 7 --protocol 3pc --faults 0,3 --duration 400ms". The protocol
/// is always named: which one a seed draws hangs on the rows that there are.
[[nodiscard]] std::string replay_arguments(std::uint64_t seed, const Reduction& reduction);

}  // namespace geocommit::sim
