// What theory says a run should measure: the closed form of its protocol (Protocol::timing) over the transactions that
// its workload draws, routed as the protocol routes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "protocols/registry.h"
#include "workload/generator.h"

namespace geocommit {

struct PredictionInput {
  const Protocol* protocol{};
  ProtocolOptions options{};  ///< Of that row.
  const Directory* directory{};
  WorkloadSpec workload;
  std::vector<RegionId> origins;  ///< Each offers the same rate. Empty: every region.
  std::uint64_t seed{};           ///< The clients': the same transactions are drawn.
  std::size_t draws{60'000};      ///< Transactions, of all origins; 2,000 of each at least. 60,000: a mean within 1 %.
  /// Coordinates every transaction, in place of the region to which the protocol's route gives it.
  std::optional<RegionId> coordinator;
  /// [from][to], one way; the diagonal is one way between two nodes of the region.
  std::vector<std::vector<Duration>> one_way;
  Duration force{};  ///< W: one forced write.
  bool faults{}, jitter{};
  double lock_wait_share{};  ///< Measured: transactions that waited for a lock, 0 .. 1.
};

/// The distribution of a latency over transactions (lock hold and in-doubt: over pairs of transaction and participant).
/// It is discrete: near a step the measured median may fall on either side, which p45 and p55 show.
struct Predicted {
  Duration p45{}, p50{}, p55{};  ///< Of the mixture; p50 is what a measured p50 is compared with.
  Duration mean{};
};

/// Without load, jitter or processing time. lock_hold and in_doubt: over pairs of transaction and participant.
/// client_latency is commit_latency, and a round trip within the origin's region, and one to the region that
/// coordinates if that is another.
struct Prediction {
  std::optional<Predicted> commit_latency, lock_hold, in_doubt, client_latency;
  /// Per commit, over the transactions that write at each of their sites (CostRow). None: there is no such one.
  struct Costs {
    double messages{}, forced_writes{}, delays_to_decision{};
  };
  std::optional<Costs> costs;
  std::string why_not;  ///< When there is none: for people.
};

/// Nothing with faults, jitter, or more than 1 % lock waits.
[[nodiscard]] Prediction predict(const PredictionInput& input);

}  // namespace geocommit
